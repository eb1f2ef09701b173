"""What the page's explorer shows, as plain data: every cell of every setting, every ratio that can be asked for.

All statistics are made here, so that the page only looks them up: values with their intervals, ratios of any two
series at equal size, state or parameters, and of two settings, which are machines or commits. Nothing is pooled: a
ratio of two machines is one of a cell on both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.appearance import WIDER_LOOKS, Series, css_name, look
from analysis.figures.efficiency import every_share
from analysis.figures.style import backend_numbers, line_style, series_in_order
from analysis.pages.html import slug
from analysis.pages.packing import packed
from analysis.report.facts import facts
from analysis.report.measured import HEADLINE_RIVAL, URNN, Measured
from analysis.statistics import Estimate, ratio_between_settings
from analysis.statistics.bootstrap import bounds_of_each
from analysis.statistics.curves import MATCHES, Curve, curve_through, over_baseline
from analysis.statistics.summary import CELL
from analysis.vocabulary import (
    ENERGY,
    MEASURED,
    METRICS,
    PEAK_ALLOCATED,
    PHASES,
    SAVED_FOR_BACKWARD,
    STEP_TIME,
    counted,
)

POINT = ["phase", "task", "num_layers", "length", "batch"]
SHOWN = (STEP_TIME, PEAK_ALLOCATED, SAVED_FOR_BACKWARD, ENERGY)
MATCHED_BY_SIZE = tuple(match for match in MATCHES if match != "hidden_size")
DIGITS = 5  # of a bound; values are exact
Numbers = list[float | None]


def explorer(settings: Sequence[Measured], left_out: int = 0) -> dict[str, Any]:
    """The data of all settings; `left_out` says how many others there are."""
    cells = pd.concat([one.cells for one in settings])
    names = cells.drop_duplicates(["model", "backend"]).set_index(["model", "backend"])["series"]
    # A way that stands alone in one setting and beside others in the next is one series all the same.
    cells = cells.assign(series=names.loc[pd.MultiIndex.from_frame(cells[["model", "backend"]])].to_numpy())
    series, numbers = series_in_order(cells), backend_numbers(cells)
    tables = [Cells(measured, series) for measured in settings]
    pairs = [(one, other) for other in range(len(tables)) for one in range(other)]
    labels = dict(cells[["model", "label"]].itertuples(index=False))
    return {
        "phases": dict(PHASES),
        "matches": dict(MATCHES),
        "units": {name: METRICS[name].unit for name in SHOWN},
        "series": [_drawn(one, numbers[one.model, one.backend], labels[one.model]) for one in series],
        "baseline": _default_baseline(settings[0], series),
        "anchors": {phase: asdict(at) for phase, at in settings[0].points.items() if at},
        "settings": [table.as_data() for table in tables],
        "between": {
            f"{one},{other}": {name: between(tables[one], tables[other], name) for name in tables[one].known}
            for one, other in pairs
        },
        "notes": [f"{counted(left_out, 'older setting')} not in here; measurements.csv has all."] * bool(left_out),
    }


def _drawn(one: Series, number: int, label: str) -> dict[str, Any]:
    """A series as the static figures draw it, its colour as the page's variable."""
    style, first = line_style(one.model, number), number == 0
    solid = style["linestyle"] == "-"
    return {
        "id": one.identity,
        "model": one.model,
        "backend": one.backend,
        "label": one.label,
        "model_label": label,
        "colour": css_name(look(one.model)),
        "marker": style["marker"],
        "dashes": [] if solid else list(style["linestyle"][1]),
        "hollow": not first,
        "width": style["linewidth"],
        "usual": one.model not in WIDER_LOOKS and (first or one.model == URNN),
    }


def _default_baseline(measured: Measured, series: Sequence[Series]) -> str:
    """nn.LSTM, or else whatever is not the uRNN, or else that."""
    measured_here = {one.identity for one in measured.series}
    here = [one for one in series if one.identity in measured_here]
    ranked = sorted(here, key=lambda one: (one.model != HEADLINE_RIVAL, one.model == URNN))
    return ranked[0].identity if ranked else ""


@dataclass(frozen=True)
class Cells:
    """The cells of one setting in the page's order: by point, hidden size and series."""

    measured: Measured
    series: Sequence[Series]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a cell, with its step time's summary; columns `rank` (of the series) and `point` (a number)."""
        times = self.measured.cells[self.measured.cells["metric"] == STEP_TIME]
        ranks = {(one.model, one.backend): rank for rank, one in enumerate(self.series)}
        rank = [ranks[key] for key in zip(times["model"], times["backend"], strict=True)]
        times = times.assign(rank=rank).sort_values([*POINT, "hidden_size", "rank"], kind="stable")
        return times.assign(point=times.groupby(POINT, sort=True).ngroup()).reset_index(drop=True)

    @cached_property
    def points(self) -> list[tuple[Any, ...]]:
        """Phase, task, layers, length and batch of each number in `table.point`."""
        first = self.table.drop_duplicates("point")
        return [tuple(_plain(value) for value in row) for row in first[POINT].itertuples(index=False)]

    @cached_property
    def metrics(self) -> dict[str, pd.DataFrame]:
        """The summary rows of each metric in the order of `table`; a row without a value is empty."""
        measured = self.measured.cells[self.measured.cells["outcome"] == MEASURED]
        index = pd.MultiIndex.from_frame(self.table[CELL])
        return {
            name: measured[measured["metric"] == name].set_index(CELL).reindex(index).reset_index()
            for name in SHOWN
        }

    @property
    def known(self) -> list[str]:
        """The metrics that have a value."""
        return [name for name, rows in self.metrics.items() if rows["value"].notna().any()]

    def draws(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Values (K) and replicates (R, K) of a metric, NaN without a positive value; R is 1 without noise."""
        rows = self.metrics[name]
        values = rows["value"].to_numpy(dtype=float)
        known = [isinstance(one, np.ndarray) and bool((one > 0).all()) for one in rows["replicates"]]
        length = max((len(one) for one in rows["replicates"] if isinstance(one, np.ndarray)), default=1)
        draws = np.full((length, len(rows)), np.nan)
        for place in np.flatnonzero(known):
            draws[:, place] = rows["replicates"][place]
        noisy = bool((draws[:, known] != draws[:1, known]).any())
        return np.where(known, values, np.nan), draws if noisy else draws[:1]

    def as_data(self) -> dict[str, Any]:
        """Everything the page needs of this setting."""
        table, setting, measured = self.table, self.measured.setting, self.measured
        compared = set(measured.compared[CELL].itertuples(index=False, name=None))
        rows = list(table[CELL].itertuples(index=False, name=None))
        return {
            "id": slug(f"{setting.describe()} {setting.version()} {setting.source}"),
            "place": setting.describe(),
            "version": f"{setting.version()}, {setting.source}",
            "columns": {
                name: getattr(setting, name)
                for name in ("machine", "device", "dtype", "threads", "allocator", "source", "torch", "commit")
            },
            "facts": facts(measured),
            "points": self.points,
            "cells": {
                "series": table["rank"].tolist(),
                "point": table["point"].tolist(),
                "hidden_size": table["hidden_size"].tolist(),
                **{name: _whole(table[name]) for name in MATCHED_BY_SIZE},
                "processes": table["processes"].tolist(),
                "rounds": table["rounds"].tolist(),
                "spread": _rounded(table["spread"], 3),
                "compared": "".join("1" if row in compared else "0" for row in rows),
            },
            "outcomes": {
                str(place): [row.outcome, row.message]
                for place, row in enumerate(table.itertuples())
                if row.outcome != MEASURED
            },
            "unstable": {str(place): why for place, why in enumerate(table["unstable"]) if why},
            "values": {name: _columns(self.metrics[name]) for name in SHOWN} | self._shares(),
            "equal": {name: self.at_equal_size(name) for name in self.known},
            "matched": {
                match: {name: self.at_equal(match, name) for name in self.known} for match in MATCHED_BY_SIZE
            },
        }

    def _shares(self) -> dict[str, dict[str, Any]]:
        """The uRNN's shares of each ceiling, by the ceiling's name."""
        shares = every_share(self.measured.cells, self.measured.ceilings)
        index = pd.MultiIndex.from_frame(self.table[CELL])
        return {
            f"share_{ceiling}": _columns(part.set_index(CELL).reindex(index)) | {"label": part["label"].iloc[0]}
            for ceiling, part in shares.groupby("ceiling", sort=False)
        }

    def at_equal_size(self, name: str) -> list[str]:
        """For each cell its ratios over those after it at its point and hidden size, without the ratio itself."""
        values, draws = self.draws(name)
        texts = [""] * len(self.table)
        for _, block in self.table.groupby(["point", "hidden_size"], sort=False):
            places = block.index.to_numpy()
            for at, place in enumerate(places[:-1]):
                others = places[at + 1 :]
                bounds = bounds_of_each(draws[:, [place]] / draws[:, others])
                texts[place] = _texts(values[place] / values[others], *bounds, with_ratio=False)
        return texts

    def at_equal(self, match: str, name: str) -> list[str]:
        """For each cell its ratio over every other series of its point at equal state or parameters.

        " " where a series has a cell of that very size at the same n, whose ratio `at_equal_size` has, and where
        it has none so small or so large.
        """
        values, draws = self.draws(name)
        logs, log_draws = np.log(values), np.log(draws)
        hidden, sizes = (self.table[axis].to_numpy(dtype=float) for axis in ("hidden_size", match))
        known = np.isfinite(values) & (sizes > 0)
        found: list[dict[int, str]] = [{} for _ in values]
        for point, ranks in self._ranks.items():
            here = np.flatnonzero(known & (self._points == point))
            for rank in ranks:
                mine = here[self._series[here] == rank]
                baseline = curve_through(sizes[mine], hidden[mine], values[mine], draws[:, mine])
                if baseline is None:
                    continue
                twin = dict(zip(hidden[mine], sizes[mine], strict=True))
                alike = np.array([twin.get(n) == size for n, size in zip(hidden[here], sizes[here], strict=True)])
                places = here[~alike & (self._series[here] != rank)]
                ours = Curve(np.log(sizes[places]), np.log(hidden[places]), logs[places], log_draws[:, places])
                over = over_baseline(ours, baseline)
                for place, *numbers in zip(places[over.places], over.values, over.low, over.high, strict=True):
                    found[place][rank] = packed(Estimate(*map(float, numbers)))
        return ["".join(of.get(rank, " ") for rank in self._others(place)) for place, of in enumerate(found)]

    def _others(self, place: int) -> list[int]:
        """The other series of a cell's point, in their order."""
        return [rank for rank in self._ranks[self._points[place]] if rank != self._series[place]]

    @cached_property
    def _points(self) -> np.ndarray:
        return self.table["point"].to_numpy()

    @cached_property
    def _series(self) -> np.ndarray:
        return self.table["rank"].to_numpy()

    @cached_property
    def _ranks(self) -> dict[int, list[int]]:
        """The series of each point, in their order."""
        return {int(point): sorted({*map(int, part["rank"])}) for point, part in self.table.groupby("point")}


def between(one: Cells, other: Cells, name: str) -> str:
    """The ratios of each cell of one setting over the same cell of another, without the ratio itself."""
    mine = one.metrics[name]
    theirs = other.metrics[name].dropna(subset=["value"]).set_index(CELL)
    return "".join(packed(found, with_ratio=False) for found in _between(mine, theirs))


def _between(mine: pd.DataFrame, theirs: pd.DataFrame) -> Iterator[Estimate | None]:
    for row, key in zip(mine.to_dict("records"), mine[CELL].itertuples(index=False, name=None), strict=True):
        other = theirs.loc[key] if key in theirs.index else None
        comparable = other is not None and row["value"] > 0 and other["value"] > 0
        yield ratio_between_settings(row, other.to_dict()) if comparable else None


def _texts(values: np.ndarray, low: np.ndarray, high: np.ndarray, with_ratio: bool) -> str:
    return "".join(packed(Estimate(*map(float, one)), with_ratio) for one in zip(values, low, high, strict=True))


def _columns(rows: pd.DataFrame) -> dict[str, Numbers]:
    """Exact values, and bounds where the interval has a width; empty without a single value."""
    if rows["value"].isna().all():
        return {}
    values = _rounded(rows["value"], 17)
    wide = (rows["low"] != rows["high"]) & rows["low"].notna()
    bounds = {side: _rounded(rows[side].where(wide), DIGITS) for side in ("low", "high")}
    return {"value": values} | (bounds if wide.any() else {})


def _rounded(column: Iterable[Any], digits: int) -> Numbers:
    return [None if pd.isna(value) else _short(float(f"{value:.{digits}g}")) for value in column]


def _short(value: float) -> float:
    """Whole numbers without a decimal point, which JSON keeps apart."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _whole(column: Iterable[Any]) -> Numbers:
    return [None if pd.isna(value) else int(value) for value in column]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
