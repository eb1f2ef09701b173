"""One time step of the searching stage: every sample grows a tree of its own, node by node.

At each node a sample's candidates join two of its vectors: the leaves, and the components, which are nodes without
a parent yet. With C components and `left` nodes to go, C at most `left` + 1, all nodes end in one tree if two
components are joined where left == C - 1, and at least one is a part where left == C.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from urnn.rrnn.choice import choose, rows_of
from urnn.rrnn.tree import CODE, LEAVES
from urnn.rrnn.triples import Triples
from urnn.shapes import Bool, Float, Int


class Step(NamedTuple):
    """What one step has found: the nodes' vectors, their codes, and the best and second score of each."""

    vectors: Float[Tensor, "B N n"]
    codes: Int[Tensor, "B N 5"]
    top: Float[Tensor, "B N 2"]


class Scorer(nn.Module):
    """The score of a vector a, w relu(W a + c); a constant beside it would change no softmax."""

    def __init__(
        self,
        hidden_size: int,
        width: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(hidden_size, width, device=device, dtype=dtype)
        self.out = nn.Linear(width, 1, bias=False, device=device, dtype=dtype)

    def forward(self, a: Float[Tensor, "*B n"]) -> Float[Tensor, "*B"]:
        return self.out(self.hidden(a).relu()).squeeze(-1)


def grow(
    products: Float[Tensor, "two B l n"],
    h: Float[Tensor, "B n"],
    nodes: int,
    triples: Triples,
    scorer: Scorer,
    noise: float = 0.0,
) -> Step:
    """A tree of so many nodes for every sample.

    Args:
        products: x L_k and x R_k of every sample and triple.
        h: the state before the step.
        noise: scale of the Gumbel noise on scores.
    """
    samples, device = len(h), h.device
    of_h = triples.products(h)
    zero = torch.zeros_like(of_h)
    sides = [products, of_h, zero]
    alive = torch.zeros(samples, len(LEAVES) + nodes, dtype=torch.bool, device=device)
    alive[:, : len(LEAVES)] = True
    each, vectors, codes, tops = torch.arange(samples, device=device), [], [], []
    for number in range(nodes):
        slots = len(LEAVES) + number
        first, second = torch.triu_indices(slots, slots, 1, device=device)
        rows = rows_of(_allowed(alive[:, :slots], first, second, nodes - number), first, second)
        left, right = torch.stack(sides, dim=1).flatten(1, 2)  # (slots * B, l, n) each
        node = choose(
            left.index_select(0, rows.first * samples + rows.owner),
            right.index_select(0, rows.second * samples + rows.owner),
            triples.b,
            scorer.hidden.weight,
            scorer.hidden.bias,
            scorer.out.weight[0],
            rows,
            noise,
        )
        i, j = rows.first[node.code[:, 0]], rows.second[node.code[:, 0]]
        for slot in (i, j):
            alive[each, slot] = slot < len(LEAVES)
        alive[:, slots] = True
        vectors.append(node.vector)
        codes.append(torch.cat([i[:, None], j[:, None], node.code[:, [2, 1, 3]]], dim=1))
        tops.append(node.top)
        if number + 1 < nodes:
            sides.append(triples.products(node.vector))
    return Step(torch.stack(vectors, dim=1), torch.stack(codes, dim=1), torch.stack(tops, dim=1))


def _allowed(
    alive: Bool[Tensor, "B S"], first: Int[Tensor, " P"], second: Int[Tensor, " P"], left: int
) -> Bool[Tensor, "B P"]:
    """The pairs that each sample may join with so many nodes to go, this one included."""
    components = alive[:, len(LEAVES) :].sum(1)
    joined = (first >= len(LEAVES)).int() + (second >= len(LEAVES)).int()
    least = (components - left + 1).clamp(min=0)  # 2 where left == C - 1, 1 where left == C
    return alive[:, first] & alive[:, second] & (joined >= least[:, None])
