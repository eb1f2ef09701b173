"""Which commits a history has: those along the first parents that changed what is timed.

Known weakness: a change of the suite that moves all figures shows in every series at once; the sentinel, which is
measured along, shows it too.
"""

import re
from collections.abc import Callable
from pathlib import Path

from bench import git
from bench.commits.checkouts import Commit, listed
from bench.errors import SweepError
from bench.measured_code import unused
from bench.paths import ROOT

DEVICE, MODELS = "cpu", ("urnn", "lstm")  # what a history measures
TIMED = ("urnn", *(f":(exclude){path}*" for path in unused([DEVICE], MODELS)))


def timed_commits(revisions: str, repository: Path = ROOT, log: Callable[[str], None] = print) -> list[Commit]:
    """The commits of a range ("main", "v1..main") that changed what is timed, oldest first.

    A branch that is at origin alone is taken from there. In a shallow clone the first commit seems to change
    everything; then `log` gets a line that says so.

    Raises:
        SweepError: git does not know the range, or no such commit is in it.
        GitError: this is no git checkout, or git does not read it.
    """
    try:
        wanted = _resolved(revisions, repository)
        found = listed(wanted, repository, ["--reverse", "--first-parent"], TIMED)
    except LookupError as error:
        there = git.what_there_is(repository)
        raise SweepError(f"{revisions!r} is no range of commits here: {error.args[0]}; {there}") from error
    if not found:
        raise SweepError(f"no commit of {revisions!r} changed what is timed, so there is no history to measure")
    if git.is_shallow(repository):
        log(f"this clone is shallow: commits before {found[0].name} are not seen; git fetch --unshallow gets them")
    return found


def _resolved(revisions: str, repository: Path) -> str:
    """A commit, with those before it or alone (main^!), or a range of two, by their digits.

    LookupError names what is none.
    """
    if revisions.endswith("^!"):
        return f"{_resolved(revisions[:-2], repository)}^!"
    parts = re.split(r"(\.\.\.?)", revisions)
    if len(parts) not in (1, 3):
        raise LookupError("give one such as main or v1..main")
    for at in range(0, len(parts), 2):
        name = parts[at] or ("HEAD" if len(parts) == 3 else "")
        digits = git.find(name, repository)
        if digits is None:
            raise LookupError(f"{name!r} names no commit")
        parts[at] = digits
    return "".join(parts)
