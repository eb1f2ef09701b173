"""What reads the files of earlier runs costs a measuring process nothing, and is not there in it."""

import subprocess
import sys

import pytest

from bench.measured_code import NEVER
from bench.paths import ROOT

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
def there(*names):
    print(*(name for name in names if name in sys.modules), sep=",")
import bench.conftest, bench.test_step_time, bench.meters.instructions
print(*sorted(name for name in sys.modules if name.startswith("analysis.")), sep=",")
there("bench.reading", "pandas", "psutil", "torch._dynamo")
loaded = [path.replace("/", ".") for path in sys.argv[1:]]
print(*sorted(name for name in sys.modules if name.startswith(tuple(loaded))), sep=",")
import bench.commands.run, bench.commands.list
there("analysis.documents", "bench.reading", "pandas")
"""


def test_what_a_measuring_process_and_a_command_import():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *NEVER], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["analysis.vocabulary", "", "", "analysis.documents,bench.reading", ""]
