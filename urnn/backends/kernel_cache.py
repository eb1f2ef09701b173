"""Where compiled kernels are kept, and the error of one that cannot be compiled."""

import os
from pathlib import Path


class BuildError(RuntimeError):
    """A kernel cannot be built here; the message says why and what to do."""


def cache_folder() -> Path:
    """Where they are kept: URNN_CACHE, or urnn in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("URNN_CACHE") or Path(base) / "urnn")
