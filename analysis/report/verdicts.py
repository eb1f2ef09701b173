"""The answers in words: from which size on, and by how much, the uRNN is faster or smaller than each baseline.

Why: a headline written by hand goes stale; these are made from the crossover and say the opposite as readily.
Known weakness: English only, and one sentence pattern an outcome.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis import units
from analysis.appearance import Series
from analysis.report.measured import Measured
from analysis.statistics import Crossover, Estimate, Outcome, crossover
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME


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
        *("forward", STEP_TIME, "Inference time"),
        *("runs inference faster than", "does not run inference faster than"),
    ),
    Question("stream", STEP_TIME, "Streaming latency", "streams faster than", "does not stream faster than"),
    Question(
        *("train", PEAK_ALLOCATED, "Training memory"),
        *("needs less memory to train than", "does not need less memory to train than"),
    ),
    Question(
        *("forward", PEAK_ALLOCATED, "Inference memory"),
        *("needs less memory for inference than", "does not need less memory for inference than"),
    ),
)
HEADLINE_BASELINE, HEADLINE_QUESTIONS = "lstm", QUESTIONS[:4]
TONES = {
    Outcome.FROM_SMALLEST: "ahead",
    Outcome.FROM_A_SIZE: "crosses",
    Outcome.NOT_UP_TO_LARGEST: "behind",
}


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
        return TONES.get(self.found.outcome, "none")

    def sentence(self) -> str:
        """The whole answer in one sentence or two, at equal hidden size."""
        span, question = self.found.span, self.question
        if span is None:
            return f"{self.subject} against {self.baseline}, {question.title.lower()}: {units.NOT_MEASURED}."
        if self.found.outcome is Outcome.FROM_SMALLEST:
            one = round(span.first) == round(span.last)
            sizes = (
                f"the only size measured, n = {round(span.first)}"
                if one
                else (f"every size measured, n = {round(span.first)} to {round(span.last)}")
            )
            answer = f"{question.yes} {self.baseline} at {sizes}"
        elif self.found.outcome is Outcome.NOT_UP_TO_LARGEST:
            answer = f"{question.no} {self.baseline} at n = {round(span.last)}, the largest size measured"
        else:
            answer = f"{question.yes} {self.baseline} from n = {_size(span.at)} on"
        bounds = interval(self.found)
        of = " of the crossover:" if self.found.outcome is Outcome.NOT_UP_TO_LARGEST else ""
        bounds = f" (95 % interval{of} {bounds})" if bounds else ""
        ranges = " and ".join(f"from n = {_size(low)} to {_size(high)}" for low, high in self.found.also)
        smaller = "smaller" if question.metric == PEAK_ALLOCATED else "faster"
        also = f" It is {smaller} {ranges}, but not above that." if ranges else ""
        return f"{self.subject} {answer}{bounds}, at {self.fixed}: {self.gains()}.{also}"

    def gains(self) -> str:
        """How it stands at the smallest and at the largest size."""
        found, metric = self.found, self.question.metric
        first, last = gain(found.gain_first, metric), gain(found.gain_last, metric)
        smallest, largest = round(found.hidden.first), round(found.hidden.last)
        if smallest == largest:
            return f"it {last} at n = {largest}"
        verb = first.partition(" ")[0]
        return f"it {first} at n = {smallest} and {last.removeprefix(f'{verb} ')} at n = {largest}"

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

    def ends(self) -> str:
        """How many times as fast or as slow at the smallest and at the largest size, a line each."""
        found = self.found
        ends = {
            round(size): f"{compact_gain(one)} at n = {round(size)}"
            for size, one in ((found.hidden.first, found.gain_first), (found.hidden.last, found.gain_last))
        }
        return "\n".join(ends.values())


def verdict(
    measured: Measured, baseline: Series, question: Question, match: str = "hidden_size"
) -> Verdict | None:
    """The answer for one baseline, or None where the uRNN itself was not measured at all."""
    if measured.ours is None:
        return None
    ours, theirs = (
        measured.over("hidden_size", series, question.phase, question.metric)
        for series in (measured.ours, baseline)
    )
    at = measured.points[question.phase]
    found = crossover(ours, theirs, match)
    return Verdict(question, measured.ours.label, baseline.label, at.fixed() if at else "", found)


def headlines(measured: Measured) -> list[str]:
    """The sentences at the top: nn.LSTM question by question, then how many baselines are beaten."""
    if measured.ours is None:
        return ["The uRNN was not measured."]
    first = next((s for s in measured.baselines if s.model == HEADLINE_BASELINE), None)
    first = first or next(iter(measured.baselines), None)
    if first is None:
        return [f"{measured.ours.label}: no baseline was measured to compare with."]
    verdicts = [verdict(measured, first, question) for question in HEADLINE_QUESTIONS]
    return [answer.sentence() for answer in verdicts if answer] + _tally(measured)


def _tally(measured: Measured) -> list[str]:
    """Over all baselines, how many are beaten at the largest size that each shares with the uRNN."""
    if len(measured.baselines) < 2:
        return []
    parts = []
    for question in (QUESTIONS[0], QUESTIONS[3]):
        answers = [verdict(measured, baseline, question) for baseline in measured.baselines]
        known = [answer.found.gain_last for answer in answers if answer and answer.found.gain_last is not None]
        if known:
            parts.append(f"{question.yes} {sum(gain.low > 1 for gain in known)} of {len(known)} baselines")
    said = f"At the largest size measured, {measured.ours.label} {' and '.join(parts)}, beyond the 95 % intervals."
    return [said] if parts else []


def gain(estimate: Estimate, metric: str) -> str:
    """Baseline over uRNN -> 'is 2.4 times as fast', 'takes 12 times as long', 'needs 42 % as much'."""
    equal = estimate.low <= 1 <= estimate.high and not estimate.low == estimate.high == 1
    ratio = estimate.value
    if metric == PEAK_ALLOCATED:
        if equal or abs(ratio - 1) < 0.005:
            return "needs about as much"
        share = f"{units.factor(1 / ratio)} times" if ratio < 1 else units.per_cent(1 / ratio)
        return f"needs {share} as much"
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
    return "equal" if abs(estimate.value - 1) < 0.005 else units.ahead_or_behind(estimate.value)


def interval(found: Crossover) -> str:
    """The interval of the crossover in the matched quantity; empty where it has no width to show."""
    span = found.span
    if span is None or span.low == span.high:
        return ""
    low = f"below {_round(span.first)}" if math.isinf(span.low) else _size(span.low)
    high = f"beyond {_round(span.last)}" if math.isinf(span.high) else _size(span.high)
    return "" if low == high else f"{low} to {high}"


def _round(size: float) -> str:
    return f"{round(size):,}" if size >= 10000 else str(round(size))


def _size(size: float) -> str:
    """A measured size as it is, an interpolated one to the two digits that are known of it."""
    return _round(size) if math.isclose(size, round(size), rel_tol=1e-9) else units.size(size)


def _quantity(size: float, match: str) -> str:
    text = _size(size)
    return {"hidden_size": f"n = {text}", "state_size": f"state {text}", "parameters": f"{text} parameters"}[match]
