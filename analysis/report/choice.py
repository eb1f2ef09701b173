"""Which machines and commits the report's explorer has, and which of them it opens with."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.comparability import Choice, Setting, age, of_one_instance, split
from analysis.errors import AnalysisError
from analysis.pages import Explorer
from analysis.report.explorer import explorer
from analysis.report.figures import PROSE
from analysis.report.measured import Measured
from analysis.vocabulary import joined

MOST_OLDER = 3  # commits or harnesses beside the newest one of a machine; each adds its figures to the page


def of_machines(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rows of machines whose names hold one of `names`, or all rows without any.

    Raises AnalysisError for a name that no machine has.
    """
    machines = sorted(frame["machine"].unique())
    for name in names:
        if not _named(name, machines):
            raise AnalysisError(
                f"--machines: no results here are of a machine with {name!r} in its name; there are results of "
                f"{joined([repr(one) for one in machines])}."
            )
    chosen = {machine for name in names for machine in _named(name, machines)}
    return frame[frame["machine"].isin(chosen)] if names else frame


def _named(name: str, machines: Sequence[str]) -> list[str]:
    return [one for one in machines if name and name.lower() in one.lower()]


def looked_through(every: Sequence[Measured], frame: pd.DataFrame, machines: Sequence[str]) -> Explorer:
    """The explorer of the settings that the report shows, and of the newest older ones of each.

    It opens with the first setting, or with the first one of each machine that was asked for.
    """
    parts = split(frame)
    older = [one for measured in every for one in _newest(measured.left_out, parts)]
    others = [Measured.of(Choice(one, of_one_instance(parts[one]), ())) for one in older]
    settings = [one for one in (*every, *others) if len(one.cells)]
    left_out = sum(len(measured.left_out) for measured in every) - len(older)
    firsts = {one.setting.machine: number for number, one in reversed(list(enumerate(settings)))}
    beside = sorted(firsts.values()) if machines else [0]
    return Explorer(explorer(settings, left_out) | {"beside": beside}, PROSE["explain"]["explorer"])


def _newest(settings: Sequence[Setting], parts: dict[Setting, pd.DataFrame]) -> list[Setting]:
    return sorted(settings, key=lambda one: age(parts[one]), reverse=True)[:MOST_OLDER]
