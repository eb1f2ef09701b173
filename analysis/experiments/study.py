"""Everything that figures and sentences are made of, in one place: the logs, their groups and what steps cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from analysis.experiments.costs import Cost, cost
from analysis.experiments.groups import Group, Place, groups, places
from analysis.experiments.logs import Logs


@dataclass(frozen=True)
class Study:
    """Logs, and the benchmark's tidy frame where there is one."""

    logs: Logs
    measurements: pd.DataFrame | None = None

    @cached_property
    def groups(self) -> list[Group]:
        """Groups of runs that differ in the seed alone."""
        return groups(self.logs)

    @cached_property
    def places(self) -> dict[Place, list[Group]]:
        """Groups by task and length."""
        return places(self.groups)

    @cached_property
    def costs(self) -> list[tuple[Group, Cost]]:
        """What a training step of each group costs."""
        return [(group, cost(group, self.measurements)) for group in self.groups]

    def anatomy_of(self, group: Group) -> pd.DataFrame:
        """The looks inside the state of one group's runs."""
        return self.logs.anatomy[self.logs.anatomy["run"].isin(group.runs["run"])]

    @cached_property
    def anatomy_places(self) -> dict[str, Place]:
        """For each task where most models were looked into, of equals the longest; no task without any."""
        best: dict[str, tuple[int, int, Place]] = {}
        for place, found in self.places.items():
            models = len({group.model for group in found if len(self.anatomy_of(group))})
            if models and (models, place.length) > best.get(place.task, (0, 0))[:2]:
                best[place.task] = (models, place.length, place)
        return {task: place for task, (_, _, place) in best.items()}
