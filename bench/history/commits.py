"""Which commits a history has: those along the first parents that changed what is timed.

Known weakness: a change of the suite that moves all figures shows in every series at once; the sentinel, which is
measured along, shows it too.
"""

import subprocess
from pathlib import Path

from bench.gate.checkouts import Commit
from bench.worker import ROOT, SweepError

# The product, less what no cell of a history runs.
TIMED = ("urnn", *(f":(exclude)urnn/{part}" for part in ("training", "ladder", "tasks")))


def timed_commits(revisions: str, repository: Path = ROOT) -> list[Commit]:
    """The commits of a range ("main", "v1..main") that changed what is timed, oldest first.

    Raises:
        SweepError: git does not know the range, this is no checkout, or no such commit is in it.
    """
    command = [
        "git",
        "log",
        "--reverse",
        "--first-parent",
        "--format=%H%x09%cI%x09%s",
        "--end-of-options",
        revisions,
    ]
    try:
        done = subprocess.run(
            [*command, "--", *TIMED], cwd=repository, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise SweepError(f"a history needs git ({error.strerror})") from error
    if done.returncode != 0:
        said = done.stderr.strip().partition("\n")[0]
        raise SweepError(f"{revisions!r} is no range of commits here ({said}); give one such as main or v1..main")
    found = [Commit(*line.split("\t", 2)) for line in done.stdout.splitlines()]
    if not found:
        raise SweepError(f"no commit of {revisions!r} changed what is timed, so there is no history to measure")
    return found
