"""`python -m analysis`, or `urnn-report`: measurements -> tables, verdicts and reports.

Exit codes: 0 done, 2 after one line on standard error; `compare` and `gate` also have 1, for a regression.
"""

from collections.abc import Sequence

from analysis.command_line import Program
from analysis.errors import AnalysisError

PROGRAM = Program(
    "python -m analysis",
    __doc__,
    "analysis.commands",
    ("report", "table", "experiments", "related", "compare", "gate", "calibration", "history"),
    (AnalysisError,),
    "interrupted before the end; nothing was written",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; see `analysis.command_line` for how commands are declared."""
    return PROGRAM.main(arguments)
