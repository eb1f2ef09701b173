"""Both commits as folders, each with its own product and both with one suite to measure it.

The folders come from `git archive`, not from `git worktree`, so that an interrupted run leaves nothing behind in
the repository. The suite is the one that runs the gate: a change to how a call is timed must not pass for a change
of the product. Each side's kernel is compiled from its own source.

Where a commit's product does not fit that suite, a model registry of last month say, each commit is measured by
its own, and the verdict says so.

Known weakness: a suite of today that runs on a product of last month may still not time what that month's did.
"""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import git
from bench.errors import SweepError
from bench.grid import Cell
from bench.lane.settings import Settings, environment_of
from bench.paths import ROOT
from bench.processes import children

PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True)
class Commit:
    """A commit: all forty digits, its time in ISO 8601, its subject line."""

    digits: str
    time: str
    subject: str

    @property
    def name(self) -> str:
        return self.digits[:8]

    def as_commit_info(self, branch: str) -> dict[str, object]:
        """As pytest-benchmark describes a commit: a checkout without uncommitted changes."""
        return {"id": self.digits, "time": self.time, "dirty": False, "branch": branch, "project": "urnn"}


def resolve(revision: str, repository: Path = ROOT) -> Commit:
    """The commit that a revision names, at origin where the branch is nowhere else.

    Raises:
        SweepError: no such commit.
        GitError: this is no git checkout, or git does not read it.
    """
    digits = git.find(revision, repository)
    if digits is None:
        raise SweepError(f"{revision!r} names no commit here; {git.what_there_is(repository)}")
    return listed(digits, repository, ["--max-count=1"])[0]


def listed(
    revisions: str, repository: Path, options: Sequence[str] = (), paths: Sequence[str] = ()
) -> list[Commit]:
    """The commits that `git rev-list` gives, in its order.

    Raises:
        GitError: it fails.
    """
    command = ["rev-list", *options, "--format=%H%x09%cI%x09%s", "--end-of-options", revisions, "--", *paths]
    lines = git.answer(command, repository).split("\n")
    # Each line is the second of two: "commit <digits>" comes first, which older gits cannot leave out.
    return [Commit(*line.split("\t", 2)) for line in lines[1::2]]


def check_out(commit: Commit, folder: Path, suite: Path | None = ROOT, repository: Path = ROOT) -> None:
    """Writes the commit's files into `folder`, with the suite of the checkout `suite` in the place of its own.

    Raises:
        SweepError: git cannot read the commit, or the folder cannot be written.
    """
    done = git.run(["archive", "--format=tar", commit.digits], repository)
    if done.returncode != 0:
        raise SweepError(f"cannot read commit {commit.name}: {git.why(done.stderr, repository)}")
    try:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        if suite is not None:
            left_out = shutil.ignore_patterns("__pycache__", ".*")  # an editor's locks are dangling links
            for package in ("bench", "analysis"):  # whose vocabulary the measuring process speaks
                shutil.rmtree(folder / package, ignore_errors=True)
                shutil.copytree(suite / package, folder / package, ignore=left_out)
            shutil.copy2(suite / "pyproject.toml", folder / "pyproject.toml")
    except (OSError, tarfile.TarError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SweepError(f"cannot check out {commit.name} into {folder}: {reason}") from error


def known_cells(name: str, settings: Settings, cells: Sequence[Cell]) -> list[Cell]:
    """Those of the cells that the checkout at `settings.root` has; also builds its kernel, before any clock runs.

    Raises:
        SweepError: the suite does not run there, or would measure another checkout.
    """
    command = [str(settings.python), "-c", PROBE.read_text()]  # a suite of its own may be older than the probe
    queue = "\n".join(cell.id for cell in cells)
    done = children.run(command, settings.root, environment_of(settings), queue)
    if done.returncode != 0:
        raise SweepError(f"the suite does not run on {name}: {children.last_words(done)}")
    try:
        found = json.loads(done.stdout.splitlines()[-1])
        places = {package: Path(found[package]) for package in ("urnn", "bench")}
        known = set(found["cells"])
    except (ValueError, LookupError, TypeError) as error:
        raise SweepError(f"the suite of {name} gave no list of its cells; its last words: {_end(done)}") from error
    for package, place in places.items():
        if place.parent.resolve() != settings.root.resolve():
            raise SweepError(f"expected {name} to be measured from {settings.root}, got {package} from {place}")
    return [cell for cell in cells if cell.id in known]


def _end(done: subprocess.CompletedProcess) -> str:
    return children.last_line(done.stdout, otherwise="none")[:200]
