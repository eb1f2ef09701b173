"""What the measurements in a gate's folder say, asked of `analysis.regressions` in this process.

It loads pandas, as no measuring process does; `bench` imports this package for the gate's command alone.
"""

from pathlib import Path

from analysis.errors import AnalysisError
from analysis.regressions.comparison import Comparison, judge_folder
from analysis.regressions.outputs import document, markdown, show
from analysis.regressions.policy import Pace, Step
from bench.errors import SweepError
from bench.run_file import write_atomically


def ask(folder: Path, pace: Pace) -> Step:
    """What comes next after the passes that the folder holds.

    Raises:
        SweepError: the folder cannot be judged, and why.
    """
    step = _judged(folder, pace).next
    assert step is not None, "a comparison that was asked with a pace has a next step"
    return step


def conclude(folder: Path, to_markdown: Path | None = None, to_json: Path | None = None) -> int:
    """Prints the table and writes it where it was asked for; the gate's exit code.

    Raises:
        SweepError: the folder cannot be judged, and why.
        ResultsError: a file cannot be written.
    """
    comparison = _judged(folder)
    if to_markdown is not None:
        write_atomically(to_markdown, markdown(comparison))
    if to_json is not None:
        write_atomically(to_json, document(comparison))
    show(comparison)
    return comparison.outcome.code


def _judged(folder: Path, pace: Pace | None = None) -> Comparison:
    try:
        return judge_folder(folder, pace)
    except AnalysisError as error:
        raise SweepError(f"the measurements cannot be judged: {error}") from error
