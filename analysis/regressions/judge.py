"""Two sides -> judged rows: in one go for two files, in two stages for the gate.

One go: t test of each cell's log-ratio, Holm over all cells. Two stages: the screening decides who passes, who
needs more passes and who is suspect; the suspects' fresh passes decide alone who regressed (see `rules`).

Known weakness: 'faster' is called from the screening alone, so it is confirmed by nothing but its p value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.regressions.numbers import number_rows
from analysis.regressions.rules import RULES, Rules
from analysis.regressions.side import Side
from analysis.regressions.times import log_ratios, middle
from analysis.regressions.verdict import TIME, Row, Verdict
from analysis.statistics.holm import holm
from analysis.statistics.log_ratio import ENOUGH, LogRatio
from analysis.units import per_cent
from analysis.vocabulary import SENTINEL, counted


@dataclass(frozen=True)
class Judgement:
    """The rows, and for the gate which cells need more passes and which a confirmation, the surest first."""

    rows: list[Row]
    open: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()


def judge(
    base: Side,
    head: Side,
    cells: Sequence[str],
    *,
    paired: bool = False,
    sentinel: str = SENTINEL,
    rules: Rules = RULES,
) -> Judgement:
    """One go: every cell's verdict from one set of samples."""
    ratios = log_ratios(base, head, cells, paired=paired, sentinel=sentinel)
    changes = _changes(ratios, rules)
    rows = [
        _timed(base, head, cell, ratios[cell], *_single(cell, ratios[cell], changes, rules))
        if cell in ratios
        else _missing(base, head, cell)
        for cell in cells
    ]
    return Judgement(rows + number_rows(base, head, cells))


def judge_gate(
    screening: tuple[Side, Side],
    confirmation: tuple[Side, Side],
    cells: Sequence[str],
    suspects: Sequence[str] | None = None,
    *,
    sentinel: str = SENTINEL,
    rules: Rules = RULES,
) -> Judgement:
    """Two stages, paired by pass. `suspects` are those that a confirmation was run for; None: not decided yet."""
    base, head = screening
    ratios = log_ratios(base, head, cells, paired=True, sentinel=sentinel)
    confirmed = log_ratios(*confirmation, suspects or (), paired=True, sentinel=sentinel)
    verdicts = gate_verdicts(ratios, confirmed, rules)
    rows = []
    for cell in cells:
        if cell not in ratios:
            rows.append(_missing(base, head, cell))
        elif cell in confirmed:
            rows.append(_timed(*confirmation, cell, confirmed[cell], *verdicts[cell]))
        else:
            rows.append(_timed(base, head, cell, ratios[cell], *verdicts[cell]))
    return Judgement(rows + number_rows(base, head, cells), *open_and_suspects(ratios, rules))


def gate_verdicts(
    ratios: Mapping[str, LogRatio], confirmed: Mapping[str, LogRatio], rules: Rules = RULES
) -> dict[str, tuple[Verdict, str]]:
    """Verdict and reason of each cell of the screening, from its fresh passes where it has some."""
    changes = _changes(ratios, rules)
    return {cell: _screened(cell, ratio, changes, rules) for cell, ratio in ratios.items()} | _confirmed(
        confirmed, rules
    )


def open_and_suspects(
    ratios: Mapping[str, LogRatio], rules: Rules = RULES
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Cells that more passes of screening could tell more of, as they neither passed nor are suspect; and the
    suspects, the surest first."""
    suspects = {cell: ratio.p_slower() for cell, ratio in ratios.items() if _is_suspect(ratio, rules)}
    unclear = (cell for cell, ratio in ratios.items() if ratio.interval()[1] >= rules.log_tolerated)
    return tuple(cell for cell in unclear if cell not in suspects), tuple(sorted(suspects, key=suspects.get))


def _changes(ratios: Mapping[str, LogRatio], rules: Rules) -> dict[str, Verdict]:
    """Cells that are slower or faster beyond doubt and beyond the floor, Holm over all cells, two-sided."""
    adjusted = holm([min(1.0, 2 * min(ratio.p_slower(), ratio.p_faster())) for ratio in ratios.values()])
    sure = [cell for cell, p in zip(ratios, adjusted, strict=True) if p <= rules.level]
    return {
        cell: Verdict.REGRESSED if ratios[cell].mean > 0 else Verdict.FASTER
        for cell in sure
        if abs(ratios[cell].mean) > rules.log_floor
    }


def _single(cell: str, ratio: LogRatio, changes: Mapping[str, Verdict], rules: Rules) -> tuple[Verdict, str]:
    if changes.get(cell) is Verdict.REGRESSED:
        return Verdict.REGRESSED, _few(ratio)
    return _screened(cell, ratio, changes, rules)


def _screened(cell: str, ratio: LogRatio, changes: Mapping[str, Verdict], rules: Rules) -> tuple[Verdict, str]:
    """What may be said without a confirmation: everything but 'regressed'."""
    if changes.get(cell) is Verdict.FASTER:
        return Verdict.FASTER, _few(ratio)
    if changes.get(cell) is Verdict.REGRESSED or (ratio.mean > rules.log_floor and _is_suspect(ratio, rules)):
        return Verdict.INCONCLUSIVE, _join("suspected, and not confirmed by fresh passes", _few(ratio))
    return _bounded(ratio, rules)


def _confirmed(ratios: Mapping[str, LogRatio], rules: Rules) -> dict[str, tuple[Verdict, str]]:
    """Fresh passes of the suspects: one-sided, Holm over the suspects."""
    adjusted = holm([ratio.p_slower() for ratio in ratios.values()])
    found = {}
    for (cell, ratio), p in zip(ratios.items(), adjusted, strict=True):
        if ratio.processes >= ENOUGH and p <= rules.level and ratio.mean > rules.log_floor:
            found[cell] = (Verdict.REGRESSED, "confirmed by fresh passes")
        else:
            verdict, reason = _bounded(ratio, rules)
            found[cell] = (verdict, _join("suspected, and fresh passes did not confirm it", reason))
    return found


def _bounded(ratio: LogRatio, rules: Rules) -> tuple[Verdict, str]:
    if ratio.interval()[1] < rules.log_tolerated:
        return Verdict.PASS, _few(ratio)
    reason = f"the interval reaches beyond {per_cent(rules.tolerated)}"
    return Verdict.INCONCLUSIVE, _join(reason, _few(ratio))


def _is_suspect(ratio: LogRatio, rules: Rules) -> bool:
    return ratio.mean > rules.log_suspect_floor and ratio.p_slower() <= rules.suspect_level


def _few(ratio: LogRatio) -> str:
    if ratio.processes >= ENOUGH:
        return ""
    return f"{counted(ratio.processes, 'process')} a side: their spread is assumed, not measured"


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _timed(base: Side, head: Side, cell: str, ratio: LogRatio, verdict: Verdict, reason: str) -> Row:
    low, high = ratio.interval()
    ends = (middle(base.times[cell]), middle(head.times[cell]))
    numbers = (math.exp(ratio.mean), math.exp(low), math.exp(high))
    return Row(cell, TIME, verdict, *ends, *numbers, ratio.processes, reason)


def _missing(base: Side, head: Side, cell: str) -> Row:
    """Why a cell has no ratio; a new cell, which base lacks altogether, is excused."""
    before, after = base.times.get(cell), head.times.get(cell)
    ends = {"base": middle(before) if before else None, "head": middle(after) if after else None}
    reasons = [
        f"{name}: {side.messages[cell]}"
        for name, side in (("base", base), ("head", head))
        if cell in side.messages
    ]
    new = bool(after) and not before and not reasons
    if before and after:
        reasons = ["no pass that both sides finished"]
    reason = "; ".join(reasons) or _absence(bool(before), bool(after))
    return Row(cell, TIME, Verdict.NOT_MEASURED, reason=reason, excused=new, **ends)


def _absence(before: bool, after: bool) -> str:
    if after:
        return "only in head: nothing to compare it with"
    return "only in base: missing or renamed in head" if before else "planned, and measured on neither side"
