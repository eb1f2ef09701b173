"""Finite groups as multiplication tables: what a state has to hold for a running product to be tracked.

Z2, Z5, S3 and A5 are, in this order, ever harder. Z2 and Z5 are Abelian, so that a product does not depend on the
order of its factors; S3 is not, but it is solvable; A5 is the smallest group that is not. Its word problem is
complete for NC1 (Barrington 1989), while diagonal linear recurrences are in TC0, which is thought to be smaller.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from urnn.shapes import Int

Permutation = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Group:
    """Elements 0 to k - 1, of which 0 is the identity.

    Attributes:
        name: as it is written in mathematics.
        table: (k, k), the product of a and b, a first, at [a, b].

    Example:
        >>> from urnn.tasks.groups import S3
        >>> S3.order, S3.table[0].tolist()
        (6, [0, 1, 2, 3, 4, 5])
    """

    name: str
    table: Int[Tensor, "k k"]

    @property
    def order(self) -> int:
        """How many elements there are."""
        return len(self.table)


def cyclic(order: int) -> Group:
    """The numbers 0 to order - 1 under addition modulo `order`.

    Example:
        >>> from urnn.tasks.groups import cyclic
        >>> int(cyclic(5).table[3, 4])
        2
    """
    numbers = torch.arange(order)
    return Group(f"Z{order}", (numbers[:, None] + numbers) % order)


def of_permutations(name: str, permutations: Iterable[Permutation]) -> Group:
    """Permutations under composition, the left one first; they have to be closed under it.

    A permutation has at place i where i goes. Elements are numbered in the order of their tuples, which puts the
    identity first.

    Example:
        >>> from urnn.tasks.groups import of_permutations
        >>> of_permutations("Z2", [(1, 0), (0, 1)]).table
        tensor([[0, 1],
                [1, 0]])
    """
    elements = sorted(permutations)
    number = {element: at for at, element in enumerate(elements)}
    products = [[number[tuple(second[place] for place in first)] for second in elements] for first in elements]
    return Group(name, torch.tensor(products))


def abelian_part(group: Group) -> Int[Tensor, " k"]:
    """For each element the number of its coset of the commutators: what is left where the order of factors is not.

    Example:
        >>> from urnn.tasks.groups import A5, S3, abelian_part
        >>> abelian_part(S3).tolist()  # even or odd
        [0, 1, 1, 0, 0, 1]
        >>> int(abelian_part(A5).max())
        0
    """
    table, everyone = group.table, torch.arange(group.order)
    inverse = (table == 0).int().argmax(1)
    both = table[everyone[:, None], everyone]  # a b
    reached = torch.zeros(group.order, dtype=torch.bool)
    reached[table[both, table[inverse[:, None], inverse]].flatten()] = True  # a b a^-1 b^-1
    while True:
        members = reached.nonzero().flatten()
        wider = reached.clone()
        wider[table[members[:, None], members].flatten()] = True
        if torch.equal(wider, reached):
            break
        reached = wider
    first = table[:, members].min(1).values  # of each coset, its least element
    return first.unique(return_inverse=True)[1]


def _is_even(permutation: Permutation) -> bool:
    """Whether pairs that stand in the wrong order are of an even number."""
    return sum(left > right for left, right in itertools.combinations(permutation, 2)) % 2 == 0


Z2, Z5 = cyclic(2), cyclic(5)
S3 = of_permutations("S3", itertools.permutations(range(3)))
A5 = of_permutations("A5", filter(_is_even, itertools.permutations(range(5))))
