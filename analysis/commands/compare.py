"""The verdict on two sets of results."""

import argparse
from pathlib import Path

from analysis.commands.sharing import add_verdict_options, conclude
from analysis.regressions.comparison import compare

PURPOSE = "judge two result sets: did the new commit get slower?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("old", "new"):
        parser.add_argument(name, type=Path, metavar=name.upper(), help="results of asv or pytest-benchmark")
    add_verdict_options(parser)


def run(options: argparse.Namespace) -> int:
    return conclude(compare(options.old, options.new), options)
