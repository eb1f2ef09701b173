"""What several commands have: options, warnings, and how a report is announced."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.errors import printable, shortened
from analysis.pages.atomic_folder import write_file
from analysis.pages.writing import Report
from analysis.regressions.comparison import Comparison
from analysis.regressions.judge import RULES
from analysis.regressions.outputs import document, markdown, show
from analysis.results import DEFAULT_PATHS, Results, read

LONGEST_TITLE = 200
LARGEST_FLOOR = 1.0


def title(text: str) -> str:
    """Reads a title that can stand on a page: one line of printable characters."""
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_TITLE:
        expected, got = f"one line of 1 to {LONGEST_TITLE} printable characters", shortened(printable(text), 60)
        raise argparse.ArgumentTypeError(f"expected {expected}, got {got!r}")
    return text


def add_report_options(parser: argparse.ArgumentParser, output: str, default_title: str) -> None:
    """Where a report is written, and what it is called."""
    folder = "folder to write or replace; default: %(default)s"
    parser.add_argument("--output", type=Path, default=Path(output), help=folder)
    parser.add_argument("--title", type=title, default=default_title, help="default: %(default)s")


def add_paths(parser: argparse.ArgumentParser) -> None:
    """The results to read."""
    kinds = "results of asv and pytest-benchmark, or a report's measurements.parquet"
    usual = f"folders or files of {kinds}; default: {' and '.join(map(str, DEFAULT_PATHS))}"
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=usual)


def add_verdict_options(parser: argparse.ArgumentParser) -> None:
    """Files to write a comparison into."""
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table for a pull request")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts for machines")


def percentage(text: str) -> float:
    """Reads "2" as 0.02."""
    try:
        found = float(text) / 100
    except ValueError:
        found = -1.0
    if not 0 <= found <= LARGEST_FLOOR:
        raise argparse.ArgumentTypeError(
            f"expected per cent from 0 to {100 * LARGEST_FLOOR:g}, got {shortened(printable(text), 60)!r}"
        )
    return found


def add_floor(parser: argparse.ArgumentParser) -> None:
    """The slowdown that is not worth a call."""
    smaller = f"per cent: a smaller slowdown is none, however sure it is; default: {100 * RULES.floor:g}"
    parser.add_argument("--floor", type=percentage, default=RULES.floor, metavar="PERCENT", help=smaller)


def warn(problems: Sequence[str]) -> None:
    """A line on standard error for each file that was left out."""
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)


def read_results(paths: Sequence[Path]) -> Results:
    """The results at the paths, or at the usual places; warns of files that are left out."""
    results = read(paths)
    warn(results.problems)
    return results


def announce(report: Report) -> int:
    """Prints a report's headlines and where its page is; the exit code."""
    for sentence in report.headlines:
        print(sentence)
    print(printable(report.page))
    return 0


def conclude(comparison: Comparison, options: argparse.Namespace) -> int:
    """Writes the files that were asked for, prints the table, and returns the exit code."""
    if options.markdown is not None:
        write_file(options.markdown, markdown(comparison))
    if options.json is not None:
        write_file(options.json, document(comparison))
    show(comparison)
    return comparison.outcome.code
