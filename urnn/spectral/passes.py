"""The passes over the data that make a net of moments: curvature, then recurrence, then what both leave."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from urnn.spectral import conditions
from urnn.spectral.conditions import ScoreMeans
from urnn.spectral.decomposition import Components, decompose
from urnn.spectral.directions import recurrent
from urnn.spectral.moments import Batch, Curvature, Left, Recurrence
from urnn.spectral.quadratic import QuadraticRNN
from urnn.spectral.scores import Gaussian

WORST_ANGLE = 0.3  # standard error of a row of A1, in radians, above which it says little
WORST_MISFIT = 2.0


@dataclass(frozen=True)
class Plan:
    """How to learn: see `SpectralRNN`. `batches` walks over the data, and does so as often as it is called.

    Example:
        >>> from urnn.spectral.passes import Plan
        >>> from urnn.spectral.scores import IndependentGaussian
        >>> plan = Plan(
        ...     lambda: iter(()), IndependentGaussian(), 3, True, fourth=False, passes=3, starts=20, seed=0
        ... )
        >>> plan.units
        6
    """

    batches: Callable[[], Iterator[Batch]]
    score: Gaussian
    hidden_size: int
    bidirectional: bool
    fourth: bool
    passes: int
    starts: int
    seed: int

    @property
    def units(self) -> int:
        return self.hidden_size * (1 + self.bidirectional)


@dataclass(frozen=True)
class Learned:
    """A net, how well its components stand, and sentences that give reason to doubt it.

    Example:
        >>> import torch
        >>> from urnn.spectral import QuadraticRNN
        >>> from urnn.spectral.decomposition import decompose
        >>> from urnn.spectral.passes import Learned
        >>> found = Learned(QuadraticRNN(3, 3, 1), decompose(torch.eye(3).double()[None], rank=3))
        >>> found.undirected, found.doubts
        ((), ())
    """

    net: QuadraticRNN
    components: Components
    wrong_direction: float | None = None
    undirected: tuple[int, ...] = ()
    doubts: tuple[str, ...] = ()


def learn(plan: Plan) -> Learned:
    """All passes.

    Raises:
        ValueError: data that cannot say so much; see `urnn.spectral.conditions`.

    Example:
        >>> import torch
        >>> from urnn.spectral import QuadraticRNN, Sequences
        >>> from urnn.spectral.moments import Batch
        >>> from urnn.spectral.passes import Plan, learn
        >>> from urnn.spectral.scores import IndependentGaussian
        >>> chunks = Sequences(QuadraticRNN(6, 3, 5, dtype=torch.float64), samples=1000, chunk=500)
        >>> pairs = [(x.permute(1, 2, 0), y.permute(1, 2, 0)) for x, y in chunks]
        >>> batches = [Batch(x, y, w=x) for x, y in pairs]
        >>> plan = Plan(
        ...     lambda: iter(batches), IndependentGaussian(), 3, False, fourth=False, passes=2, starts=5, seed=0
        ... )
        >>> learn(plan).net.U.shape
        torch.Size([3, 3])
    """
    found = _first(plan)
    found, squares = _next(plan, found, None)
    if plan.passes > 2 and not plan.fourth:
        again, fewer = _next(plan, found, found.net)
        if fewer < squares:  # else U is so wrong that its predictions are noise, and nothing is gained by them
            found = again
    return replace(found, doubts=(*found.doubts, *_doubts(found)))


def _first(plan: Plan) -> Learned:
    """A1 and A2; U is 0."""
    left, samples = Left(None), 0
    curvature = means = None
    for batch in plan.batches():
        if curvature is None or means is None:
            length, size, _ = batch.x.shape
            conditions.require_sizes(plan.hidden_size, plan.units, size, batch.y.shape[1], length)
            precision = plan.score.precision(length)
            curvature, means = Curvature(precision, size), ScoreMeans(plan.score, precision)
        curvature.add(batch, left.of(batch))
        means.add(batch)
        samples += batch.samples
    if curvature is None or means is None:
        raise ValueError("expected sequences to learn from, got none")
    conditions.require_samples(samples, curvature.pairs.size)
    tensor, errors = curvature.tensor(None)
    conditions.require_finite(torch.stack([tensor, errors]))
    if not bool(tensor.any()):
        raise ValueError("the outputs y do not vary, so that there is nothing to learn from them")
    components = decompose(tensor, plan.units, errors=errors, starts=plan.starts, seed=plan.seed)
    verdict = means.verdict()
    nothing = torch.zeros(plan.hidden_size, plan.hidden_size, dtype=torch.float64)
    net = _net(plan, components, *[nothing] * (1 + plan.bidirectional))
    return Learned(net, components, doubts=(verdict,) if verdict else ())


def _net(plan: Plan, components: Components, *matrices: Tensor) -> QuadraticRNN:
    size = components.A1.shape[1]
    net = QuadraticRNN(
        size, plan.hidden_size, components.A2.shape[1], bidirectional=plan.bidirectional, dtype=torch.float64
    )
    with torch.no_grad():
        net.A1.copy_(components.A1)
        net.A2.copy_(components.A2)
        net.U.copy_(matrices[0])
        if net.V is not None:
            net.V.copy_(matrices[1])
    return net.requires_grad_(False)


def _next(plan: Plan, found: Learned, before: QuadraticRNN | None) -> tuple[Learned, float]:
    """A1, A2 and U out of what `found` leaves of the outputs, and the mean square of that.

    Args:
        before: its net, once it has a U.
    """
    net = found.net
    left, inverse = Left(net), torch.linalg.pinv(net.A2)
    curvature, sides = None, []
    for batch in plan.batches():
        if curvature is None:
            precision = plan.score.precision(len(batch.x))
            curvature = Curvature(precision, net.input_size)
            offsets = (-1, 1) if plan.bidirectional else (-1,)
            sides = [Recurrence(precision, net.A1, offset, plan.fourth) for offset in offsets]
        rest = left.of(batch)
        curvature.add(batch, rest)
        hidden, projected = inverse.T @ rest, net.A1 @ batch.w
        for side in sides:
            side.add(projected, hidden)
    assert curvature is not None  # the walk was not empty the first time
    tensor, errors = curvature.tensor(net)
    components = decompose(tensor, plan.units, errors=errors, near=(net.A1, net.A2))
    read = recurrent(sides, before)
    components = _ordered(components, read.order)
    learned = replace(
        found,
        net=_net(plan, components, *read.matrices),
        components=components,
        wrong_direction=read.wrong,
        undirected=read.doubtful,
    )
    return learned, float(left.squares.value)


def _ordered(components: Components, order: Tensor) -> Components:
    return replace(components, A1=components.A1[order], A2=components.A2[order], errors=components.errors[order])


def _doubts(found: Learned) -> list[str]:
    components, said = found.components, []
    if vague := (~(components.errors < WORST_ANGLE)).nonzero().flatten().tolist():
        worst = float(components.errors.max())
        said.append(
            f"components {vague} are not separated: the standard error of their rows of A1 is up to {worst:.2g} "
            f"radians; take more sequences or a lower hidden_size, and doubt these units"
        )
    if components.misfit > WORST_MISFIT:
        said.append(
            f"the second moments are not those of {len(components.A1)} units: what is left of them is "
            f"{components.misfit:.1f} times what chance leaves; the inputs are of another distribution, the net "
            "is of another kind, or hidden_size is too low"
        )
    if found.undirected:
        said.append(
            f"the direction of units {list(found.undirected)} is a guess: what they take from the step before and "
            "after differs by less than chance allows; take more sequences"
        )
    return said
