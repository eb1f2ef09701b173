"""The answers in words: from which size on, and by how much, the uRNN is faster or smaller than each
baseline.

Why: a headline written by hand goes stale; these are made from the crossover and say the opposite as readily.
Known weakness: English only, and one sentence pattern an outcome.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis import units
from analysis.report.section import Section, Series
from analysis.schema import PEAK_ALLOCATED, STEP_TIME
from analysis.statistics import Crossover, Estimate, Outcome, crossover


@dataclass(frozen=True)
class Question:
    """What is asked of each pair: a phase, a metric, and how to say yes and no."""

    phase: str
    metric: str
    title: str
    yes: str
    no: str


QUESTIONS = (
    Question("train", STEP_TIME, "Training time", "trains faster than", "does not train faster than"),
    Question(
        "forward",
        STEP_TIME,
        "Inference time",
        "runs inference faster than",
        "does not run inference faster than",
    ),
    Question("stream", STEP_TIME, "Streaming latency", "streams faster than", "does not stream faster than"),
    Question(
        "train",
        PEAK_ALLOCATED,
        "Training memory",
        "needs less memory to train than",
        "does not need less memory to train than",
    ),
    Question(
        "forward",
        PEAK_ALLOCATED,
        "Inference memory",
        "needs less memory for inference than",
        "does not need less memory for inference than",
    ),
)

HEADLINE_BASELINE = "lstm"
HEADLINE_QUESTIONS = QUESTIONS[:4]


@dataclass(frozen=True)
class Verdict:
    """One answer: the crossover, and what words it needs."""

    question: Question
    subject: str
    baseline: str
    fixed: str
    found: Crossover

    @property
    def tone(self) -> str:
        """ahead, behind, crosses or none: how the answer is marked on the page."""
        tones = {
            Outcome.FROM_SMALLEST: "ahead",
            Outcome.FROM_A_SIZE: "crosses",
            Outcome.NOT_UP_TO_LARGEST: "behind",
        }
        return tones.get(self.found.outcome, "none")

    def sentence(self) -> str:
        """The whole answer in one sentence or two, at equal hidden size."""
        span, question = self.found.span, self.question
        if span is None:
            return f"{self.subject} against {self.baseline}, {question.title.lower()}: {units.NOT_MEASURED}."
        if self.found.outcome is Outcome.FROM_SMALLEST:
            where = f"{question.yes} {self.baseline} at {_all_sizes(span.first, span.last)}"
        elif self.found.outcome is Outcome.NOT_UP_TO_LARGEST:
            where = f"{question.no} {self.baseline} up to n = {round(span.last)}, the largest size measured"
        else:
            where = f"{question.yes} {self.baseline} from n = {_size(span.at)} on"
        where += _in_brackets(interval(self.found))
        return f"{self.subject} {where}, at {self.fixed}: {self.gains()}.{self._also()}"

    def gains(self) -> str:
        """How it stands at the smallest and at the largest size."""
        found = self.found
        first, last = (
            gain(found_gain, self.question.metric) for found_gain in (found.gain_first, found.gain_last)
        )
        smallest, largest = round(found.hidden.first), round(found.hidden.last)
        if smallest == largest:
            return f"it {last} at n = {largest}"
        verb = first.partition(" ")[0]
        return f"it {first} at n = {smallest} and {last.removeprefix(f'{verb} ')} at n = {largest}"

    def _also(self) -> str:
        if not self.found.also:
            return ""
        ranges = " and ".join(f"from n = {_size(low)} to {_size(high)}" for low, high in self.found.also)
        return f" It is ahead {ranges} as well, but not beyond."

    def short(self) -> str:
        """The answer in a table, in the matched quantity."""
        span, match = self.found.span, self.found.match
        if span is None:
            return units.NOT_MEASURED
        if self.found.outcome is Outcome.FROM_SMALLEST:
            return "at every size"
        if self.found.outcome is Outcome.NOT_UP_TO_LARGEST:
            return f"not up to {_quantity(span.last, match)}"
        return f"from {_quantity(span.at, match)} on"


def verdict(section: Section, baseline: Series, question: Question, match: str = "hidden_size") -> Verdict | None:
    """The answer for one baseline, or None where the uRNN itself was not measured at all."""
    if section.ours is None:
        return None
    ours, theirs = (
        section.over_hidden_size(series, question.phase, question.metric) for series in (section.ours, baseline)
    )
    at = section.focuses[question.phase]
    fixed = at.over_hidden_size() if at else ""
    return Verdict(question, section.ours.label, baseline.label, fixed, crossover(ours, theirs, match))


def headlines(section: Section) -> list[str]:
    """The sentences at the top: nn.LSTM question by question, then how many baselines are beaten."""
    if section.ours is None:
        return ["The uRNN was not measured."]
    first = next((s for s in section.baselines if s.model == HEADLINE_BASELINE), None)
    first = first or next(iter(section.baselines), None)
    if first is None:
        return [f"{section.ours.label}: no baseline was measured to compare with."]
    verdicts = [verdict(section, first, question) for question in HEADLINE_QUESTIONS]
    return [answer.sentence() for answer in verdicts if answer] + _tally(section)


def _tally(section: Section) -> list[str]:
    """Over all baselines, how many are beaten at the largest size that each shares with the uRNN."""
    if len(section.baselines) < 2:
        return []
    parts = []
    for question, words in (
        (QUESTIONS[0], "trains faster than"),
        (QUESTIONS[3], "needs less memory to train than"),
    ):
        gains = [verdict(section, baseline, question).found.gain_last for baseline in section.baselines]
        known = [g for g in gains if g is not None]
        if known:
            parts.append(f"{words} {sum(g.low > 1 for g in known)} of {len(known)} baselines")
    if not parts:
        return []
    return [
        f"At the largest size measured, {section.ours.label} {' and '.join(parts)}, beyond the 95 % intervals."
    ]


def gain(estimate: Estimate, metric: str) -> str:
    """Baseline over uRNN -> 'is 2.4 times as fast', 'takes 12 times as long', 'needs 42 % of the memory'."""
    equal = estimate.low <= 1 <= estimate.high and not estimate.low == estimate.high == 1
    ratio = estimate.value
    if metric == PEAK_ALLOCATED:
        if equal or abs(ratio - 1) < 0.005:
            return "needs about as much"
        return (
            f"needs {units.factor(1 / ratio)} times as much"
            if ratio < 1
            else f"needs {units.per_cent(1 / ratio)} as much"
        )
    if equal:
        return "takes about as long"
    return (
        f"is {units.factor(ratio)} times as fast"
        if ratio > 1
        else f"takes {units.factor(1 / ratio)} times as long"
    )


def compact_gain(estimate: Estimate | None) -> str:
    """Baseline over uRNN -> '×2.4' where the uRNN is ahead, '÷12' where it is behind."""
    if estimate is None:
        return ""
    if abs(estimate.value - 1) < 0.005:
        return "equal"
    return units.ahead_or_behind(estimate.value)


def interval(found: Crossover) -> str:
    """The interval of the crossover in the matched quantity; empty where it has no width to show."""
    span = found.span
    if span is None or span.low == span.high:
        return ""
    low = f"below {_round(span.first)}" if math.isinf(span.low) else _size(span.low)
    high = f"beyond {_round(span.last)}" if math.isinf(span.high) else _size(span.high)
    return "" if low == high else f"{low} to {high}"


def _in_brackets(text: str) -> str:
    return f" (95 % interval {text})" if text else ""


def _all_sizes(first: float, last: float) -> str:
    if round(first) == round(last):
        return f"the only size measured, n = {round(first)}"
    return f"every size measured, n = {round(first)} to {round(last)}"


def _round(size: float) -> str:
    return f"{round(size):,}" if size >= 10000 else str(round(size))


def _size(size: float) -> str:
    """A measured size as it is, an interpolated one to the two digits that are known of it."""
    return _round(size) if math.isclose(size, round(size), rel_tol=1e-9) else units.size(size)


def _quantity(size: float, match: str) -> str:
    text = _size(size)
    return {"hidden_size": f"n = {text}", "state_size": f"state {text}", "parameters": f"{text} parameters"}[match]
