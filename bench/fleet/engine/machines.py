"""How a worker gets onto a machine: as a process here, over ssh, or as a job of Slurm's.

A worker that ends is started again, with pauses that double, and given up after some times without a result. One
that the scheduler has lost is ended: if it was stopped, it would keep its machine's lock. A worker's name is its
machine's, with the number of its start.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.errors import SweepError
from bench.fleet.engine.slow import slow_scheduler
from bench.fleet.engine.worker import KEYS
from bench.paths import ROOT
from bench.processes.children import child, last_line

if TYPE_CHECKING:
    from distributed import Scheduler, Security

RESTARTS = 5  # of a worker that has not measured anything since
STREAMS = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
STARTS = "#"  # between the name of a machine and the number of a start, in a worker's name
WORKER = [sys.executable, "-m", "bench.fleet.engine.worker"]
QUIET = "127.0.0.1:0"  # where Dask's server of pages listens, which has none here
Say = Callable[[str], None]


class Machines(Protocol):
    """Where workers are.

    Attributes:
        given_up: name -> why its worker is not started any more.
    """

    names: Sequence[str]
    given_up: dict[str, str]

    async def open(self) -> Scheduler:
        """The scheduler that they work for, once all of them have been asked for."""

    async def look(self) -> None:
        """Called every few seconds: replaces what has ended."""

    def worked(self, name: str) -> None:
        """It has measured something, so it may end again."""

    async def lost(self, worker: str) -> None:
        """The scheduler has not heard of this worker for long: ends it, if it still is there."""

    async def give_up(self, name: str, why: str) -> None:
        """Ends its worker for good."""

    async def close(self) -> None:
        """Ends all."""


def machine_of(worker: str) -> str:
    """The name of its machine."""
    return worker.partition(STARTS)[0]


def _command(scheduler: str, host: str | None, name: str) -> list[str]:
    """Starts a worker, on another machine by ssh."""
    command = [*WORKER, scheduler, "--name", name]
    if host is None:
        return command
    there = f"cd {shlex.quote(str(ROOT))} && exec {shlex.join(command)}"
    return ["ssh", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=30", "--", host, there]


class Kept:
    """One worker that is a process of this machine's, ssh included, and is started again when it ends."""

    def __init__(
        self, name: str, command: Callable[[str], list[str]], tls: Mapping[str, str] | None, gave_up: Say
    ) -> None:
        self.name, self.left, self.starts = name, RESTARTS, 0
        self._command, self._tls, self._gave_up = command, tls, gave_up
        self._closing = threading.Event()
        self._process: subprocess.Popen | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._closing.set()
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()  # which ends the worker, on whatever machine

    def lost(self, start: int) -> None:
        process = self._process
        if process is not None and start == self.starts:
            process.kill()  # its guard, and it with it

    def wait(self) -> None:
        self._thread.join()

    def _keep(self) -> None:
        said = "it ended"
        while not self._closing.is_set():
            said = self._run()
            if self._closing.is_set():
                return
            if self.left == 0:
                self._gave_up(f"its worker ended {RESTARTS + 1} times without a result ({said})")
                return
            self._closing.wait(2.0 ** (RESTARTS - self.left) / 4)
            self.left -= 1

    def _run(self) -> str:
        """Its last words, once it has ended."""
        self.starts += 1
        command = self._command(f"{self.name}{STARTS}{self.starts}")
        with (
            tempfile.TemporaryFile("w+", errors="replace") as log,
            child(command, ROOT, os.environ, stderr=log, **STREAMS) as process,
        ):
            self._process = process
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps(self._tls) + "\n")
                process.stdin.flush()
            if self._closing.is_set():
                self.end()
            code = process.wait()
            self._process = None
            with contextlib.suppress(OSError):
                process.stdin.close()
            log.seek(0)
            return last_line(log.read(), otherwise=f"exit code {code}")


class Processes:
    """Workers on this machine, or on others over ssh.

    Args:
        hosts: name -> where ssh goes, None for this machine.
        host: the address that the scheduler listens on.
    """

    def __init__(self, hosts: Mapping[str, str | None], host: str, security: Security) -> None:
        self.names, self.given_up = list(hosts), {}
        self._hosts, self._host, self._security = hosts, host, security
        self._kept: dict[str, Kept] = {}

    async def open(self) -> Scheduler:
        protocol = "tls://" if self._security.require_encryption else "tcp://"
        self._scheduler = await slow_scheduler()(
            host=self._host, port=0, protocol=protocol, security=self._security, dashboard_address=QUIET
        )
        tls = None
        if self._security.require_encryption:
            given = self._security.get_tls_config_for_role("worker")
            tls = {key: given[key] for key in KEYS}
        for name, host in self._hosts.items():
            command = partial(_command, self._scheduler.address, host)
            self._kept[name] = Kept(name, command, tls, partial(self.given_up.setdefault, name))
        return self._scheduler

    async def look(self) -> None:
        pass

    def worked(self, name: str) -> None:
        self._kept[name].left = RESTARTS

    async def lost(self, worker: str) -> None:
        name, _, start = worker.partition(STARTS)
        self._kept[name].lost(int(start))

    async def give_up(self, name: str, why: str) -> None:
        self.given_up.setdefault(name, why)
        self._kept[name].end()

    async def close(self) -> None:
        for kept in self._kept.values():
            kept.end()
        for kept in self._kept.values():
            kept.wait()
        await self._scheduler.close()


class Slurm:
    """Workers that are jobs, one a node, on a file system that nodes share with this machine.

    Args:
        more: options of sbatch.
        logs: a folder for the jobs' output and, where TLS is on, for their key, which this user alone can read.
    """

    LOOKS = 6  # between two times that squeue is asked

    def __init__(
        self, partition: str, count: int, host: str, security: Security, more: Sequence[str], logs: Path
    ) -> None:
        self._partition, self._count, self._host, self._security = partition, count, host, security
        self._more, self._logs, self._looks, self._left = more, logs, 0, RESTARTS * count
        self.names, self.given_up = [], {}

    async def open(self) -> Scheduler:
        from dask_jobqueue import SLURMCluster

        encrypted = self._security.require_encryption
        self._cluster = SLURMCluster(
            queue=self._partition,
            cores=1,
            processes=1,
            memory="1 GB",  # asked for by dask-jobqueue, and left out of the job: it has its node alone
            job_directives_skip=["#SBATCH --mem", "#SBATCH -n ", "#SBATCH --cpus-per-task", "#SBATCH -t "],
            job_extra_directives=["--exclusive", "--nodes=1", "--requeue", *self._more],
            job_script_prologue=[f"cd {shlex.quote(str(ROOT))}"],
            job_name="urnn-fleet",
            python=sys.executable,
            worker_command="bench.fleet.engine.worker",
            protocol="tls://" if encrypted else "tcp://",
            security=self._security if encrypted else None,
            shared_temp_directory=str(self._logs),
            log_directory=str(self._logs),
            scheduler_cls=slow_scheduler(),
            scheduler_options={"host": self._host, "port": 0, "dashboard_address": QUIET},
            asynchronous=True,
        )
        while len(self._cluster.worker_spec) < self._count:
            self._cluster.worker_spec.update(self._cluster.new_worker_spec())
        try:
            await self._submit()
        except SweepError:
            for job in self._cluster.workers.values():  # those that Slurm took all the same
                await job.close()
            raise
        self.names = list(self._cluster.worker_spec)
        return self._cluster.scheduler

    async def _submit(self) -> None:
        """Jobs for all workers that have none.

        Raises:
            SweepError: sbatch refuses them.
        """
        try:
            await self._cluster
        except RuntimeError as error:
            said = last_line(str(error).partition("stderr:\n")[2] or str(error), otherwise="")
            refused = [name for name, job in self._cluster.workers.items() if job.job_id is None]
            for name in refused:
                del self._cluster.workers[name]
            raise SweepError(f"Slurm takes no job for partition {self._partition}: {said}") from None

    async def look(self) -> None:
        self._looks += 1
        if self._looks % self.LOOKS == 0:
            await self._forget_ended()
        lacking = [name for name in self._cluster.worker_spec if name not in self._cluster.workers]
        if not lacking:
            return
        if self._left < len(lacking):
            for name in lacking:
                await self.give_up(name, f"its jobs ended before they worked; their output is in {self._logs}")
            return
        self._left -= len(lacking)
        with contextlib.suppress(SweepError):  # its controller may be away; the next look tries again
            await self._submit()

    async def _forget_ended(self) -> None:
        """Jobs that Slurm does not know any more, and that have no worker, are to be replaced."""
        here = {worker.name for worker in self._cluster.scheduler.workers.values()}
        asked = {job.job_id: name for name, job in self._cluster.workers.items() if name not in here}
        if not asked:
            return
        command = ["squeue", "--noheader", "--format=%i", "--jobs", ",".join(asked)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and "Invalid job id" not in done.stderr:
            return  # its controller is away; jobs go on without it
        for number in asked.keys() - set(done.stdout.split()):
            del self._cluster.workers[asked[number]]

    def worked(self, name: str) -> None:
        self._left = RESTARTS * self._count

    async def lost(self, worker: str) -> None:
        """Dask's cluster ends the job of a worker that is lost, and `look` has another one submitted."""

    async def give_up(self, name: str, why: str) -> None:
        self.given_up.setdefault(name, why)
        await self._cluster.scale_down([name])

    async def close(self) -> None:
        await self._cluster.close()
