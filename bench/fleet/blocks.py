"""What is compared with each other, and so never leaves one machine.

A block is all models, phases of one set, tasks and layers at one device, dtype, hidden size, length and batch,
with its share of the cells that are measured again under the default allocator.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.estimate import cell_seconds
from bench.grid import Cell, Profile


@dataclass(frozen=True)
class Block:
    """Some cells that stay together.

    Attributes:
        name: `Cell.block` of its cells.
        cells: in the order of the profile.
        default: those that are measured once more under the default allocator.
        seconds: estimated for all passes, in whole milliseconds so that every machine finds the same.
    """

    name: str
    cells: tuple[Cell, ...]
    default: tuple[Cell, ...]
    seconds: float

    @property
    def device(self) -> str:
        return self.cells[0].device


def blocks_of(cells: Sequence[Cell], profile: Profile, passes: int, default: Sequence[Cell] = ()) -> list[Block]:
    """The cells in blocks, in the order in which their first cells come."""
    parts: dict[str, list[Cell]] = {}
    for cell in cells:
        parts.setdefault(cell.block, []).append(cell)
    found = []
    for name, part in parts.items():
        again = [cell for cell in default if cell.block == name]
        seconds = passes * sum(cell_seconds(cell, profile) for cell in part)
        seconds += sum(cell_seconds(cell, profile) for cell in again)
        found.append(Block(name, tuple(part), tuple(again), round(seconds, 3)))
    return found
