"""Every question that this suite asks of git, put so that neither the environment nor a user's settings change it.

A hook runs with GIT_DIR in its environment, and every git below it then works on that repository, wherever it is
started. So all variables that choose a repository are taken out, and settings that change what is printed, checked
out or run (hooks, signatures, colours, line endings) are pinned. The pins are in the environment, so that they
hold for asv and for pytest-benchmark too, which call git themselves; a git before 2.31 does not read them.

Known weakness: a project that is a folder of a larger repository counts as no checkout.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

SHOWN_REFS = 6
DIGITS = re.compile("[0-9a-f]{40,64}")
BRANCH = re.compile(r"[^-~^:@\s][^~^:@\s]*")

# Where git, its settings and its connections are. Every other GIT_... chooses a repository or changes an answer.
KEPT = re.compile(
    r"GIT_(EXEC_PATH|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+)|SSH\w*|ASKPASS|TERMINAL_PROMPT"
    r"|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|SSL\w*|PROXY\w*)"
)
PINNED = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.pager": "cat",
    "color.ui": "false",
    "i18n.logOutputEncoding": "UTF-8",
    "log.showSignature": "false",
    "protocol.file.allow": "always",  # a history clones from the checkout's folder
    "submodule.recurse": "false",
}


class GitError(RuntimeError):
    """git is missing or cannot answer; the message is one sentence for the user."""


def environment(base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`base` without what chooses a repository, with the settings of `PINNED`."""
    kept = {name: value for name, value in base.items() if not name.startswith("GIT_") or KEPT.fullmatch(name)}
    before = kept.get("GIT_CONFIG_COUNT", "")
    count = int(before) if before.isascii() and before.isdecimal() and len(before) < 5 else 0
    for number, (name, value) in enumerate(PINNED.items(), count):
        kept |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return kept | {"GIT_CONFIG_COUNT": str(count + len(PINNED)), "GIT_NO_REPLACE_OBJECTS": "1"}


def run(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    """git with these arguments, about the repository whose top is `folder` and no other; in English.

    Raises:
        GitError: git, or the folder, is missing.
    """
    ceilings = [str(folder.resolve().parent), os.environ.get("GIT_CEILING_DIRECTORIES", "")]
    around = {"GIT_CEILING_DIRECTORIES": os.pathsep.join(filter(None, ceilings)), "LC_ALL": "C"}
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "check": False}
    try:
        return subprocess.run(["git", *arguments], cwd=folder, env=environment() | around, **options)
    except OSError as error:
        if not folder.is_dir():
            raise GitError(f"there is no folder {folder}") from error
        raise GitError(f"commits are read by git, which cannot be started here ({error.strerror})") from error


def answer(arguments: Sequence[str], folder: Path) -> str:
    """What git prints, without the last line's end.

    Raises:
        GitError: it fails; the message says what to do where that is known.
    """
    done = run(arguments, folder)
    if done.returncode != 0:
        raise GitError(why(done.stderr, folder))
    return done.stdout.decode(errors="replace").rstrip("\n")


def why(said: bytes, folder: Path) -> str:
    """A sentence for what git said on standard error."""
    text = said.decode(errors="replace").strip()
    return _no_access(text, folder) or text.partition("\n")[0].removeprefix("fatal: ") or "git gave no reason"


def _no_access(text: str, folder: Path) -> str:
    """Why git reads nothing at all in `folder`, and what to do; "" where it does."""
    if "dubious ownership" in text or "unsafe repository" in text:
        trust = f"git config --global --add safe.directory {shlex.quote(str(folder.resolve()))}"
        return f"git does not read {folder}, which belongs to another user; if you trust it: {trust}"
    if "not a git repository" in text:
        return f"{folder} is no git checkout, and this needs its commits; get the project by git clone"
    return ""


def digits_of(revision: str, folder: Path) -> str | None:
    """All digits of the commit that `revision` names; None where it names none.

    Raises:
        GitError: this is no checkout, or git does not read it.
    """
    done = run(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"], folder)
    if refused := _no_access(done.stderr.decode(errors="replace"), folder):
        raise GitError(refused)
    found = done.stdout.decode(errors="replace").strip()
    return found if done.returncode == 0 and DIGITS.fullmatch(found) else None  # "^main" has digits with a mark


def find(revision: str, folder: Path) -> str | None:
    """As `digits_of`, but a branch that is at origin alone is taken from there: many a clone has no main.

    Only the branch's name decides: main~3 is origin's where there is no main here, not where main is too short.

    Raises:
        GitError: see `digits_of`.
    """
    found = digits_of(revision, folder)
    branch = BRANCH.match(revision)
    if found or not branch or branch[0] == "HEAD" or digits_of(branch[0], folder):
        return found
    return digits_of(f"refs/remotes/origin/{revision}", folder)


def is_shallow(folder: Path) -> bool:
    """Whether the checkout's earlier commits were left out when it was cloned."""
    return answer(["rev-parse", "--is-shallow-repository"], folder) == "true"


def what_there_is(folder: Path) -> str:
    """A clause on the names that can be given, and on the commits that are missing, for a refusal of another."""
    listed = answer(
        ["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/remotes", "refs/tags"], folder
    )
    names = listed.split("\n") if listed else []
    if not names:
        return "there are no commits yet" if digits_of("HEAD", folder) is None else "no branch has a name"
    more = f" and {len(names) - SHOWN_REFS} more" if len(names) > SHOWN_REFS else ""
    known = f"known are {', '.join(names[:SHOWN_REFS])}{more}"
    return (
        f"{known}; this clone is shallow, and git fetch --unshallow gets the rest" if is_shallow(folder) else known
    )
