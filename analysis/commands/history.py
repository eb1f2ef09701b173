"""The report of a history."""

import argparse
from pathlib import Path

from analysis.commands.sharing import add_report_options, announce, warn
from analysis.history.commits import read
from analysis.history.report import DEFAULT_TITLE, write_report
from analysis.vocabulary import HISTORY

PURPOSE = "write the page of a history's changes into a folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    folder = "folder of `python -m bench history`; default: %(default)s"
    parser.add_argument("folder", type=Path, nargs="?", default=HISTORY, metavar="HISTORY", help=folder)
    add_report_options(parser, "reports/history", DEFAULT_TITLE)


def run(options: argparse.Namespace) -> int:
    found = read(options.folder)
    warn(found.problems)
    return announce(write_report(found, options.output, options.title))
