"""Whether other users could change a folder or a file. Code that they may have written is never loaded."""

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

POSIX = os.name == "posix"  # fcntl, grp and pwd, which only a POSIX system has, are imported where they are used


def fault(folder: Path, in_sticky: bool = False) -> tuple[str, str] | None:
    """Who else could change the contents of a folder; None if nobody could.

    Args:
        in_sticky: ask about the contents of a new folder in it instead. In a sticky folder such as /tmp, others
            cannot rename or remove it.

    Returns:
        The fault as a clause, and the start of a sentence that says how to correct it.
    """
    places = list(_passed(folder))
    # Whoever owns the root of the file system can do anything; in some containers that is not user 0.
    trusted = {0, os.geteuid(), os.lstat("/").st_uid}
    for place in places:
        status = place.lstat()
        if status.st_uid not in trusted:
            return f"{place} belongs to another user ({status.st_uid})", ""
        # In a sticky folder others can neither rename nor remove what is not theirs.
        kept_apart = status.st_mode & stat.S_ISVTX and (in_sticky or place != places[-1])
        if not stat.S_ISLNK(status.st_mode) and shared(status) and not kept_apart:
            return f"other users can write to {place}", f"run chmod go-w {shlex.quote(str(place))}, or "
    return None


def _passed(path: Path) -> Iterator[Path]:
    """Every folder and link from the root to an absolute path; last the folder that it leads to."""
    for place in (*reversed(path.parents), path):
        yield place
        if place.is_symlink():
            yield from _passed(place.parent / os.readlink(place) / path.relative_to(place))
            return


def shared(status: os.stat_result) -> bool:
    """Whether users other than its owner can write to it."""
    by_group = status.st_mode & stat.S_IWGRP and not _is_trusted(status.st_gid)
    return bool(by_group or status.st_mode & stat.S_IWOTH)


def _is_trusted(group_id: int) -> bool:
    """Whether a group is root's, or has this user as its only member, as many systems give to each user."""
    import grp
    import pwd

    if group_id == 0:
        return True
    try:
        group, user = grp.getgrgid(group_id), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}
