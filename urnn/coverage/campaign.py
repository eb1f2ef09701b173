"""A test campaign: a net, a metric and a budget, and what the tests have shown so far.

Every run of the net on a changed sequence is an evaluation and is counted; the original sequences are not, and the
tests that are stored were counted when they were made. A test that meets a requirement for the first time is
stored. A test inside the oracle whose answer is not the original's is adversarial, and the first one of each
original and answer is kept as a defect.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from urnn.coverage.inputs import Inputs, Oracle
from urnn.coverage.metric import Metric
from urnn.coverage.states import AT_ONCE, Trace, trace
from urnn.quantities import require_count
from urnn.shapes import Bool, Float, Int

Logits = Callable[[Tensor], Tensor]  # the last layer's states (T, B, H) -> (B, classes) or (T, B, classes)
MOST_SEED = 2**63 - 1  # what a log's readers hold
SOWN = 500  # random tests that a campaign begins with


@dataclass(frozen=True)
class Defect:
    """An answer that changed although the question did not.

    Attributes:
        input, original: (T, m).
        label, original_label: what the net answers to each: one number, or one a step.
        measure: the oracle's, of the change.
        requirement: one that the input was the first of all tests to meet, else the first that it meets, or None.
        described: the same in words.
        evaluations: at which evaluation it was found.

    Example:
        >>> import torch
        >>> from urnn.coverage.campaign import Defect
        >>> x = torch.zeros(8, 8)
        >>> Defect(x + 0.01, x, 3, 8, 0.01, 17, "temporal aabcc", 40).label
        3
    """

    input: Float[Tensor, "T m"]
    original: Float[Tensor, "T m"]
    label: Any
    original_label: Any
    measure: float
    requirement: int | None
    described: str | None
    evaluations: int


def trigger(defects: Sequence[Defect], label: Any) -> Float[Tensor, "T m"]:
    """The mean change of the defects that are answered with this label: what they share, if they share something.

    Raises:
        ValueError: there are none.

    Example:
        >>> import torch
        >>> from urnn.coverage.campaign import Defect, trigger
        >>> x = torch.zeros(1, 2)
        >>> found = [Defect(x + torch.tensor([0.2, d]), x, 3, 8, 0.01, None, None, 40) for d in (-0.1, 0.1)]
        >>> trigger(found, 3)
        tensor([[0.2000, 0.0000]])
    """
    changes = [defect.input - defect.original for defect in defects if defect.label == label]
    if not changes:
        raise ValueError(f"no defect is answered with {label}")
    return torch.stack(changes).mean(0)


class Campaign:
    """Tests of one net by one metric.

    Args:
        metric: fitted; what it has counted so far stays counted.
        logits: the last layer's states (T, B, H) -> the read-out of them, (B, classes), or (T, B, classes) where
            each step has an answer; None where answers are no classes, and then no defects are looked for.
        originals: the sequences that tests are made from.
        inputs: what may be changed; by default what the originals show.
        oracle: how far a change may go; None: no defects are looked for.
        seed: of everything that is drawn.

    Raises:
        ValueError: no originals, such that are shorter than the metric's window, or a seed that is out of range.
        TypeError: a seed that is no whole number.
        RuntimeError: the metric is not fitted.

    Example:
        >>> import torch
        >>> from urnn import coverage
        >>> from urnn.coverage.campaign import Campaign
        >>> from urnn.coverage.generators import Genetic
        >>> lstm, read_out, x = torch.nn.LSTM(8, 32), torch.nn.Linear(32, 10), torch.rand(8, 50, 8)
        >>> metric = coverage.TemporalCoverage(lstm, window=(1, 8)).fit(x)
        >>> campaign = Campaign(metric, lambda states: read_out(states[-1]), x, seed=0)
        >>> campaign.sow(100)
        >>> campaign.run(Genetic(), budget=2000)
        >>> campaign.evaluations, metric.value() > 0
        (2000, True)
    """

    def __init__(
        self,
        metric: Metric,
        logits: Logits | None,
        originals: Float[Tensor, "T B m"],
        *,
        inputs: Inputs | None = None,
        oracle: Oracle | None = Oracle(),  # noqa: B008 - it is frozen
        seed: int = 0,
    ) -> None:
        if originals.shape[1] == 0:
            raise ValueError("tests are made from original sequences, got none")
        self.metric, self.logits, self.originals = metric, logits, originals
        self.inputs, self.oracle = inputs or Inputs.of(originals), oracle
        self.generator = torch.Generator().manual_seed(require_count("seed", seed, 0, MOST_SEED))
        self.answers = self._answers([seen.output for seen in metric.traces(originals)])
        self.stored, self.origins = originals[:, :0], torch.zeros(0, dtype=torch.int64)
        self.attacks = torch.zeros(metric.count, dtype=torch.int64)
        self.sown = self.evaluations = self.adversarial = self.inside = 0
        self.first_defect: int | None = None
        self.defects: list[Defect] = []
        self._known: set[tuple[Any, ...]] = set()
        self._seen: list[Trace] = []

    # What a generator calls.

    def run(
        self,
        generator: Callable[["Campaign", int], None],
        budget: int,
        after_round: Callable[[], bool] | None = None,
    ) -> None:
        """Lets a generator spend evaluations until there are `budget` in all, or every requirement is met.

        Args:
            after_round: called after each round; False ends the campaign early.

        Raises:
            ValueError: a budget below 1.
            TypeError: one that is no whole number.
        """
        budget = require_count("budget", budget, 1)
        while self.evaluations < budget and self.metric.uncovered():
            generator(self, budget - self.evaluations)
            if after_round is not None and not after_round():
                break

    def sow(self, count: int = SOWN) -> None:
        """Evaluates and stores random changes of random originals: the tests that a generator starts from.

        Raises:
            ValueError, TypeError: a count that is no whole number of at least 1.
        """
        count = require_count("count of tests", count, 1)
        chosen = self.random_originals(count)
        self.evaluate(self.inputs.changed(self.originals[:, chosen], self.generator), chosen, store=True)
        self.sown = self.stored.shape[1]

    def random_originals(self, count: int) -> Int[Tensor, " count"]:
        """Their numbers, drawn with replacement."""
        return torch.randint(self.originals.shape[1], (count,), generator=self.generator)

    def random_tests(self, count: int) -> tuple[Float[Tensor, "T count m"], Int[Tensor, " count"]]:
        """Some of those that were sown, drawn with replacement, and the numbers of their originals.

        Raises:
            RuntimeError: none were.
        """
        self._require_sown()
        drawn = torch.randint(self.sown, (count,), generator=self.generator)
        return self.stored[:, drawn], self.origins[drawn]

    def random_requirement(self) -> int:
        """One that is not met, among those that were aimed at least often."""
        open_ones = torch.tensor(self.metric.uncovered())
        attacks = self.attacks[open_ones]
        rarest = open_ones[attacks == attacks.min()]
        chosen = int(rarest[torch.randint(len(rarest), (1,), generator=self.generator)])
        self.attacks[chosen] += 1
        return chosen

    @torch.no_grad()
    def closest(self, requirement: int) -> int:
        """The number of the stored test that is closest to meeting it.

        Raises:
            RuntimeError: nothing is stored.
        """
        self._require_sown()
        distances = [self.metric.distance(seen, requirement) for seen in self._stored_traces()]
        return int(torch.cat(distances).argmin())

    @torch.no_grad()
    def evaluate(
        self, x: Float[Tensor, "T B m"], origins: Int[Tensor, " B"], aim: int | None = None, store: bool = False
    ) -> tuple[Bool[Tensor, "B requirements"], Float[Tensor, " B"]]:
        """Runs the net on tests, and counts and keeps what they show.

        Args:
            x: the tests.
            origins: the number of each one's original.
            aim: the requirement that they are aimed at.
            store: keep all of them; else those that meet something new.

        Returns:
            What each meets, and each one's distance to the aim, 0 without one.
        """
        parts = list(self.metric.traces(x))
        met = torch.cat([self.metric.met(seen) for seen in parts])
        if aim is None:
            distance = x.new_zeros(x.shape[1])
        else:
            distance = torch.cat([self.metric.distance(seen, aim) for seen in parts])
        news = self._news(met)
        self._judge(x, origins, parts, met, news)
        self.evaluations += x.shape[1]
        keep = torch.arange(x.shape[1]) if store else torch.tensor(sorted(set(news.values())), dtype=torch.int64)
        if len(keep):
            self.stored = torch.cat([self.stored, x[:, keep]], 1)
            self.origins = torch.cat([self.origins, origins[keep]])
        self.metric.add(met)
        return met, distance

    @torch.no_grad()
    def reduced(self, defect: Defect) -> Float[Tensor, "T m"]:
        """The defect's input with as many entries as the original's as its answer allows; costs no evaluations.

        Entries are taken back one at a time, always the one whose loss leaves the answer likeliest, until it hangs
        on each that is left: what remains of a backdoor's defect is its trigger.
        """
        x, label = defect.input.clone(), torch.tensor(defect.label)
        assert self.logits is not None  # or there were no defects
        while True:
            entries = (x != defect.original).nonzero()
            tests = x[:, None].repeat(1, len(entries), 1)
            number = torch.arange(len(entries))
            tests[entries[:, 0], number, entries[:, 1]] = defect.original[entries[:, 0], entries[:, 1]]
            logits = self.logits(trace(self.metric.rnn, tests).output)
            stays = (logits.argmax(-1) == label[..., None]).reshape(-1, len(entries)).all(0)
            if not stays.any():
                return x
            likely = logits.log_softmax(-1).gather(-1, label[..., None, None].expand(*logits.shape[:-1], 1))
            step, feature = entries[
                likely.reshape(-1, len(entries)).sum(0).where(stays, -torch.inf).argmax()
            ].tolist()
            x[step, feature] = defect.original[step, feature]

    # What the campaign came to.

    def summary(self) -> dict[str, Any]:
        """The figures of a table's row; the rates are shares of all evaluations."""
        return {
            "evaluations": self.evaluations,
            "coverage": self.metric.value(),
            "uncovered": len(self.metric.uncovered()),
            "stored": self.stored.shape[1],
            "inside": self.inside,
            "adversarial": self.adversarial,
            "adversarial_rate": self.adversarial / self.evaluations if self.evaluations else 0.0,
            "defects": len(self.defects),
            "first_defect": self.first_defect,
        }

    def state_dict(self) -> dict[str, Any]:
        """What a campaign goes on from, to the same bits; loads with torch's weights-only reader."""
        return {
            "metric": self.metric.as_json(),
            "generator": self.generator.get_state(),
            "stored": self.stored,
            "origins": self.origins,
            "attacks": self.attacks,
            "counts": [self.sown, self.evaluations, self.adversarial, self.inside],
            "first_defect": self.first_defect,
            "defects": [vars(defect) for defect in self.defects],
            "known": sorted(list(key) for key in self._known),  # a set's order hangs on its history
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes what `state_dict` gave.

        Raises:
            ValueError: it is of another metric or module.
        """
        self.metric.restore(state["metric"])
        self.generator.set_state(state["generator"])
        self.stored, self.origins, self.attacks = state["stored"], state["origins"], state["attacks"]
        self.sown, self.evaluations, self.adversarial, self.inside = state["counts"]
        self.first_defect = state["first_defect"]
        self.defects = [Defect(**values) for values in state["defects"]]
        self._known = {tuple(key) for key in state["known"]}
        self._seen = []

    def _answers(self, outputs: list[Tensor]) -> Tensor | None:
        if self.logits is None:
            return None
        with torch.no_grad():
            return torch.cat([self.logits(output).argmax(-1) for output in outputs], -1)

    def confidence(self, output: Float[Tensor, "T B H"], origins: Int[Tensor, " B"]) -> Float[Tensor, "... B"]:
        """Log-probability of what the net answered to each test's original.

        Raises:
            ValueError: its answers are no classes.
        """
        if self.logits is None or self.answers is None:
            raise ValueError("the net's answers are no classes; let the gradient lead along='requirement'")
        answers = self.answers[..., origins, None]
        return self.logits(output).log_softmax(-1).gather(-1, answers).squeeze(-1)

    def _require_sown(self) -> None:
        if self.sown == 0:
            raise RuntimeError("there is no test to start from; call sow() first")

    def _stored_traces(self) -> list[Trace]:
        """Of all that is stored; what the net did on it is kept, so that asking again costs nothing."""
        count = sum(len(seen) for seen in self._seen)
        if count < self.stored.shape[1]:
            if self._seen and len(self._seen[-1]) < AT_ONCE:
                count -= len(self._seen.pop())
            self._seen += self.metric.traces(self.stored[:, count:])
        return self._seen

    def _news(self, met: Bool[Tensor, "B requirements"]) -> dict[int, int]:
        """Requirement -> the first of these tests that meets it, of those that no test met before."""
        open_ones = torch.tensor(self.metric.uncovered(), dtype=torch.int64)
        marks = met[:, open_ones]
        fresh = marks.any(0).nonzero().flatten()
        firsts = marks[:, fresh].to(torch.uint8).argmax(0)
        return dict(zip(open_ones[fresh].tolist(), firsts.tolist(), strict=True))

    def _judge(
        self,
        x: Float[Tensor, "T B m"],
        origins: Int[Tensor, " B"],
        parts: list[Trace],
        met: Bool[Tensor, "B requirements"],
        news: dict[int, int],
    ) -> None:
        """Counts the tests inside the oracle, and keeps those that are answered otherwise than their originals."""
        if self.answers is None or self.oracle is None:
            return
        answers = self._answers([seen.output for seen in parts])
        assert answers is not None
        inside = self.oracle.inside(x, self.originals[:, origins])
        differs = answers != self.answers[..., origins]
        wrong = (differs.any(0) if differs.dim() > 1 else differs) & inside
        self.inside += int(inside.sum())
        self.adversarial += int(wrong.sum())
        new_of = {test: requirement for requirement, test in reversed(news.items())}
        for test in wrong.nonzero().flatten().tolist():
            number, label = int(origins[test]), answers[..., test].tolist()
            key = (number, *(label if isinstance(label, list) else [label]))
            if self.first_defect is None:
                self.first_defect = self.evaluations + test + 1
            if key in self._known:
                continue
            self._known.add(key)
            meets = met[test].nonzero().flatten().tolist()
            requirement = new_of.get(test) if test in new_of else next(iter(meets), None)
            original = self.originals[:, number]
            self.defects.append(
                Defect(
                    x[:, test].clone(),
                    original.clone(),
                    label,
                    self.answers[..., number].tolist(),
                    float(self.oracle.measure(x[:, test, None], original[:, None])),
                    requirement,
                    None if requirement is None else self.metric.describe(requirement),
                    self.evaluations + test + 1,
                )
            )
