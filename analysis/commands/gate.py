"""The verdict on a gate's folder."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from analysis.commands.sharing import add_verdict_options, conclude
from analysis.errors import AnalysisError
from analysis.regressions.gate import judge_folder
from analysis.regressions.policy import Pace

PURPOSE = "judge what `python -m bench gate` has measured"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, and how far the gate is."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the gate's folder")
    parser.add_argument("--quiet", action="store_true", help="print nothing; for the gate itself, between rounds")
    pace = "how far the gate is; the JSON then says what to measure next"
    figures = ("ROUNDS", "SECONDS", "LEFT", "PER_CELL")
    parser.add_argument("--pace", type=float, nargs=4, metavar=figures, help=pace)
    add_verdict_options(parser)


def run(options: argparse.Namespace) -> int:
    """The verdict's exit code."""
    pace = _pace(*options.pace) if options.pace else None
    return conclude(judge_folder(options.folder, pace), options, quiet=options.quiet)


def _pace(rounds: float, seconds: float, left: float, per_cell: float) -> Pace:
    """Raises AnalysisError for numbers that no gate has; what is left is below zero once the time is up."""
    finite = all(math.isfinite(value) for value in (rounds, seconds, left, per_cell))
    if not finite or rounds != int(rounds) or min(rounds, seconds, per_cell) < 0:
        raise AnalysisError(
            "--pace: expected a whole number of rounds and three numbers of seconds, none of them infinite and "
            f"ROUNDS, SECONDS and PER_CELL not below zero, got {rounds:g} {seconds:g} {left:g} {per_cell:g}."
        )
    return Pace(int(rounds), seconds, left, per_cell)
