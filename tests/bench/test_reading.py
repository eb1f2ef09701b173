"""What reads the files of earlier runs costs a measuring process nothing, and is not there in it."""

import subprocess
import sys

from bench.paths import ROOT

PROGRAM = """
import sys
def there(*names):
    print(*(name for name in names if name in sys.modules), sep=",")
import bench.conftest, bench.test_step_time, bench.meters.instructions
print(*sorted(name for name in sys.modules if name.startswith("analysis.")), sep=",")
there("bench.reading", "pandas", "psutil", "torch._dynamo")
import bench.commands.run, bench.commands.list
there("analysis.documents", "bench.reading", "pandas")
"""


def test_a_measuring_process_imports_the_vocabulary_alone_and_the_command_no_pandas():
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["analysis.vocabulary", "", "analysis.documents,bench.reading", ""]
