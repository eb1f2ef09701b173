"""Pass after pass of what the judge asks for, in a folder that can be left and taken up again.

It measures and keeps the time; which cells, how many passes and when it is enough is the judge's rule
(`analysis.regressions.policy`). Clocks and processes are injected, so that it is tested without either.

A confirmation's passes are fixed before it begins. Where the machine has become slower since, it ends with the
time, once there are as many as the fewest of a screening: when that is depends on no verdict.

Known weakness: time that an interrupted run spent is not counted when it goes on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.regressions.policy import CONFIRMATION as TO_CONFIRM
from analysis.regressions.policy import FIRST_PASSES, Pace, Step
from analysis.vocabulary import counted
from bench.gate.folder import CONFIRMATION, NAMING, SCREENING, Folder


@dataclass(frozen=True)
class Dependencies:
    """Injected dependencies.

    Attributes:
        measure: `measure(stage, number, cells)` measures these cells and their sentinels in one pass, or nothing
            where the folder has it; how many that are.
        ask: what comes next, see `analysis.regressions.policy`.
        before_pass: looks at the machine.
        log: for whoever waits.
        clock: seconds.
    """

    measure: Callable[[str, int, Sequence[str]], int]
    ask: Callable[[Pace], Step]
    before_pass: Callable[[], None] = lambda: None
    log: Callable[[str], None] = print
    clock: Callable[[], float] = time.monotonic


def screen_and_confirm(folder: Folder, cells: Sequence[str], seconds: float, use: Dependencies) -> None:
    """Measures until every verdict is clear or the time is up; goes on where an earlier run ended.

    Raises:
        SweepError, ResultsError: as `measure` and `ask` do; what was measured is kept.
    """
    run = _Run(folder, seconds, use)
    if folder.plan["suspects"] is None:
        run.screen(tuple(cells))
    run.confirm()
    if folder.plan["naming"] is None and folder.plan["suspects"]:
        run.choose_what_to_name()
    run.name()
    folder.plan["ended"] = True
    folder.save()


class _Run:
    """One go at a gate's folder, with its clock."""

    def __init__(self, folder: Folder, seconds: float, use: Dependencies) -> None:
        self.folder, self.plan, self.seconds, self.use = folder, folder.plan, seconds, use
        self.end = use.clock() + seconds
        self.per_cell = 0.0

    def screen(self, wanted: tuple[str, ...]) -> None:
        """Passes until none is asked for; leaves the suspects and how often to confirm them in the plan."""
        number = 0
        while True:
            number += 1
            self._measure(SCREENING, number, wanted)
            step = self._ask(number)
            if step.stage == TO_CONFIRM:
                break
            wanted = step.cells
        self.plan["suspects"], self.plan["confirm_passes"] = list(step.cells), step.passes
        self.folder.save()

    def confirm(self) -> None:
        """The passes of the plan; fewer where the time is up."""
        passes = self.plan["confirm_passes"] if self.plan["suspects"] else 0
        for number in range(1, passes + 1):
            if number > FIRST_PASSES and self.use.clock() >= self.end:
                done = f"{number - 1} of {counted(passes, 'pass')}"
                self.folder.note(f"time was up after {done} of the confirmation; --minutes gives more")
                self.plan["confirm_passes"] = number - 1
                self.folder.save()
                break
            self._measure(CONFIRMATION, number, self.plan["suspects"])

    def choose_what_to_name(self) -> None:
        """Leaves the other cells of a model that was confirmed, and how often to measure them, in the plan."""
        step = self._ask(self.plan["confirm_passes"])
        self.plan["naming"] = {"cells": list(step.cells), "passes": step.passes}
        self.folder.save()

    def name(self) -> None:
        """The passes of the plan, as far as there is time."""
        naming = self.plan["naming"] or {"cells": [], "passes": 0}
        for number in range(1, naming["passes"] + 1):
            if number > 1 and self.use.clock() >= self.end:
                break
            self._measure(NAMING, number, naming["cells"])

    def _measure(self, stage: str, number: int, cells: Sequence[str]) -> None:
        self.use.before_pass()
        begin = self.use.clock()
        measured = self.use.measure(stage, number, cells)
        self.per_cell = (self.use.clock() - begin) / max(measured, 1)

    def _ask(self, passes: int) -> Step:
        step = self.use.ask(Pace(passes, self.seconds, self.end - self.use.clock(), self.per_cell))
        if step.progress:
            self.use.log(step.progress)
        for note in step.notes:
            self.folder.note(note)
        return step
