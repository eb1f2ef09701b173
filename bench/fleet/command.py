"""`--shard` and `--block` of `python -m bench run` and `list`."""

import argparse
import sys
from collections.abc import Sequence

from analysis.command_line import FAILED
from analysis.vocabulary import counted, duration
from bench import slices
from bench.errors import UnfinishedError
from bench.fleet import attempts, packing, plan
from bench.fleet.blocks import Block
from bench.fleet.plan import Plan
from bench.fleet.session import Session
from bench.lane.settings import Settings
from bench.options import names
from bench.profiles import get_profile
from bench.progress import show as say

AGAIN = 75  # exit code of a shard that was interrupted: a scheduler should queue the same command again


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which part of a sweep over many machines."""
    add = parser.add_argument
    part = "a part of the sweep for each of N machines: blocks, the largest first; see docs/fleet.md"
    add("--shard", type=packing.shard, metavar="K/N", help=part)
    add("--block", type=names, metavar="NAME,...", help="these blocks of the sweep; --shard 1/1 lists them")


def is_part(options: argparse.Namespace) -> bool:
    """Whether a part of a sweep is meant, which is measured and stored by blocks."""
    return bool(options.shard or options.block)


def plan_of(options: argparse.Namespace) -> Plan:
    """The whole sweep that the options describe, the same on every machine.

    Raises:
        ValueError: options that do not go together, and as `slices.chosen_cells`.
    """
    if options.shard and options.block:
        raise ValueError("--shard and --block both choose blocks; give one of them")
    if options.harness == "asv":
        raise ValueError("--harness asv measures whole profiles; shards are for --harness pytest-benchmark")
    if options.fresh:
        raise ValueError(
            "--fresh starts a results file anew, and a shard has none: name another folder with --results"
        )
    profile = get_profile(options.profile)
    cells = slices.chosen_cells(options, profile, anywhere=True)
    settings = Settings(profile, options.threads, options.allocator)
    left_out = slices.left_out(options, profile, cells)
    passes = options.passes or profile.passes
    return plan.make(cells, left_out, profile, settings, passes, slices.written(options))


def blocks_of(options: argparse.Namespace, whole: Plan) -> list[Block]:
    """The part that is meant, the largest block first.

    Raises:
        ValueError: a block that the plan does not have.
    """
    if options.block:
        return packing.largest_first([whole.block(name) for name in options.block])
    return packing.pack(whole.blocks, options.shard.of)[options.shard.number - 1]


def show(options: argparse.Namespace) -> int:
    """A line for each block of the part, and how it compares with the rest."""
    whole = plan_of(options)
    chosen = blocks_of(options, whole)
    for block in chosen:
        print(f"{duration(block.seconds):>8}  {block.name}  {counted(len(block.cells), 'cell')}")
    print(_summary(options, whole, chosen))
    return 0


def measure(options: argparse.Namespace) -> int:
    """Measures the blocks of the part that are not complete yet; 2 if a kernel is wrong, AGAIN if interrupted."""
    whole = plan_of(options)
    chosen, folder = blocks_of(options, whole), whole.folder(options.results)
    damaged: list[str] = []
    done = {one.block for one in attempts.complete_ones(folder, whole, damaged)}
    for problem in damaged:
        say(problem)
    pending = [block for block in chosen if block.name not in done]
    if len(pending) < len(chosen):
        say(f"{len(chosen) - len(pending)} of {counted(len(chosen), 'block')} complete already, in {folder}")
    if not chosen:
        say(f"shard {options.shard} has nothing to measure: the sweep has {counted(len(whole.blocks), 'block')}")
    settings = Settings(get_profile(options.profile), options.threads, options.allocator)
    shard = str(options.shard) if options.shard else None
    try:
        right = Session(whole, settings, folder, shard, say).measure(pending)
    except UnfinishedError as error:
        print(f"error: {error}", file=sys.stderr)
        return AGAIN
    say(f"results: {folder}; once all shards are there: python -m bench merge DIR...")
    return 0 if right else FAILED


def _summary(options: argparse.Namespace, whole: Plan, chosen: Sequence[Block]) -> str:
    said = f"{counted(len(chosen), 'block')} of {len(whole.blocks)}, roughly {duration(packing.seconds(chosen))}"
    if not options.shard:
        return said
    shards = packing.pack(whole.blocks, options.shard.of)
    longest = max(map(packing.seconds, shards))
    ideal = packing.ideal_seconds(whole.blocks, options.shard.of)
    return f"{said}; the longest shard {duration(longest)}, at best {duration(ideal)}"
