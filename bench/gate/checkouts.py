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

from bench.grid import Cell
from bench.worker import ROOT, Settings, SweepError, environment_of

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


def resolve(revision: str, repository: Path = ROOT) -> Commit:
    """The commit that a revision names.

    Raises:
        SweepError: no such commit, or this is no git checkout.
    """
    done = _git(
        ["log", "-1", "--format=%H%n%cI%n%s", "--end-of-options", f"{revision}^{{commit}}", "--"], repository
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise SweepError(
            f"{revision!r} names no commit here ({said}); in a shallow clone, fetch it first: "
            f"git fetch origin {revision}"
        )
    return Commit(*done.stdout.decode(errors="replace").strip().split("\n", 2))


def check_out(commit: Commit, folder: Path, suite: Path | None = ROOT, repository: Path = ROOT) -> None:
    """Writes the commit's files into `folder`, with the suite of the checkout `suite` in the place of its own.

    Raises:
        SweepError: git cannot read the commit, or the folder cannot be written.
    """
    done = _git(["archive", "--format=tar", commit.digits], repository)
    if done.returncode != 0:
        raise SweepError(f"cannot read commit {commit.name}: {done.stderr.decode(errors='replace').strip()}")
    try:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        if suite is not None:
            shutil.rmtree(folder / "bench", ignore_errors=True)
            shutil.copytree(suite / "bench", folder / "bench", ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy2(suite / "pyproject.toml", folder / "pyproject.toml")
    except OSError as error:
        raise SweepError(f"cannot check out {commit.name} into {folder}: {error.strerror}") from error


def known_cells(name: str, settings: Settings, cells: Sequence[Cell]) -> list[Cell]:
    """Those of the cells that the checkout at `settings.root` has; also builds its kernel, before any clock runs.

    Raises:
        SweepError: the suite does not run there, or would measure another checkout.
    """
    done = subprocess.run(
        [str(settings.python), "-c", PROBE.read_text()],  # a suite of its own may be older than the probe
        input="\n".join(cell.id for cell in cells),
        cwd=settings.root,
        env=environment_of(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise SweepError(f"the suite does not run on {name}: {last}")
    found = json.loads(done.stdout.splitlines()[-1])
    for package in ("urnn", "bench"):
        if Path(found[package]).parent.resolve() != settings.root.resolve():
            raise SweepError(
                f"expected {name} to be measured from {settings.root}, got {package} from {found[package]}"
            )
    known = set(found["cells"])
    return [cell for cell in cells if cell.id in known]


def _git(arguments: Sequence[str], repository: Path) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(["git", *arguments], cwd=repository, capture_output=True, check=False)
    except OSError as error:
        raise SweepError(f"the gate needs git ({error.strerror})") from error
