"""A child ends with its owner, however that one ends, with everything it has started; and as the command ends."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.gate import children
from bench.worker import ROOT

# Starts a process in a session of its own, which survives most things, and says both numbers.
COMMAND = """
import os, signal, subprocess, sys, time
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
kept = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
print(os.getpid(), kept.pid, flush=True)
if sys.argv[1] != "brief":
    time.sleep(600)
"""
OWNER = f"""
import os, subprocess, sys
from pathlib import Path
from bench.gate.children import child
command = [sys.executable, "-c", {COMMAND!r}, sys.argv[1]]
with child(command, Path("."), os.environ, stdout=subprocess.PIPE) as process:
    print(process.stdout.readline().strip(), flush=True)
    process.wait()
"""


@pytest.fixture
def gone():
    """Waits until processes have ended; at the end of the test they have, whatever it did."""
    seen: list[int] = []

    def wait(pids: list[int]) -> None:
        seen.extend(pids)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                with os.fdopen(descriptor):
                    assert select.select([descriptor], [], [], 60)[0], f"process {pid} was left behind"

    yield wait
    for pid in seen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run(program: str, said: str = ""):
    return children.run([sys.executable, "-c", program], ROOT, os.environ, said)


def test_what_is_said_and_written_and_the_exit_code_come_through():
    done = run("import sys; print(sys.stdin.read()); print('no', file=sys.stderr); sys.exit(3)", "hello")
    assert (done.returncode, done.stdout, done.stderr) == (3, "hello\n", "no\n")
    assert children.last_words(done) == "no"
    silent = run("import os; os._exit(4)")
    assert children.last_words(silent) == "exit code 4"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_signal_comes_through(name):
    number = getattr(signal, name)
    assert run(f"import os; os.kill(os.getpid(), {int(number)})").returncode == -number


def test_a_command_that_is_none_is_a_sentence():
    done = children.run(["/no/such/command"], ROOT, os.environ)
    assert (done.returncode, children.last_words(done)) == (
        1,
        "cannot start /no/such/command: No such file or directory",
    )


@pytest.mark.parametrize(
    ("manner", "ending"), [("polite", "SIGKILL"), ("polite", "SIGINT"), ("stubborn", "SIGKILL")]
)
def test_a_child_and_what_it_started_end_with_the_owner(gone, manner, ending):
    command = [sys.executable, "-c", OWNER, manner]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **streams) as owner:
        pids = [int(text) for text in owner.stdout.readline().split()]
        assert len(pids) == 2
        owner.send_signal(getattr(signal, ending))
        owner.wait()
    gone(pids)


def test_what_a_command_leaves_behind_ends_with_it(gone):
    done = children.run([sys.executable, "-c", COMMAND, "brief"], Path("."), os.environ)
    assert done.returncode == 0
    gone([int(text) for text in done.stdout.split()])


def test_leaving_the_block_ends_it(gone):
    command = [sys.executable, "-c", COMMAND, "polite"]
    with children.child(command, ROOT, os.environ, stdout=subprocess.PIPE) as process:
        pids = [int(text) for text in process.stdout.readline().split()]
    assert process.returncode is not None
    gone(pids)
