"""Blocks in shards: the largest first, each to the shard that has least so far.

The same plan gives the same shards on every machine, without anything to agree on. Graham (1969): the longest
shard is at most 4/3 - 1/(3 m) times the shortest possible for m shards.
"""

import argparse
import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.fleet.blocks import Block

MOST_SHARDS = 10_000


@dataclass(frozen=True)
class Shard:
    """One part of so many; they count from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def shard(text: str) -> Shard:
    """Reads "2/8"."""
    parts = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    shown = repr(text if len(text) <= 60 else f"{text[:57]}...")
    if parts is None:
        raise argparse.ArgumentTypeError(f"expected a shard of so many, such as 2/8, got {shown}")
    number, of = map(int, parts.groups())
    if not 1 <= of <= MOST_SHARDS:
        raise argparse.ArgumentTypeError(f"expected 1 to {MOST_SHARDS} shards, got {shown}")
    if not 1 <= number <= of:
        raise argparse.ArgumentTypeError(f"expected a shard from 1/{of} to {of}/{of}, got {shown}")
    return Shard(number, of)


def largest_first(blocks: Sequence[Block]) -> list[Block]:
    """By their seconds, and by their names where those are equal."""
    return sorted(blocks, key=lambda block: (-block.seconds, block.name))


def pack(blocks: Sequence[Block], count: int) -> list[list[Block]]:
    """So many shards of the blocks, each with its largest first; some are empty where there are fewer blocks."""
    shards: list[list[Block]] = [[] for _ in range(count)]
    loads = [(0.0, number) for number in range(count)]
    for block in largest_first(blocks):
        load, number = loads[0]
        shards[number].append(block)
        heapq.heapreplace(loads, (load + block.seconds, number))
    return shards


def seconds(blocks: Sequence[Block]) -> float:
    """Estimated seconds of the blocks, one after the other."""
    return sum(block.seconds for block in blocks)


def ideal_seconds(blocks: Sequence[Block], count: int) -> float:
    """What no packing into so many shards is below: an equal share, or the longest block."""
    return max(seconds(blocks) / count, max((block.seconds for block in blocks), default=0.0))
