"""Round after round of what the analysis asks for, in a folder that can be left and taken up again.

It measures and keeps the time; which cells, how many rounds and when it is enough is the analysis's rule (its
`regressions/policy.py`). What this does with clocks and processes is handed in, so that it can be tested without
either.

Known weakness: time that an interrupted run spent is not counted when it goes on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.gate.folder import CONFIRMATION, SCREENING, Folder
from bench.gate.judge import Pace, Step

MeasureRound = Callable[[str, int, Sequence[str]], None]


@dataclass(frozen=True)
class Hands:
    """What the conductor acts through.

    `measure(stage, number, cells)` measures a round of these cells with their sentinels, or nothing where the
    folder has it; `ask(pace)` says what comes next; `before_round()` looks at the machine; `clock()` is in
    seconds.
    """

    measure: MeasureRound
    ask: Callable[[Pace], Step]
    before_round: Callable[[], None] = lambda: None
    told: Callable[[str], None] = print
    clock: Callable[[], float] = time.monotonic


def conduct(folder: Folder, cells: Sequence[str], seconds: float, hands: Hands) -> None:
    """Measures until every verdict is clear or the time is up; goes on where an earlier run ended.

    Raises:
        SweepError, ResultsError: see `Hands.measure` and `Hands.ask`; what was measured is kept.
    """
    if folder.plan["suspects"] is None:
        _screen(folder, cells, seconds, hands)
    for number in range(1, folder.plan["confirm_rounds"] + 1 if folder.plan["suspects"] else 1):
        hands.before_round()
        hands.measure(CONFIRMATION, number, folder.plan["suspects"])
    folder.plan["ended"] = True
    folder.save()


def _screen(folder: Folder, cells: Sequence[str], seconds: float, hands: Hands) -> None:
    """Rounds until none is asked for; leaves the suspects and how often to confirm them in the plan."""
    start, number, wanted = hands.clock(), 0, tuple(cells)
    while True:
        number += 1
        hands.before_round()
        begin = hands.clock()
        hands.measure(SCREENING, number, wanted)
        end = hands.clock()
        step = hands.ask(Pace(number, seconds, seconds - (end - start), (end - begin) / len(wanted)))
        if step.told:
            hands.told(step.told)
        for note in step.notes:
            folder.note(note)
        if step.is_confirmation:
            break
        wanted = step.cells
    folder.plan["suspects"], folder.plan["confirm_rounds"] = list(step.cells), step.rounds
    folder.save()
