"""Measures the commits of a history that have no results yet, each with its own suite, in a checkout of its own.

Every commit is measured by the command that it came with, `python -m bench run` on one slice that all of them
know, and its results appear as a whole: in a folder of the commit's name, renamed into place when the command
has ended well. So the same command goes on after a crash and skips what is there.

Known weakness: the suites differ as the project grew; this interpreter's packages serve all commits.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.environment import measured_environment
from bench.gate.checkouts import Commit
from bench.gate.lock import sole_run
from bench.history.commits import timed_commits
from bench.store import write_atomically
from bench.worker import ROOT, SweepError

FOLDER = ROOT / ".history"
COMMITS = "commits.json"
FAILED = "failed.txt"
SLICE = (
    *("--models=urnn,lstm", "--phase=forward,train", "--task=copying", "--device=cpu", "--dtype=float32"),
    *("--hidden=128,512", "--length=100", "--batch=32", "--passes=2"),
)

Measure = Callable[[Path, Path], str]


@dataclass(frozen=True)
class Filled:
    """How many commits were measured now, had been before, and cannot be measured."""

    measured: int
    before: int
    failed: int


def fill(
    revisions: str,
    results: Path = FOLDER,
    told: Callable[[str], None] = print,
    measure: Measure | None = None,
    repository: Path = ROOT,
) -> Filled:
    """Fills in what is missing, oldest first.

    Raises:
        SweepError: see `timed_commits`; or a commit cannot be checked out.
        ResultsError: the folder cannot be written to.
    """
    commits = timed_commits(revisions, repository)
    missing = [commit for commit in commits if not (results / commit.digits).is_dir()]
    _note(results, commits)
    with sole_run(f"history of {revisions}"):
        for number, commit in enumerate(missing, 1):
            told(f"{number} of {len(missing)}: {commit.name} {commit.subject}")
            _measure(commit, results, measure or run_own_suite, repository)
    failed = sum((results / commit.digits / FAILED).exists() for commit in commits)
    return Filled(len(missing), len(commits) - len(missing), failed)


def _measure(commit: Commit, results: Path, measure: Measure, repository: Path) -> None:
    """One commit's results, or why there are none, as a folder that appears when it is whole."""
    with tempfile.TemporaryDirectory(prefix="urnn-history-") as scratch:
        checkout, found = Path(scratch, "checkout"), Path(scratch, "results")
        _clone(repository, commit, checkout)
        found.mkdir()
        failure = measure(checkout, found)
        if failure:
            (found / FAILED).write_text(f"{failure}\n")
        staged = results / f".{commit.digits}.{os.getpid()}"
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(found, staged)
        staged.rename(results / commit.digits)


def _clone(repository: Path, commit: Commit, checkout: Path) -> None:
    """A clone that borrows the repository's objects; suites ask git for the commit that they measure."""
    for command in (
        ["git", "clone", "--quiet", "--shared", "--no-checkout", str(repository), str(checkout)],
        ["git", "-C", str(checkout), "checkout", "--quiet", "--detach", commit.digits],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SweepError(f"cannot check out {commit.name}: {done.stderr.strip()}")


def run_own_suite(checkout: Path, results: Path, slice: Sequence[str] = SLICE) -> str:
    """`python -m bench run` of that checkout into `results`; "" or the last line of what went wrong."""
    environment = measured_environment("kept", threads=1) | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "bench", "run", *slice, f"--results={results}"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    done = subprocess.run(command, cwd=checkout, env=environment, text=True, check=False, **pipes)
    if done.returncode == 0:
        return ""
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return last.replace(sys.executable, "python")  # the page that shows it may be read anywhere


def _note(results: Path, commits: Sequence[Commit]) -> None:
    """Keeps order, times and subjects of all commits that any range has asked for."""
    path = results / COMMITS
    known = {entry["commit"]: entry for entry in json.loads(path.read_text())} if path.exists() else {}
    known |= {one.digits: {"commit": one.digits, "time": one.time, "subject": one.subject} for one in commits}
    write_atomically(path, json.dumps(sorted(known.values(), key=lambda entry: entry["time"]), indent=1))
