"""One node of every sample's tree: all candidates, their scores, and the vector that they make together.

A pair of a sample's vectors is a row. Rows of all samples stand below each other, so that samples with few pairs
cost no more than those; from a row come 8 l candidates, for two operations, l triples and four activations.
The derivative is written out: autograd would keep every candidate of every node and step, and pass over them
several times as often.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from urnn.rrnn.tree import ACTIVATIONS, ADD, IDENTITY, MULTIPLY, ONE_MINUS, OPERATIONS, SIGMOID, TANH
from urnn.shapes import Bool, Float, Int

PLAIN, SQUASHED, TANHED = range(3)  # of a candidate: v, sigmoid(v), tanh(v); 1 - v follows from v
SPAN = 1.0  # v and 1 - v are candidates where every entry of v is smaller


class Rows(NamedTuple):
    """The pairs that may be joined: row r is of sample `owner[r]`, the `column[r]`-th of its `counts`."""

    owner: Int[Tensor, " M"]
    column: Int[Tensor, " M"]
    first: Int[Tensor, " M"]
    second: Int[Tensor, " M"]
    starts: Int[Tensor, " B"]
    widest: int


class Chosen(NamedTuple):
    """What became of a node.

    Attributes:
        vector: softmax-weighted sum of all candidates.
        top: the best and the second score, without noise.
        code: the best candidate, with noise where there is some: its row, operation, triple and activation.
    """

    vector: Float[Tensor, "B n"]
    top: Float[Tensor, "B 2"]
    code: Int[Tensor, "B 4"]


def rows_of(allowed: Bool[Tensor, "B P"], first: Int[Tensor, " P"], second: Int[Tensor, " P"]) -> Rows:
    """The pairs (first, second) of slots that each sample may join, sample after sample."""
    owner, pair = allowed.nonzero(as_tuple=True)
    counts = allowed.sum(1)
    starts = counts.cumsum(0) - counts
    column = torch.arange(len(owner), device=owner.device) - starts[owner]
    return Rows(owner, column, first[pair], second[pair], starts, int(counts.max()))


def choose(
    left: Float[Tensor, "M l n"],
    right: Float[Tensor, "M l n"],
    b: Float[Tensor, "l n"],
    W: Float[Tensor, "s n"],  # noqa: N803 - the paper's letters
    c: Float[Tensor, " s"],
    w: Float[Tensor, " s"],
    rows: Rows,
    noise: float = 0.0,
) -> Chosen:
    """The node of every sample.

    Args:
        left, right: s_i L_k and s_j R_k of every row.
        b: the biases of the triples.
        W, c, w: of the scorer, w relu(W a + c) for a candidate a.
        noise: scale of the Gumbel noise that is added to the scores.
    """
    return Chosen(*_Choose.apply(left, right, b, W, c, w, rows, noise))


class _Choose(Function):
    @staticmethod
    def forward(
        ctx: Any,
        left: Tensor,
        right: Tensor,
        b: Tensor,
        W: Tensor,  # noqa: N803
        c: Tensor,
        w: Tensor,
        rows: Rows,
        noise: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        candidates, allowed = _candidates(left, right, b)
        scores = torch.mv(_hidden(candidates, W, c).view(-1, len(w)), w).view(len(left), -1, len(ACTIVATIONS))
        scores[..., ONE_MINUS:].masked_fill_(~allowed.unsqueeze(-1), -torch.inf)
        dense = scores.new_full((len(rows.starts), rows.widest, scores[0].numel()), -torch.inf)
        dense[rows.owner, rows.column] = scores.flatten(1)
        top, best = dense.flatten(1).topk(2)
        drawn = dense
        if noise:
            drawn = dense - noise * torch.empty_like(dense).exponential_().log_()  # Gumbel's, -log of an exponential
        shares = drawn.flatten(1).softmax(1).view_as(dense)[rows.owner, rows.column].view_as(scores)
        summed = torch.bmm(_of_each(shares).flatten(1).unsqueeze(1), candidates.flatten(1, 2)).squeeze(1)
        vector = summed.new_zeros(len(rows.starts), summed.shape[1]).index_add_(0, rows.owner, summed)
        vector += _per_sample(shares[..., ONE_MINUS].sum(1), rows).unsqueeze(1)
        ctx.save_for_backward(left, right, b, W, c, w, shares, best)
        ctx.rows = rows
        code = _decoded(drawn.flatten(1).argmax(1), rows, len(b))
        ctx.mark_non_differentiable(code)
        return vector, top, code

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_vector: Tensor, g_top: Tensor, g_code: Tensor) -> tuple[Tensor | None, ...]:
        left, right, b, W, c, w, shares, best = ctx.saved_tensors  # noqa: N806
        rows = ctx.rows
        candidates, _ = _candidates(left, right, b)
        arrived = g_vector[rows.owner]
        found = torch.bmm(candidates.flatten(1, 2), arrived.unsqueeze(2)).view(candidates.shape[:-1])
        d_shares = torch.empty_like(shares)
        d_shares[..., SIGMOID], d_shares[..., TANH] = found[:, SQUASHED], found[:, TANHED]
        d_shares[..., IDENTITY] = found[:, PLAIN]
        d_shares[..., ONE_MINUS] = arrived.sum(1, keepdim=True) - found[:, PLAIN]
        mean = _per_sample((shares * d_shares).sum((1, 2)), rows)
        d_scores = shares * (d_shares - mean[rows.owner, None, None])
        d_scores += _scattered(g_top, best, rows, d_scores)
        hidden = _hidden(candidates, W, c)
        d_w = torch.mv(hidden.view(-1, len(w)).T, d_scores.flatten())
        d_hidden = (hidden > 0) * w
        d_hidden *= d_scores.unsqueeze(-1)
        d_W, d_c, d_candidates = _through_scorer(d_hidden, candidates, W)  # noqa: N806
        coefficients = _of_each(shares)
        d_candidates += coefficients.unsqueeze(-1) * arrived[:, None, None, :]
        d_v = d_candidates[:, PLAIN]
        squashed, tanhed = candidates[:, SQUASHED], candidates[:, TANHED]
        d_v += d_candidates[:, SQUASHED] * squashed * (1 - squashed)
        d_v += d_candidates[:, TANHED] * (1 - tanhed * tanhed)
        d_v = d_v.view(len(left), len(OPERATIONS), *b.shape)
        added, multiplied = d_v[:, ADD], d_v[:, MULTIPLY]
        d_b = d_v.sum((0, 1))
        return added + multiplied * right, added + multiplied * left, d_b, d_W, d_c, d_w, None, None


def _candidates(left: Tensor, right: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """(M, 3, 2 l, n): v, sigmoid(v), tanh(v) of both operations and all triples; (M, 2 l): where v is small."""
    found = left.new_empty(len(left), 3, len(OPERATIONS), *b.shape)
    v = found[:, PLAIN]
    torch.add(left, right, out=v[:, ADD])
    torch.mul(left, right, out=v[:, MULTIPLY])
    v += b
    torch.sigmoid(v, out=found[:, SQUASHED])
    torch.tanh(v, out=found[:, TANHED])
    low, high = v.aminmax(dim=-1)
    return found.flatten(2, 3), ((low > -SPAN) & (high < SPAN)).flatten(1)


def _hidden(candidates: Tensor, W: Tensor, c: Tensor) -> Tensor:  # noqa: N803
    """(M, 2 l, 4, s): the scorer's hidden layer; that of 1 - v follows from that of v."""
    products = candidates @ W.T
    found = products.new_empty(len(products), products.shape[2], len(ACTIVATIONS), len(c))
    torch.add(products[:, SQUASHED], c, out=found[:, :, SIGMOID])
    torch.add(products[:, TANHED], c, out=found[:, :, TANH])
    torch.add(products[:, PLAIN], c, out=found[:, :, IDENTITY])
    torch.sub(W.sum(1) + c, products[:, PLAIN], out=found[:, :, ONE_MINUS])
    return found.relu_()


def _through_scorer(d_hidden: Tensor, candidates: Tensor, W: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: N803
    """The derivatives of W and c, and of v, sigmoid(v), tanh(v)."""
    d_products = d_hidden.new_empty(*candidates.shape[:-1], d_hidden.shape[-1])
    d_products[:, SQUASHED], d_products[:, TANHED] = d_hidden[:, :, SIGMOID], d_hidden[:, :, TANH]
    torch.sub(d_hidden[:, :, IDENTITY], d_hidden[:, :, ONE_MINUS], out=d_products[:, PLAIN])
    flat = d_products.view(-1, d_products.shape[-1])
    d_W = flat.T @ candidates.view(-1, candidates.shape[-1]) + d_hidden[:, :, ONE_MINUS].sum((0, 1))[:, None]  # noqa: N806
    return d_W, d_hidden.sum((0, 1, 2)), d_products @ W


def _of_each(shares: Tensor) -> Tensor:
    """(M, 3, 2 l): how much of v, sigmoid(v) and tanh(v) the vector has; 1 - v counts v with the other sign."""
    return torch.stack(
        [shares[..., IDENTITY] - shares[..., ONE_MINUS], shares[..., SIGMOID], shares[..., TANH]], dim=1
    )


def _per_sample(of_rows: Tensor, rows: Rows) -> Tensor:
    return of_rows.new_zeros(len(rows.starts)).index_add_(0, rows.owner, of_rows)


def _scattered(g_top: Tensor, best: Tensor, rows: Rows, like: Tensor) -> Tensor:
    """The derivative of the best and second score, at their places among all."""
    dense = like.new_zeros(len(rows.starts), rows.widest * like[0].numel()).scatter_(1, best, g_top)
    return dense.view(len(rows.starts), rows.widest, -1)[rows.owner, rows.column].view_as(like)


def _decoded(best: Tensor, rows: Rows, triples: int) -> Tensor:
    """Row, operation, triple and activation of the best candidate of each sample, from its place among all."""
    rest, activation = best // len(ACTIVATIONS), best % len(ACTIVATIONS)
    rest, triple = rest // triples, rest % triples
    column, operation = rest // len(OPERATIONS), rest % len(OPERATIONS)
    return torch.stack([rows.starts + column, operation, triple, activation], dim=1)
