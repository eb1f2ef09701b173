"""What is raised, and what the user is warned of, when a kernel cannot be built or stored."""

import warnings
from functools import cache


class BuildError(RuntimeError):
    """A kernel cannot be built here; the message says why and what to do."""


class CacheError(Exception):
    """The cache cannot be used; the message is the warning."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"{why}, so every process compiles its own; {remedy}")


@cache
def warn_once(complaint: str | None) -> None:
    """Warns the user, unless there is no complaint or this process has made it before."""
    if complaint:
        warnings.warn(complaint, RuntimeWarning, stacklevel=2)
