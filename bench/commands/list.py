"""What `run` would measure with the same options."""

import argparse

from analysis.vocabulary import duration
from bench.commands import run as measuring
from bench.estimate import cell_seconds
from bench.grid import get_profile
from bench.slices import chosen_cells

PURPOSE = "show what would run and roughly how long"
add_arguments = measuring.add_arguments


def run(options: argparse.Namespace) -> int:
    """A line for each cell, with its duration, and the sum."""
    profile = get_profile(options.profile)
    passes = options.passes or profile.passes
    cells = chosen_cells(options, profile)
    for cell in cells:
        print(f"{duration(passes * cell_seconds(cell, profile)):>8}  {cell.id}")
    total = passes * sum(cell_seconds(cell, profile) for cell in cells)
    print(f"{len(cells)} cells x {passes} passes, roughly {duration(total)}")
    return 0
