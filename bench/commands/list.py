"""What `run` would measure with the same options."""

import argparse
import json
from collections import Counter
from dataclasses import asdict

from analysis.vocabulary import counted, duration
from bench.commands import run as measuring
from bench.estimate import cell_seconds
from bench.fleet import command as fleet
from bench.machine.kind import this_machine
from bench.profiles import get_profile
from bench.slices import chosen_cells, left_out

PURPOSE = "show what would run and roughly how long"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of `run`, and how it is shown."""
    measuring.add_arguments(parser)
    as_json = "with --shard or --block: the whole plan and this machine, for an engine"
    parser.add_argument("--json", action="store_true", help=as_json)


def run(options: argparse.Namespace) -> int:
    """A line for each cell, with its duration, what is left out, and the sum; of a shard a line for each block."""
    if options.json:
        if not fleet.is_part(options):
            raise ValueError("--json shows a sweep in shards: add --shard K/N")
        print(json.dumps(_for_an_engine(options)))
        return 0
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


def _for_an_engine(options: argparse.Namespace) -> dict[str, object]:
    whole, machine = fleet.plan_of(options), this_machine()
    known = asdict(machine) | {"kind": machine.kind, "instance": machine.instance}
    return {"id": whole.id, "machine": known, **whole.document()}
