"""A report that takes seconds to draw is drawn once, whichever worker needs it first."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from analysis.pages.writing import Report


def drawn_once(name: str, write: Callable[[Path], Report], folder: Path) -> Report:
    """The report that `write` puts into a folder it is given, or what an earlier call has put there.

    `folder` is the temporary one of the session; that of a worker lies in it and is called popen-something.
    """
    place = (folder.parent if folder.name.startswith("popen-") else folder) / f"{name}-drawn-once"
    told = place / "report.pickle"
    place.mkdir(exist_ok=True)
    with FileLock(place / "lock"):
        if not told.exists():
            told.write_bytes(pickle.dumps(write(place / "report")))
    return pickle.loads(told.read_bytes())
