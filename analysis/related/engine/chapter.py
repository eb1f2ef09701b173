"""What a chapter says, and how a claim is held against what was measured.

A claim about a number is decided by its 95 % interval over the seeds: it agrees where the whole interval is on the
claim's side of the bound, differs where none of it is, and is not decided where the bound is inside. One seed has
no interval and decides by its value alone, which the text beside it shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.appearance import Series
from analysis.documents import Columns
from analysis.pages import Block, between
from analysis.pages.statements import AGREE, DIFFER, NOT_DECIDED, NOT_RUN, Judged
from analysis.related.engine.wording import Words
from analysis.statistics import Estimate
from analysis.statistics.seeds import across
from analysis.vocabulary import counted

SHARE, COUNT, DIFFERENCE = (0.0, 1.0), (0.0, math.inf), (-1.0, 1.0)  # what `over_seeds` keeps ends within

Frames = Mapping[str, pd.DataFrame]
Found = tuple[str, str] | None  # the verdict, and what was measured; None where it was not run


@dataclass(frozen=True)
class Claim:
    """A statement in our words, where it stands, what is tested, and what tests it."""

    says: str
    source: str
    test: str
    check: Callable[[Frames], Found]

    def judged(self, frames: Frames) -> Judged:
        """The claim with its verdict."""
        verdict, measured = self.check(frames) or (NOT_RUN, "")
        return Judged(self.says, self.source, self.test, measured, verdict)


@dataclass(frozen=True)
class Chapter:
    """One related system.

    Attributes:
        study: the name of its file or folder, and of the study that measures it.
        arxiv: the number of its paper there.
        title, paper: the system, and who published it where.
        prose: what stands in its TOML file, with fields for settings: `about`, what it is; `method`, how it was
            measured, a table; and what `body` says.
        tables: the columns of each table that the study gives; a column "job" is added.
        claims: of the paper. `bars` are what was seen before or is wanted here.
        headlines: sentences for the top of the page; none where nothing was measured.
        body: figures and tables, with the words of the prose.
        series: what figures draw and the page's buttons highlight.
    """

    study: str
    arxiv: str
    title: str
    paper: str
    prose: Mapping[str, Any]
    tables: Mapping[str, Columns]
    claims: Sequence[Claim]
    headlines: Callable[[Frames], list[str]]
    body: Callable[[Frames, Words], list[Block]]
    bars: Sequence[Claim] = ()
    series: Callable[[Frames], list[Series]] = field(default=lambda frames: [])


@dataclass(frozen=True)
class OverSeeds:
    """A mean with its interval, and of how many seeds it is; the bounds are NaN for one."""

    estimate: Estimate
    seeds: int

    def words(self, text: Callable[[float], str]) -> str:
        """'97.2 % (95 % interval 96.4 % to 98.0 %, 3 seeds)'."""
        one, number = self.estimate, counted(self.seeds, "seed")
        interval = between(one.low, one.high, text) if self.seeds > 1 else ""
        return f"{text(one.value)} ({f'95 % interval {interval}, ' if interval else ''}{number})"

    def at_least(self, bound: float) -> str:
        """The verdict on a claim that the value is so large or larger."""
        low, high = (self._known(end) for end in (self.estimate.low, self.estimate.high))
        return AGREE if low >= bound else DIFFER if high < bound else NOT_DECIDED

    def at_most(self, bound: float) -> str:
        """The verdict on a claim that the value is so small or smaller."""
        low, high = (self._known(end) for end in (self.estimate.low, self.estimate.high))
        return AGREE if high <= bound else DIFFER if low > bound else NOT_DECIDED

    def above(self, bound: float) -> str:
        """The verdict on a claim that the value is larger; one that is equal decides nothing."""
        low, high = (self._known(end) for end in (self.estimate.low, self.estimate.high))
        return AGREE if low > bound else DIFFER if high < bound else NOT_DECIDED

    def _known(self, bound: float) -> float:
        return self.estimate.value if math.isnan(bound) else bound


def over_seeds(
    values: pd.Series, logarithmic: bool = False, within: tuple[float, float] = (-math.inf, math.inf)
) -> OverSeeds | None:
    """A value a seed -> their mean, geometric where `logarithmic`; None where there is none.

    The interval's ends are kept `within` what the value can be.
    """
    values = values.dropna().astype("float64")
    if values.empty:
        return None
    value, *ends = across(values, logarithmic).iloc[0]
    return OverSeeds(Estimate(value, *np.clip(ends, *within)), len(values))


def by_seed(frame: pd.DataFrame, column: str, **chosen: object) -> pd.Series:
    """The values of a column by their seed, each once, of the rows where other columns have the chosen values.

    Of several rows of a seed the median, so that rounds are no seeds.
    """
    rows = frame
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    return rows.groupby("seed")[column].median().dropna()


def holds(agrees: bool) -> str:
    """The verdict on what is either so or not."""
    return AGREE if agrees else DIFFER
