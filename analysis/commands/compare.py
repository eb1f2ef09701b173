"""The verdict on two sets of results."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.commands.sharing import add_verdict_options, conclude
from analysis.regressions.comparison import compare

PURPOSE = "judge two result sets: did the new commit get slower?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two sets of results, and files to write."""
    for name in ("old", "new"):
        parser.add_argument(name, type=Path, metavar=name.upper(), help="results of asv or pytest-benchmark")
    add_verdict_options(parser)


def run(options: argparse.Namespace) -> int:
    """The verdict's exit code."""
    return conclude(compare(options.old, options.new), options)
