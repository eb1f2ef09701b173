"""What `run` would measure with the same options."""

import argparse
from collections import Counter

from analysis.vocabulary import counted, duration
from bench.commands import run as measuring
from bench.estimate import cell_seconds
from bench.fleet import command as fleet
from bench.profiles import get_profile
from bench.slices import chosen_cells, left_out

PURPOSE = "show what would run and roughly how long"
add_arguments = measuring.add_arguments


def run(options: argparse.Namespace) -> int:
    """A line for each cell, with its duration, what is left out, and the sum; of a shard a line for each block."""
    if fleet.is_part(options):
        return fleet.show(options)
    profile = get_profile(options.profile)
    passes = options.passes or profile.passes
    cells = chosen_cells(options, profile)
    for cell in cells:
        print(f"{duration(passes * cell_seconds(cell, profile)):>8}  {cell.id}")
    for why, number in Counter(left_out(options, profile, cells).values()).items():
        print(f"not planned: {counted(number, 'cell')}. {why}")
    total = passes * sum(cell_seconds(cell, profile) for cell in cells)
    print(f"{len(cells)} cells x {passes} passes, roughly {duration(total)}")
    return 0
