"""The command line: `python -m analysis report`, `table` and `experiments`.

Why: `make report` ends here. What the user can mend is one sentence on standard error and exit code 2;
everything else keeps its traceback. Known weakness: none known.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis import experiments
from analysis.errors import AnalysisError
from analysis.report import DEFAULT_TITLE, Report, write_report
from analysis.report.writing import write_file
from analysis.results import DEFAULT_PATHS, Results, read

BAD_INPUT = 2
STEP_COSTS = "step_costs"


def parser() -> argparse.ArgumentParser:
    """The arguments of both commands."""
    defaults = " and ".join(str(path) for path in DEFAULT_PATHS)
    main = argparse.ArgumentParser(
        prog="python -m analysis", description="Turn measurements into tables and a report."
    )
    commands = main.add_subparsers(dest="command", required=True)
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

    table = commands.add_parser("table", help="print the tidy table as CSV, one row a measured value")
    table.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=paths_help)
    table.add_argument("--output", type=Path, help="file to write instead of standard output")
    _add_experiments(commands)
    return main


def _add_experiments(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("experiments", help="write the report of training runs into a folder")
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
        {"report": _report, "table": _table, "experiments": _experiments}[options.command](options)
    except AnalysisError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("error: stopped before the end; nothing was written.", file=sys.stderr)
        return BAD_INPUT
    return 0


def _read(paths: Sequence[Path]) -> Results:
    results = read(paths)
    for problem in results.problems:
        print(f"warning: {problem}", file=sys.stderr)
    return results


def _report(options: argparse.Namespace) -> None:
    _say(write_report(_read(options.paths), options.output, options.title))


def _table(options: argparse.Namespace) -> None:
    text = _read(options.paths).frame.to_csv(index=False)
    if options.output:
        write_file(options.output, text)
    else:
        sys.stdout.write(text)


def _experiments(options: argparse.Namespace) -> None:
    logs = experiments.read(options.runs)
    for problem in logs.problems:
        print(f"warning: {problem}", file=sys.stderr)
    measurements = _measurements(options.measurements, options.runs)
    _say(experiments.write_report(logs, options.output, measurements, options.title))


def _measurements(paths: Sequence[Path], runs: Path) -> pd.DataFrame | None:
    """The benchmark's tidy frame; None where none was named and the usual places hold nothing that can be used.

    The usual places are those of `report` and the folder beside the runs that `python -m bench reproduce` fills.
    """
    usual = [path for path in (*DEFAULT_PATHS, runs / STEP_COSTS) if path.is_dir()]
    if not paths and not usual:
        return None
    try:
        return _read(paths or usual).frame
    except AnalysisError:
        if paths:
            raise
        return None


def _say(report: Report) -> None:
    for sentence in report.headlines:
        print(sentence)
    print(report.page)


if __name__ == "__main__":
    sys.exit(main())
