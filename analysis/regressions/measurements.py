"""What was measured of one commit, and the log-ratios of two, with the drift that the sentinel saw taken out.

Between two measurements a machine's clock changes by more than a regression, so processes that ran side by side
are paired by pass, and the sentinel, which no commit changes, is subtracted by as much as it explains. It is
judged as well, uncorrected: where it changes itself, every other cell shifts the other way.
"""

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

import pandas as pd

from analysis.statistics.log_ratio import LogRatio, of_groups, of_pairs, sentinel_weight
from analysis.vocabulary import (
    AXES,
    MEASURED,
    MEDIAN,
    NOT_APPLICABLE,
    OPERATORS,
    PARAMETERS,
    PEAK_ALLOCATED,
    SAMPLE,
    SAVED_FOR_BACKWARD,
    SENTINEL,
    STEP_TIME,
    Cell,
)

NUMBERS = (PEAK_ALLOCATED, SAVED_FOR_BACKWARD, OPERATORS)

Process = Hashable  # (file, pass), or the pass alone where the file is one


@dataclass(frozen=True)
class Measurements:
    """What was measured of one commit, by cell id.

    Attributes:
        times: seconds per time step, the median of each process.
        numbers: bytes or counts, by metric; the same at every call.
        messages: why a cell has no time.
        skipped: cells without a time that cannot be measured here, a device that is absent, say.
    """

    times: Mapping[str, Mapping[Process, float]]
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()


def measurements_of(frame: pd.DataFrame, *, by_pass: bool = False) -> Measurements:
    """Rows of one setting -> one side.

    `by_pass` names a process by its pass alone, so that it pairs with the other side's of that pass.
    """
    # A rung that nobody measured says so without a reason; a side has no such cell.
    frame = frame[frame["outcome"].ne(NOT_APPLICABLE) | frame["message"].notna()]
    named = frame.assign(cell=[Cell(**row).id for row in frame[list(AXES)].to_dict("records")])
    measured = named[named["outcome"] == MEASURED]
    timed = measured[(measured["metric"] == STEP_TIME) & measured["statistic"].isin([SAMPLE, MEDIAN])]
    times: dict[str, dict[Process, float]] = {}
    process = ["pass"] if by_pass else ["file", "pass"]
    for (cell, *key), value in timed.groupby(["cell", *process])["value"].median().items():
        times.setdefault(cell, {})[key[0] if by_pass else tuple(key)] = float(value)
    numbers: dict[str, dict[str, float]] = {}
    figures = measured[measured["metric"].isin(NUMBERS)].groupby(["cell", "metric"])["value"].median()
    parameters = measured.groupby("cell")[PARAMETERS].first().dropna()
    for (cell, metric), value in [*figures.items(), *(((cell, PARAMETERS), n) for cell, n in parameters.items())]:
        numbers.setdefault(cell, {})[metric] = float(value)
    failed = named[(named["outcome"] != MEASURED) & ~named["cell"].isin(list(times))]
    said = (failed["outcome"] + (": " + failed["message"]).fillna("")).astype(str)
    skipped = frozenset(failed.loc[failed["outcome"] == NOT_APPLICABLE, "cell"])
    return Measurements(times, numbers, dict(zip(failed["cell"], said, strict=True)), skipped)


def same_measurements(base: Measurements, head: Measurements) -> bool:
    """Whether both sides are one set of measurements, to the last bit, whatever their files are called."""
    sides = [{cell: sorted(times.values()) for cell, times in side.times.items()} for side in (base, head)]
    return sides[0] == sides[1] and base.numbers == head.numbers


@cache
def of_variant(cell: str, variant: str) -> str:
    """The id of another variant's ("lstm:torch") cell at the same sizes; "" where `cell` is no id of ours."""
    try:
        return Cell.from_id(cell).of(variant).id
    except ValueError:
        return ""


def log_ratios(
    base: Measurements, head: Measurements, cells: Iterable[str], *, paired: bool, sentinel: str = SENTINEL
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


def with_sentinels(cells: Iterable[str], sentinel: str) -> list[str]:
    """The cells and the sentinels that are measured along with them, each once."""
    wanted = list(cells)
    return list(dict.fromkeys([*wanted, *filter(None, (of_variant(cell, sentinel) for cell in wanted))]))


def variant_of(cell: str) -> str:
    """The model and backend of a cell's id, "urnn:cpu"."""
    return cell.partition("-")[0]


def together(parts: Mapping[str, Measurements]) -> Measurements:
    """The times of several stages as those of one, whose passes are told apart by the stage's name."""
    times: dict[str, dict[Process, float]] = {}
    for stage, part in parts.items():
        for cell, passes in part.times.items():
            times.setdefault(cell, {}).update({(stage, number): value for number, value in passes.items()})
    return Measurements(times)


def _differences(base: Measurements, head: Measurements, cell: str) -> dict[Process, float]:
    before, after = base.times.get(cell, {}), head.times.get(cell, {})
    return {number: math.log(after[number] / before[number]) for number in before if number in after}


def _logs(base: Measurements, head: Measurements, cell: str, guard: str) -> tuple[list[float], list[float]]:
    """Logs of both sides' processes; each less its own process's sentinel, where both sides measured one."""
    sides = [(side.times[cell], side.times.get(guard, {})) for side in (base, head)]
    guarded = cell != guard and all(set(times) <= set(guards) for times, guards in sides)
    first, second = (
        [math.log(value) - (math.log(guards[key]) if guarded else 0.0) for key, value in times.items()]
        for times, guards in sides
    )
    return first, second
