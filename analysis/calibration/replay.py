"""Gates that might have been: passes drawn from a recording, judged and decided by the gate's own rules.

No pass serves both the screening and the confirmation. Passes are drawn whole, so that what disturbs several
cells at once still does, and none twice before all others, since a test that takes one for two thinks itself
surer than it is.

Known weakness: a drift over many passes is broken up, and time passes at the recording's mean pace.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from analysis.calibration.recording import Recording
from analysis.regressions.judge import Judgement, Verdict, gate_verdicts, open_and_suspects, to_name
from analysis.regressions.measurements import of_passes, of_variant
from analysis.regressions.policy import CONFIRMATION, Pace, naming_step, next_step
from analysis.vocabulary import BASE, SAME

SECONDS = 540.0  # to measure in, of the gate's twelve minutes: builds and instruction counts take the others
NO_CHANGE: Mapping[str, float] = MappingProxyType({})
SCREENED = 0.4  # share of the passes that serve the screening

Ratios = defaultdict[str, dict[int, float]]  # cell -> number of the pass -> log(head / base)


@dataclass(frozen=True)
class Gate:
    """What came of one simulated gate: the verdict of each cell, the minutes that it would have taken, how many
    suspects there were, and in how many passes they were confirmed."""

    verdicts: dict[str, Verdict]
    minutes: float
    suspects: int
    confirming: int

    def regressed(self, cells: Sequence[str]) -> bool:
        """Whether any of the cells was called regressed."""
        return any(self.verdicts[cell] is Verdict.REGRESSED for cell in cells)


def simulate(
    recording: Recording,
    head: str,
    passes: Sequence[int],
    random: np.random.Generator,
    seconds: float = SECONDS,
    slower: Mapping[str, float] = NO_CHANGE,
) -> Gate:
    """One gate of base against `head`: SAME for A/A, or one of the slowdowns; `passes` are those to draw from.

    `slower`: cell -> a fraction by which its calls in head take longer than those recorded.
    """
    screening, confirmation = (_drawn(recording, head, part, random, slower) for part in _parts(passes, random))
    cells, sentinel = recording.cells, recording.sentinel
    screened: Ratios = defaultdict(dict)
    wanted, spent, number = cells, 0.0, 0
    while True:
        number += 1
        spent += _measure(recording, wanted, number, next(screening), screened)
        ratios = of_passes(screened, cells, sentinel)
        judged = Judgement([], *open_and_suspects(ratios))
        step = next_step(judged, cells, sentinel, Pace(number, seconds, seconds - spent, recording.pair_seconds))
        if step.stage == CONFIRMATION:
            break
        wanted = step.cells
    fresh: Ratios = defaultdict(dict)
    for number in range(step.passes if step.cells else 0):
        spent += _measure(recording, step.cells, number, next(confirmation), fresh)
    confirmed = of_passes(fresh, step.cells, sentinel)
    verdicts = gate_verdicts(ratios, confirmed, {})
    judged = judged._replace(naming=to_name(verdicts, judged.suspects))
    left = Pace(number, seconds, seconds - spent, recording.pair_seconds)
    more = naming_step(judged, sentinel, left)
    for number in range(step.passes, step.passes + more.passes if more.cells else 0):
        spent += _measure(recording, more.cells, number, next(confirmation), fresh)
    verdicts = gate_verdicts(
        ratios, confirmed, of_passes(fresh, [cell for cell in cells if cell in fresh], sentinel)
    )
    found = {cell: verdict for cell, (verdict, _) in verdicts.items()}
    return Gate(found, spent / 60, len(judged.suspects), step.passes if step.cells else 0)


def _measure(
    recording: Recording, cells: Sequence[str], number: int, drawn: Mapping[str, float], ratios: Ratios
) -> float:
    """One pass of the cells and their sentinels, added to the ratios; the seconds that it would have taken."""
    guards = {of_variant(cell, recording.sentinel) for cell in cells}.intersection(recording.cells)
    for cell in guards.union(cells):
        ratios[cell][number] = drawn[cell]
    return recording.pair_seconds * len(guards.union(cells))


def _parts(passes: Sequence[int], random: np.random.Generator) -> tuple[list[int], list[int]]:
    """Passes, some of them perhaps several times, in two parts that have none in common."""
    different = random.permutation(sorted(set(passes)))
    first = set(different[: round(SCREENED * len(different))])
    return [at for at in passes if at in first], [at for at in passes if at not in first]


def _drawn(
    recording: Recording,
    head: str,
    passes: Sequence[int],
    random: np.random.Generator,
    slower: Mapping[str, float],
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
                + math.log1p(slower.get(cell, 0.0))
                for cell, side in sides.items()
            }
