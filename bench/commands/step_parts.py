"""Where the time of a call goes on a CUDA device."""

import argparse

from bench import slices, step_parts
from bench.options import path
from bench.profiles import get_profile
from bench.run_file import write_atomically

PURPOSE = "show each kernel's share of a call on a CUDA device, and its energy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A slice of the profile for GPUs."""
    slices.add_options(parser, profile="gpu")
    parser.add_argument("--output", type=path, metavar="FILE", help="write the tables there too, as each comes")


def run(options: argparse.Namespace) -> int:
    """A table for each cell."""
    text = ""
    for cell in slices.chosen_cells(options, get_profile(options.profile)):
        for line in step_parts.lines(step_parts.take_apart(cell)):
            print(line, flush=True)
            text += line + "\n"
        if options.output:
            write_atomically(options.output, text)
    return 0
