"""What was measured in one setting: cells, ladders and ceilings, the uRNN that speaks for it, its baselines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from analysis.anchor_point import AnchorPoint, anchor_point
from analysis.appearance import Series
from analysis.comparability import Choice, Setting
from analysis.figures.style import series_in_order
from analysis.schema import of_family, ordinary
from analysis.statistics import fastest, summarise
from analysis.vocabulary import CEILING, LADDER, PHASES

URNN = "urnn"


@dataclass(frozen=True)
class Measured:
    """`cells` are the summary rows of models to compare; `ladders` and `ceilings` stand apart from them."""

    setting: Setting
    rows: pd.DataFrame
    cells: pd.DataFrame
    ladders: pd.DataFrame
    ceilings: pd.DataFrame
    left_out: tuple[Setting, ...]

    @classmethod
    def of(cls, choice: Choice) -> Measured:
        """Summarise the rows of a chosen setting."""
        every = summarise(choice.rows)
        kinds = (ordinary(every), of_family(every, LADDER), of_family(every, CEILING))
        return cls(choice.setting, choice.rows, *kinds, choice.left_out)

    @cached_property
    def series(self) -> list[Series]:
        """All series in the order of legends."""
        return series_in_order(self.cells)

    @cached_property
    def ours(self) -> Series | None:
        """The uRNN's fastest backend; None where the uRNN was not measured."""
        backend = fastest(self.cells, URNN)
        return next((s for s in self.series if (s.model, s.backend) == (URNN, backend)), None)

    @cached_property
    def baselines(self) -> list[Series]:
        """Every series of another model."""
        return [series for series in self.series if series.model != URNN]

    @cached_property
    def points(self) -> dict[str, AnchorPoint | None]:
        """The point of the grid at which each phase is looked at."""
        return {phase: anchor_point(self.cells, phase) for phase in PHASES}

    def over(self, x: str, series: Series, phase: str, metric: str) -> pd.DataFrame:
        """The series' cells at the phase's point, over hidden_size or length; empty where not measured."""
        at = self.points[phase]
        here = at.over(x, self.cells, metric) if at else self.cells.iloc[:0]
        return here[(here["model"] == series.model) & (here["backend"] == series.backend)]
