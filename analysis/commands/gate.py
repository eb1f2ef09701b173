"""The verdict on a gate's folder."""

import argparse
from pathlib import Path

from analysis.commands.sharing import add_verdict_options, conclude
from analysis.regressions.comparison import judge_folder

PURPOSE = "judge what `python -m bench gate` has measured"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the gate's folder")
    add_verdict_options(parser)


def run(options: argparse.Namespace) -> int:
    return conclude(judge_folder(options.folder), options)
