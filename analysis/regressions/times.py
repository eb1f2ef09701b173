"""Wall clock of two sides -> the log-ratio of each cell, with the drift that its sentinel saw taken out.

Why: between two measurements a machine's clock changes by more than a regression. Processes of both sides that ran
side by side are paired by pass; the sentinel, nn.LSTM of the same sizes, which no commit changes, is subtracted
by as much as it explains.

Known weakness: where the sentinel itself changes, every other cell shifts the other way; it is judged as well, and
uncorrected.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping

from analysis.regressions.side import Side, of_variant
from analysis.statistics.log_ratio import LogRatio, of_groups, of_pairs, sentinel_weight
from analysis.vocabulary import SENTINEL

Process = Hashable


def log_ratios(
    base: Side, head: Side, cells: Iterable[str], *, paired: bool, sentinel: str = SENTINEL
) -> dict[str, LogRatio]:
    """The log-ratio of each cell that has a time on both sides; the others are left out.

    `paired`: the sides' processes carry the numbers of passes that both ran in turn; those of one side alone are
    left out.
    """
    wanted = [cell for cell in cells if base.times.get(cell) and head.times.get(cell)]
    if not paired:
        return {cell: of_groups(*_logs(base, head, cell, of_variant(cell, sentinel))) for cell in wanted}
    measured = dict.fromkeys([*wanted, *(of_variant(cell, sentinel) for cell in wanted)])
    return of_passes({cell: _differences(base, head, cell) for cell in measured}, wanted, sentinel)


def of_passes(
    differences: Mapping[str, Mapping[Process, float]], cells: Iterable[str], sentinel: str
) -> dict[str, LogRatio]:
    """The log-ratio of each cell, from log(head / base) by cell, those of sentinels too, and pass."""
    own: dict[str, list[float]] = {}
    others: dict[str, list[float]] = {}
    for cell in cells:
        mine = differences[cell]
        guard = {} if cell.startswith(sentinel) else differences.get(of_variant(cell, sentinel), {})
        passes = [number for number in mine if number in guard] or list(mine)
        if passes:
            own[cell] = [mine[number] for number in passes]
            others[cell] = [guard.get(number, 0.0) for number in passes]
    weight = sentinel_weight([(own[cell], others[cell]) for cell in own if any(others[cell])])
    return {
        cell: of_pairs([mine - weight * its for mine, its in zip(own[cell], others[cell], strict=True)])
        for cell in own
    }


def _differences(base: Side, head: Side, cell: str) -> dict[Process, float]:
    before, after = base.times.get(cell, {}), head.times.get(cell, {})
    return {number: math.log(after[number] / before[number]) for number in before if number in after}


def _logs(base: Side, head: Side, cell: str, guard: str) -> tuple[list[float], list[float]]:
    """Logs of both sides' processes; each less its own process's sentinel, where both sides measured one."""
    sides = [(side.times[cell], side.times.get(guard, {})) for side in (base, head)]
    guarded = cell != guard and all(set(times) <= set(guards) for times, guards in sides)
    first, second = (
        [math.log(value) - (math.log(guards[key]) if guarded else 0.0) for key, value in times.items()]
        for times, guards in sides
    )
    return first, second


def middle(times: Mapping[Process, float]) -> float:
    """Median over processes, in seconds per time step."""
    values = sorted(times.values())
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2
