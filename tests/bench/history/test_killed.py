"""A real history that is ended from outside leaves no process, folder or worktree behind and touches nothing."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.machine.lock import sole_run
from bench.paths import ROOT
from bench.processes.guard import descendants
from tests.bench.repositories import git

pytestmark = pytest.mark.slow

# The suite of the commit that is measured: it starts a process in a session of its own and says that it has.
SUITE = """
import os, subprocess, sys, tempfile, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
tempfile.mkdtemp(prefix="urnn-bench-")
with open(os.environ["STARTED"], "w") as file:
    print(os.getpid(), child.pid, file=file)
time.sleep(600)
"""
HISTORY = """
import sys
from pathlib import Path
from analysis.command_line import run
from bench.history.fill import fill
sys.exit(run(lambda: fill("main", Path(sys.argv[1]), repository=Path(sys.argv[2])) and 0))
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
    here = {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), "STARTED": str(started)}
    hook = {"GIT_DIR": str(repository / ".git"), "GIT_WORK_TREE": str(repository)}
    before = (repository / ".git" / "HEAD").read_text()
    command = [sys.executable, "-c", HISTORY, str(tmp_path / "history"), str(repository)]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | here | hook, text=True, **streams) as process:
        pids = [int(text) for text in started.read_text().split()]  # waits for the suite to write it
        helpers = descendants(process.pid)
        assert set(pids) < set(helpers), "and its guard, and the keeper of its folder"
        process.send_signal(getattr(signal, ending))
        errors = process.stderr.read()
    for pid in helpers:
        wait_for(pid)
    if ending == "SIGTERM":
        assert (process.returncode, errors.count("\n"), "Traceback" in errors) == (2, 1, False)
        assert not list(temporary.glob("urnn-[!g]*"))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with sole_run("the next"):
        assert [path.name for path in temporary.iterdir()] == ["urnn-gate.lock"]
    assert [path.name for path in (tmp_path / "history").iterdir()] == ["commits.json"]
    assert git(repository, "worktree", "list").count("\n") == 0
    assert git(repository, "status", "--porcelain") == ""
    assert (repository / ".git" / "HEAD").read_text() == before
