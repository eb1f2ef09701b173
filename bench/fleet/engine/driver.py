"""Gives parts of a sweep to machines until all are measured or given up. Its owner is `bench.fleet.spread`.

It reads one JSON object from standard input, the order, and writes one a line to standard output:

    {"event": "machine", "name", "machine"}             a worker may be given blocks
    {"event": "lost", "name"}                           a worker is gone, for now or for good
    {"event": "refused", "name", "why"}                 a machine is not used any more
    {"event": "measured", "machine", "blocks", ...}     what `work.measure` gives
    {"event": "failed", "blocks", "why"}                these are not tried again

Parts whose machine ends are Dask's to give to another, up to a number of times; then each block of a part is tried
alone, so that one that ends every machine takes no other with it. A command that fails is tried again as often.
The names of the files that come back say which blocks are measured; their content is the owner's to read.
"""

import asyncio
import contextlib
import json
import os
import sys
import uuid
from collections import Counter, deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from bench.fleet.engine import quiet

LOOK_SECONDS = 5.0
FAILURES = 3  # of a machine in a row, after which it is not used while there is another


@dataclass(frozen=True)
class Part:
    """Blocks that one command measures.

    Attributes:
        tries: how often a command for them has failed.
    """

    blocks: tuple[str, ...]
    tries: int = 0


class Driver:
    """One sweep."""

    def __init__(self, order: Mapping[str, object], output: TextIO) -> None:
        self._order, self._output = order, output
        self._asked = {name: order[name] for name in ("command", "options")}  # what a machine needs to know
        self._waiting = deque(Part(tuple(blocks)) for blocks in order["parts"])
        self._workers: dict[str, str] = {}  # address -> name
        self._accepted: dict[str, str] = {}  # address -> name of its machine
        self._introductions: dict[str, asyncio.Task] = {}
        self._under_way: dict[asyncio.Task, Part] = {}
        self._failures: Counter[str] = Counter()
        self._refused: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._trouble: BaseException | None = None
        self._over = False
        self._client: object = None

    async def drive(self) -> None:
        """Returns when every part is measured or given up."""
        from distributed import Client

        from bench.fleet.engine.security import made

        security = made(self._order["tls"])
        self._machines = machines_of(self._order["on"], security)
        async with contextlib.AsyncExitStack() as stack:
            scheduler = await self._machines.open()
            stack.push_async_callback(self._machines.close)
            for task in self._watch(scheduler):
                stack.callback(task.cancel)
            self._client = await stack.enter_async_context(
                Client(scheduler.address, security=security, asynchronous=True)
            )
            for address in list(scheduler.workers):
                self._introduce(address, scheduler.workers[address].name)
            await self._until_done()
            self._over = True
            for task in (*self._under_way, *self._introductions.values()):
                task.cancel()

    def _watch(self, scheduler: object) -> list[asyncio.Task]:
        """Tells this object who comes and goes, and looks at the machines every few seconds."""
        from distributed.diagnostics.plugin import SchedulerPlugin

        driver = self

        class Watch(SchedulerPlugin):
            def add_worker(self, scheduler, worker, **_):
                driver._introduce(worker, scheduler.workers[worker].name)

            def remove_worker(self, scheduler, worker, **_):
                driver._lost(worker)

        scheduler.add_plugin(Watch())
        return [self._begin(self._look())]

    def _begin(self, what: Coroutine) -> asyncio.Task:
        """Runs it beside the rest; where it fails, so does the sweep."""
        task = asyncio.ensure_future(what)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task) -> None:
        self._under_way.pop(task, None)
        if not task.cancelled() and task.exception():
            self._trouble = task.exception()
        self._changed.set()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._machines.look()
            self._changed.set()

    async def _until_done(self) -> None:
        while True:
            self._changed.clear()
            if self._trouble:
                raise self._trouble
            self._fill()
            if not self._waiting and not self._under_way:
                return
            gone = {**self._machines.given_up, **self._refused}
            for name in self._machines.given_up.keys() - self._refused.keys():
                self._refuse(name, self._machines.given_up[name])
            if gone and not set(self._machines.names) - gone.keys():
                why = "no machine is left"
                for part in (*self._under_way.values(), *self._waiting):
                    self._emit("failed", blocks=part.blocks, why=why)
                return
            await self._changed.wait()

    def _fill(self) -> None:
        """Begins as many parts as there are machines; which of them gets one is Dask's to say."""
        while self._waiting and len(self._under_way) < len(self._accepted):
            part = self._waiting.popleft()
            self._under_way[self._begin(self._measure(part))] = part

    async def _measure(self, part: Part) -> None:
        from distributed import KilledWorker

        from bench.fleet.engine import work
        from bench.fleet.engine.machines import machine_of

        future = self._client.submit(
            work.measure, self._asked, part.blocks, resources={work.RESOURCE: 1}, key=f"measure-{uuid.uuid4().hex}"
        )
        try:
            done = await future
        except KilledWorker:
            self._again(replace(part, tries=quiet.TRIES), f"{quiet.TRIES} machines ended in it")
            return
        except Exception as error:
            self._again(replace(part, tries=part.tries + 1), f"{type(error).__name__}: {error}")
            return
        machine = machine_of(done.pop("worker"))
        self._emit("measured", machine=machine, blocks=part.blocks, **done)
        names = {path.split("/")[1] for path in done["files"] if path.startswith("blocks/")}
        left = tuple(name for name in part.blocks if name not in names)
        await self._count(machine, failed=not names)
        if left:
            self._again(Part(left, part.tries + 1), done["said"])

    def _again(self, part: Part, why: str) -> None:
        """Another time, or each block alone, or never."""
        if part.tries < quiet.TRIES:
            self._waiting.append(part)
        elif len(part.blocks) > 1:
            self._waiting.extend(Part((name,)) for name in part.blocks)
        else:
            self._emit("failed", blocks=part.blocks, why=why)

    async def _count(self, name: str, *, failed: bool) -> None:
        """A machine on which nothing succeeds would take all parts and fail them, faster than others measure."""
        if not failed:
            self._failures[name] = 0
            self._machines.worked(name)
            return
        self._failures[name] += 1
        others = set(self._accepted.values()) - {name}
        if self._failures[name] >= FAILURES and others:
            why = f"its commands failed {FAILURES} times in a row"
            self._refuse(name, why)
            await self._machines.give_up(name, why)

    def _introduce(self, address: str, worker: str) -> None:
        from bench.fleet.engine.machines import machine_of

        if address not in self._introductions and self._client is not None:
            self._workers[address] = worker
            self._introductions[address] = self._begin(self._get_to_know(address, machine_of(worker)))

    async def _get_to_know(self, address: str, name: str) -> None:
        from bench.fleet.engine import work
        from bench.fleet.engine.requirements import lacks

        try:
            found = await self._client.submit(
                work.introduce, self._asked, workers=[address], key=f"introduce-{uuid.uuid4().hex}"
            )
            why = lacks(found["machine"], self._order["require"])
            if found["id"] != self._order["plan"]:
                why = f"its checkout plans another sweep ({found['id']}, not {self._order['plan']})"
        except Exception as error:
            found, why = None, str(error)
        if why:
            self._refuse(name, why)
            await self._machines.give_up(name, why)
            return
        with contextlib.suppress(OSError):  # it is lost again, which is noticed elsewhere
            await self._client.run(work.accept, workers=[address])
        if address not in self._introductions:
            return
        self._accepted[address] = name
        self._emit("machine", name=name, machine=found["machine"])
        self._changed.set()

    def _lost(self, address: str) -> None:
        if self._over:
            return
        if task := self._introductions.pop(address, None):
            task.cancel()
        if worker := self._workers.pop(address, None):
            self._begin(self._machines.lost(worker))
        if name := self._accepted.pop(address, None):
            self._emit("lost", name=name)
        self._changed.set()

    def _refuse(self, name: str, why: str) -> None:
        if name not in self._refused:
            self._refused[name] = why
            self._emit("refused", name=name, why=why)
        self._changed.set()

    def _emit(self, event: str, **what: object) -> None:
        print(json.dumps({"event": event, **what}), file=self._output, flush=True)


def machines_of(on: Mapping[str, object], security: object) -> object:
    """Those that the order names."""
    from bench.fleet.engine.machines import Processes, Slurm

    if on["where"] == "slurm":
        return Slurm(on["partition"], on["count"], on["host"], security, on["sbatch"], Path(on["logs"]))
    return Processes(on["hosts"], on["host"], security)


def main(arguments: Sequence[str] = ()) -> int:
    """0; or 2, with one line on standard error, where the machines cannot be asked for."""
    from bench.errors import SweepError

    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no event
    order = json.loads(sys.stdin.readline())
    quiet.apply(order["lost_after"])
    try:
        asyncio.run(Driver(order, output).drive())
    except (SweepError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
