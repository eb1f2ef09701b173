"""Stands in for a job's process: writes a result as the real one does, without torch. Its name decides its fate:
"fails" ends with a word, "endless" waits to be stopped, and any other is done at once.
"""

import json
import sys
import time
from pathlib import Path

from tests.bench.studies.hand_made import BY_NAME

runs, study, name = Path(sys.argv[1]), *sys.argv[2:4]
folder = runs / study
folder.mkdir(parents=True, exist_ok=True)
if name == "fails":
    sys.exit("error: no such luck")
if name == "endless":
    (folder / "going").touch()
    time.sleep(600)
with (runs / "order").open("a") as file:
    file.write(f"{name}\n")
document = {
    "format": 1,
    "study": study,
    "job": name,
    "title": BY_NAME[name].title,
    "settings": BY_NAME[name].settings,
    "provenance": {"seconds": 2.0},
    "tables": {"numbers": [{"value": 1}]},
}
(folder / f"{name}.json").write_text(json.dumps(document))
