"""All measured values as one table."""

import argparse
import sys
from pathlib import Path

from analysis.commands.sharing import add_paths, read_results
from analysis.pages.atomic_folder import write_file

PURPOSE = "print the tidy table as CSV, one row a measured value"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    parser.add_argument("--output", type=Path, help="file to write instead of standard output")


def run(options: argparse.Namespace) -> int:
    text = read_results(options.paths).frame.to_csv(index=False)
    if options.output is not None:
        write_file(options.output, text)
    else:
        sys.stdout.write(text)
    return 0
