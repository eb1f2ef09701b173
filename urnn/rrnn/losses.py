"""What the RRNN is trained to make small: four losses of a search over a batch of sequences.

    l1 * task + l2 * margin + l3 * |theta|^2 + l4 * tree distance

`task` is the cross-entropy summed over the time steps, margin and tree distance are summed over steps and nodes,
and all three are means over the batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from urnn.quantities import require_number
from urnn.rrnn.gru import ResetBeforeGRU
from urnn.rrnn.layer import Searched
from urnn.rrnn.structures import Structures
from urnn.rrnn.tree import GRU_TREE, LEAVES, Tree
from urnn.shapes import Float


@dataclass(frozen=True)
class Losses:
    """The weights of the four losses, and the margin that is wanted; the paper's values.

    Raises:
        ValueError: a weight that is not a finite number of at least 0, or a margin that is not above 0.

    Example:
        >>> from urnn.rrnn import Losses
        >>> Losses(tree=0.0).margin
        0.001
    """

    task: float = 1.0
    margin: float = 1e-3
    norm: float = 1e-3
    tree: float = 1e-5
    wanted_margin: float = 1.0

    def __post_init__(self) -> None:
        for name in ("task", "margin", "norm", "tree"):
            require_number(name, getattr(self, name), 0.0)
        require_number("wanted_margin", self.wanted_margin, above=0.0)

    def of_search(
        self,
        task: Float[Tensor, ""],
        searched: Searched,
        parameters: list[nn.Parameter],
        target: Float[Tensor, "T B K n"] | None = None,
    ) -> Float[Tensor, ""]:
        """The whole loss of a search.

        Args:
            task: the cross-entropy, the sum over steps.
            parameters: theta.
            target: the vectors of the nodes of a trained GRU on the same input; None leaves that loss out.
        """
        found = self.task * task + self.margin * margin_loss(searched.margins, self.wanted_margin)
        found = found + self.norm * squared_norm(parameters)
        if target is not None and self.tree:
            found = found + self.tree * tree_distance(searched.structures, searched.nodes, GRU_TREE, target)
        return found


def margin_loss(margins: Float[Tensor, "T B N"], wanted: float) -> Float[Tensor, ""]:
    """How far the best candidates are from being better than the second ones by the wanted margin, from 0 to 1 a
    node: the sum over steps and nodes, the mean over the batch.

    Example:
        >>> import torch
        >>> from urnn.rrnn.losses import margin_loss
        >>> margin_loss(torch.tensor([[[0.25, 3.0], [1.0, 0.0]]]), wanted=1.0)
        tensor(0.8750)
    """
    return ((wanted - margins.clamp(max=wanted)) / wanted).sum() / margins.shape[1]


def squared_norm(parameters: list[nn.Parameter]) -> Float[Tensor, ""]:
    """|theta|^2 over all of them.

    Example:
        >>> import torch
        >>> from urnn.rrnn.losses import squared_norm
        >>> squared_norm([torch.nn.Parameter(torch.tensor([3.0, 4.0]))]).item()
        25.0
    """
    return torch.stack([parameter.square().sum() for parameter in parameters]).sum()


def tree_distance(
    structures: Structures, nodes: Float[Tensor, "T B N n"], tree: Tree, target: Float[Tensor, "T B K n"]
) -> Float[Tensor, ""]:
    """How far trees are from containing nothing but parts of another: the sum over steps and nodes, the mean over
    the batch.

    A subtree is a node with all below it, each in its place: the children of place i are 2 i and 2 i + 1. Two
    subtrees are as far apart as the sum of |v - v'|^2 over all places, where a place without a node counts as 0.
    Every subtree of a tree counts with its distance to the closest subtree of the other. Leaves are no nodes.

    Args:
        structures, nodes: of the trees.
        tree, target: the other, and the vectors of its K nodes at every step.

    Example:
        >>> import torch
        >>> from urnn.rrnn import GRU_TREE, Structures
        >>> from urnn.rrnn.losses import tree_distance
        >>> structures, nodes = Structures(torch.tensor([[GRU_TREE.codes]])), torch.randn(1, 1, 9, 8)
        >>> tree_distance(structures, nodes, GRU_TREE, nodes)
        tensor(0.)
    """
    samples, number = nodes.shape[1:3]
    mine, other = nodes.flatten(0, 1), target.flatten(0, 1)
    apart = (mine.unsqueeze(2) - other.unsqueeze(1)).square().sum(-1)  # node by node
    own, theirs = mine.square().sum(-1), other.square().sum(-1)
    alone: list[Tensor] = []  # how far each subtree of the other is from no node
    for q, node in enumerate(tree.nodes):
        below = [alone[slot - len(LEAVES)] for slot in (node.left, node.right) if slot >= len(LEAVES)]
        alone.append(sum(below, theirs[:, q]))
    # of a row for no node, and below it one for each subtree p; a column for each q, and the last for no node
    rows = [torch.stack([*alone, torch.zeros_like(theirs[:, 0])], dim=1)]
    none = len(tree.nodes)
    lefts, rights = (
        [slot - len(LEAVES) if slot >= len(LEAVES) else none for slot in side]
        for side in zip(*((node.left, node.right) for node in tree.nodes), strict=True)
    )
    codes = structures.codes.flatten(0, 1)
    for p in range(number):
        table = torch.stack(rows, dim=1)
        left, right = (_row_of(table, codes[:, p, side]) for side in range(2))
        here = apart[:, p] + left[:, lefts] + right[:, rights]
        rows.append(torch.cat([here, (own[:, p] + left[:, -1] + right[:, -1]).unsqueeze(1)], dim=1))
    return torch.stack(rows[1:], dim=1)[:, :, :none].amin(-1).sum() / samples


def _row_of(table: Tensor, slots: Tensor) -> Tensor:
    """The rows of children; every leaf is no node."""
    row = (slots - len(LEAVES) + 1).clamp(min=0)
    return table[torch.arange(len(table), device=table.device), row]


def target_nodes(gru: ResetBeforeGRU, x: Float[Tensor, "T B m"]) -> Float[Tensor, "T B 9 n"]:
    """The vectors of a trained GRU's nodes on an input, which are given and not trained.

    Example:
        >>> import torch
        >>> from urnn.rrnn import ResetBeforeGRU
        >>> from urnn.rrnn.losses import target_nodes
        >>> nodes = target_nodes(ResetBeforeGRU(input_size=3, hidden_size=8), torch.randn(5, 2, 3))
        >>> nodes.shape, nodes.requires_grad
        (torch.Size([5, 2, 9, 8]), False)
    """
    with torch.no_grad():
        return gru.nodes(x)
