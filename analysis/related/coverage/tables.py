"""The tables of the chapter on coverage-guided tests."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from analysis import units
from analysis.pages import Cell, Column, Table
from analysis.related.coverage.data import GENERATORS, GENETIC, MODELS, SERIES, STATE, TEMPORAL, met_share, rate
from analysis.related.engine.chapter import COUNT, SHARE, Frames, by_seed, over_seeds


def _mean(values: pd.Series, within: tuple[float, float] = COUNT) -> object:
    found = over_seeds(values, within=within)
    return found and found.estimate


def campaigns(frames: Frames) -> Table:
    """A row a net and generator."""
    table, rows, series = frames["campaigns"], [], []
    for model, label in MODELS.items():
        accuracy = over_seeds(by_seed(frames["networks"], "accuracy", model=model))
        note = f"accuracy {units.share(accuracy.estimate.value)}" if accuracy else ""
        for generator, metric in [*((generator, TEMPORAL) for generator in GENERATORS), (GENETIC, STATE)]:
            one, aim = SERIES[generator], "" if metric == TEMPORAL else ", aimed at states"
            of = partial(by_seed, table, model=model, generator=generator, metric=metric)
            if of("evaluations").empty:
                continue
            rows.append(
                [
                    Cell(f"{label}: {one.label}{aim}", len(rows), note),
                    *(_mean(of(name)) for name in ("open_before", "evaluations")),
                    _mean(met_share(frames, model, generator, metric), SHARE),
                    _mean(of("coverage"), SHARE),
                    _mean(rate(frames, model, generator, metric), SHARE),
                    _mean(of("defects")),
                    _mean(of("first_defect")) or Cell("no defect", np.inf, tone="none"),
                ]
            )
            series.append(one.identity)
    columns = [
        Column("Net and generator"),
        Column("Open", "{:.0f}".format),
        Column("Evaluations", "{:,.0f}".format),
        Column("Of them met", units.share),
        Column("Coverage", units.share),
        Column("Adversarial", lambda share: f"{100 * share:.3f} %"),
        Column("Defects", "{:,.0f}".format),
        Column("First defect at", "{:,.0f}".format),
    ]
    return Table("Tests by each generator", columns, rows, series, "compact results")


def metrics(frames: Frames) -> Table:
    """A row a metric, a column a net."""
    table, rows = frames["metrics"], []
    for number, name in enumerate(table["metric"].drop_duplicates()):
        row = [Cell(name, number)]
        for model in MODELS:
            mine = table[(table["metric"] == name) & (table["model"] == model)]
            refused = mine["refused"].dropna()
            found = _mean(by_seed(mine, "coverage"), SHARE)
            row.append(Cell("not defined", np.inf, tone="none") if len(refused) else found)
            row.append(Cell("", np.inf) if len(refused) else _mean(by_seed(mine, "requirements")))
        rows.append(row)
    columns = [Column("Metric")]
    for label in MODELS.values():
        columns += [Column(label, units.share), Column(f"Requirements, {label}", "{:,.0f}".format)]
    return Table("What the test images cover", columns, rows, style="compact results")


def backdoors(frames: Frames) -> Table:
    """A row a seed, with and without a backdoor."""
    table = frames["backdoors"].sort_values(["planted", "seed"], ascending=[False, True])
    rows = [
        [
            Cell(f"{'planted' if row.planted else 'none'}, seed {row.seed}", number),
            row.accuracy,
            row.flipped,
            row.adversarial,
            row.to_target,
            Cell("none", np.inf, tone="none") if pd.isna(row.first_to_target) else row.first_to_target,
            Cell("none", np.inf, tone="none") if pd.isna(row.similarity) else row.similarity,
        ]
        for number, row in enumerate(table.itertuples())
    ]
    columns = [
        Column("Backdoor"),
        Column("Accuracy", units.share),
        Column("Flipped by the trigger", units.share),
        Column("Adversarial tests", "{:,.0f}".format),
        Column("Defects with its answer", "{:,.0f}".format),
        Column("The first at", "{:,.0f}".format),
        Column("Similarity", "{:.2f}".format),
    ]
    return Table("The backdoor", columns, rows, style="compact results")


def speed(frames: Frames) -> Table:
    """A row a metric."""
    rows = [
        [row.metric, Cell(f"{row.sequences:,} of {row.steps} steps, n = {row.hidden_size}", number), row.seconds]
        for number, row in enumerate(frames["speed"].itertuples())
    ]
    columns = [Column("Metric"), Column("Sequences"), Column("Time", units.seconds)]
    return Table("How long the metrics take", columns, rows, style="compact")
