"""Pass after pass of what the judge asks for, in a folder that can be left and taken up again.

It measures and keeps the time; which cells, how many passes and when it is enough is the judge's rule
(`analysis.regressions.policy`). Clocks and processes are injected, so that it is tested without either.

Known weakness: time that an interrupted run spent is not counted when it goes on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.regressions.policy import CONFIRMATION as TO_CONFIRM
from analysis.regressions.policy import Pace, Step
from bench.gate.folder import CONFIRMATION, SCREENING, Folder


@dataclass(frozen=True)
class Dependencies:
    """Injected dependencies.

    Attributes:
        measure: `measure(stage, number, cells)` measures these cells and their sentinels in one pass, or nothing
            where the folder has it.
        ask: what comes next, see `analysis.regressions.policy.next_step`.
        before_pass: looks at the machine.
        log: for whoever waits.
        clock: seconds.
    """

    measure: Callable[[str, int, Sequence[str]], None]
    ask: Callable[[Pace], Step]
    before_pass: Callable[[], None] = lambda: None
    log: Callable[[str], None] = print
    clock: Callable[[], float] = time.monotonic


def screen_and_confirm(folder: Folder, cells: Sequence[str], seconds: float, use: Dependencies) -> None:
    """Measures until every verdict is clear or the time is up; goes on where an earlier run ended.

    Raises:
        SweepError, ResultsError: as `measure` and `ask` do; what was measured is kept.
    """
    if folder.plan["suspects"] is None:
        _screen(folder, cells, seconds, use)
    for number in range(1, folder.plan["confirm_passes"] + 1 if folder.plan["suspects"] else 1):
        use.before_pass()
        use.measure(CONFIRMATION, number, folder.plan["suspects"])
    folder.plan["ended"] = True
    folder.save()


def _screen(folder: Folder, cells: Sequence[str], seconds: float, use: Dependencies) -> None:
    """Passes until none is asked for; leaves the suspects and how often to confirm them in the plan."""
    start, number, wanted = use.clock(), 0, tuple(cells)
    while True:
        number += 1
        use.before_pass()
        begin = use.clock()
        use.measure(SCREENING, number, wanted)
        end = use.clock()
        step = use.ask(Pace(number, seconds, seconds - (end - start), (end - begin) / len(wanted)))
        if step.progress:
            use.log(step.progress)
        for note in step.notes:
            folder.note(note)
        if step.stage == TO_CONFIRM:
            break
        wanted = step.cells
    folder.plan["suspects"], folder.plan["confirm_passes"] = list(step.cells), step.passes
    folder.save()
