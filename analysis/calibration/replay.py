"""Gates that might have been: passes drawn from a recording, judged and decided by the gate's own rules.

Two fifths of the recorded passes, chosen afresh each time, serve the screening and the others the confirmation, so
that no pass is both suspicion and proof. Passes are drawn whole, with all their cells, so that what disturbs
several cells at once still does; none is drawn twice before all of its part have been, since a test that takes one
pass for two thinks itself surer than it is. Where both sides of a cell are the same commit, which of the two is
called base is tossed for each pass.

Known weakness: passes are drawn as if they were independent; a drift over many passes is broken up. Time passes at
the recording's mean pace, the same for every cell.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.calibration.recording import Recording
from analysis.regressions.judge import Judgement, Verdict, gate_verdicts, open_and_suspects
from analysis.regressions.measurements import of_passes, of_variant
from analysis.regressions.policy import CONFIRMATION, Pace, next_step
from analysis.vocabulary import BASE, SAME

SECONDS = 600.0  # the gate's own time, builds apart
SCREENED = 0.4  # share of the passes that serve the screening

Ratios = dict[str, dict[int, float]]  # cell -> number of the pass -> log(head / base)


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
    cells, sentinel = recording.cells, recording.sentinel
    screened: Ratios = {cell: {} for cell in cells}
    wanted, spent, number = cells, 0.0, 0
    while True:
        number += 1
        measured = _with_sentinels(recording, wanted)
        _add(screened, number, next(screening), measured)
        cost = recording.pair_seconds * len(measured)
        spent += cost
        ratios = of_passes(screened, cells, sentinel)
        judged = Judgement([], *open_and_suspects(ratios))
        step = next_step(judged, cells, Pace(number, seconds, seconds - spent, cost / len(wanted)))
        if step.stage == CONFIRMATION:
            break
        wanted = step.cells
    fresh: Ratios = {cell: {} for cell in cells}
    again = _with_sentinels(recording, step.cells)
    for number in range(1, step.passes + 1 if step.cells else 1):
        _add(fresh, number, next(confirmation), again)
        spent += recording.pair_seconds * len(again)
    verdicts = gate_verdicts(ratios, of_passes(fresh, step.cells, sentinel))
    return Gate({cell: verdict for cell, (verdict, _) in verdicts.items()}, spent / 60)


def _parts(passes: Sequence[int], random: np.random.Generator) -> tuple[list[int], list[int]]:
    """Passes, some of them perhaps several times, in two parts that have none in common."""
    different = random.permutation(sorted(set(passes)))
    first = set(different[: round(SCREENED * len(different))])
    return [at for at in passes if at in first], [at for at in passes if at not in first]


def _add(ratios: Ratios, number: int, drawn: dict[str, float], cells: Sequence[str]) -> None:
    for cell in cells:
        ratios[cell][number] = drawn[cell]


def _with_sentinels(recording: Recording, cells: Sequence[str]) -> list[str]:
    guards = (of_variant(cell, recording.sentinel) for cell in cells)
    return list(dict.fromkeys([*(guard for guard in guards if guard in recording.cells), *cells]))


def _drawn(
    recording: Recording, head: str, passes: Sequence[int], random: np.random.Generator
) -> Iterator[dict[str, float]]:
    """Endless passes of log(head / base) by cell, all in random order, then all in another, and so on; cells that
    a slowed copy did not measure come from SAME."""
    base = recording.times[BASE]
    sides = {cell: head if cell in recording.times[head] else SAME for cell in recording.cells}
    while True:
        for at in random.permutation(passes):
            tossed = random.random() < 0.5
            yield {
                cell: (-1 if tossed and side == SAME else 1)
                * math.log(recording.times[side][cell][at] / base[cell][at])
                for cell, side in sides.items()
            }
