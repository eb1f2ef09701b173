"""Measures the commits of a history that have no results yet, each with its own suite, in a checkout of its own.

Every commit is measured by the command that it came with, `python -m bench run` on one slice that all of them
know, and its results appear as a whole: in a folder of the commit's name, renamed into place when the command
has ended well. So the same command goes on after a crash and skips what is there.

Known weakness: the suites differ as the project grew; this interpreter's packages serve all commits.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.vocabulary import FAILURE_FILE, HISTORY
from bench import git
from bench.commits.checkouts import Commit
from bench.environment import measured_environment
from bench.errors import ResultsError, SweepError
from bench.history import known
from bench.history.commits import DEVICE, MODELS, timed_commits
from bench.machine.lock import sole_run
from bench.paths import ROOT
from bench.processes import children
from bench.processes.scratch import held, remove_dead, scratch_folder

FOLDER = ROOT / HISTORY
SLICE = (
    *(f"--models={','.join(MODELS)}", f"--device={DEVICE}", "--phase=forward,train", "--task=copying"),
    *("--dtype=float32", "--hidden=128,512", "--length=100", "--batch=32", "--passes=2"),
)

STAGED = re.compile(r"\.[0-9a-f]{40,64}\.\d+")

Measure = Callable[[Path, Path], str]


class KilledError(Exception):
    """A suite was killed before it had measured its commit."""


@dataclass(frozen=True)
class Filled:
    """How many commits were measured now, had been before, and cannot be measured."""

    measured: int
    before: int
    failed: int


def fill(
    revisions: str,
    results: Path = FOLDER,
    log: Callable[[str], None] = print,
    measure: Measure | None = None,
    repository: Path = ROOT,
) -> Filled:
    """Fills in what is missing, oldest first.

    Raises:
        SweepError: see `timed_commits`; or a commit cannot be checked out.
        ResultsError: the folder cannot be written to, or its list of commits is damaged.
    """
    commits = timed_commits(revisions, repository, log)
    killed = 0
    with sole_run(f"history of {revisions}"):
        missing = [commit for commit in commits if not (results / commit.digits).is_dir()]
        known.note(results, commits)
        remove_dead(path for path in results.iterdir() if STAGED.fullmatch(path.name))
        for number, commit in enumerate(missing, 1):
            log(f"{number} of {len(missing)}: {commit.name} {commit.subject}")
            try:
                _measure(commit, results, measure or run_own_suite, repository)
            except KilledError as error:
                log(f"{commit.name}: {error}; the same command measures it again")
                killed += 1
    failed = sum((results / commit.digits / FAILURE_FILE).exists() for commit in commits)
    return Filled(len(missing) - killed, len(commits) - len(missing), failed + killed)


def _measure(commit: Commit, results: Path, measure: Measure, repository: Path) -> None:
    """One commit's results, or why there are none, as a folder that appears when it is whole."""
    with scratch_folder("history") as scratch:
        checkout, found = scratch / "checkout", scratch / "results"
        _clone(repository, commit, checkout)
        found.mkdir()
        failure = measure(checkout, found)
        if failure:
            (found / FAILURE_FILE).write_text(f"{failure}\n")
        _keep(found, results, commit)


def _keep(found: Path, results: Path, commit: Commit) -> None:
    """Copies a commit's results to where they stay; ResultsError where that cannot be written."""
    staged = results / f".{commit.digits}.{os.getpid()}"
    try:
        staged.mkdir()
        with held(staged):
            shutil.copytree(found, staged, dirs_exist_ok=True)
            staged.rename(results / commit.digits)
    except OSError as error:
        reason = error.strerror or error
        raise ResultsError(
            f"cannot write {results / commit.digits}: {reason}; the commits before are kept"
        ) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _clone(repository: Path, commit: Commit, checkout: Path) -> None:
    """A clone that borrows the repository's objects; suites ask git for the commit that they measure."""
    clone = ["clone", "--quiet", "--shared", "--no-checkout", "--template=", "--", str(repository), str(checkout)]
    for command, folder in ((clone, repository), (["checkout", "--quiet", "--detach", commit.digits], checkout)):
        done = git.run(command, folder)
        if done.returncode != 0:
            raise SweepError(f"cannot check out {commit.name}: {git.why(done.stderr, repository)}")


def run_own_suite(checkout: Path, results: Path, slice: Sequence[str] = SLICE) -> str:
    """`python -m bench run` of that checkout into `results`; "" or the last line of what went wrong.

    Raises:
        KilledError: it was killed, which says nothing of the commit.
    """
    temporary = checkout.with_name("temporary")  # what a killed suite leaves there is removed with the checkout
    temporary.mkdir(exist_ok=True)
    paths = {"PYTHONPATH": str(checkout), "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "bench", "run", *slice, f"--results={results}"]
    done = children.run(command, checkout, measured_environment("kept", threads=1) | paths)
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        raise KilledError(f"its suite was ended by signal {-done.returncode}")
    return children.last_words(done).replace(sys.executable, "python")  # its page may be read anywhere
