"""Which interpreter measures a side: this one, or one that asv makes with the commit's own dependencies.

Where base and head want the same versions, one interpreter for both is the fairest there is. Where they do not, or
where it is asked for, each side gets the environment that asv builds from the commit's asv.conf.json and
constraints.txt; both are kept under .asv/gate and used again.

Known weakness: dependencies are compared as text, so that a reworded comment builds two environments.
"""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import git
from bench.commits.checkouts import Commit
from bench.errors import SweepError
from bench.paths import ROOT
from bench.processes import children

KINDS = ("auto", "current", "asv")
FOLDER = ROOT / ".asv" / "gate"
WANTED = ("asv.conf.json", "constraints.txt")


def interpreters(
    kind: str, commits: Mapping[str, Commit], checkouts: Mapping[str, Path], log: Callable[[str], None] = print
) -> tuple[dict[str, Path], str]:
    """Side -> its Python, and a remark for whoever reads the verdict, "" where both sides have this interpreter.

    Args:
        kind: "current", "asv", or "auto": asv where the commits' dependencies differ.
        checkouts: side -> its folder.

    Raises:
        SweepError: asv is missing, or cannot build an environment.
    """
    differ = _wanted(checkouts["base"]) != _wanted(checkouts["head"])
    if kind == "current" or (kind == "auto" and not differ):
        note = (
            "base and head want other dependencies, and both were measured with this interpreter's"
            if differ
            else ""
        )
        return dict.fromkeys(commits, Path(sys.executable)), note
    found = {}
    for side, commit in commits.items():
        log(f"{side}: asv builds an environment for {commit.name}")
        found[side] = build(commit, checkouts[side], FOLDER / side)
    why = "their dependencies differ" if differ else "it was asked for"
    return found, f"each side was measured in an environment of its own that asv built, because {why}"


def build(commit: Commit, checkout: Path, folder: Path) -> Path:
    """The Python of asv's first environment for that commit, with its dependencies installed.

    asv works in a process of its own, which ends with this one; what it has half built by then it builds again.

    Raises:
        SweepError: asv is missing, or fails; the message is its own.
    """
    if importlib.util.find_spec("asv") is None:
        raise SweepError("asv is not installed here; install it, or use --environments current")
    command = [
        sys.executable,
        "-m",
        "bench.commits.asv_builder",
        str(ROOT),
        str(checkout),
        str(folder),
        commit.digits,
    ]
    done = children.run(command, ROOT, git.environment())
    if done.returncode != 0:
        raise SweepError(f"asv cannot build an environment for {commit.name}: {children.last_words(done)}")
    return Path(done.stdout.splitlines()[-1])


def _wanted(checkout: Path) -> list[bytes | None]:
    """What a checkout says of its dependencies; None for a file that it lacks."""
    paths = [checkout / name for name in WANTED]
    return [path.read_bytes() if path.exists() else None for path in paths]
