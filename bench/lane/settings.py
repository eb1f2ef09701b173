"""How measuring processes run."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.environment import measured_environment
from bench.grid import Profile
from bench.paths import ROOT


@dataclass(frozen=True)
class Settings:
    """How measuring processes run: a profile's rounds, threads, a key of `bench.environment.ALLOCATORS`.

    `root` is the checkout whose code measures and is measured, `python` the interpreter that runs it.
    """

    profile: Profile
    threads: int
    allocator: str
    root: Path = ROOT
    python: Path = Path(sys.executable)


def environment_of(settings: Settings) -> dict[str, str]:
    """A measuring process's environment, in which the packages of `settings.root` come before all others."""
    environment = measured_environment(settings.allocator, settings.threads)
    paths = [str(settings.root), environment.get("PYTHONPATH", "")]
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
