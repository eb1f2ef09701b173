"""Coverage-guided tests (Huang et al. 2019, 2022): what generators meet and find, of an LSTM and of a uRNN."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn

from analysis import units
from analysis.appearance import Series
from analysis.documents import COUNT, FLAG, TEXT, Columns, Maybe, one_of, real, whole
from analysis.figures import style
from analysis.pages import Block, Cell, Column, Figure, Prose, Table
from analysis.related.engine.chapter import Chapter, Claim, Found, Frames, OverSeeds, by_seed, holds, over_seeds
from analysis.statistics.seeds import curve
from analysis.vocabulary import counted, joined

PROSE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
MODELS = {"lstm": "LSTM", "urnn": "uRNN"}
RANDOM, GRADIENT, GENETIC = GENERATORS = ("random", "gradient", "genetic")
SERIES = {
    RANDOM: Series("random", "generator", "Random mutation"),
    GRADIENT: Series("gradient", "generator", "Gradient-directed"),
    GENETIC: Series("genetic", "generator", "Genetic"),
}
TEMPORAL, STATE = "temporal", "state"  # what campaigns are aimed at; the second is DeepStellar's
ENOUGH, FEW = (
    0.8,
    0.2,
)  # of the open requirements: what is expected of the genetic generator, and of the random one
SIMILAR = 0.5  # the cosine from which a trigger counts as shown
LONGEST = 60.0  # seconds for a metric
POINTS = 80

SHARE = real(0.0, 1.0)
NET: Columns = {"model": one_of(*MODELS), "seed": COUNT}
CAMPAIGN: Columns = {**NET, "generator": one_of(*GENERATORS), "metric": one_of(TEMPORAL, STATE)}
FOUND: Columns = {
    "evaluations": COUNT,
    "coverage": SHARE,
    **dict.fromkeys(("inside", "adversarial", "defects"), COUNT),
}
TABLES: dict[str, Columns] = {
    "networks": {
        **NET,
        **dict.fromkeys(("hidden_size", "parameters"), whole(1)),
        "accuracy": SHARE,
        "seconds": real(0.0, 1e6),
    },
    "metrics": {
        **NET,
        "metric": TEXT,
        "requirements": Maybe(whole(1)),
        "coverage": Maybe(SHARE),
        "refused": Maybe(TEXT),
    },
    "curves": {**CAMPAIGN, **FOUND},
    "campaigns": {
        **CAMPAIGN,
        "requirements": whole(1),
        **dict.fromkeys(("open_before", "met"), COUNT),
        **FOUND,
        "first_defect": Maybe(whole(1)),
        "seconds": real(0.0, 1e6),
    },
    "backdoors": {
        **NET,
        "planted": FLAG,
        **dict.fromkeys(("accuracy", "flipped"), SHARE),
        **FOUND,
        "to_target": COUNT,
        "first_to_target": Maybe(whole(1)),
        "similarity": Maybe(real(-1.01, 1.01)),
    },
    "triggers": {
        **NET,
        "planted": FLAG,
        **dict.fromkeys(("row", "column"), COUNT),
        **dict.fromkeys(("planted_value", "found_value"), real(-1.0, 1.0)),
    },
    "speed": {
        "metric": TEXT,
        **dict.fromkeys(("hidden_size", "steps", "sequences"), whole(1)),
        "seconds": real(0.0, 1e6),
    },
}


def met_share(frames: Frames, model: str, generator: str, metric: str = TEMPORAL) -> pd.Series:
    """Share of the open requirements that a generator met, by seed."""
    chosen = {"model": model, "generator": generator, "metric": metric}
    open_before = by_seed(frames["campaigns"], "open_before", **chosen)
    return (by_seed(frames["campaigns"], "met", **chosen) / open_before[open_before > 0]).dropna()


def rate(frames: Frames, model: str, generator: str, metric: str = TEMPORAL) -> pd.Series:
    """Adversarial tests of a campaign over its evaluations, by seed."""
    of = partial(by_seed, frames["campaigns"], model=model, generator=generator, metric=metric)
    return of("adversarial") / of("evaluations")


def _share_met(frames: Frames, model: str, generator: str, least: bool, bound: float) -> Found:
    found = over_seeds(met_share(frames, model, generator))
    if found is None:
        return None
    return (found.at_least(bound) if least else found.at_most(bound)), found.words(units.share)


def _efficient(frames: Frames, model: str) -> Found:
    difference = over_seeds(met_share(frames, model, GENETIC) - met_share(frames, model, RANDOM))
    if difference is None:
        return None
    return difference.above(0), difference.words(lambda share: f"{100 * share:+.1f} points")


def _finds(frames: Frames, model: str) -> Found:
    defects = by_seed(frames["campaigns"], "defects", model=model, generator=GENETIC, metric=TEMPORAL)
    words = ", ".join(f"{int(one)}" for one in defects)
    return None if defects.empty else (holds(bool((defects > 0).all())), f"{words} (seed by seed)")


def _more(frames: Frames, model: str, other: str, metric: str = TEMPORAL) -> Found:
    rates = [rate(frames, model, GENETIC), rate(frames, model, other, metric)]
    difference = over_seeds(rates[0] - rates[1])
    if difference is None:
        return None
    each = " against ".join(units.per_cent(one.mean()) for one in rates)
    return difference.above(0), f"{each} of the evaluations ({counted(difference.seeds, 'seed')})"


def _backdoor(frames: Frames) -> Found:
    planted = frames["backdoors"][frames["backdoors"]["planted"].astype(bool)]
    if planted.empty:
        return None
    similar = planted["similarity"].astype("float64").fillna(-1.0)
    found = bool((similar >= SIMILAR).all())
    words = ", ".join("none found" if one < 0 else f"{one:.2f}" for one in similar)
    return holds(found), f"similarity {words} (seed by seed)"


def _quick(frames: Frames) -> Found:
    speed = frames["speed"]
    if speed.empty:
        return None
    slowest = speed.loc[speed["seconds"].astype(float).idxmax()]
    words = f"{slowest['metric']} coverage {slowest['seconds']:.1f} s, the others less"
    return holds(float(slowest["seconds"]) <= LONGEST), words


CLAIMS = [
    *(
        Claim(
            f"The genetic generator makes tests efficiently ({label}).",
            "2022, abstract",
            "at equal evaluations it meets more of the open temporal requirements than random tests, seed by seed",
            partial(_efficient, model=model),
        )
        for model, label in MODELS.items()
    ),
    Claim(
        "Tests that are made for coverage find defects.",
        "2022, abstract",
        "the genetic generator finds at least one in the LSTM, with every seed",
        partial(_finds, model="lstm"),
    ),
    *(
        Claim(
            f"They find them better than {words}.",
            "2022, abstract",
            "a larger share of the genetic generator's evaluations is adversarial in the LSTM, seed by seed",
            partial(_more, model="lstm", other=other),
        )
        for other, words in ((RANDOM, "tests without coverage"), (GRADIENT, "attacks along the gradient"))
    ),
    Claim(
        "Aimed at temporal coverage they find them better than aimed at DeepStellar's states.",
        "2022, abstract",
        "a larger share of the genetic generator's evaluations is adversarial in the LSTM, seed by seed",
        partial(_more, model="lstm", other=GENETIC, metric=STATE),
    ),
]
BARS = [
    *(
        Claim(
            f"The genetic generator meets most of what 500 random tests left open ({label}).",
            "113 to 117 of 119 to 124 seen once, of the LSTM",
            f"at least {units.per_cent(ENOUGH)}",
            partial(_share_met, model=model, generator=GENETIC, least=True, bound=ENOUGH),
        )
        for model, label in MODELS.items()
    ),
    *(
        Claim(
            f"Random tests meet little of it at equal evaluations ({label}).",
            "3 to 7 of 119 to 124 seen once, of the LSTM",
            f"at most {units.per_cent(FEW)}",
            partial(_share_met, model=model, generator=RANDOM, least=False, bound=FEW),
        )
        for model, label in MODELS.items()
    ),
    Claim(
        "A planted backdoor is found by the genetic generator, and its trigger shown.",
        "wanted here",
        f"similarity of at least {SIMILAR:g} to what was planted, with every seed",
        _backdoor,
    ),
    Claim(
        "Every metric measures 10,000 sequences of 64 steps of an LSTM-128 in a minute.",
        "wanted here",
        f"at most {LONGEST:.0f} s on one thread",
        _quick,
    ),
]


def headlines(frames: Frames) -> list[str]:
    """What is met and found, of both nets."""
    said = []
    parts = []
    for model, label in MODELS.items():
        shares = [over_seeds(met_share(frames, model, generator)) for generator in (GENETIC, RANDOM)]
        if all(shares):
            ours, theirs = (units.per_cent(one.estimate.value) for one in shares)
            parts.append(f"{ours} of the {label}'s (random tests: {theirs})")
    if parts:
        said.append(
            f"The genetic generator meets {joined(parts)} temporal requirements that 500 random tests left open."
        )
    rates = {model: over_seeds(rate(frames, model, GRADIENT)) for model in MODELS}
    if all(rates.values()):
        words = joined(
            [f"{units.per_cent(rates[model].estimate.value)} of the {MODELS[model]}'s" for model in MODELS]
        )
        said.append(f"Of tests along the gradient {words} are adversarial.")
    verdict = _backdoor(frames)
    if verdict:
        planted = frames["backdoors"][frames["backdoors"]["planted"].astype(bool)]
        number = int((planted["similarity"].astype("float64").fillna(-1.0) >= SIMILAR).sum())
        said.append(f"A planted backdoor is found, and its trigger shown, with {number} of {len(planted)} seeds.")
    return said


def body(frames: Frames) -> list[Block]:
    """The figures and the tables."""
    figure = Figure("coverage_over_evaluations", *PROSE["figures"]["coverage_over_evaluations"], draw)
    found: list[Block] = [figure.of(frames, "figures/coverage"), Prose(PROSE["campaigns"]), campaigns(frames)]
    found += [Prose(PROSE["metrics"]), metrics(frames)]
    if len(frames["backdoors"]):
        found += [Prose(PROSE["backdoor"]), backdoors(frames)]
    if len(frames["triggers"]):
        figure = Figure("backdoor", *PROSE["figures"]["backdoor"], draw_backdoor)
        found.append(figure.of(frames, "figures/coverage"))
    return [*found, Prose(PROSE["speed"]), speed(frames)]


def _value(found: OverSeeds | None) -> object:
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
                    *(_value(over_seeds(of(name))) for name in ("open_before", "evaluations")),
                    _value(over_seeds(met_share(frames, model, generator, metric))),
                    _value(over_seeds(of("coverage"))),
                    _value(over_seeds(rate(frames, model, generator, metric))),
                    _value(over_seeds(of("defects"))),
                    _value(over_seeds(of("first_defect"))) or Cell("no defect", np.inf, tone="none"),
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
            found = over_seeds(by_seed(mine, "coverage"))
            row.append(Cell("not defined", np.inf, tone="none") if len(refused) else _value(found))
            needed = over_seeds(by_seed(mine, "requirements"))
            row.append(Cell("", np.inf) if len(refused) else _value(needed))
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
        Column("Defects answered 0", "{:,.0f}".format),
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


def drawn_series(frames: Frames) -> list[Series]:
    """The generators that have campaigns."""
    known = set(frames["campaigns"]["generator"])
    return [series for generator, series in SERIES.items() if generator in known]


def draw(frames: Frames, columns: int = 2) -> Drawn:
    """A panel a net of coverage over evaluations, and one of adversarial tests."""
    curves = frames["curves"][frames["curves"]["metric"] == TEMPORAL]
    fillings = [
        partial(_over_evaluations, rows=curves[curves["model"] == model], label=label, quantity=quantity)
        for quantity in ("coverage", "adversarial")
        for model, label in MODELS.items()
        if (curves["model"] == model).any()
    ]
    cells = pd.DataFrame(drawn_series(frames), columns=["model", "backend", "series"]).astype(str)
    return style.small_multiples(fillings, cells, columns)


def _over_evaluations(ax: Axes, rows: pd.DataFrame, label: str, quantity: str) -> None:
    words = {"coverage": "temporal requirements met", "adversarial": "adversarial tests"}[quantity]
    style.title(ax, label, words)
    last = float(rows["evaluations"].max())
    x = np.linspace(float(rows["evaluations"].min()), last, POINTS)
    for generator, series in SERIES.items():
        tracks = [
            (mine["evaluations"].to_numpy(dtype=float), mine[quantity].to_numpy(dtype=float))
            for _, mine in rows[rows["generator"] == generator].groupby("seed")
        ]
        if not tracks:
            continue
        found = curve(tracks, x, logarithmic=False)
        look = style.line_style(series.model, 0) | {"markevery": POINTS // 6, "markersize": 5}
        gid = partial(style.series_id, series.model, series.backend)
        ax.plot(found["value"], gid=gid(), **look)
        if len(tracks) > 1:
            low, high = found["low"].clip(lower=0), found["high"]
            high = high.clip(upper=1) if quantity == "coverage" else high
            band = {"color": look["color"], "alpha": 0.14, "linewidth": 0}
            ax.fill_between(x, low, high, gid=gid(), **band)
    ax.set(xlabel="evaluations", xlim=(0, last * 1.02))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.locator_params(axis="x", nbins=5)
    if quantity == "coverage":
        ax.set_ylim(-0.03, 1.03)
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    else:
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_formatter("{x:,.0f}")


def draw_backdoor(frames: Frames, columns: int = 2) -> Drawn:
    """What was planted, and what was found of it."""
    rows = frames["triggers"][frames["triggers"]["planted"].astype(bool)]
    fillings = [
        partial(_pixels, rows=rows, column=column, heading=heading)
        for column, heading in (("planted_value", "Planted"), ("found_value", "Found"))
    ]
    nothing = pd.DataFrame({"model": [], "backend": [], "series": []})
    return style.small_multiples(fillings if len(rows) else [], nothing, columns, 2.6)


def _pixels(ax: Axes, rows: pd.DataFrame, column: str, heading: str) -> None:
    style.title(ax, heading)
    image = rows.pivot_table(index="row", columns="column", values=column, aggfunc="mean").to_numpy(dtype=float)
    ax.pcolormesh(
        image, cmap="Greys", vmin=0, vmax=max(float(image.max()), 1e-9), edgecolors=style.GRID, linewidth=0.4
    )
    ax.invert_yaxis()
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.grid(False)


CHAPTER = Chapter(
    study="coverage",
    arxiv="1906.08557",
    title="Tests that are aimed by coverage",
    paper="Huang et al. 2019, TestRNN: Coverage-guided testing on recurrent neural networks",
    about=PROSE["about"],
    tables=TABLES,
    claims=CLAIMS,
    bars=BARS,
    headlines=headlines,
    body=body,
    method=list(PROSE["method"].items()),
    series=drawn_series,
)
