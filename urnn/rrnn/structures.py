"""The structures that a search has chosen: for every time step and sample a tree, kept as numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from urnn.rrnn.tree import LEAVES, Tree
from urnn.shapes import Int

# Of the numbers that tell trees apart: odd constants that mix the bits of 64 (from splitmix64), modulo 2^64.
_MIX, _LEFT, _RIGHT = -4658895280553007687, -7723592293110705685, 6364136223846793005


@dataclass(frozen=True, eq=False)
class Structures:
    """Trees of time steps and samples.

    Attributes:
        codes: five numbers a node, as `tree.Node` has them.

    Example:
        >>> import torch
        >>> from urnn.rrnn import GRU_TREE, Structures
        >>> structures = Structures(torch.tensor(GRU_TREE.codes).expand(3, 2, -1, -1))
        >>> structures.distinct(), structures.tree(0, 1) == GRU_TREE
        (1, True)
    """

    codes: Int[Tensor, "T B N 5"]

    def tree(self, step: int, sample: int) -> Tree:
        """That of one step of one sample."""
        return Tree.from_codes(self.codes[step, sample].tolist())

    def numbers(self) -> Int[Tensor, "T B"]:
        """One number a tree, the same for two that are written the same, in whatever order they were grown."""
        codes = self.codes
        known = [torch.full(codes.shape[:2], leaf + 1, device=codes.device) for leaf in range(len(LEAVES))]
        for node in range(codes.shape[2]):
            left, right, *kind = codes[:, :, node].unbind(-1)
            so_far = torch.stack(known, dim=-1)
            one, other = (so_far.gather(-1, side.unsqueeze(-1)).squeeze(-1) for side in (left, right))
            number = one * _LEFT + other * _RIGHT
            for what in kind:
                number = (number ^ (number >> 29)) * _MIX + what + 1
            known.append(number ^ (number >> 31))
        return known[-1]

    def counted(self) -> list[tuple[Tree, int]]:
        """The different trees and how often each was chosen, the most frequent first."""
        numbers = self.numbers().flatten()
        _, group, counts = numbers.unique(return_inverse=True, return_counts=True)
        first = torch.full_like(counts, len(group)).scatter_reduce(
            0, group, torch.arange(len(group), device=group.device), "amin"
        )
        codes = self.codes.flatten(0, 1)
        order = sorted(range(len(counts)), key=lambda one: (-int(counts[one]), int(first[one])))
        return [(Tree.from_codes(codes[first[one]].tolist()), int(counts[one])) for one in order]

    def distinct(self) -> int:
        """How many different trees there are."""
        return len(self.numbers().unique())

    def __iter__(self) -> Iterator[Tree]:
        """All trees, step after step."""
        for rows in self.codes.flatten(0, 1).tolist():
            yield Tree.from_codes(rows)
