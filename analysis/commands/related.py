"""The report on related systems."""

import argparse
from pathlib import Path

from analysis.commands.sharing import add_report_options, announce, warn
from analysis.related import every_chapter
from analysis.related.engine.report import DEFAULT_TITLE, write_report
from analysis.related.engine.results import read
from analysis.vocabulary import RELATED

PURPOSE = "write the report of the studies of related systems"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    folder = "folder of `python -m bench related`, or of an earlier report; default: %(default)s"
    parser.add_argument("folder", type=Path, nargs="?", default=RELATED, metavar="FOLDER", help=folder)
    add_report_options(parser, "reports/related", DEFAULT_TITLE)


def run(options: argparse.Namespace) -> int:
    chapters = every_chapter()
    results = read(options.folder, chapters)
    warn(results.problems)
    return announce(write_report(results, chapters, options.output, options.title))
