"""What was measured in one setting: cells, ladders and ceilings, the uRNN that speaks for it, its baselines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from analysis.anchor_point import AnchorPoint, anchor_point
from analysis.appearance import BEST, WIDER_LOOKS, Series
from analysis.comparability import Choice, Setting
from analysis.controls import TOLERANCE, Control, Verdict, verdicts
from analysis.figures.style import rivals_in_order, series_in_order
from analysis.schema import of_family, ordinary
from analysis.statistics import at_best, fastest, summarise
from analysis.vocabulary import CEILING, CONTROL_TIME, END, LADDER, MEASURED, PHASES, START

URNN = "urnn"
HEADLINE_RIVAL = "lstm"


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
        every = summarise(choice.rows[choice.rows["metric"] != CONTROL_TIME])
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
    def rivals(self) -> list[Series]:
        """Every other model at its best, which means in each cell by the fastest of its ways."""
        return rivals_in_order(self.cells)

    @cached_property
    def usual(self) -> pd.DataFrame:
        """The cells without the wider field, which has figures of its own."""
        return self.cells[~self.cells["model"].isin(WIDER_LOOKS)]

    @cached_property
    def wider(self) -> pd.DataFrame:
        """The cells of the wider field, beside those of the uRNN's fastest way and nn.LSTM; empty without it."""
        models, here = self.cells["model"], self.cells["model"].isin(WIDER_LOOKS)
        if self.ours is not None and here.any():
            here |= (models == URNN) & (self.cells["backend"] == self.ours.backend) | (models == HEADLINE_RIVAL)
        return self.cells[here]

    @cached_property
    def instances(self) -> list[str]:
        """The machines of this kind whose figures these are, as far as they are recorded."""
        mine = self.rows[(self.rows["metric"] != CONTROL_TIME) & (self.rows["outcome"] == MEASURED)]
        return sorted(mine["instance"].dropna().unique())

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What the control cells of a sweep over several machines say of them."""
        rows = self.rows[(self.rows["metric"] == CONTROL_TIME) & (self.rows["outcome"] == MEASURED)]
        keys = ["instance", "session", "pass", "model", "backend"]
        found = [
            Control("This kind", instance, session, START if at == 1 else END, f"{model}:{backend}", part.median())
            for (instance, session, at, model, backend), part in rows.groupby(keys)["value"]
        ]
        tolerances = [float(text.split()[1]) for text in rows["message"].dropna().unique()]
        return verdicts(found, max(tolerances, default=TOLERANCE))

    def ways_of(self, rival: Series) -> list[Series]:
        """The ways in which a rival was run, where there are several."""
        found = [one for one in self.series if one.model == rival.model]
        return found if len(found) > 1 else []

    def has_choice(self, rival: Series) -> bool:
        """False where a rival has several ways and no cell had a choice, as with one way in a graph and not."""
        return not self.ways_of(rival) or bool(
            (self.best.loc[self.best["model"] == rival.model, "ways"] > 1).any()
        )

    @cached_property
    def best(self) -> pd.DataFrame:
        """The cells of the fastest way of each model."""
        return at_best(self.cells)

    @cached_property
    def compared(self) -> pd.DataFrame:
        """The cells that are held against each other: those of the way that speaks for the uRNN, and of `best`."""
        rivals, mine = self.best[self.best["model"] != URNN], self.cells["model"] == URNN
        ours = (
            self.cells[mine & (self.cells["backend"] == self.ours.backend)] if self.ours else self.cells.iloc[:0]
        )
        return pd.concat([ours, rivals])

    @cached_property
    def points(self) -> dict[str, AnchorPoint | None]:
        """The point of the grid at which each phase is looked at."""
        return {phase: anchor_point(self.cells, phase) for phase in PHASES}

    def over(self, x: str, series: Series, phase: str, metric: str) -> pd.DataFrame:
        """The series' cells at the phase's point, over hidden_size or length; empty where not measured."""
        at = self.points[phase]
        cells = self.best if series.backend == BEST else self.cells
        here = at.over(x, cells, metric) if at else cells.iloc[:0]
        mine = here["model"] == series.model
        return here[mine if series.backend == BEST else mine & (here["backend"] == series.backend)]
