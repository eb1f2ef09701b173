"""Two sides -> judged rows: in one go for two files, in two stages for the gate.

One go: t test of each cell's log-ratio, Holm over all cells. Two stages: the screening decides who passes, who
needs more passes and who is suspect; the suspects' fresh passes decide alone who regressed (see `Rules`).
Deterministic figures, bytes and counts, are the same at every call, so a margin decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from analysis.regressions.side import Side, log_ratios
from analysis.regressions.verdict import INSTRUCTIONS, MARGINS, RULES, TIME, Row, Verdict
from analysis.statistics.log_ratio import ENOUGH, LogRatio, holm
from analysis.units import per_cent
from analysis.vocabulary import SENTINEL, counted

LOG_FLOOR, LOG_TOLERATED = math.log1p(RULES.floor), math.log1p(RULES.tolerated)

Decision = tuple[Verdict, str]  # and its reason


@dataclass(frozen=True)
class Judgement:
    """The rows, and for the gate which cells need more passes and which a confirmation, the surest first."""

    rows: list[Row]
    open: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()


def judge(base: Side, head: Side, cells: Sequence[str], *, paired: bool = False) -> Judgement:
    """One go: every cell's verdict from one set of samples."""
    ratios = log_ratios(base, head, cells, paired=paired)
    verdicts = gate_verdicts(ratios, {})
    for cell, change in _changes(ratios).items():
        verdicts[cell] = (change, _few(ratios[cell]))
    rows = [
        _timed(base, head, cell, ratios[cell], verdicts[cell]) if cell in ratios else _missing(base, head, cell)
        for cell in cells
    ]
    return Judgement(rows + _number_rows(base, head, cells))


def judge_gate(
    screening: tuple[Side, Side],
    confirmation: tuple[Side, Side],
    cells: Sequence[str],
    suspects: Sequence[str] | None = None,
    *,
    sentinel: str = SENTINEL,
) -> Judgement:
    """Two stages, paired by pass. `suspects` are those that a confirmation was run for; None: not decided yet."""
    ratios = log_ratios(*screening, cells, paired=True, sentinel=sentinel)
    confirmed = log_ratios(*confirmation, suspects or (), paired=True, sentinel=sentinel)
    verdicts = gate_verdicts(ratios, confirmed)
    rows = []
    for cell in cells:
        if cell not in ratios:
            rows.append(_missing(*screening, cell))
        elif cell in confirmed:
            rows.append(_timed(*confirmation, cell, confirmed[cell], verdicts[cell]))
        else:
            rows.append(_timed(*screening, cell, ratios[cell], verdicts[cell]))
    return Judgement(rows + _number_rows(*screening, cells), *open_and_suspects(ratios))


def gate_verdicts(ratios: Mapping[str, LogRatio], confirmed: Mapping[str, LogRatio]) -> dict[str, Decision]:
    """Verdict and reason of each cell of the screening, from its fresh passes where it has some."""
    changes = _changes(ratios)
    return {cell: _screened(ratio, changes.get(cell)) for cell, ratio in ratios.items()} | _confirmed(confirmed)


def open_and_suspects(ratios: Mapping[str, LogRatio]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Cells of which more passes of screening could tell more: neither passed nor suspect; and the suspects."""
    suspects = {cell: ratio.p_slower() for cell, ratio in ratios.items() if _is_suspect(ratio)}
    unclear = (cell for cell, ratio in ratios.items() if ratio.interval()[1] >= LOG_TOLERATED)
    return tuple(cell for cell in unclear if cell not in suspects), tuple(
        sorted(suspects, key=suspects.__getitem__)
    )


def _changes(ratios: Mapping[str, LogRatio]) -> dict[str, Verdict]:
    """Cells that are slower or faster beyond doubt and beyond the floor, Holm over all cells, two-sided."""
    adjusted = holm([min(1.0, 2 * min(ratio.p_slower(), ratio.p_faster())) for ratio in ratios.values()])
    return {
        cell: Verdict.REGRESSED if ratio.mean > 0 else Verdict.FASTER
        for (cell, ratio), p in zip(ratios.items(), adjusted, strict=True)
        if p <= RULES.level and abs(ratio.mean) > LOG_FLOOR
    }


def _screened(ratio: LogRatio, change: Verdict | None) -> Decision:
    """What may be said without a confirmation: everything but 'regressed'. 'Faster' has no other test."""
    if change is Verdict.FASTER:
        return Verdict.FASTER, _few(ratio)
    if change is Verdict.REGRESSED or (ratio.mean > LOG_FLOOR and _is_suspect(ratio)):
        return Verdict.INCONCLUSIVE, _join("suspected, and not confirmed by fresh passes", _few(ratio))
    return _bounded(ratio)


def _confirmed(ratios: Mapping[str, LogRatio]) -> dict[str, Decision]:
    """Fresh passes of the suspects: one-sided, Holm over the suspects."""
    adjusted = holm([ratio.p_slower() for ratio in ratios.values()])
    found = {}
    for (cell, ratio), p in zip(ratios.items(), adjusted, strict=True):
        if ratio.processes >= ENOUGH and p <= RULES.level and ratio.mean > LOG_FLOOR:
            found[cell] = (Verdict.REGRESSED, "confirmed by fresh passes")
        else:
            verdict, reason = _bounded(ratio)
            found[cell] = (verdict, _join("suspected, and fresh passes did not confirm it", reason))
    return found


def _bounded(ratio: LogRatio) -> Decision:
    if ratio.interval()[1] < LOG_TOLERATED:
        return Verdict.PASS, _few(ratio)
    return Verdict.INCONCLUSIVE, _join(f"the interval reaches beyond {per_cent(RULES.tolerated)}", _few(ratio))


def _is_suspect(ratio: LogRatio) -> bool:
    return ratio.mean > math.log1p(RULES.suspect_floor) and ratio.p_slower() <= RULES.suspect_level


def _few(ratio: LogRatio) -> str:
    if ratio.processes >= ENOUGH:
        return ""
    return f"{counted(ratio.processes, 'process')} a side: their spread is assumed, not measured"


def _join(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _timed(base: Side, head: Side, cell: str, ratio: LogRatio, decision: Decision) -> Row:
    ends = [median(side.times[cell].values()) for side in (base, head)]
    numbers = [math.exp(value) for value in (ratio.mean, *ratio.interval())]
    verdict, reason = decision
    return Row(cell, TIME, verdict, *ends, *numbers, ratio.processes, reason)


def _missing(base: Side, head: Side, cell: str) -> Row:
    """Why a cell has no ratio; a new cell, which base lacks altogether, is excused."""
    before, after = (median(times.values()) if (times := side.times.get(cell)) else None for side in (base, head))
    sides = (("base", base), ("head", head))
    said = [f"{name}: {side.messages[cell]}" for name, side in sides if cell in side.messages]
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


def _number_rows(base: Side, head: Side, cells: Iterable[str]) -> list[Row]:
    """A row for each cell and figure that base has; where head lacks it, the row says so."""
    return [
        _number_row(cell, metric, before, head.numbers.get(cell, {}).get(metric))
        for cell in cells
        if head.times.get(cell)
        for metric, before in base.numbers.get(cell, {}).items()
    ]


def instruction_rows(counted: Mapping[str, Mapping[str, Any]] | None) -> list[Row]:
    """A row for each cell whose instructions the gate counted, None where it counted none.

    `counted`: side -> {"counts": {cell: instructions}, "reason": why there are none}. Where neither side has
    them, the machine cannot count, which is not head's fault.
    """
    if not counted:
        return []
    before, after = (counted[side]["counts"] for side in ("base", "head"))
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
