"""What the gate measures next: all cells, more passes where the screening is open, fresh ones for the suspects.

The confirmation's passes and cells are fixed before it begins, from what a pass has cost so far, because repeating
a test until it is significant invalidates it. The calibration replays these decisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.regressions.judge import Judgement
from analysis.vocabulary import counted

FIRST_PASSES = 4
FEWEST_CONFIRMING_PASSES, MOST_CONFIRMING_PASSES = 8, 16
KEPT_FOR_CONFIRMATION = 1 / 3

SCREENING, CONFIRMATION = "screening", "confirmation"


@dataclass(frozen=True)
class Pace:
    """How far a gate is: passes of screening, seconds in all and left, and what a cell of the last pass cost."""

    passes: int
    seconds: float
    left: float
    per_cell: float


@dataclass(frozen=True)
class Step:
    """The next stage and its cells; for a confirmation how many passes. `progress` is a line for
    whoever waits, `notes` are to be kept."""

    stage: str
    cells: tuple[str, ...]
    passes: int = 1
    progress: str = ""
    notes: tuple[str, ...] = ()


def next_step(judgement: Judgement, cells: Sequence[str], pace: Pace) -> Step:
    """One more pass of screening of some cells, or the confirmation, which has no cells where none is suspect."""
    if pace.passes < FIRST_PASSES:
        return Step(SCREENING, tuple(cells))
    wanted = tuple(cell for cell in cells if cell in judgement.open)
    progress = (
        f"pass {pace.passes}: {len(wanted)} of {counted(len(cells), 'cell')} open, "
        f"{counted(len(judgement.suspects), 'suspect')}"
    )
    affordable = pace.left - pace.seconds * KEPT_FOR_CONFIRMATION
    if wanted and len(wanted) * pace.per_cell <= affordable:
        return Step(SCREENING, wanted, progress=progress)
    notes = []
    if wanted:
        notes.append(f"time was up with {counted(len(wanted), 'cell')} open; --minutes gives more")
    suspects, passes = _affordable(judgement.suspects, pace)
    if len(suspects) < len(judgement.suspects):
        chosen = f"the {len(suspects)} surest of {len(judgement.suspects)} suspects"
        notes.append(f"time sufficed to confirm {chosen}; --minutes gives more")
    if suspects:
        progress += f"; confirming {counted(len(suspects), 'suspect')} in {passes} fresh passes"
    return Step(CONFIRMATION, suspects, passes, progress, tuple(notes))


def _affordable(suspects: tuple[str, ...], pace: Pace) -> tuple[tuple[str, ...], int]:
    """The surest suspects whose confirmation fits the time that is left, one at least, and in how many passes."""
    each = 2 * pace.per_cell  # its sentinel is measured along with it
    if not suspects or each == 0:
        return suspects, MOST_CONFIRMING_PASSES
    number = min(len(suspects), max(1, int(pace.left / (FEWEST_CONFIRMING_PASSES * each))))
    passes = int(pace.left / (number * each))
    return suspects[:number], min(max(passes, FEWEST_CONFIRMING_PASSES), MOST_CONFIRMING_PASSES)
