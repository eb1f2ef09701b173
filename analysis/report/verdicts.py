"""The answers in words: from which size on, and by how much, the uRNN is faster or smaller than each baseline.

They are made from the crossover, and say the opposite as readily. A rival that was run in several ways is taken in
the fastest in each cell, and memory is that way's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from analysis import units
from analysis.appearance import BEST, Series
from analysis.pages import Cell
from analysis.report.measured import HEADLINE_RIVAL, Measured
from analysis.statistics import Crossover, Estimate, Lead, crossover
from analysis.vocabulary import MEASURED, PEAK_ALLOCATED, STEP_TIME


class Question(NamedTuple):
    """What is asked of each pair: a phase, a metric, and how to say yes: 'trains faster than'."""

    title: str
    phase: str
    metric: str
    does: str
    what: str


QUESTIONS = (
    Question("Training time", "train", STEP_TIME, "trains", "faster than"),
    Question("Inference time", "forward", STEP_TIME, "runs", "inference faster than"),
    Question("Streaming latency", "stream", STEP_TIME, "streams", "faster than"),
    Question("Training memory", "train", PEAK_ALLOCATED, "needs", "less memory to train than"),
    Question("Inference memory", "forward", PEAK_ALLOCATED, "needs", "less memory for inference than"),
)
HEADLINE_QUESTIONS = QUESTIONS[:4]
SHORT = {
    Lead.FROM_SMALLEST: ("at every size", "ahead"),
    Lead.FROM_A_SIZE: ("from {} on", "crosses"),
    Lead.NOT_UP_TO_LARGEST: ("not up to {}", "behind"),
}
SIZES = {"hidden_size": "n = {}", "state_size": "state {}", "parameters": "{} parameters"}


@dataclass(frozen=True)
class Verdict:
    """One answer: the crossover, and what words it needs; `ways` names the baseline's where it has several."""

    question: Question
    subject: str
    baseline: str
    fixed: str
    found: Crossover
    ways: str = ""

    def sentence(self) -> str:
        """The whole answer in one sentence or two, at equal hidden size."""
        span, question, lead = self.found.span, self.question, self.found.lead
        if span is None:
            return f"{self.subject} against {self.baseline}, {question.title.lower()}: {units.NOT_MEASURED}."
        first, last, of = round(span.first), round(span.last), ""
        baseline = self.baseline + (f" ({self.ways})" if self.ways else "")
        yes = f"{question.does} {question.what} {baseline}"
        if lead is Lead.FROM_SMALLEST:
            sizes = "the only size measured, n =" if first == last else f"every size measured, n = {first} to"
            answer = f"{yes} at {sizes} {last}"
            if _is_undecided(self.found.gain_first):
                answer += ", by the medians"
        elif lead is Lead.NOT_UP_TO_LARGEST:
            no, of = (
                f"does not {question.does.removesuffix('s')} {question.what} {baseline}",
                " of the crossover:",
            )
            answer = f"{no} at n = {last}, the largest size measured"
        else:
            answer = f"{yes} from n = {_size(span.at)} on"
        bounds = interval(self.found)
        bounds = f" (95 % interval{of} {bounds})" if bounds else ""
        ranges = " and ".join(f"from n = {_size(low)} to {_size(high)}" for low, high in self.found.also)
        smaller = "smaller" if question.metric == PEAK_ALLOCATED else "faster"
        also = f" It is {smaller} {ranges}, but not above that." if ranges else ""
        return f"{self.subject} {answer}{bounds}, at {self.fixed}: {self._gains()}.{also}"

    def _gains(self) -> str:
        """How it stands at the smallest and at the largest size."""
        found, metric = self.found, self.question.metric
        first, last = gain(found.gain_first, metric), gain(found.gain_last, metric)
        smallest, largest = round(found.hidden.first), round(found.hidden.last)
        if smallest == largest:
            return f"it {last} at n = {largest}"
        verb = first.partition(" ")[0]
        return f"it {first} at n = {smallest} and {last.removeprefix(f'{verb} ')} at n = {largest}"

    def cell(self) -> Cell | None:
        """The answer in a table: in the matched quantity, with its interval and the gains at either end below."""
        found, span, bounds = self.found, self.found.span, interval(self.found)
        if span is None:
            return None
        short, tone = SHORT[found.lead]
        size = _size(span.at if found.lead is Lead.FROM_A_SIZE else span.last)
        ends = {round(found.hidden.first): found.gain_first, round(found.hidden.last): found.gain_last}
        notes = [f"{_compact(gain)} at n = {n}" for n, gain in ends.items()]
        return Cell(
            short.format(SIZES[found.match].format(size)),
            span.at,
            "\n".join([f"95 %: {bounds}"] * bool(bounds) + notes + [self.ways] * bool(self.ways)),
            tone,
        )


def verdict(
    measured: Measured, baseline: Series, question: Question, match: str = "hidden_size"
) -> Verdict | None:
    """The answer for a rival or one of its ways; None where the uRNN itself was not measured at all."""
    if measured.ours is None:
        return None
    ours, theirs = (
        measured.over("hidden_size", series, question.phase, question.metric)
        for series in (measured.ours, baseline)
    )
    at = measured.points[question.phase]
    found = crossover(ours, theirs, match)
    ways = _ways(theirs) if baseline.backend == BEST and measured.ways_of(baseline) else ""
    return Verdict(question, measured.ours.label, baseline.label, at.fixed() if at else "", found, ways)


def _ways(cells: pd.DataFrame) -> str:
    """Cells of a model's fastest ways over hidden sizes -> which they are: 'compiled, its fastest way'."""
    known = cells[cells["outcome"] == MEASURED].sort_values("hidden_size")
    if known.empty:
        return ""
    ways = {way: list(rows["hidden_size"]) for way, rows in known.groupby("backend_label", sort=False)}
    usual = max(ways, key=lambda way: len(ways[way]))
    if len(ways) == 1:
        return usual + (", its fastest way" if (known["ways"] > 1).any() else "")
    others = [f"at n = {_listed(sizes)} {way}" for way, sizes in ways.items() if way != usual]
    return f"in its fastest way: {usual}, {', '.join(others)}"


def _listed(sizes: list[int]) -> str:
    """Sizes in words: '64', '64 and 128', '64, 128 and 256'."""
    *first, last = map(str, sizes)
    return f"{', '.join(first)} and {last}" if first else last


def headlines(measured: Measured) -> list[str]:
    """The sentences at the top: nn.LSTM question by question, then how many baselines are beaten."""
    if measured.ours is None:
        return ["The uRNN was not measured."]
    rivals = sorted(measured.rivals, key=lambda rival: rival.model != HEADLINE_RIVAL)
    if not rivals:
        return [f"{measured.ours.label}: no baseline was measured to compare with."]
    answers = [verdict(measured, rivals[0], question).sentence() for question in HEADLINE_QUESTIONS]
    return answers + _tally(measured)


def _tally(measured: Measured) -> list[str]:
    """Over all baselines, how many are beaten at the largest size that each shares with the uRNN."""
    if len(measured.rivals) < 2:
        return []
    parts = []
    for question in (QUESTIONS[0], QUESTIONS[3]):
        gains = [verdict(measured, rival, question).found.gain_last for rival in measured.rivals]
        known = [gain.low > 1 for gain in gains if gain]
        if known:
            parts.append(f"{question.does} {question.what} {sum(known)} of {len(known)} baselines")
    said = f"At the largest size measured, {measured.ours.label} {' and '.join(parts)}, beyond the 95 % intervals."
    return [said] if parts else []


def gain(estimate: Estimate, metric: str) -> str:
    """Baseline over uRNN -> 'is 2.4 times as fast', 'takes 12 times as long', 'needs 42 % as much'."""
    equal, ratio = _is_undecided(estimate), estimate.value
    if metric == PEAK_ALLOCATED:
        if equal or abs(ratio - 1) < 0.005:
            return "needs about as much"
        share = f"{units.factor(1 / ratio)} times" if ratio < 1 else units.per_cent(1 / ratio)
        return f"needs {share} as much"
    if equal:
        return "takes about as long"
    faster, slower = units.factor(ratio), units.factor(1 / ratio)
    return f"is {faster} times as fast" if ratio > 1 else f"takes {slower} times as long"


def _is_undecided(estimate: Estimate) -> bool:
    """Whether the interval includes 1, but for a ratio that is 1 exactly."""
    return estimate.low <= 1 <= estimate.high and not estimate.low == estimate.high == 1


def _compact(estimate: Estimate) -> str:
    """Baseline over uRNN -> '×2.4' where the uRNN is ahead, '÷12' where it is behind."""
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
