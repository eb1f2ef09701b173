"""Two commits' measurements -> judged rows -> an exit code (docs/gate.md).

In one go: t test of each cell's log-ratio, Holm over all cells. In the gate's stages: the screening decides who
passes, who needs more passes and who is suspect; the suspects' fresh passes decide alone who regressed; and where
one has, fresh passes of its model's other cells say which of them did.
Deterministic figures, bytes and counts, are the same at every call, so a margin decides.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median
from typing import Any, NamedTuple, Self

from analysis.regressions.measurements import (
    Measurements,
    log_ratios,
    same_measurements,
    together,
    variant_of,
)
from analysis.statistics.log_ratio import ENOUGH, LogRatio, holm
from analysis.statistics.power import of_t, of_welch, smallest_change
from analysis.units import per_cent
from analysis.vocabulary import OPERATORS, PARAMETERS, PEAK_ALLOCATED, SAVED_FOR_BACKWARD, SENTINEL, SIDES, counted

PASSED, FAILED, UNUSABLE = 0, 1, 2
TIME, INSTRUCTIONS = "time", "instructions"


@dataclass(frozen=True)
class Rules:
    """Fractions of a time, and levels of tests; published with the gate's calibration and quoted by every table.

    The screening looks at every cell and may suspect too many; the confirmation measures the suspects afresh, a
    number of passes fixed beforehand, and is judged once. As the suspects were chosen by other data, the family of
    tests is the suspects alone, and its level holds however often the screening looked. The other cells of a model
    are only looked at once it is confirmed (a gatekeeping procedure), so they add no false alarm of a run.
    """

    floor: float = 0.02  # a smaller mean slowdown is no regression, however sure it is
    tolerated: float = 0.05  # a cell passes once its interval ends below this
    level: float = 0.005  # chance that any cell of a run is called regressed (or faster) without a change
    suspect_floor: float = 0.01  # this and the next: what the screening hands to the confirmation, one-sided
    suspect_level: float = 0.1
    naming_level: float = (
        0.05  # chance that any other cell of a confirmed model is named without a change of its own
    )

    def with_floor(self, floor: float) -> Self:
        """The same for whoever cares for smaller slowdowns, or for larger ones only."""
        return replace(self, floor=floor, tolerated=max(floor, self.tolerated))


RULES = Rules()
SEEN = 0.95  # share of comparisons that would call the slowdown that "would have been seen"
CONFIRMED = "confirmed by fresh passes"
NAMED = "its model is confirmed to be slower, and fresh passes show it here too"
NO_DIFFERENCE = "no difference: both sides are the same measurements"

# Deterministic figures: an increase beyond this fraction is a regression, with no statistics.
MARGINS: dict[str, float] = {
    PEAK_ALLOCATED: 0.01,
    SAVED_FOR_BACKWARD: 0.001,
    OPERATORS: 0.01,
    INSTRUCTIONS: 0.01,
    PARAMETERS: 0.0,
}


class Verdict(StrEnum):
    """From the worst to the best."""

    REGRESSED = "regressed"
    NOT_MEASURED = "not measured"
    INCONCLUSIVE = "inconclusive"
    FASTER = "faster"
    PASS = "pass"


@dataclass(frozen=True)
class Row:
    """One metric of one cell, judged.

    `base` and `head` are in the metric's unit (s per time step, B, or a count), `ratio` is head over base after
    the sentinel's share has been taken out, `low` and `high` its 95 % interval (None for a deterministic figure),
    `passes` the processes a side. `excused` marks a cell that base does not have, which is nobody's fault.
    `detectable` is the slowdown, as a fraction, that nearly every such comparison would have called.
    """

    cell: str
    metric: str
    verdict: Verdict
    base: float | None = None
    head: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    passes: int = 0
    reason: str = ""
    excused: bool = False
    detectable: float | None = None


Decision = tuple[Verdict, str]  # and its reason
Pair = tuple[Measurements, Measurements]  # base and head
NOTHING: Pair = (Measurements({}), Measurements({}))


class Judgement(NamedTuple):
    """The rows, and for the gate which cells need more passes and which a confirmation, the surest first.

    `naming` are the cells of confirmed models that are not confirmed themselves, suspects first.
    """

    rows: list[Row]
    open: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    naming: tuple[str, ...] = ()


class Conclusion(NamedTuple):
    """The result of a whole comparison: the exit code and one sentence."""

    code: int
    sentence: str


def judge(
    base: Measurements, head: Measurements, cells: Sequence[str], *, paired: bool = False, rules: Rules = RULES
) -> Judgement:
    """One go: every cell's verdict from one set of samples."""
    ratios = log_ratios(base, head, cells, paired=paired)
    sides = base, head
    called = {cell: (change, _few(ratios[cell])) for cell, change in changes(ratios, rules).items()}
    verdicts = {cell: _screened(ratio, None, rules) for cell, ratio in ratios.items()} | called
    seen = {cell: detectable(ratio, len(ratios), rules, paired=paired) for cell, ratio in ratios.items()}
    timed = {cell: replace(_timed(sides, ratios, cell, verdicts), detectable=seen[cell]) for cell in ratios}
    return Judgement(_rows(sides, timed, cells))


def answer(
    base: Measurements, head: Measurements, cells: Sequence[str], rules: Rules = RULES, noun: str = "cell"
) -> tuple[list[Row], Conclusion]:
    """The rows of one go, the worst first, and what they come to; measurements against themselves are no test."""
    if not same_measurements(base, head):
        rows = worst_first(judge(base, head, cells, rules=rules).rows)
        return rows, conclude(rows, noun)
    equal = {cell: _equal(base, cell) for cell in cells if base.times.get(cell)}
    rows = worst_first(_rows((base, head), equal, cells))
    if not equal:
        return rows, conclude(rows, noun)
    what = f"both sides are the same measurements of {counted(len(equal), noun)}"
    return rows, Conclusion(PASSED, f"No difference: {what}.")


def judge_gate(
    screening: Pair,
    confirmation: Pair,
    cells: Sequence[str],
    suspects: Sequence[str] = (),
    sentinel: str = SENTINEL,
    naming: Pair = NOTHING,
) -> Judgement:
    """Three stages, paired by pass. `suspects` are those that a confirmation was run for."""
    both = [
        together({"confirmation": one, "naming": other}) for one, other in zip(confirmation, naming, strict=True)
    ]
    ratios = log_ratios(*screening, cells, paired=True, sentinel=sentinel)
    confirmed = log_ratios(*confirmation, suspects, paired=True, sentinel=sentinel)
    fresh = log_ratios(*both, cells, paired=True, sentinel=sentinel)
    verdicts = gate_verdicts(ratios, confirmed, fresh)
    times = {}
    for cell in ratios:
        if verdicts[cell][1] == NAMED:
            sides, found = (both[0], both[1]), fresh
        else:
            sides, found = (confirmation, confirmed) if cell in confirmed else (screening, ratios)
        times[cell] = _timed(sides, found, cell, verdicts)
    opened, asked = open_and_suspects(ratios)
    unnamed = gate_verdicts(ratios, confirmed, {})
    return Judgement(_rows(screening, times, cells), opened, asked, to_name(unnamed, asked))


def gate_verdicts(
    ratios: Mapping[str, LogRatio], confirmed: Mapping[str, LogRatio], fresh: Mapping[str, LogRatio]
) -> dict[str, Decision]:
    """Verdict and reason of each cell of the screening, from its fresh passes where it has some.

    `confirmed` are those of the confirmation, `fresh` those and the passes that name a confirmed model's cells.
    """
    called = changes(ratios)
    verdicts = {cell: _screened(ratio, called.get(cell)) for cell, ratio in ratios.items()} | _confirmed(confirmed)
    return verdicts | _named({cell: fresh[cell] for cell in to_name(verdicts) if cell in fresh})


def to_name(verdicts: Mapping[str, Decision], suspects: Sequence[str] = ()) -> tuple[str, ...]:
    """The cells of confirmed models that are not confirmed themselves, suspects first."""
    models = {variant_of(cell) for cell, (_, reason) in verdicts.items() if reason == CONFIRMED}
    named = (Verdict.REGRESSED, Verdict.FASTER)
    cells = [cell for cell in verdicts if variant_of(cell) in models and verdicts[cell][0] not in named]
    return tuple(sorted(cells, key=lambda cell: cell not in suspects))


def open_and_suspects(ratios: Mapping[str, LogRatio]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Cells of which more passes of screening could tell more: neither passed nor suspect; and the suspects."""
    suspects = {cell: ratio.p_slower() for cell, ratio in ratios.items() if _is_suspect(ratio)}
    unclear = (cell for cell, ratio in ratios.items() if ratio.interval()[1] >= math.log1p(RULES.tolerated))
    return tuple(cell for cell in unclear if cell not in suspects), tuple(
        sorted(suspects, key=suspects.__getitem__)
    )


def changes(ratios: Mapping[str, LogRatio], rules: Rules = RULES) -> dict[str, Verdict]:
    """Cells that are slower or faster beyond doubt and beyond the floor, Holm over all cells, two-sided."""
    adjusted = holm([min(1.0, 2 * min(ratio.p_slower(), ratio.p_faster())) for ratio in ratios.values()])
    return {
        cell: Verdict.REGRESSED if ratio.mean > 0 else Verdict.FASTER
        for (cell, ratio), p in zip(ratios.items(), adjusted, strict=True)
        if p <= rules.level and abs(ratio.mean) > math.log1p(rules.floor)
    }


def called_from(ratio: LogRatio, tests: int, rules: Rules = RULES) -> float:
    """The mean log-ratio beyond which `changes` calls a lone slowdown among so many cells, at this one's error."""
    return max(math.log1p(rules.floor), ratio.quantile(1 - rules.level / 2 / tests) * ratio.error)


def detectable(ratio: LogRatio, tests: int, rules: Rules = RULES, *, paired: bool = False) -> float:
    """The slowdown, as a fraction, that `SEEN` of such comparisons would call, were it one cell's alone."""
    tail = rules.level / 2 / tests
    plain = paired or math.isinf(ratio.freedom)
    test = of_t(ratio.freedom, tail) if plain else of_welch(ratio.processes, tail)
    return math.expm1(smallest_change(SEEN, ratio.error, math.log1p(rules.floor), test))


def _screened(ratio: LogRatio, change: Verdict | None, rules: Rules = RULES) -> Decision:
    """What may be said without a confirmation: everything but 'regressed'. 'Faster' has no other test."""
    if change is Verdict.FASTER:
        return Verdict.FASTER, _few(ratio)
    if change is Verdict.REGRESSED or (ratio.mean > math.log1p(rules.floor) and _is_suspect(ratio)):
        return Verdict.INCONCLUSIVE, _join("suspected, and not confirmed by fresh passes", _few(ratio))
    return _bounded(ratio, rules)


def _confirmed(ratios: Mapping[str, LogRatio]) -> dict[str, Decision]:
    """Fresh passes of the suspects: one-sided, Holm over the suspects."""
    adjusted = holm([ratio.p_slower() for ratio in ratios.values()])
    found = {}
    for (cell, ratio), p in zip(ratios.items(), adjusted, strict=True):
        if ratio.processes >= ENOUGH and p <= RULES.level and ratio.mean > math.log1p(RULES.floor):
            found[cell] = (Verdict.REGRESSED, CONFIRMED)
        else:
            verdict, reason = _bounded(ratio)
            found[cell] = (verdict, _join("suspected, and fresh passes did not confirm it", reason))
    return found


def _named(ratios: Mapping[str, LogRatio]) -> dict[str, Decision]:
    """Those of confirmed models' cells that fresh passes show to be slower too: one-sided, Holm over a model's."""
    found = {}
    for model in dict.fromkeys(map(variant_of, ratios)):
        own = {cell: one for cell, one in ratios.items() if variant_of(cell) == model and one.processes >= ENOUGH}
        for cell, p in zip(own, holm([ratio.p_slower() for ratio in own.values()]), strict=True):
            if p <= RULES.naming_level and own[cell].mean > math.log1p(RULES.floor):
                found[cell] = (Verdict.REGRESSED, NAMED)
    return found


def _bounded(ratio: LogRatio, rules: Rules = RULES) -> Decision:
    if ratio.interval()[1] < math.log1p(rules.tolerated):
        return Verdict.PASS, _few(ratio)
    return Verdict.INCONCLUSIVE, _join(f"the interval reaches beyond {per_cent(rules.tolerated)}", _few(ratio))


def _is_suspect(ratio: LogRatio) -> bool:
    return ratio.mean > math.log1p(RULES.suspect_floor) and ratio.p_slower() <= RULES.suspect_level


def _few(ratio: LogRatio) -> str:
    if ratio.processes >= ENOUGH:
        return ""
    return f"{counted(ratio.processes, 'process')} a side: their spread is assumed, not measured"


def _join(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _rows(sides: Pair, timed: Mapping[str, Row], cells: Sequence[str]) -> list[Row]:
    """The time of each cell, then each figure that base has of it; where head lacks one, the row says so."""
    base, head = sides
    return [timed.get(cell) or _missing(sides, cell) for cell in cells] + [
        _number_row(cell, metric, before, head.numbers.get(cell, {}).get(metric))
        for cell in cells
        if head.times.get(cell)
        for metric, before in base.numbers.get(cell, {}).items()
    ]


def _timed(sides: Pair, ratios: Mapping[str, LogRatio], cell: str, verdicts: Mapping[str, Decision]) -> Row:
    ratio, (verdict, reason) = ratios[cell], verdicts[cell]
    ends = [median(side.times[cell].values()) for side in sides]
    numbers = [math.exp(value) for value in (ratio.mean, *ratio.interval())]
    return Row(cell, TIME, verdict, *ends, *numbers, ratio.processes, reason)


def _equal(side: Measurements, cell: str) -> Row:
    time, processes = median(side.times[cell].values()), len(side.times[cell])
    return Row(cell, TIME, Verdict.PASS, time, time, 1.0, passes=processes, reason=NO_DIFFERENCE)


def _missing(sides: Pair, cell: str) -> Row:
    """Why a cell has no ratio; a new cell, which base lacks altogether, is excused."""
    before, after = (median(times.values()) if (times := side.times.get(cell)) else None for side in sides)
    said = [
        f"{name}: {side.messages[cell]}" for name, side in zip(SIDES, sides, strict=True) if cell in side.messages
    ]
    if before and after:
        reason = "no pass that both sides finished"
    elif said:
        reason = "; ".join(said)
    elif after:
        reason = "only in head: nothing to compare it with"
    else:
        reason = "only in base: missing or renamed in head" if before else "planned, and measured on neither side"
    excused = bool(after and not before and not said)
    return Row(cell, TIME, Verdict.NOT_MEASURED, before, after, reason=reason, excused=excused)


def instruction_rows(counted: Mapping[str, Mapping[str, Any]] | None) -> list[Row]:
    """A row for each cell whose instructions the gate counted, None where it counted none.

    `counted`: side -> {"counts": {cell: instructions}, "reason": why there are none}. Where neither side has
    them, the machine cannot count, which is not head's fault.
    """
    if not counted:
        return []
    before, after = (counted[side]["counts"] for side in SIDES)
    if not before:
        excused = not after
        reason = counted["base"]["reason"] if excused else f"base: {counted['base']['reason']}"
        return [Row("(all)", INSTRUCTIONS, Verdict.NOT_MEASURED, reason=reason, excused=excused)]
    return [_number_row(cell, INSTRUCTIONS, number, after.get(cell)) for cell, number in before.items()]


def _number_row(cell: str, metric: str, before: float, after: float | None) -> Row:
    if after is None:
        return Row(cell, metric, Verdict.NOT_MEASURED, before, reason="head's files do not hold it")
    margin = MARGINS[metric]
    ratio = after / before if before else (1.0 if after == before else math.inf)
    if ratio <= 1 + margin:
        return Row(cell, metric, Verdict.PASS, before, after, ratio)
    reason = f"{f'more than {per_cent(margin)}' if margin else 'any'} increase is a regression"
    return Row(cell, metric, Verdict.REGRESSED, before, after, ratio, reason=reason)


def counts(rows: Sequence[Row]) -> dict[Verdict, int]:
    """Rows by verdict, all five named."""
    found = Counter(row.verdict for row in rows)
    return {verdict: found[verdict] for verdict in Verdict}


def conclude(rows: Sequence[Row], noun: str = "cell") -> Conclusion:
    """Exit code 1 for a regression, 2 where cells were not measured or nothing could be judged, otherwise 0.

    `noun` is what the rows are called.
    """
    times = [row for row in rows if row.metric == TIME]
    judged = [row for row in times if row.verdict is not Verdict.NOT_MEASURED]
    regressed = {row.cell for row in rows if row.verdict is Verdict.REGRESSED}
    lost = {row.cell for row in rows if row.verdict is Verdict.NOT_MEASURED and not row.excused}
    unclear = sum(row.verdict is Verdict.INCONCLUSIVE for row in times)
    of_all, of_judged = counted(len(times), noun), counted(len(judged), noun)
    if not judged:
        return Conclusion(UNUSABLE, f"Not measured: none of {of_all} has a time on both sides.")
    if regressed:
        return Conclusion(FAILED, f"Regressed: {len(regressed)} of {of_judged} judged.")
    if lost:
        return Conclusion(UNUSABLE, f"Not measured: {len(lost)} of {of_all}, for the reasons in the table.")
    if unclear == len(judged):
        cause = "the machine is too noisy, or more processes a side are needed"
        return Conclusion(UNUSABLE, f"Inconclusive: all {of_judged}; {cause}.")
    rest = f", {unclear} inconclusive" if unclear else ""
    return Conclusion(PASSED, f"Passed: {of_judged} judged, none regressed{rest}.")


def worst_first(rows: Sequence[Row]) -> list[Row]:
    """The order of every table: by verdict, then the largest change, then the name; new cells come last."""
    order = list(Verdict)
    return sorted(
        rows, key=lambda row: (row.excused, order.index(row.verdict), -(row.ratio or 0.0), row.cell, row.metric)
    )
