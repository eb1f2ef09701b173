"""Gates that might have been: passes drawn from a recording, judged and decided by the gate's own rules.

Two fifths of the recorded passes, chosen afresh each time, serve the screening and the others the confirmation, so
that no pass is both suspicion and proof. Passes are drawn whole, with all their cells, so that what disturbs
several cells at once still does; none is drawn twice before all of its part have been, since a test that takes one
pass for two thinks itself surer than it is. Where both sides of a cell are the same commit, which of the two is
called base is tossed for each pass.

Known weakness: passes are drawn as if they were independent; a drift over many passes is broken up. Time passes at
the recording's mean pace, the same for every cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.calibration.recording import Recording
from analysis.regressions.judge import judge_gate
from analysis.regressions.policy import CONFIRMATION, Pace, next_step
from analysis.regressions.side import Side, of_variant
from analysis.regressions.verdict import TIME, Verdict
from analysis.vocabulary import BASE, SAME

SECONDS = 600.0  # the gate's own time, builds apart
SCREENED = 0.4  # share of the passes that serve the screening
NOTHING = Side({})


@dataclass(frozen=True)
class Gate:
    """What came of one simulated gate: the verdict of each cell, and the minutes that it would have taken."""

    verdicts: dict[str, Verdict]
    minutes: float

    def regressed(self, cells: Sequence[str]) -> bool:
        """Whether any of the cells was called regressed."""
        return any(self.verdicts[cell] is Verdict.REGRESSED for cell in cells)


def simulate(
    recording: Recording, head: str, passes: Sequence[int], random: np.random.Generator, seconds: float = SECONDS
) -> Gate:
    """One gate of base against `head`: SAME for A/A, or one of the slowdowns; `passes` are those to draw from."""
    screening, confirmation = (_drawn(recording, head, part, random) for part in _parts(passes, random))
    base, other = _sides(recording)
    cells, wanted, spent, number = recording.cells, recording.cells, 0.0, 0
    while True:
        number += 1
        _add(base, other, number, next(screening), _with_sentinels(recording, wanted))
        cost = recording.pair_seconds * len(_with_sentinels(recording, wanted))
        spent += cost
        judged = judge_gate((Side(base), Side(other)), (NOTHING, NOTHING), cells, sentinel=recording.sentinel)
        step = next_step(judged, cells, Pace(number, seconds, seconds - spent, cost / len(wanted)))
        if step.stage == CONFIRMATION:
            break
        wanted = step.cells
    fresh = _sides(recording)
    again = _with_sentinels(recording, step.cells)
    for number in range(1, step.passes + 1 if step.cells else 1):
        _add(*fresh, number, next(confirmation), again)
        spent += recording.pair_seconds * len(again)
    pair = (Side(fresh[0]), Side(fresh[1]))
    judged = judge_gate((Side(base), Side(other)), pair, cells, step.cells, sentinel=recording.sentinel)
    return Gate({row.cell: row.verdict for row in judged.rows if row.metric == TIME}, spent / 60)


def _parts(passes: Sequence[int], random: np.random.Generator) -> tuple[list[int], list[int]]:
    """Passes, some of them perhaps several times, in two parts that have none in common."""
    different = random.permutation(sorted(set(passes)))
    first = set(different[: round(SCREENED * len(different))])
    return [at for at in passes if at in first], [at for at in passes if at not in first]


Times = dict[str, dict[int, float]]
Pass = dict[str, tuple[float, float]]


def _sides(recording: Recording) -> tuple[Times, Times]:
    return ({cell: {} for cell in recording.cells}, {cell: {} for cell in recording.cells})


def _add(base: Times, head: Times, number: int, drawn: Pass, cells: Sequence[str]) -> None:
    for cell in cells:
        base[cell][number], head[cell][number] = drawn[cell]


def _with_sentinels(recording: Recording, cells: Sequence[str]) -> list[str]:
    guards = (of_variant(cell, recording.sentinel) for cell in cells)
    known = set(recording.cells)
    return list(dict.fromkeys([*(guard for guard in guards if guard in known), *cells]))


def _again_and_again(passes: Sequence[int], random: np.random.Generator) -> Iterator[int]:
    """All passes in random order, then all in another, and so on without an end."""
    while True:
        yield from (int(at) for at in random.permutation(passes))


def _drawn(recording: Recording, head: str, passes: Sequence[int], random: np.random.Generator) -> Iterator[Pass]:
    """Endless passes of (base, head) by cell; cells that a slowed copy did not measure come from SAME."""
    times = recording.times
    sides = {cell: head if cell in times[head] else SAME for cell in recording.cells}
    for at in _again_and_again(passes, random):
        found = {cell: (times[BASE][cell][at], times[side][cell][at]) for cell, side in sides.items()}
        if random.random() < 0.5:
            even = {cell for cell, side in sides.items() if side == SAME}
            found = {cell: pair[::-1] if cell in even else pair for cell, pair in found.items()}
        yield found
