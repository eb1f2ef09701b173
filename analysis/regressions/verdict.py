"""The gate's thresholds, the five verdicts, a judged row, and the exit code that a pipeline sees.

Rows are counted before they are judged, and a cell that was not measured never counts as a pass. A run with some
inconclusive cells passes, and says so; only one in which every time is inconclusive does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from analysis.vocabulary import OPERATORS, PARAMETERS, PEAK_ALLOCATED, SAVED_FOR_BACKWARD, counted

PASSED, FAILED, UNUSABLE = 0, 1, 2
TIME, INSTRUCTIONS = "time", "instructions"


@dataclass(frozen=True)
class Rules:
    """Fractions of a time, and levels of tests; published with the gate's calibration and quoted by every table.

    The screening looks at every cell and may suspect too many; the confirmation measures the suspects afresh, a
    number of passes fixed beforehand, and is judged once. As the suspects were chosen by other data, the family of
    tests is the suspects alone, and its level holds however often the screening looked.
    """

    floor: float = 0.02  # a smaller mean slowdown is no regression, however sure it is
    tolerated: float = 0.05  # a cell passes once its interval ends below this
    level: float = 0.01  # chance that any cell of a run is called regressed (or faster) without a change
    suspect_floor: float = 0.01  # this and the next: what the screening hands to the confirmation, one-sided
    suspect_level: float = 0.1


RULES = Rules()

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


@dataclass(frozen=True)
class Conclusion:
    """The result of a whole comparison: the exit code and one sentence."""

    code: int
    sentence: str


def counts(rows: Sequence[Row]) -> dict[Verdict, int]:
    """Rows by verdict, all five named."""
    found = Counter(row.verdict for row in rows)
    return {verdict: found[verdict] for verdict in Verdict}


def conclude(rows: Sequence[Row]) -> Conclusion:
    """Exit code 1 for a regression, 2 where cells were not measured or nothing could be judged, otherwise 0."""
    times = [row for row in rows if row.metric == TIME]
    judged = [row for row in times if row.verdict is not Verdict.NOT_MEASURED]
    regressed = {row.cell for row in rows if row.verdict is Verdict.REGRESSED}
    lost = {row.cell for row in rows if row.verdict is Verdict.NOT_MEASURED and not row.excused}
    unclear = sum(row.verdict is Verdict.INCONCLUSIVE for row in times)
    of_all, of_judged = counted(len(times), "cell"), counted(len(judged), "cell")
    if not judged:
        return Conclusion(UNUSABLE, f"Not measured: none of {of_all} has a time on both sides.")
    if regressed:
        return Conclusion(FAILED, f"Regressed: {len(regressed)} of {of_judged} judged.")
    if lost:
        return Conclusion(UNUSABLE, f"Not measured: {len(lost)} of {of_all}, for the reasons in the table.")
    if unclear == len(judged):
        cause = "the machine is too noisy, or more passes or minutes are needed"
        return Conclusion(UNUSABLE, f"Inconclusive: all {of_judged}; {cause}.")
    rest = f", {unclear} inconclusive" if unclear else ""
    return Conclusion(PASSED, f"Passed: {of_judged} judged, none regressed{rest}.")


def worst_first(rows: Sequence[Row]) -> list[Row]:
    """The order of every table: by verdict, then the largest change, then the name; new cells come last."""
    order = list(Verdict)
    return sorted(
        rows, key=lambda row: (row.excused, order.index(row.verdict), -(row.ratio or 0.0), row.cell, row.metric)
    )
