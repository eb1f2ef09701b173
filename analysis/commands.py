"""The command line: `python -m analysis report`, `table`, `experiments`, `compare`, `gate`,
`calibration` and `history`.

Why: `make report` and the gate end here. What the user can mend is one sentence on standard error and exit code 2;
everything else keeps its traceback. `compare` and `gate` exit with 0 for a pass, 1 for a regression and 2 where
something was not measured.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis import calibration, experiments, history
from analysis.errors import AnalysisError, printable, shortened
from analysis.pages.atomic_folder import write_file
from analysis.regressions.comparison import Comparison, compare
from analysis.regressions.document import document
from analysis.regressions.gate import judge_folder
from analysis.regressions.markdown import markdown
from analysis.regressions.policy import Pace
from analysis.regressions.terminal import show
from analysis.report import DEFAULT_TITLE, Report, write_report
from analysis.results import DEFAULT_PATHS, Results, read
from analysis.vocabulary import HISTORY, STEP_COSTS

BAD_INPUT = 2


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands."""
    defaults = " and ".join(str(path) for path in DEFAULT_PATHS)
    main = argparse.ArgumentParser(
        prog="python -m analysis", description="Turn measurements into tables and a report."
    )
    commands = main.add_subparsers(required=True, metavar="COMMAND")
    paths_help = f"folders or files of asv and pytest-benchmark results (default: {defaults})"

    report = commands.add_parser("report", help="write the page, the figures and the tidy table into a folder")
    report.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=paths_help)
    report.add_argument(
        "--output",
        type=Path,
        default=Path("reports/latest"),
        help="folder to write or replace (default: %(default)s)",
    )
    report.add_argument("--title", default=DEFAULT_TITLE, help="title of the page (default: %(default)s)")
    report.set_defaults(command=_report)

    table = commands.add_parser("table", help="print the tidy table as CSV, one row a measured value")
    table.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=paths_help)
    table.add_argument("--output", type=Path, help="file to write instead of standard output")
    table.set_defaults(command=_table)
    _add_experiments(commands)
    _add_calibration(commands)
    _add_history(commands)

    compare = commands.add_parser("compare", help="judge two result sets: did the new commit get slower?")
    for name in ("old", "new"):
        compare.add_argument(name, type=Path, metavar=name.upper(), help="results of asv or pytest-benchmark")
    compare.set_defaults(command=_compare)
    gate = commands.add_parser("gate", help="judge what `python -m bench gate` has measured")
    gate.add_argument("folder", type=Path, metavar="FOLDER", help="the gate's folder")
    gate.add_argument("--quiet", action="store_true", help="print nothing; for the gate itself, between rounds")
    gate.add_argument(
        "--pace",
        type=float,
        nargs=4,
        metavar=("ROUNDS", "SECONDS", "LEFT", "PER_CELL"),
        help="how far the gate is; the JSON then says what to measure next",
    )
    gate.set_defaults(command=_gate)
    for command in (compare, gate):
        command.add_argument("--markdown", type=Path, metavar="FILE", help="write the table for a pull request")
        command.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts for machines")
    return main


def _add_calibration(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "calibration", help="write the report on the gate from a recording of its rounds"
    )
    command.set_defaults(command=_calibration)
    command.add_argument(
        "recording",
        type=Path,
        nargs="?",
        metavar="RECORDING",
        help="folder of `python -m bench calibrate`, or a report's recording.json (default: the newest folder)",
    )
    command.add_argument(
        "--output",
        type=Path,
        default=Path("reports/calibration"),
        help="folder to write or replace (default: %(default)s)",
    )
    command.add_argument("--title", default=calibration.DEFAULT_TITLE, help="title (default: %(default)s)")


def _add_history(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("history", help="write the page of a history's changes into a folder")
    command.set_defaults(command=_history)
    command.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=HISTORY,
        metavar="HISTORY",
        help="folder of `python -m bench history` (default: %(default)s)",
    )
    command.add_argument(
        "--output",
        type=Path,
        default=Path("reports/history"),
        help="folder to write or replace (default: %(default)s)",
    )
    command.add_argument("--title", default=history.DEFAULT_TITLE, help="title (default: %(default)s)")


def _add_experiments(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("experiments", help="write the report of training runs into a folder")
    command.set_defaults(command=_experiments)
    command.add_argument("runs", type=Path, metavar="RUNS", help="folder of runs of `python -m urnn.training`")
    command.add_argument(
        "--output",
        type=Path,
        default=Path("reports/experiments"),
        help="folder to write or replace (default: %(default)s)",
    )
    command.add_argument("--title", default=experiments.DEFAULT_TITLE, help="title (default: %(default)s)")
    command.add_argument(
        "--measurements",
        nargs="*",
        type=Path,
        default=[],
        metavar="PATH",
        help="benchmark results for step times and memory (default: those beside the runs and those of `report`)",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    options = parser().parse_args(arguments)
    try:
        _require_usable(options)
        return options.command(options)
    except AnalysisError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("error: stopped before the end; nothing was written.", file=sys.stderr)
        return BAD_INPUT


LONGEST_TITLE = 200


def _require_usable(options: argparse.Namespace) -> None:
    """Raises AnalysisError for a title that cannot stand on a page."""
    title = getattr(options, "title", "a title")
    if not title.strip() or not title.isprintable() or len(title) > LONGEST_TITLE:
        got = repr(shortened(printable(title), 60))
        raise AnalysisError(f"--title: expected one line of 1 to {LONGEST_TITLE} printable characters, got {got}.")


def _warn(problems: Sequence[str]) -> None:
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)


def _read(paths: Sequence[Path]) -> Results:
    results = read(paths)
    _warn(results.problems)
    return results


def _report(options: argparse.Namespace) -> int:
    return _say(write_report(_read(options.paths), options.output, options.title))


def _table(options: argparse.Namespace) -> int:
    text = _read(options.paths).frame.to_csv(index=False)
    if options.output is not None:
        write_file(options.output, text)
    else:
        sys.stdout.write(text)
    return 0


def _compare(options: argparse.Namespace) -> int:
    return _tell(compare(options.old, options.new), options)


def _gate(options: argparse.Namespace) -> int:
    pace = _pace(*options.pace) if options.pace else None
    return _tell(judge_folder(options.folder, pace), options, quiet=options.quiet)


def _pace(rounds: float, seconds: float, left: float, per_cell: float) -> Pace:
    """Raises AnalysisError for numbers that no gate has; what is left is below zero once the time is up."""
    finite = all(math.isfinite(value) for value in (rounds, seconds, left, per_cell))
    if not finite or rounds != int(rounds) or min(rounds, seconds, per_cell) < 0:
        raise AnalysisError(
            "--pace: expected a whole number of rounds and three numbers of seconds, none of them infinite and "
            f"ROUNDS, SECONDS and PER_CELL not below zero, got {rounds:g} {seconds:g} {left:g} {per_cell:g}."
        )
    return Pace(int(rounds), seconds, left, per_cell)


def _tell(comparison: Comparison, options: argparse.Namespace, quiet: bool = False) -> int:
    """Writes the files that were asked for, prints the table, and returns the exit code."""
    if options.markdown is not None:
        write_file(options.markdown, markdown(comparison))
    if options.json is not None:
        write_file(options.json, document(comparison))
    if not quiet:
        show(comparison)
    return comparison.outcome.code


def _calibration(options: argparse.Namespace) -> int:
    recording = calibration.read(options.recording or calibration.newest())
    return _say(calibration.write_report(recording, options.output, title=options.title))


def _history(options: argparse.Namespace) -> int:
    found = history.read(options.folder)
    _warn(found.problems)
    return _say(history.write_report(found, options.output, options.title))


def _experiments(options: argparse.Namespace) -> int:
    logs = experiments.read(options.runs)
    _warn(logs.problems)
    measurements = _measurements(options.measurements, options.runs)
    return _say(experiments.write_report(logs, options.output, measurements, options.title))


def _measurements(paths: Sequence[Path], runs: Path) -> pd.DataFrame | None:
    """The benchmark's tidy frame; None where none was named and the usual places hold nothing that can be used.

    The usual places are those of `report` and the folder beside the runs that `python -m bench reproduce` fills.
    """
    usual = [path for path in (*DEFAULT_PATHS, runs / STEP_COSTS) if os.path.isdir(path)]
    if not paths and not usual:
        return None
    try:
        return _read(paths or usual).frame
    except AnalysisError as error:
        if paths:
            raise
        _warn([f"step times and memory are left out: {error}"])
        return None


def _say(report: Report) -> int:
    for sentence in report.headlines:
        print(sentence)
    print(printable(report.page))
    return 0
