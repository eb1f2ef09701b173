"""One time step of the searching stage: every sample grows a tree of its own, node by node.

At each node a sample's candidates join two of its vectors: the leaves, and the components, which are nodes without
a parent yet. With C components and `left` nodes to go, C at most `left` + 1, all nodes end in one tree if two
components are joined where left == C - 1, and at least one takes part where left == C.

A pair of vectors is a row of 8 l candidates, for four activations, two operations and l triples, and keeps its
candidates and scores as long as both are there. So a node adds the rows of its own vector alone, a block: with the
leaves and with the components that are left, no more than 3 beside it with 9 nodes. A sample with fewer components
than another has rows that are never allowed.

torch.compile leaves a step as it is: which candidates there are depends on the scores.

The derivative is written out, and has no second one. Autograd would add up a gradient as large as all candidates
once a node; here a block is passed over once, when all nodes that could choose from it are through.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable
from torch.autograd.profiler import record_function

from urnn.rrnn.tree import ACTIVATIONS, ADD, CODE, IDENTITY, LEAVES, MULTIPLY, ONE_MINUS, OPERATIONS, SIGMOID, TANH
from urnn.shapes import Bool, Float, Int

COMPUTED = slice(ONE_MINUS)  # the activations whose results are computed; 1 - v follows from v
SCORER = "rrnn scorer"  # what torch's profiler calls the time in it
TIED = 100  # times the dtype's eps: how near two scores are that count as equal
SPAN = 1.0  # v and 1 - v are candidates where no entry of v is as large


class Step(NamedTuple):
    """What one step has found: the nodes' vectors, the best and second score of each, and the codes of the best.

    Scores are without noise; codes, as `tree.Node` has them, are with it where there is some.

    Example:
        >>> import torch
        >>> from urnn.rrnn.growth import Step
        >>> step = Step(torch.zeros(2, 1, 4), torch.tensor([[[3.0, 1.0]], [[2.0, 2.0]]]), torch.zeros(2, 1, 5))
        >>> step.top[..., 0] - step.top[..., 1]
        tensor([[2.],
                [0.]])
    """

    vectors: Float[Tensor, "B N n"]
    top: Float[Tensor, "B N 2"]
    codes: Int[Tensor, "B N 5"]


class Weights(NamedTuple):
    """What candidates are made and scored with.

    Attributes:
        sides: all L_k and R_k beside each other.
        b: the biases of the triples.
        W, c, w: of the scorer, w relu(W a + c) for a candidate a.

    Example:
        >>> from urnn.rrnn.growth import Weights
        >>> from urnn.rrnn.scorer import Scorer
        >>> from urnn.rrnn.triples import Triples
        >>> triples, scorer = Triples(4, 8), Scorer(8, 16)
        >>> hidden = scorer.hidden
        >>> Weights(triples.sides, triples.b, hidden.weight, hidden.bias, scorer.out.weight[0]).sides.shape
        torch.Size([8, 64])
    """

    sides: Float[Tensor, "n k"]
    b: Float[Tensor, "l n"]
    W: Float[Tensor, "s n"]
    c: Float[Tensor, " s"]
    w: Float[Tensor, " s"]


def grow(
    products: Float[Tensor, "two B l n"], h: Float[Tensor, "B n"], weights: Weights, nodes: int, noise: float = 0.0
) -> Step:
    """A tree of so many nodes for every sample.

    Args:
        products: x L_k and x R_k of every sample and triple.
        h: the state before the step.
        noise: scale of the Gumbel noise on scores.

    Raises:
        RuntimeError: tensors on the meta device.

    Example:
        >>> import torch
        >>> from urnn.rrnn.growth import Weights, grow
        >>> from urnn.rrnn.triples import Triples
        >>> triples = Triples(4, 8)
        >>> weights = Weights(triples.sides, triples.b, torch.randn(16, 8), torch.zeros(16), torch.randn(16))
        >>> step = grow(triples.products(torch.randn(2, 8)), torch.zeros(2, 8), weights, nodes=3)
        >>> step.vectors.shape, step.codes.shape
        (torch.Size([2, 3, 8]), torch.Size([2, 3, 5]))
    """
    if h.is_meta:
        raise RuntimeError(
            "RRNN: a search reads its scores, and tensors on the meta device have none; fix a structure first"
        )
    if not len(h):  # no trees, of the right shapes, which autograd can pass through
        nothing = products[0, :, :1]
        codes = torch.empty(0, nodes, CODE, dtype=torch.int64, device=h.device)
        return Step(nothing.expand(-1, nodes, -1), nothing[..., :1].expand(-1, nodes, 2), codes)
    return Step(*_Grow.apply(products, h, *weights, nodes, noise))


class _Rows:
    """The pairs of every sample: row r joins the slots `first[:, r]` and `second[:, r]`."""

    def __init__(self, samples: int, nodes: int, device: torch.device) -> None:
        self.nodes, self.each = nodes, torch.arange(samples, device=device)
        self.alive = torch.zeros(samples, len(LEAVES) + nodes, dtype=torch.bool, device=device)
        self.alive[:, : len(LEAVES)] = True
        first, second = torch.triu_indices(len(LEAVES), len(LEAVES), 1, device=device).unsqueeze(1)
        self.first, self.second = first.expand(samples, -1), second.expand(samples, -1)
        self.valid = torch.ones_like(self.first, dtype=torch.bool)
        self.ends = [first.shape[1]]

    @property
    def most(self) -> int:
        """How many rows there can be in all: C components at node r are at most r, and at most `left` + 1."""
        rest = range(1, self.nodes)
        return self.ends[0] + sum(len(LEAVES) + min(r, self.nodes - r + 1) - 1 for r in rest)

    def block(self, number: int) -> slice:
        """The rows that came with so many nodes made."""
        return slice(self.ends[number - 1] if number else 0, self.ends[number])

    def add(self, slot: int) -> None:
        """The rows of a node that has just been made, and is alive."""
        components = self.alive[:, len(LEAVES) : slot]
        most = int(components.sum(1).max()) if components.shape[1] else 0
        order = components.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :most]
        leaves = torch.arange(len(LEAVES), device=self.each.device).expand(len(self.each), -1)
        partners = torch.cat([leaves, order + len(LEAVES)], dim=1)
        self.first = torch.cat([self.first, partners], dim=1)
        self.second = torch.cat([self.second, torch.full_like(partners, slot)], dim=1)
        self.valid = torch.cat([self.valid, self.alive.gather(1, partners)], dim=1)
        self.ends.append(self.first.shape[1])

    def allowed(self, number: int) -> Bool[Tensor, "B e"]:
        """The rows that each sample may choose from with so many nodes made."""
        components = self.alive[:, len(LEAVES) :].sum(1)
        joined = (self.first >= len(LEAVES)).int() + (self.second >= len(LEAVES)).int()
        least = (components - (self.nodes - number) + 1).clamp(min=0)  # 2 where left == C - 1, 1 where left == C
        here = self.alive.gather(1, self.first) & self.alive.gather(1, self.second)
        return self.valid & here & (joined >= least.unsqueeze(1))

    def join(self, row: Int[Tensor, " B"], slot: int) -> tuple[Tensor, Tensor]:
        """Makes a node of a row of each sample: its children, which are no components any more."""
        children = tuple(side.gather(1, row.unsqueeze(1)).squeeze(1) for side in (self.first, self.second))
        for child in children:
            self.alive[self.each, child] = child < len(LEAVES)
        self.alive[:, slot] = True
        return children[0], children[1]

    def places(self, of: slice) -> tuple[Tensor, Tensor]:
        """Where a block's factors are in a table of slots and samples, (slots, B) flattened."""
        sides = (side[:, of] * len(self.each) + self.each.unsqueeze(1) for side in (self.first, self.second))
        left, right = (side.flatten() for side in sides)
        return left, right


class _Grow(Function):
    @staticmethod
    def forward(
        ctx: Any,
        products: Tensor,
        h: Tensor,
        sides: Tensor,
        b: Tensor,
        W: Tensor,  # noqa: N803 - the paper's letters
        c: Tensor,
        w: Tensor,
        nodes: int,
        noise: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        (samples, n), triples = h.shape, len(b)
        rows, kinds = _Rows(samples, nodes, h.device), len(OPERATIONS) * triples
        table = h.new_zeros(2, len(LEAVES) + nodes, samples, triples, n)  # slot 2 is the zero vector's
        table[:, 0], table[:, 1] = products, _products(h, sides, triples)
        candidates = h.new_empty(samples, rows.most, ONE_MINUS, kinds, n)
        scores = h.new_empty(samples, rows.most, len(ACTIVATIONS), kinds)
        vectors, tops = h.new_empty(samples, nodes, n), h.new_empty(samples, nodes, 2)
        codes = torch.empty(samples, nodes, CODE, dtype=torch.int64, device=h.device)
        shares, best, hidden = [], [], []
        for number in range(nodes):
            new, end = rows.block(number), rows.ends[number]
            left, right = (
                table[side].flatten(0, 1)[place].view(samples, -1, triples, n)
                for side, place in enumerate(rows.places(new))
            )
            _candidates(left, right, b, out=candidates[:, new])
            hidden.append(_score(candidates[:, new], W, c, w, out=scores[:, new]))

            open_scores = scores[:, :end].masked_fill(~rows.allowed(number)[:, :, None, None], -torch.inf)
            top = open_scores.flatten(1).topk(2)
            drawn = _drawn(open_scores.flatten(1), noise)
            share = drawn.softmax(1).view_as(open_scores)
            vector = _mixed(share, candidates[:, :end])

            slot = len(LEAVES) + number
            row, activation, operation, triple = _decoded(_first_best(drawn), triples)
            children = rows.join(row, slot)
            codes[:, number] = torch.stack([*children, triple, operation, activation], dim=1)
            vectors[:, number], tops[:, number] = vector, top.values
            shares.append(share)
            best.append(top.indices)
            if number + 1 < nodes:
                table[:, slot] = _products(vector, sides, triples)
                rows.add(slot)
        ctx.rows = rows
        ctx.save_for_backward(h, sides, b, W, c, w, table, candidates, vectors, *shares, *best, *chain(*hidden))
        ctx.mark_non_differentiable(codes)
        return vectors, tops, codes

    @staticmethod
    def backward(ctx: Any, g_vectors: Tensor, g_tops: Tensor, g_codes: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled() and not g_vectors.requires_grad:
            # once_differentiable lets a second derivative be taken, which is wrong, where this one needs none
            g_vectors = g_vectors.detach().requires_grad_()
        return _Grow._first_derivative(ctx, g_vectors, g_tops)

    @staticmethod
    @once_differentiable
    def _first_derivative(ctx: Any, g_vectors: Tensor, g_tops: Tensor) -> tuple[Tensor | None, ...]:
        h, sides, b, W, c, w, table, candidates, vectors, *more = ctx.saved_tensors  # noqa: N806
        rows, (samples, n), triples = ctx.rows, h.shape, len(b)
        nodes, all_rows, kinds = rows.nodes, rows.ends[-1], len(OPERATIONS) * triples
        shares, best, hidden = more[:nodes], more[nodes : 2 * nodes], more[2 * nodes :]
        d_vectors, d_table = g_vectors.clone(), torch.zeros_like(table)
        d_scores = h.new_zeros(samples, all_rows, len(ACTIVATIONS), kinds)
        mixtures = h.new_zeros(samples, all_rows * ONE_MINUS * kinds, nodes)
        d_b, d_c, d_rest, weighted = torch.zeros_like(b), torch.zeros_like(c), torch.zeros_like(c), w[:, None] * W
        d_W = torch.zeros_like(W)  # noqa: N806
        for number in reversed(range(nodes)):
            # the node's vector -> the share of every candidate -> its score
            end, slot, new = rows.ends[number], len(LEAVES) + number, rows.block(number)
            if number + 1 < nodes:
                d_vectors[:, number] += d_table[:, slot].transpose(0, 1).flatten(1) @ sides.T
            arrived, share = d_vectors[:, number], shares[number]
            d_share = _of_shares(arrived, candidates[:, :end], share)
            d_scores[:, :end] += share * (d_share - (share * d_share).sum((1, 2, 3), keepdim=True))
            d_scores.view(samples, -1).scatter_add_(1, best[number], g_tops[:, number])
            mixture = _mixture(share).flatten(1)
            mixtures[:, : mixture.shape[1], number] = mixture

            # the block that came with it, from which no earlier node has chosen
            through, of_candidates, of_all, of_rest = _through_scorer(
                d_scores[:, new], candidates[:, new], hidden[2 * number], hidden[2 * number + 1], weighted
            )
            d_W += of_candidates  # noqa: N806
            d_c += of_all
            d_rest += of_rest
            width = ONE_MINUS * kinds
            chosen = mixtures[:, new.start * width : new.stop * width, number:]
            through.baddbmm_(chosen, d_vectors[:, number:])
            d_v = _through_activations(through.view_as(candidates[:, new]), candidates[:, new])
            d_v = d_v.view(samples, -1, len(OPERATIONS), triples, n)
            d_b += d_v.sum((0, 1, 2))
            _into_factors(d_v, table, rows.places(new), d_table)
        d_W += d_rest.unsqueeze(1)  # noqa: N806
        d_w = (W * d_W).sum(1) + c * d_c
        d_products = d_table[:, 1].transpose(0, 1).flatten(1)
        of_nodes = d_table[:, len(LEAVES) :].permute(2, 1, 0, 3, 4).flatten(2)  # the last is no factor, and 0
        d_sides = h.T @ d_products + vectors.flatten(0, 1).T @ of_nodes.flatten(0, 1)
        d_h = d_products @ sides.T
        return d_table[:, 0], d_h, d_sides, d_b, w.unsqueeze(1) * d_W, w * d_c, d_w, None, None


def _products(vector: Tensor, sides: Tensor, triples: int) -> Tensor:
    """(2, B, l, n): the vector times every L_k and R_k."""
    return (vector @ sides).view(len(vector), 2, triples, -1).transpose(0, 1)


def _candidates(left: Tensor, right: Tensor, b: Tensor, out: Tensor) -> None:
    """Into (B, K, 3, 2 l, n): v, sigmoid(v) and tanh(v) of every row, of both operations and all triples."""
    v = out[:, :, IDENTITY].view(*left.shape[:2], len(OPERATIONS), *b.shape)
    torch.add(left, right, out=v[:, :, ADD])
    torch.mul(left, right, out=v[:, :, MULTIPLY])
    v += b
    v = out[:, :, IDENTITY]
    torch.sigmoid(v, out=out[:, :, SIGMOID])
    # tanh; torch's own takes four times as long
    torch.mul(v, 2, out=out[:, :, TANH]).sigmoid_().mul_(2).sub_(1)


def _score(
    candidates: Tensor,
    W: Tensor,  # noqa: N803
    c: Tensor,
    w: Tensor,
    out: Tensor,
) -> tuple[Tensor, Tensor]:
    """Scores into (B, K, 4, 2 l); the scorer's hidden layers, which the derivative needs, the second of 1 - v."""
    samples, rows, _, kinds, _ = candidates.shape
    with record_function(SCORER):
        products = torch.bmm(candidates.flatten(1, 3), W.T.expand(samples, -1, -1))
        hidden = products.view(samples, rows, ONE_MINUS, kinds, -1)
        hidden_rest = torch.sub(W.sum(1) + c, hidden[:, :, IDENTITY]).relu_()
        hidden.add_(c).relu_()
        out[:, :, COMPUTED] = hidden @ w
        out[:, :, ONE_MINUS] = hidden_rest @ w
    large = ~(candidates[:, :, IDENTITY].abs().amax(-1) < SPAN)  # or not a number
    for activation in (IDENTITY, ONE_MINUS):
        out[:, :, activation].masked_fill_(large, -torch.inf)
    return hidden, hidden_rest


def _through_scorer(
    d_scores: Tensor, candidates: Tensor, hidden: Tensor, hidden_rest: Tensor, weighted: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The derivative of the candidates, (B, K 6 l, n), of W from v, sigmoid(v) and tanh(v) as they are, and of c
    from all candidates and from those of 1 - v alone.

    Those of W and c lack the factor w, so that w's own derivative follows from them.
    """
    with record_function(SCORER):
        grad = d_scores.unsqueeze(-1)
        of_rest = grad[:, :, ONE_MINUS].expand_as(hidden_rest)
        rest = torch.ops.aten.threshold_backward(of_rest, hidden_rest, 0)
        d_hidden = torch.ops.aten.threshold_backward(grad[:, :, COMPUTED].expand_as(hidden), hidden, 0)
        sum_rest = rest.sum((0, 1, 2))
        sum_all = d_hidden.sum((0, 1, 2, 3)) + sum_rest
        d_hidden[:, :, IDENTITY] -= rest
        through = d_hidden.flatten(0, 3) @ weighted
        d_hidden = d_hidden.flatten(1, 3)
        of_candidates = torch.bmm(d_hidden.transpose(1, 2), candidates.flatten(1, 3)).sum(0)
    return through.view(len(candidates), -1, weighted.shape[1]), of_candidates, sum_all, sum_rest


def _drawn(scores: Tensor, noise: float) -> Tensor:
    """With Gumbel noise, -log of an exponential number, where there is some."""
    return scores - noise * torch.empty_like(scores).exponential_().log_() if noise else scores


def _mixed(share: Tensor, candidates: Tensor) -> Tensor:
    """(B, n): the sum of all candidates, each with its share."""
    mixture = _mixture(share).flatten(1).unsqueeze(1)
    summed = torch.bmm(mixture, candidates.flatten(1, 3)).squeeze(1)
    return summed + share[:, :, ONE_MINUS].sum((1, 2)).unsqueeze(1)


def _mixture(share: Tensor) -> Tensor:
    """(B, e, 3, 2 l): how much of v, sigmoid(v) and tanh(v) a vector has; 1 - v counts v with the other sign."""
    mixture = share[:, :, COMPUTED].clone()
    mixture[:, :, IDENTITY] -= share[:, :, ONE_MINUS]
    return mixture


def _of_shares(arrived: Tensor, candidates: Tensor, share: Tensor) -> Tensor:
    """How the loss changes with the share of each candidate in a vector, from how it changes with the vector."""
    found = torch.bmm(arrived.unsqueeze(1), candidates.flatten(1, 3).transpose(1, 2)).view(candidates.shape[:-1])
    d_share = torch.empty_like(share)
    d_share[:, :, COMPUTED] = found
    torch.sub(arrived.sum(1)[:, None, None], found[:, :, IDENTITY], out=d_share[:, :, ONE_MINUS])
    return d_share


def _through_activations(d_candidates: Tensor, candidates: Tensor) -> Tensor:
    """The derivative of v from those of v, sigmoid(v) and tanh(v), (B, K, 2 l, n)."""
    d_v = torch.ops.aten.sigmoid_backward(d_candidates[:, :, SIGMOID], candidates[:, :, SIGMOID])
    d_v += torch.ops.aten.tanh_backward(d_candidates[:, :, TANH], candidates[:, :, TANH])
    d_v += d_candidates[:, :, IDENTITY]
    return d_v


def _into_factors(d_v: Tensor, table: Tensor, places: tuple[Tensor, Tensor], d_table: Tensor) -> None:
    """Adds the derivative of a block's v to that of the products that it was made of, where they stand."""
    added, multiplied = d_v[:, :, ADD], d_v[:, :, MULTIPLY]
    left, right = (table[side].flatten(0, 1)[place].view_as(added) for side, place in enumerate(places))
    for side, other in enumerate((right, left)):
        of_side = torch.addcmul(added, multiplied, other).flatten(0, 1)
        d_table[side].flatten(0, 1).index_add_(0, places[side], of_side)


def _first_best(scores: Tensor) -> Tensor:
    """The first of the best candidates. Any vector times zero gives the same one, so that several being equally
    good is common; rounding must not choose among them, or a sample's tree would depend on its batch.
    """
    best = scores.amax(1, keepdim=True)
    near = best - TIED * torch.finfo(scores.dtype).eps * best.abs().clamp(min=1)
    return ((scores >= near) | scores.isnan()).to(torch.uint8).argmax(1)


def _decoded(best: Tensor, triples: int) -> Sequence[Tensor]:
    """Row, activation, operation and triple of the best candidate of each sample, from its place among all."""
    rest, triple = best // triples, best % triples
    rest, operation = rest // len(OPERATIONS), rest % len(OPERATIONS)
    return rest // len(ACTIVATIONS), rest % len(ACTIVATIONS), operation, triple
