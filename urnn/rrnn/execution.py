"""Running a given tree: one structure for every sample and step, as in the fixed stage.

What reads x alone is computed for all steps at once, and in a step every product with h is one matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from urnn.rrnn.tree import IDENTITY, LEAVES, MULTIPLY, ONE_MINUS, SIGMOID, Node, Tree
from urnn.rrnn.triples import Triples
from urnn.shapes import Float

X, H, ZERO = range(len(LEAVES))


def require_fits(tree: Tree, triples: int) -> None:
    """Raises ValueError where a cell of so many triples cannot run the tree.

    Example:
        >>> from urnn.rrnn.execution import require_fits
        >>> from urnn.rrnn.tree import ADD, TANH, Node, Tree
        >>> require_fits(Tree((Node(0, 1, 2, ADD, TANH),)), triples=2)
        Traceback (most recent call last):
        ValueError: the tree tanh[3](x + h) needs 3 triples, and the cell has 2; build it with triples=3
    """
    if tree.triples > triples:
        raise ValueError(
            f"the tree {tree} needs {tree.triples} triples, and the cell has {triples}; build it with "
            f"triples={tree.triples}"
        )


def run_tree(
    tree: Tree, triples: Triples, x: Float[Tensor, "T B n"], h: Float[Tensor, "B n"], keep_nodes: bool = False
) -> tuple[Float[Tensor, "T B n"], Float[Tensor, "T B N n"] | None]:
    """States after every step from the state h, and if `keep_nodes` the vector of every node.

    Args:
        x: inputs as the cell sees them, as wide as the state.

    Raises:
        ValueError: a tree of more triples than there are.

    Example:
        >>> import torch
        >>> from urnn.rrnn.execution import run_tree
        >>> from urnn.rrnn.tree import GRU_TREE
        >>> from urnn.rrnn.triples import Triples
        >>> states, nodes = run_tree(
        ...     GRU_TREE, Triples(4, 8), torch.randn(5, 2, 8), torch.zeros(2, 8), keep_nodes=True
        ... )
        >>> states.shape, nodes.shape
        (torch.Size([5, 2, 8]), torch.Size([5, 2, 9, 8]))
    """
    require_fits(tree, len(triples))
    plan, states, nodes = _Plan(tree, triples, x), [], []
    for t in range(len(x)):
        vectors = plan.step(t, h)
        h = vectors[-1]
        states.append(h)
        if keep_nodes:
            nodes.append(torch.stack(vectors, dim=1))
    return torch.stack(states), torch.stack(nodes) if keep_nodes else None


@dataclass(frozen=True)
class _Factor:
    """One side of a node: a slot, times L_k (side 0) or R_k (side 1)."""

    slot: int
    side: int
    triple: int


class _Plan:
    """The tree with all done that needs no state."""

    def __init__(self, tree: Tree, triples: Triples, x: Tensor) -> None:
        self.nodes, self.triples = tree.nodes, triples
        factors = [factor for node in tree.nodes for factor in _factors(node)]
        of_x = _distinct(factors, X)
        self.of_h = _distinct(factors, H)
        n = x.shape[-1]
        self.known = dict(zip(of_x, (x @ self._joined(of_x)).split(n, dim=-1), strict=True)) if of_x else {}
        self.weights = self._joined(self.of_h) if self.of_h else None
        self.first = {node: index for index, node in reversed(list(enumerate(tree.nodes)))}  # of equal ones

    def _joined(self, factors: Sequence[_Factor]) -> Tensor:
        return torch.cat([self._weight(factor) for factor in factors], dim=1)

    def _weight(self, factor: _Factor) -> Tensor:
        return (self.triples.R if factor.side else self.triples.L)[factor.triple]

    def step(self, t: int, h: Tensor) -> list[Tensor]:
        """The vectors of all nodes at step t."""
        products = {factor: whole[t] for factor, whole in self.known.items()}
        if self.weights is not None:
            products |= zip(self.of_h, (h @ self.weights).split(h.shape[-1], dim=-1), strict=True)
        vectors: list[Tensor] = []
        for index, node in enumerate(self.nodes):
            same = self.first[node]  # two nodes over the same leaves have the same vector
            vectors.append(vectors[same] if same < index else self._node(node, products, vectors, h))
        return vectors

    def _node(self, node: Node, products: dict[_Factor, Tensor], vectors: list[Tensor], h: Tensor) -> Tensor:
        left, right = (self._product(factor, products, vectors) for factor in _factors(node))
        b = self.triples.b[node.triple]
        if node.operation == MULTIPLY:
            v = b.expand_as(h) if left is None or right is None else left * right + b
        else:
            parts = [part for part in (left, right) if part is not None]
            v = sum(parts, b)
        return activated(v.expand_as(h), node.activation)

    def _product(self, factor: _Factor, products: dict[_Factor, Tensor], vectors: list[Tensor]) -> Tensor | None:
        """None for the zero vector's."""
        if factor.slot == ZERO:
            return None
        if factor in products:
            return products[factor]
        return vectors[factor.slot - len(LEAVES)] @ self._weight(factor)


def activated(v: Tensor, activation: int) -> Tensor:
    """v through one of `tree.ACTIVATIONS`.

    Example:
        >>> import torch
        >>> from urnn.rrnn.execution import activated
        >>> from urnn.rrnn.tree import ONE_MINUS
        >>> activated(torch.tensor([0.25, 1.0]), ONE_MINUS)
        tensor([0.7500, 0.0000])
    """
    if activation == IDENTITY:
        return v
    if activation == ONE_MINUS:
        return 1 - v
    return v.sigmoid() if activation == SIGMOID else v.tanh()


def _factors(node: Node) -> tuple[_Factor, _Factor]:
    return _Factor(node.left, 0, node.triple), _Factor(node.right, 1, node.triple)


def _distinct(factors: Sequence[_Factor], slot: int) -> list[_Factor]:
    return list(dict.fromkeys(factor for factor in factors if factor.slot == slot))
