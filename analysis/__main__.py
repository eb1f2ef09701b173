"""The command line: `python -m analysis report` and `python -m analysis table`.

Why: `make report` ends here. What the user can mend is one sentence on standard error and exit code 2;
everything else keeps its traceback. Known weakness: none known.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.report import DEFAULT_TITLE, write_report
from analysis.report.writing import write_file
from analysis.results import DEFAULT_PATHS, Results, read

BAD_INPUT = 2


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
    return main


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    options = parser().parse_args(arguments)
    try:
        results = read(options.paths)
        for problem in results.problems:
            print(f"warning: {problem}", file=sys.stderr)
        (_report if options.command == "report" else _table)(results, options)
    except AnalysisError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("error: stopped before the end; nothing was written.", file=sys.stderr)
        return BAD_INPUT
    return 0


def _report(results: Results, options: argparse.Namespace) -> None:
    report = write_report(results, options.output, options.title)
    for sentence in report.headlines:
        print(sentence)
    print(report.page)


def _table(results: Results, options: argparse.Namespace) -> None:
    text = results.frame.to_csv(index=False)
    if options.output:
        write_file(options.output, text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
