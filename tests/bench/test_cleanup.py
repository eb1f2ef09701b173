"""Whatever ends an owner, what it started ends too and its temporary folders go."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench import cleanup
from bench.worker import ROOT

# Writes its number, starts another in a process group of its own, and computes without ever giving the interpreter
# to anyone. The pipe stays open until all of them are dead.
BUSY = "import os; os.write({pipe}, b'%d\\n' % os.getpid()); os.fork() or os.setpgid(0, 0); sum(range(10**12))"
OWNER = """
import sys
from bench import cleanup
pipe = int(sys.argv[1])
with cleanup.scratch_folder() as folder:
    (folder / "left").write_text("")
    with cleanup.child([sys.executable, "-c", sys.argv[2]], pass_fds=[pipe]):
        print(folder, cleanup._watcher._process.pid, flush=True)
        {end}
"""


def wait_for_end_of(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([descriptor], [], [])
    os.close(descriptor)


@pytest.mark.parametrize(
    ("number", "end"),
    [
        (signal.SIGKILL, "sys.stdin.read()"),
        (signal.SIGTERM, "sys.stdin.read()"),
        (signal.SIGHUP, "sys.stdin.read()"),
        (signal.SIGINT, "sys.stdin.read()"),
        (None, "sys.stdin.readline(); raise MemoryError"),
    ],
    ids=["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "error"],
)
def test_an_owners_processes_and_folders_end_with_it(number, end, tmp_path):
    ours, theirs = os.pipe()
    program = OWNER.format(end=end)
    if number not in (None, signal.SIGKILL):  # as `python -m bench` runs its commands
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
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    os.close(theirs)
    with owner, open(ours) as pipe:
        folder, watcher = owner.stdout.readline().split()
        int(pipe.readline())  # it is about to compute
        assert Path(folder).parent == tmp_path
        if number:
            owner.send_signal(number)
        else:
            print(file=owner.stdin, flush=True)
        assert pipe.read() == "", "both have ended"
        wait_for_end_of(int(watcher))
    assert os.listdir(tmp_path) == []


def test_a_process_that_ends_by_itself_leaves_nothing_it_started():
    ours, theirs = os.pipe()
    starts_another = f"import os; os.fork() or (os.setpgid(0, 0), sum(range(10**12))); os.write({theirs}, b'x')"
    with cleanup.child([sys.executable, "-c", starts_another], pass_fds=[theirs]) as process:
        os.close(theirs)
        assert process.wait() == 0
    with open(ours) as pipe:
        assert pipe.read() == "x"


def test_run_gives_what_a_process_said_and_how_it_ended():
    program = "import os, sys; print(sys.stdin.read(), os.environ['A']); sys.exit(3)"
    command = [sys.executable, "-c", program]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    done = cleanup.run(command, env={**os.environ, "A": "a"}, said="said", **pipes)
    assert (done.returncode, done.stdout, done.stderr) == (3, "said a\n", "")


class TestLeftovers:
    @pytest.fixture(autouse=True)
    def _temporary_files(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def test_those_of_killed_runs_are_removed_by_the_next_and_those_of_living_ones_stay(self, tmp_path):
        dead = tmp_path / f"{cleanup.PREFIX}dead"
        dead.mkdir()
        (dead / "log").write_text("")
        other = tmp_path / "urnn-other"
        other.mkdir()
        with cleanup.scratch_folder() as first, cleanup.scratch_folder() as second:
            assert first != second
            assert {path.name for path in tmp_path.iterdir()} == {first.name, second.name, other.name}
        assert list(tmp_path.iterdir()) == [other]

    def test_a_link_or_a_file_of_that_name_is_not_followed(self, tmp_path):
        kept = tmp_path / "kept"
        kept.mkdir()
        (kept / "mine").write_text("")
        (tmp_path / f"{cleanup.PREFIX}link").symlink_to(kept)
        (tmp_path / f"{cleanup.PREFIX}file").write_text("")
        with cleanup.scratch_folder():
            pass
        assert len(list(tmp_path.iterdir())) == 3
        assert (kept / "mine").exists()


def test_a_watcher_that_was_killed_is_replaced_and_knows_everything(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    watcher = cleanup._Watcher()
    first = tmp_path / "first"
    second = tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    watcher.tell("folder", str(first), True)
    watcher._process.kill()
    watcher._process.wait()
    watcher.tell("folder", str(second), True)
    watcher.close()
    assert os.listdir(tmp_path) == []
