"""What a sweep leaves out on purpose: its largest cells of slow models, each with the reason.

A grid with loops in Python at every length takes a day, and its last cells say what the smaller ones have said.
What is left out is stored as "not planned", so that no table and no count takes it for a cell that was forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.vocabulary import Cell


@dataclass(frozen=True)
class LeftOut:
    """The cells of some variants ("lem:eager") that are above every one of these sizes, an axis of `Cell` each."""

    why: str
    variants: tuple[str, ...]
    above: Mapping[str, int]

    def holds(self, cell: Cell) -> bool:
        """Whether the cell is left out."""
        return cell.variant in self.variants and all(
            getattr(cell, axis) > most for axis, most in self.above.items()
        )
