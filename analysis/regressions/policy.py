"""What the gate measures next: all cells, more passes where the screening is open, fresh ones for the suspects,
and fresh ones for the other cells of a model that is confirmed to be slower.

The confirmation's passes and cells are fixed before it begins, from what a pass has cost so far, because repeating
a test until it is significant invalidates it. The calibration replays these decisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.regressions.judge import Judgement
from analysis.regressions.measurements import with_sentinels
from analysis.vocabulary import counted

FIRST_PASSES = 4
FEWEST_CONFIRMING_PASSES, MOST_CONFIRMING_PASSES = 8, 16
FEWEST_NAMING_PASSES = 4
KEPT_FOR_CONFIRMATION = 0.4  # of the time, at most; no more than the suspects so far would take

SCREENING, CONFIRMATION, NAMING = "screening", "confirmation", "naming"


@dataclass(frozen=True)
class Pace:
    """How far a gate is: passes of screening, seconds in all and left, and what one cell on both sides has cost in
    the last pass."""

    passes: int
    seconds: float
    left: float
    per_cell: float


@dataclass(frozen=True)
class Step:
    """The next stage and its cells; after the screening how many passes. `progress` is a line for whoever waits,
    `notes` are to be kept."""

    stage: str
    cells: tuple[str, ...]
    passes: int = 1
    progress: str = ""
    notes: tuple[str, ...] = ()


def next_step(judgement: Judgement, cells: Sequence[str], sentinel: str, pace: Pace) -> Step:
    """One more pass of screening of some cells, or the confirmation, which has no cells where none is suspect."""
    if pace.passes < FIRST_PASSES:
        return Step(SCREENING, tuple(cells))
    wanted = tuple(cell for cell in cells if cell in judgement.open)
    progress = (
        f"pass {pace.passes}: {len(wanted)} of {counted(len(cells), 'cell')} open, "
        f"{counted(len(judgement.suspects), 'suspect')}"
    )
    one = FEWEST_CONFIRMING_PASSES * 2 * pace.per_cell  # a cell that the next pass might make suspect
    suspects = MOST_CONFIRMING_PASSES * _cost(judgement.suspects, sentinel, pace)
    kept = min(pace.seconds * KEPT_FOR_CONFIRMATION, max(suspects, one))
    if wanted and _cost(wanted, sentinel, pace) <= pace.left - kept:
        return Step(SCREENING, wanted, progress=progress)
    notes = []
    if wanted:
        notes.append(f"time was up with {counted(len(wanted), 'cell')} open; --minutes gives more")
    chosen, passes = _affordable(judgement.suspects, sentinel, pace)
    if len(chosen) < len(judgement.suspects):
        surest = f"the {len(chosen)} surest of {len(judgement.suspects)} suspects"
        notes.append(f"time sufficed to confirm {surest}; --minutes gives more")
    if chosen:
        progress += f"; confirming {counted(len(chosen), 'suspect')} in {passes} fresh passes"
    return Step(CONFIRMATION, chosen, passes, progress, tuple(notes))


def naming_step(judgement: Judgement, sentinel: str, pace: Pace) -> Step:
    """Fresh passes of the cells of confirmed models, for the time that is left: of all of them where it suffices,
    else of the suspects among them; no cells where no model is confirmed or no time is left."""
    suspects = tuple(cell for cell in judgement.naming if cell in judgement.suspects)
    for cells, fewest in ((judgement.naming, FEWEST_NAMING_PASSES), (suspects, 1)):
        cost = _cost(cells, sentinel, pace)
        passes = min(int(pace.left / cost), MOST_CONFIRMING_PASSES) if cost else MOST_CONFIRMING_PASSES
        if cells and passes >= fewest:
            progress = (
                f"a model is slower; {counted(passes, 'fresh pass')} of {counted(len(cells), 'other cell')} of it"
            )
            return Step(NAMING, cells, passes, progress)
    return Step(NAMING, (), 0)


def _cost(cells: Sequence[str], sentinel: str, pace: Pace) -> float:
    """Seconds of a pass over the cells and their sentinels."""
    return len(with_sentinels(cells, sentinel)) * pace.per_cell


def _affordable(suspects: tuple[str, ...], sentinel: str, pace: Pace) -> tuple[tuple[str, ...], int]:
    """The surest suspects whose confirmation fits the time that is left, one at least, and in how many passes."""
    number = len(suspects)
    while number > 1 and FEWEST_CONFIRMING_PASSES * _cost(suspects[:number], sentinel, pace) > pace.left:
        number -= 1
    cost = _cost(suspects[:number], sentinel, pace)
    passes = int(pace.left / cost) if cost else MOST_CONFIRMING_PASSES
    return suspects[:number], min(max(passes, FEWEST_CONFIRMING_PASSES), MOST_CONFIRMING_PASSES)
