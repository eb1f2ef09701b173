"""How many rounds, of which cells: a screening, more where it is open, fresh ones for the suspects.

A third of the time is kept for the confirmation. Its rounds and cells are fixed before it begins, from what a
round has cost so far, because a test that is repeated until it says something says nothing; where time is short,
the surest suspects are confirmed and the others stay inconclusive. What this does with clocks and processes is
handed in, so that it can be tested without either.

Known weakness: the first rounds are run whatever they cost, so a slow machine may exceed the time.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.gate.folder import CONFIRMATION, SCREENING, Folder
from bench.gate.judge import SoFar

FIRST_ROUNDS = 4
FEWEST_CONFIRMING_ROUNDS, MOST_CONFIRMING_ROUNDS = 8, 16
KEPT_FOR_CONFIRMATION = 1 / 3

MeasureRound = Callable[[str, int, Sequence[str]], None]


@dataclass(frozen=True)
class Hands:
    """What the conductor acts through.

    `measure(stage, number, cells)` measures a round of these cells with their sentinels, or nothing where the
    folder has it; `judge()` says what is known; `before_round()` looks at the machine; `clock()` is in seconds.
    """

    measure: MeasureRound
    judge: Callable[[], SoFar]
    before_round: Callable[[], None] = lambda: None
    told: Callable[[str], None] = print
    clock: Callable[[], float] = time.monotonic


class Pace:
    """What a round costs, from those that have been run, and how much time is left."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock, self._start, self.seconds = clock, clock(), seconds
        self.per_cell = 0.0

    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.seconds - (self._clock() - self._start)

    def run(self, step: Callable[[], None], cells: int) -> None:
        """Runs one round of so many cells, and learns from it."""
        before = self._clock()
        step()
        self.per_cell = max((self._clock() - before) / cells, 0.0)


def conduct(folder: Folder, cells: Sequence[str], seconds: float, hands: Hands) -> None:
    """Measures until every verdict is clear or the time is up; goes on where an earlier run ended.

    Raises:
        SweepError, ResultsError: see `Hands.measure` and `Hands.judge`; what was measured is kept.
    """
    pace = Pace(seconds, hands.clock)
    if folder.plan["suspects"] is None:
        _screen(folder, cells, pace, hands)
    suspects = folder.plan["suspects"]
    if suspects:
        hands.told(
            f"confirming {_count(len(suspects), 'suspect')} in {folder.plan['confirm_rounds']} fresh rounds"
        )
    for number in range(1, folder.plan["confirm_rounds"] + 1 if suspects else 1):
        hands.before_round()
        pace.run(lambda number=number: hands.measure(CONFIRMATION, number, suspects), len(suspects))
    folder.plan["ended"] = True
    folder.save()


def _screen(folder: Folder, cells: Sequence[str], pace: Pace, hands: Hands) -> None:
    """Rounds of all cells, then of the open ones; leaves the suspects and their rounds in the plan."""
    wanted, number = list(cells), 0
    while wanted:
        number += 1
        hands.before_round()
        pace.run(lambda number=number, wanted=wanted: hands.measure(SCREENING, number, wanted), len(wanted))
        if number < FIRST_ROUNDS:
            continue
        seen = hands.judge()
        wanted = [cell for cell in cells if cell in seen.open]
        affordable = pace.left() - pace.seconds * KEPT_FOR_CONFIRMATION
        hands.told(
            f"round {number}: {len(wanted)} of {_count(len(cells), 'cell')} open, "
            f"{_count(len(seen.suspects), 'suspect')}"
        )
        if wanted and len(wanted) * pace.per_cell > affordable:
            folder.note(f"time was up with {_count(len(wanted), 'cell')} open; --minutes gives more")
            break
    folder.plan["suspects"], folder.plan["confirm_rounds"] = _affordable(list(seen.suspects), pace)
    if len(folder.plan["suspects"]) < len(seen.suspects):
        chosen = f"the {len(folder.plan['suspects'])} surest of {len(seen.suspects)} suspects"
        folder.note(f"time sufficed to confirm {chosen}; --minutes gives more")
    folder.save()


def _affordable(suspects: list[str], pace: Pace) -> tuple[list[str], int]:
    """The surest suspects whose confirmation fits the time that is left, one at least, and in how many rounds."""
    each = 2 * pace.per_cell  # its sentinel is measured along with it
    if not suspects or each == 0:
        return suspects, MOST_CONFIRMING_ROUNDS
    number = min(len(suspects), max(1, int(pace.left() / (FEWEST_CONFIRMING_ROUNDS * each))))
    rounds = int(pace.left() / (number * each))
    return suspects[:number], min(max(rounds, FEWEST_CONFIRMING_ROUNDS), MOST_CONFIRMING_ROUNDS)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
