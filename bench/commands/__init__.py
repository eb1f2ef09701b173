"""`python -m bench`, or `urnn-bench`: measure any slice of the grid, list it, or hold one commit against another.

Exit codes: 0 done, 2 after one line on standard error; `gate` also has 1, for a regression. A command whose
`--minutes` are up before everything is done ends with 0 if there is something to report, and with 2 if not.
"""

from collections.abc import Sequence

from analysis.command_line import Program
from analysis.errors import AnalysisError
from bench.errors import ResultsError, SweepError

PROGRAM = Program(
    "python -m bench",
    __doc__,
    "bench.commands",
    (
        "run",
        "list",
        "fleet",
        "merge",
        "gate",
        "check-kernels",
        "cuda-facts",
        "cuda-kernels",
        "cuda-plans",
        "step-parts",
        "calibrate",
        "history",
        "reproduce",
        "related",
        "tune",
    ),
    (ValueError, RuntimeError, OSError, ResultsError, SweepError, AnalysisError),
    "interrupted; what was measured is kept, and the same command goes on",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; see `analysis.command_line` for how commands are declared."""
    return PROGRAM.main(arguments)
