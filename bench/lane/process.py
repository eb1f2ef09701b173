"""A measuring process: pytest with pytest-benchmark, which reports each cell as it ends and waits for an answer.

While it waits it does nothing, so that its owner decides when the next cell is measured: after the result has been
stored, or after another process has had its turn.
"""

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.grid import Cell
from bench.lane.events import Event
from bench.lane.reports import decode
from bench.lane.settings import Settings, environment_of
from bench.processes.children import child
from bench.processes.scratch import scratch_folder, temporary_files

# Others that happen to be installed take a second to import, and have no part in what is measured.
NO_OTHER_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


class MeasuringProcess:
    """A running measuring process and this end of its socket."""

    def __init__(self, process: subprocess.Popen, channel: socket.socket, log: Path, parts: int = 1) -> None:
        self.process, self.channel, self.log, self.parts = process, channel, log, parts

    def events(self) -> Iterator[Event]:
        """Each report, answered once the consumer asks for the next one; ends when the process does.

        Raises:
            SweepError: what came is no report.
            TimeoutError: none came within `limit`.
        """
        # A process that dies with an answer unread resets the connection.
        with self.channel.makefile("r") as lines, contextlib.suppress(ConnectionError):
            for line in lines:
                yield decode(line)
                self.channel.sendall(f"{self.parts}\n".encode())

    def limit(self, seconds: float | None) -> None:
        """How long `events` waits for a report before it raises TimeoutError; None for as long as it takes."""
        self.channel.settimeout(seconds)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait()

    def output(self) -> str:
        """The last lines of what it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


@contextlib.contextmanager
def measuring_process(
    cells: Sequence[Cell], pass_number: int, settings: Settings, parts: int = 1
) -> Iterator[MeasuringProcess]:
    """A process that measures the cells in their order, and the rounds of each in so many parts, between which it
    waits. It ends with its owner, see `bench.processes.children`."""
    here, there = socket.socketpair()
    with here, there, scratch_folder("sweep") as scratch, contextlib.ExitStack() as stack:
        queue, log = scratch / "cells", scratch / "log"
        queue.write_text("\n".join(cell.id for cell in cells))
        command = [str(settings.python), "-m", "pytest", "bench/test_step_time.py", "--benchmark-only", "-q"]
        command += ["-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider", "-W", "default"]
        command += [f"--profile={settings.profile.name}"]
        command += [f"--cells={queue}", f"--threads={settings.threads}", f"--pass={pass_number}"]
        command += [f"--events={there.fileno()}"]
        with log.open("w") as output:
            process = child(
                command,
                settings.root,
                environment_of(settings) | temporary_files(scratch) | NO_OTHER_PLUGINS,
                grace=0,
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            started = stack.enter_context(process)
        there.close()
        yield MeasuringProcess(started, here, log, parts)


def death(code: int) -> str:
    """One sentence on a process that ended with this exit code in the middle of a cell."""
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    cause = "; most likely the machine ran out of memory" if code == -signal.SIGKILL else ""
    return f"the process that measured it ended with {how}{cause}"
