"""The report of measurements."""

import argparse

from analysis.commands.sharing import add_paths, add_report_options, announce, read_results
from analysis.report.page import DEFAULT_TITLE, write_report

PURPOSE = "write the page, the figures and the tidy table into a folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    add_report_options(parser, "reports/latest", DEFAULT_TITLE)
    beside = (
        "kinds of machines to show beside each other, and no others: parts of their names, with commas between"
    )
    parser.add_argument(
        "--machines", type=lambda text: text.split(","), default=[], metavar="NAME,...", help=beside
    )


def run(options: argparse.Namespace) -> int:
    return announce(write_report(read_results(options.paths), options.output, options.title, options.machines))
