"""How measuring processes run."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import conditions
from bench.environment import measured_environment
from bench.grid import Profile
from bench.paths import ROOT


@dataclass(frozen=True)
class Settings:
    """How measuring processes run.

    Attributes:
        profile: how long each cell is measured.
        threads: those that torch may use.
        allocator: a key of `bench.environment.ALLOCATORS`.
        root: the checkout whose code measures and is measured.
        python: the interpreter that runs it.
    """

    profile: Profile
    threads: int
    allocator: str
    root: Path = ROOT
    python: Path = Path(sys.executable)

    @property
    def conditions(self) -> dict[str, object]:
        """As a results file holds them, see `bench.conditions`."""
        return conditions.of_run(self.profile.name, self.threads, self.allocator)

    def conditions_in(self, pass_number: int) -> dict[str, object]:
        """Those that are stored with each cell of a pass."""
        return conditions.of_pass(pass_number, self.threads, self.allocator)


def environment_of(settings: Settings) -> dict[str, str]:
    """A measuring process's environment, in which the packages of `settings.root` come before all others."""
    environment = measured_environment(settings.allocator, settings.threads)
    paths = [str(settings.root), environment.get("PYTHONPATH", "")]
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
