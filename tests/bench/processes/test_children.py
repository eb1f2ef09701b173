"""A child ends with its owner, however that one ends, with everything it has started; and as the command ends."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.paths import ROOT
from bench.processes import children
from bench.processes.guard import descendants
from bench.processes.scratch import locks, scratch_folder

pytestmark = pytest.mark.slow

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
from bench.processes.children import child
command = [sys.executable, "-c", {COMMAND!r}, sys.argv[1]]
with child(command, Path("."), os.environ, grace=0.1, stdout=subprocess.PIPE) as process:
    print(process.stdout.readline().strip(), flush=True)
    process.wait()
"""

# Writes its number, starts another in a process group of its own, and computes without ever giving the interpreter
# to anyone. The pipe stays open until all of them are dead.
BUSY = "import os; os.write({pipe}, b'%d\\n' % os.getpid()); os.fork() or os.setpgid(0, 0); sum(range(10**12))"
OWNER_OF_A_FOLDER = """
import os, sys
from pathlib import Path
from bench.processes.children import child
from bench.processes.guard import descendants
from bench.processes.scratch import scratch_folder
pipe = int(sys.argv[1])
with scratch_folder("sweep") as folder:
    (folder / "left").write_text("")
    with child([sys.executable, "-c", sys.argv[2]], Path("."), os.environ, grace={grace}, pass_fds=[pipe]):
        os.close(pipe)
        print(folder, *descendants(os.getpid()), flush=True)
        {end}
"""


def as_in_a_terminal() -> None:
    """Signals that a job in the background, or one under nohup, ignores end a process that is started so."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
    return children.run([sys.executable, "-c", program], ROOT, os.environ | {"A": "a"}, said)


def test_what_is_said_and_written_and_the_exit_code_come_through():
    program = "import os, sys; print(sys.stdin.read(), os.environ['A']); print('no', file=sys.stderr); sys.exit(3)"
    done = run(program, "hello")
    assert (done.returncode, done.stdout, done.stderr) == (3, "hello a\n", "no\n")
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
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "preexec_fn": as_in_a_terminal}
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


@pytest.mark.parametrize(
    ("name", "grace", "end"),
    [
        ("SIGKILL", 0, "sum(range(10**12))"),
        ("SIGTERM", 0, "sys.stdin.read()"),
        ("SIGHUP", 0, "sys.stdin.read()"),
        ("SIGINT", 0.1, "sys.stdin.read()"),
        (None, 0, "sys.stdin.readline(); raise MemoryError"),
    ],
)
def test_processes_and_folders_end_with_the_owner_whoever_is_computing(gone, tmp_path, name, grace, end):
    ours, theirs = os.pipe()
    program = OWNER_OF_A_FOLDER.format(grace=grace, end=end)
    if name not in (None, "SIGKILL"):  # as `python -m bench` runs its commands
        program = "from analysis import command_line\ndef command():\n" + program.replace("\n", "\n    ")
        program += "\ncommand_line.run(command)"
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(theirs), BUSY.format(pipe=theirs)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[theirs],
        text=True,
        preexec_fn=as_in_a_terminal,
    )
    os.close(theirs)
    with owner, open(ours) as pipe:
        folder, *helpers = owner.stdout.readline().split()
        int(pipe.readline())  # it is about to compute
        assert Path(folder).parent == tmp_path
        if name:
            owner.send_signal(getattr(signal, name))
        else:
            print(file=owner.stdin, flush=True)
        assert pipe.read() == "", "both have ended"
        gone([int(helper) for helper in helpers])
    assert os.listdir(tmp_path) == []


def test_a_descriptor_reaches_the_command_and_what_that_leaves_in_a_group_of_its_own_ends():
    ours, theirs = os.pipe()
    starts_another = f"import os; os.fork() or (os.setpgid(0, 0), sum(range(10**12))); os.write({theirs}, b'x')"
    with children.child([sys.executable, "-c", starts_another], ROOT, os.environ, pass_fds=[theirs]) as process:
        os.close(theirs)
        with open(ours) as pipe:
            assert pipe.read() == "x"
        assert process.wait() == 0


def test_where_the_guard_is_killed_its_session_ends_and_the_owner_goes_on(gone):
    command = [sys.executable, "-c", COMMAND.replace(", start_new_session=True", ""), "polite"]
    with children.child(command, ROOT, os.environ, stdout=subprocess.PIPE) as process:
        pids = [int(text) for text in process.stdout.readline().split()]
        process.kill()
        gone(pids[:1])
    assert process.returncode == -signal.SIGKILL
    gone(pids)


def test_a_guard_that_is_stopped_ends_all_the_same(gone):
    command = [sys.executable, "-c", COMMAND, "polite"]
    with children.child(command, ROOT, os.environ, stdout=subprocess.PIPE) as process:
        pids = [int(text) for text in process.stdout.readline().split()]
        process.send_signal(signal.SIGSTOP)
    gone(pids)


def test_folders_outlive_what_was_started_while_they_were_there(gone, tmp_path, monkeypatch):
    """So that a keeper does not remove a folder while a process that is about to be killed still writes to it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder("sweep") as folder:
        command = [sys.executable, "-c", COMMAND, "polite"]
        with children.child(command, ROOT, os.environ, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            (lock,) = locks()
            guards = os.readlink(f"/proc/{process.pid}/fd/{lock}")
            commands = Path(f"/proc/{descendants(process.pid)[0]}/fd/{lock}")
            assert guards == str(folder)
            assert not commands.exists()
