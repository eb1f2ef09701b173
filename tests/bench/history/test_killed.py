"""A history that is ended from outside leaves no process, folder or worktree behind and touches nothing."""

import contextlib
import os
import select
import signal
import tempfile
from pathlib import Path

import pytest

from analysis.command_line import run
from bench.history.fill import fill
from bench.machine.lock import sole_run
from bench.processes.guard import descendants
from tests.bench.repositories import git
from tests.forks import forked, write_to

# The suite of the commit that is measured: it starts a process in a session of its own and says that it has.
SUITE = """
import os, subprocess, sys, tempfile, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
tempfile.mkdtemp(prefix="urnn-bench-")
with open(os.environ["STARTED"], "w") as file:
    print(os.getpid(), child.pid, file=file)
time.sleep(600)
"""


@pytest.fixture
def repository(tmp_path) -> Path:
    folder = tmp_path / "repository"
    for name, text in (("urnn/a.py", ""), ("bench/__init__.py", ""), ("bench/__main__.py", SUITE)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "One")
    return folder


def wait_for(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        with os.fdopen(descriptor):
            ended = select.select([descriptor], [], [], 60)[0]
            if not ended:
                os.kill(pid, signal.SIGKILL)
            assert ended, f"process {pid} was left behind"


@pytest.mark.parametrize("ending", ["SIGTERM", "SIGKILL"])
def test_nothing_is_left_and_the_checkout_is_as_it_was(repository, tmp_path, monkeypatch, ending):
    temporary, started = tmp_path / "temporary", tmp_path / "started"
    temporary.mkdir()
    os.mkfifo(started)
    before = (repository / ".git" / "HEAD").read_text()

    def history() -> int:
        write_to(stdout="/dev/null", stderr=str(tmp_path / "errors"))
        os.chdir(tmp_path)
        os.environ |= {"GIT_DIR": str(repository / ".git"), "GIT_WORK_TREE": str(repository)}  # as in a hook
        os.environ |= {"TMPDIR": str(temporary), "STARTED": str(started)}
        tempfile.tempdir = None
        return run(lambda: fill("main", tmp_path / "history", repository=repository) and 0)

    with forked(history) as process:
        pids = [int(text) for text in started.read_text().split()]  # waits for the suite to write it
        helpers = descendants(process.pid)
        assert set(pids) < set(helpers), "and its guard, and the keeper of its folder"
        os.kill(process.pid, getattr(signal, ending))
        code, errors = process.wait(), (tmp_path / "errors").read_text()
    for pid in helpers:
        wait_for(pid)
    if ending == "SIGTERM":
        assert (code, errors.count("\n"), "Traceback" in errors) == (2, 1, False)
        assert not list(temporary.glob("urnn-[!g]*"))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with sole_run("the next"):
        assert list(temporary.iterdir()) == []
    assert [path.name for path in (tmp_path / "history").iterdir()] == ["commits.json"]
    assert git(repository, "worktree", "list").count("\n") == 0
    assert git(repository, "status", "--porcelain") == ""
    assert (repository / ".git" / "HEAD").read_text() == before
