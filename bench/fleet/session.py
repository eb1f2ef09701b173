"""One command that measures blocks on this machine, between two measurements of the control cells.

Blocks are measured in groups of some minutes. A pass over a group is a fresh process, as a pass over the grid is
in a plain run, and only one process is alive at a time, because a GPU's figures notice any other. After the last
pass all blocks of the group are complete. So a machine that ends takes a group with it at most, and starting
processes costs a few per cent at most.

The controls are measured in the processes of the first and the last group. A killed session has none at its end.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

from analysis.vocabulary import END, MEASURED, SENTINEL, SHARDS_FORMAT, START, counted
from bench.checked import failed_check, run_checks, without_wrong
from bench.errors import SweepError, UnfinishedError
from bench.estimate import cell_seconds
from bench.fleet.attempts import KEPT_BY_DEFAULT, MAIN, SESSIONS, OpenAttempt, new_id, of_machine
from bench.fleet.blocks import Block
from bench.fleet.plan import Plan
from bench.grid import Cell
from bench.kernel_check import Check, Size, sizes
from bench.lane import sweep
from bench.lane.events import GaveNothing, Header, Measured
from bench.lane.lane import Job, Side
from bench.lane.settings import Settings
from bench.lane.turns import take_turns
from bench.machine.kind import Machine, this_machine
from bench.machine.lock import sole_run
from bench.progress import SweepProgress
from bench.run_file import write_atomically
from bench.workloads import require_device
from urnn.backends import BACKENDS

GROUP_SECONDS = 300.0  # estimated, of the blocks that share their processes

Take = Callable[[Job, Measured | GaveNothing], str]


def controls_for(device: str) -> tuple[Cell, ...]:
    """One uRNN and one nn.LSTM, the same cells in every sweep on such a device."""
    fused = next(name for name, backend in BACKENDS.items() if device in backend.devices)
    cell = Cell("urnn", fused, "train", device, "float32", 128, 100, 32)
    return cell, cell.of(SENTINEL)


def groups_of(blocks: Sequence[Block], seconds: float = GROUP_SECONDS) -> Iterator[list[Block]]:
    """The blocks of one device at a time, in groups of at least so many estimated seconds but for the last."""
    for device in dict.fromkeys(block.device for block in blocks):
        group: list[Block] = []
        for block in (one for one in blocks if one.device == device):
            group.append(block)
            if sum(one.seconds for one in group) >= seconds:
                yield group
                group = []
        if group:
            yield group


@dataclass
class Queue:
    """Takes the place of a `Side`: hands each result to where it belongs, by its place in the order."""

    settings: Settings
    header: Header | None = None
    name: str = ""
    takers: deque[tuple[Cell, Take]] = field(default_factory=deque)

    def measured(self) -> set[tuple[str, int]]:
        """Nothing: whoever fills the queue knows what is to be measured."""
        return set()

    def begin(self, header: Header) -> None:
        self.header = header

    def store(self, job: Job, event: Measured | GaveNothing) -> str:
        cell, take = self.takers.popleft()
        if cell != job.cell:
            raise SweepError(f"expected a result of {cell.id}, got one of {job.cell.id}")
        if isinstance(event, Measured):  # a cell that comes twice in a process has a number behind its name there
            name = f"test_step_time[{cell.id}]"
            fullname = f"bench/test_step_time.py::{name}"
            named = {"name": name, "fullname": fullname, "param": cell.id}
            event = replace(event, benchmark=event.benchmark | named)
        return take(job, event)


class Session:
    """One command's measurements.

    Attributes:
        id: random.
        complete: names of the blocks that it has completed.
    """

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        folder: Path,
        shard: str | None,
        log: Callable[[str], None],
        machine: Machine | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.id, self.complete = new_id(), []
        self._plan, self._settings, self._folder, self._log, self._clock = plan, settings, folder, log, clock
        self._machine = machine or this_machine()
        self._content = {
            "format": SHARDS_FORMAT,
            "plan": plan.id,
            "session": self.id,
            "shard": shard,
            "machine": of_machine(self._machine),
            "begin": None,
            "end": None,
            "controls": [],
        }
        self._checks: list[Check] = []

    def measure(self, blocks: Sequence[Block]) -> bool:
        """Measures the blocks, one after the other, while nobody else measures here; false if a kernel is wrong.

        Raises:
            SweepError: a device is absent, or a process does not start.
            UnfinishedError: interrupted, by a scheduler's SIGTERM too.
            ResultsError: a result cannot be stored.
        """
        for device in dict.fromkeys(block.device for block in blocks):
            require_device(device)
        if not blocks:
            return True
        try:
            with sole_run(waiting=self._log):
                self._content["begin"] = self._clock()
                self._plan.write(self._folder, self.id)
                self._measure(blocks)
                self._content["end"] = self._clock()
                self._save()
        except KeyboardInterrupt:
            raise UnfinishedError(
                f"interrupted; {len(self.complete)} of {counted(len(blocks), 'block')} complete in "
                f"{self._folder}, and the same command measures the others"
            ) from None
        return all(check.right for check in self._checks)

    def _measure(self, blocks: Sequence[Block]) -> None:
        cells = [cell for block in blocks for cell in block.cells]
        if self._settings.profile.checks_kernels:
            self._checks = run_checks(sizes(cells), self._settings, self._log)
        groups = list(groups_of(blocks))
        jobs = [job for group in groups for job in sweep.plan(self._timed(group), self._plan.passes)]
        estimate = self._settings.profile
        with SweepProgress(jobs, lambda job: cell_seconds(job.cell, estimate)) as progress:
            for place, group in enumerate(groups):
                device = group[0].device
                is_first = not place or groups[place - 1][0].device != device
                is_last = group is groups[-1] or groups[place + 1][0].device != device
                self._measure_group(group, is_first, is_last, progress)

    def _timed(self, group: Sequence[Block]) -> list[Cell]:
        """The cells of the blocks whose kernels are right."""
        return [cell for one in group for cell in one.cells if failed_check(cell, self._checks) is None]

    def _measure_group(
        self, group: Sequence[Block], is_first: bool, is_last: bool, progress: SweepProgress
    ) -> None:
        begin, passes = self._clock(), self._plan.passes
        by_default = replace(self._settings, allocator="default")
        how = {MAIN: self._settings.conditions, KEPT_BY_DEFAULT: by_default.conditions}
        attempts = {block.name: OpenAttempt(self._folder, block, how) for block in group}
        for block in group:
            self._refuse_wrong(block, attempts[block.name])
        queue = Queue(self._settings)

        def keep(job: Job, event: Measured | GaveNothing) -> str:
            file = attempts[job.cell.block].main
            Side(self._settings, file).begin(queue.header)
            outcome = Side(self._settings, file).store(job, event)
            progress.finished(job, outcome)
            return outcome

        controls = controls_for(group[0].device)
        for number in range(1, passes + 1):
            cells = self._timed(group)[:: 1 if number % 2 else -1]
            order: list[tuple[Cell, Take]] = [(cell, keep) for cell in cells]
            if is_first and number == 1:
                order = [(cell, self._control(START)) for cell in controls] + order
            if is_last and number == passes:
                order += [(cell, self._control(END)) for cell in controls]
            queue.takers = deque(order)
            cells = [cell for cell, _ in order]
            take_turns(
                [(queue, cells[:: 1 if number % 2 else -1])],
                number,
                started=lambda side, job: progress.started(job),
            )
        for block in group:
            attempt = attempts[block.name]
            if block.default:
                sweep.run(sweep.plan(block.default, 1), Side(by_default, attempt.default))
            attempt.complete(self._plan, self._content, begin, self._clock())
            self.complete.append(block.name)

    def _refuse_wrong(self, block: Block, attempt: OpenAttempt) -> None:
        """Stores the block's checks, and why cells with a wrong kernel are not timed."""
        if self._settings.profile.checks_kernels:
            wanted = sizes(block.cells)
            checks = [one for one in self._checks if not one.right or astuple(one)[: len(Size.__args__)] in wanted]
            jobs = sweep.plan(block.cells, self._plan.passes)
            without_wrong(jobs, checks, Side(self._settings, attempt.main))

    def _control(self, at: str) -> Take:
        """Takes a control's result, and writes them down when the last of this time is there."""

        def take(job: Job, event: Measured | GaveNothing) -> str:
            outcome = MEASURED if isinstance(event, Measured) else event.outcome
            seconds = event.benchmark["stats"]["data"] if isinstance(event, Measured) else []
            message = "" if isinstance(event, Measured) else event.message
            self._content["controls"].append(
                {"at": at, "cell": job.cell.id, "outcome": outcome, "message": message, "seconds": seconds}
            )
            self._save()
            return outcome

        return take

    def _save(self) -> None:
        write_atomically(self._folder / SESSIONS / f"{self.id}.json", json.dumps(self._content), self.id)
