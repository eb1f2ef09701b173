"""Three ways to make tests; a round of each spends some of a campaign's evaluations.

Random mutation knows nothing of coverage. The gradient-directed generator is of 2019 (arXiv 1906.08557), where it
followed the gradient of the net's answer; here it can also follow that of the distance to a requirement. The
genetic one is of 2022 (arXiv 1911.01952v3): a random requirement that is not met, the closest stored test,
generations of mutants of the best, no crossover.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from urnn.coverage.campaign import Campaign
from urnn.coverage.states import trace
from urnn.quantities import require_count, require_number
from urnn.shapes import Float, Int


def _require_counts(**counts: int) -> None:
    for name, count in counts.items():
        require_count(name, count, 1)


@dataclass(frozen=True)
class RandomMutation:
    """Random changes of the tests that the campaign began with.

    Args:
        batch: tests a round.

    Example:
        >>> from urnn.coverage.generators import RandomMutation
        >>> RandomMutation().batch
        1000
    """

    batch: int = 1000

    def __post_init__(self) -> None:
        _require_counts(batch=self.batch)

    def __call__(self, campaign: Campaign, left: int) -> None:
        """One round, of at most `left` evaluations."""
        tests, origins = campaign.random_tests(min(self.batch, left))
        campaign.evaluate(campaign.inputs.changed(tests, campaign.generator), origins)


@dataclass(frozen=True)
class GradientDirected:
    """Random originals moved along the sign of a gradient; each gradient counts as an evaluation more.

    Args:
        along: "answer", to make the net's own answer less likely as in 2019, or "requirement", to come closer to a
            random requirement that is not met.
        least, most: bounds of a step's size, drawn uniformly for each test, as a share of the inputs' range.
        steps: the most of a test; how many it takes is drawn.
        batch: originals a round.

    Example:
        >>> from urnn.coverage.generators import GradientDirected
        >>> GradientDirected(along="requirement").steps
        5
    """

    along: str = "answer"
    least: float = 0.05
    most: float = 0.1
    steps: int = 5
    batch: int = 100

    def __post_init__(self) -> None:
        _require_counts(steps=self.steps, batch=self.batch)
        if self.along not in ("answer", "requirement"):
            raise ValueError(f"along must be answer or requirement, got {self.along!r}")
        if require_number("least", self.least, above=0.0) > require_number("most", self.most, above=0.0):
            raise ValueError(f"a step's size must be from least to most, got {self.least} to {self.most}")

    def __call__(self, campaign: Campaign, left: int) -> None:
        """One round, of at most `left` evaluations; the last one of all may be left over."""
        count = min(self.batch, max(1, left // 2))
        chosen = campaign.random_originals(count)
        aim = campaign.random_requirement() if self.along == "requirement" else None
        size = self.least + (self.most - self.least) * torch.rand(count, 1, generator=campaign.generator)
        size = size * (campaign.inputs.high - campaign.inputs.low)
        steps = torch.randint(1, self.steps + 1, (count,), generator=campaign.generator)
        x = campaign.originals[:, chosen]
        for step in range(self.steps):
            going = (steps > step).nonzero().flatten()[: left // 2]
            if len(going) == 0:
                break
            x, chosen, size, steps = x[:, going], chosen[going], size[going], steps[going]
            direction = -size * self._gradient(campaign, x, chosen, aim).sign()
            x = campaign.inputs.stepped(x, direction)
            campaign.evaluations += len(going)
            met, _ = campaign.evaluate(x, chosen, aim)
            left -= 2 * len(going)
            if aim is not None and bool(met[:, aim].any()):
                break
        if left == 1:  # too few for a step with its gradient; the budget is spent all the same
            campaign.evaluations += 1

    def _gradient(
        self, campaign: Campaign, x: Float[Tensor, "T B m"], origins: Int[Tensor, " B"], aim: int | None
    ) -> Float[Tensor, "T B m"]:
        """Of what is to become smaller, with respect to each test."""
        metric = campaign.metric
        with torch.enable_grad():
            moving = x.detach().clone().requires_grad_()
            seen = trace(metric.rnn, moving, metric.layer, metric.reads_gates)
            low = campaign.confidence(seen.output, origins) if aim is None else metric.distance(seen, aim)
            return torch.autograd.grad(low.sum(), moving)[0]


@dataclass(frozen=True)
class Genetic:
    """Generations of mutants towards one requirement after another.

    The authors take 10 generations of 1,000. At equal evaluations more and smaller ones come farther.

    Args:
        generations: at most, for one requirement.
        mutants: of a generation.
        best: how many of them, and of their parents, the next one is made from.

    Example:
        >>> from urnn.coverage.generators import Genetic
        >>> Genetic().generations, Genetic().mutants, Genetic().best
        (50, 50, 4)
    """

    generations: int = 50
    mutants: int = 50
    best: int = 4

    def __post_init__(self) -> None:
        _require_counts(generations=self.generations, mutants=self.mutants, best=self.best)

    def __call__(self, campaign: Campaign, left: int) -> None:
        """One round: all generations for one requirement, of at most `left` evaluations."""
        aim = campaign.random_requirement()
        start = campaign.closest(aim)
        parents, origins = campaign.stored[:, start, None], campaign.origins[start, None]
        fitness = torch.full((1,), torch.inf)
        for _ in range(self.generations):
            count = min(self.mutants, left)
            if count == 0:
                return
            drawn = torch.randint(len(origins), (count,), generator=campaign.generator)
            mutants, theirs = campaign.inputs.changed(parents[:, drawn], campaign.generator), origins[drawn]
            met, distance = campaign.evaluate(mutants, theirs, aim)
            left -= count
            if bool(met[:, aim].any()):
                return
            everyone, fitness = torch.cat([parents, mutants], 1), torch.cat([fitness, distance.to(fitness)])
            chosen = fitness.topk(min(self.best, len(fitness)), largest=False).indices
            parents, origins = everyone[:, chosen], torch.cat([origins, theirs])[chosen]
            fitness = fitness[chosen]


GENERATORS: dict[str, Callable[..., Callable[[Campaign, int], None]]] = {
    "random": RandomMutation,
    "gradient": GradientDirected,
    "genetic": Genetic,
}
