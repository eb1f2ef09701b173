"""RRNN (Qian, Kennedy, Klabjan 2019): learning curves beside LSTM, GRU and uRNN, its trees, and what they cost."""

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
from analysis.documents import COUNT, TEXT, Columns, one_of, real, whole
from analysis.figures import style
from analysis.pages import Block, Column, Figure, Prose, Table
from analysis.related.engine.chapter import Chapter, Claim, Found, Frames, by_seed, holds, over_seeds
from analysis.related.engine.wording import Words
from analysis.statistics.seeds import curve
from analysis.vocabulary import counted

PROSE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
RRNN, LSTM, GRU, URNN = METHODS = ("rrnn", "lstm", "gru", "urnn")
SEARCHING, FIXED, PLAIN = STAGES = ("searching", "fixed", "plain")
SERIES = {
    (RRNN, SEARCHING): Series(RRNN, SEARCHING, "RRNN, searching"),
    (RRNN, FIXED): Series(RRNN, FIXED, "RRNN, one structure fixed"),
    (LSTM, PLAIN): Series(LSTM, PLAIN, "LSTM"),
    (GRU, PLAIN): Series(GRU, PLAIN, "GRU"),
    (URNN, PLAIN): Series(URNN, PLAIN, "uRNN"),
}
FIRST, LAST = WHICH = ("first", "fixed")
SOON = 100  # iterations
POINTS = 60  # of a curve over seconds
TREE_TITLES = {FIRST: "Chosen most often before training", LAST: "Fixed after the search"}

BITS, SECONDS = real(0.0, 1e6), real(0.0, 1e6)
NAMED: Columns = {"method": one_of(*METHODS), "seed": COUNT}
CALL: Columns = {**NAMED, "stage": one_of(*STAGES)}
TABLES: dict[str, Columns] = {
    "curves": {**CALL, "iteration": COUNT, "seconds": SECONDS, "bits": BITS},
    "structures": {
        **NAMED,
        **dict.fromkeys(("iteration", "distinct", "trees"), whole(1)),
        "most": real(0.0, 1.0),
        "margin": real(0.0),
    },
    "trees": {
        **NAMED,
        "which": one_of(*WHICH),
        "number": COUNT,
        "label": TEXT,
        "across": real(0.0, 1e6),
        "down": COUNT,
        "parent": whole(-1),
        "written": TEXT,
    },
    "networks": {
        **NAMED,
        **dict.fromkeys(("hidden", "parameters"), whole(1)),
        **dict.fromkeys(("test_bits", "unigram_bits"), BITS),
        "seconds": SECONDS,
    },
    "times": {**CALL, "round": whole(1), "seconds": real(1e-9, 1e6)},
    "memory": {**CALL, "peak_bytes": COUNT},
    "shares": {"seed": COUNT, "scorer": real(0.0, 1.0)},
}


def bits_at(frames: Frames, method: str, axis: str, at: float) -> pd.Series:
    """By seed the bits on held-out letters after so many iterations or seconds, between evaluations on a line."""
    rows = frames["curves"]
    found = {}
    for seed, mine in rows[rows["method"] == method].groupby("seed"):
        x, y = (mine.sort_values([axis, "iteration"])[name].to_numpy(dtype=float) for name in (axis, "bits"))
        if x[-1] >= at:
            found[seed] = float(np.interp(at, x, y))
    return pd.Series(found, dtype="float64")


def end_of(frames: Frames, stage: str) -> pd.Series:
    """By seed the RRNN's bits at the end of a stage."""
    rows = frames["curves"]
    rows = rows[(rows["method"] == RRNN) & (rows["stage"] == stage)].sort_values("iteration")
    return rows.groupby("seed")["bits"].last().astype("float64")


def equal_iterations(frames: Frames) -> float | None:
    """Iterations of the search, which all its rivals have had too."""
    rows = frames["curves"]
    searching = rows[rows["stage"] == SEARCHING]["iteration"]
    return None if searching.empty else float(searching.max())


def equal_seconds(frames: Frames) -> float | None:
    """The most seconds that every net was trained for."""
    rows = frames["curves"]
    if set(rows["method"]) != set(METHODS):
        return None
    return float(rows.groupby(["method", "seed"])["seconds"].max().min())


def step_seconds(frames: Frames, method: str, stage: str) -> pd.Series:
    """By seed the median time of a training step."""
    return by_seed(frames["times"], "seconds", method=method, stage=stage)


def _bits(value: float) -> str:
    return f"{value:.2f} bits"


def _more(value: float) -> str:
    return f"{value:+.2f} bits"


def _times(value: float) -> str:
    return f"{units.factor(value)} times"


def _against(frames: Frames, rival: str, axis: str) -> Found:
    at = equal_iterations(frames) if axis == "iteration" else equal_seconds(frames)
    if at is None:
        return None
    found = over_seeds(bits_at(frames, rival, axis, at) - bits_at(frames, RRNN, axis, at))
    where = f"after {at:,.0f} iterations" if axis == "iteration" else f"after {units.seconds(at)} of training"
    return found and (found.above(0), f"the rival is at {found.words(_more)} {where}")


def _several(frames: Frames) -> Found:
    distinct = frames["structures"]["distinct"]
    if distinct.empty:
        return None
    return holds(bool((distinct > 1).all())), f"{distinct.min()} to {distinct.max()} different ones a batch"


def _soon(frames: Frames) -> Found:
    rows, networks = frames["curves"], frames["networks"]
    unigram = networks[networks["method"] == RRNN]["unigram_bits"]
    early = rows[(rows["stage"] == SEARCHING) & (rows["iteration"] <= SOON)]
    if early.empty or unigram.empty:
        return None
    least = early.groupby("seed")["bits"].min()
    below = (
        f"{_bits(float(least.max()))} or less with every seed; letters alone have {_bits(float(unigram.max()))}"
    )
    return holds(bool((least < unigram.max()).all())), below


def _fixing(frames: Frames) -> Found:
    lower = over_seeds(end_of(frames, SEARCHING) - end_of(frames, FIXED))
    return lower and (lower.above(0), f"lower by {lower.words(_bits)}")


def _fast(frames: Frames) -> Found:
    seconds = over_seeds(step_seconds(frames, RRNN, SEARCHING), logarithmic=True)
    return seconds and (seconds.at_most(1.0), f"{seconds.words(units.seconds)}, on one thread")


def _faster(frames: Frames) -> Found:
    ratio = step_seconds(frames, RRNN, SEARCHING) / step_seconds(frames, RRNN, FIXED)
    found = over_seeds(ratio, logarithmic=True)
    return found and (found.at_least(5.0), found.words(_times))


CLAIMS = [
    Claim(
        "It is better than a GRU.",
        "abstract, without a number",
        "fewer bits a letter with as many parameters, after as many iterations, seed by seed",
        partial(_against, rival=GRU, axis="iteration"),
    ),
    Claim(
        "Every sample has a cell of its own.",
        "section 3",
        "more than one structure in every batch",
        _several,
    ),
]
BARS = [
    *(
        Claim(
            f"It is ahead of the {name} of as many parameters after {what}.",
            "wanted here",
            "fewer bits a letter, seed by seed",
            partial(_against, rival=rival, axis=axis),
        )
        for axis, what in (("iteration", "as many iterations"), ("seconds", "as many seconds"))
        for rival, name in ((LSTM, "LSTM"), (GRU, "GRU"), (URNN, "uRNN"))
    ),
    Claim(
        "It learns more than how often each letter comes.",
        "4.06 bits of 4.31 after 60 iterations seen once",
        f"fewer bits than letters alone within {SOON} iterations, with every seed",
        _soon,
    ),
    Claim("Fixing one structure lowers the loss.", "seen once", "fewer bits after it than before it", _fixing),
    Claim("A searching step is fast enough to train with.", "wanted here", "at most 1 s at B = 32", _fast),
    Claim(
        "A step with one structure is much faster.",
        "wanted here",
        "at least 5 times as fast as one that searches",
        _faster,
    ),
]


def headlines(frames: Frames) -> list[str]:
    """How far it comes beside its rivals, and what a step costs."""
    at, said = equal_iterations(frames), []
    means = {}
    if at is not None:
        means = {one: bits_at(frames, one, "iteration", at).mean() for one in METHODS}
        means = {one: value for one, value in means.items() if not np.isnan(value)}
    if RRNN in means and len(means) == len(METHODS):
        others = ", ".join(f"{SERIES[one, PLAIN].label} {means[one]:.2f}" for one in METHODS[1:])
        said.append(
            f"After {at:,.0f} iterations on letters the searching RRNN is at {means[RRNN]:.2f} bits a letter "
            f"({others}, with as many parameters)."
        )
    search, fixed, gru = (
        step_seconds(frames, method, stage).mean()
        for method, stage in ((RRNN, SEARCHING), (RRNN, FIXED), (GRU, PLAIN))
    )
    if not any(np.isnan([search, fixed, gru])):
        said.append(
            f"A training step of it takes {units.factor(search / gru)} times as long as the GRU's, and with one "
            f"structure fixed {units.factor(fixed / gru)} times."
        )
    return said


def body(frames: Frames, words: Words) -> list[Block]:
    """Curves, trees, diversity, and the table of all nets."""
    drawn = {"learning": draw_learning, "trees": draw_trees, "diversity": draw_diversity}
    figures: list[Block] = [
        Figure(name, **words["figures"][name], draw=draw).of(frames, "figures/rrnn")
        for name, draw in drawn.items()
    ]
    shares = frames["shares"]["scorer"]
    said = (
        []
        if shares.empty
        else [Prose(f"Of a searching step {units.per_cent(float(shares.mean()))} is the scorer.")]
    )
    return [*figures, Prose(words["table"]), table(frames), *said, Prose(words["written"]), written(frames)]


def table(frames: Frames) -> Table:
    """A row a net, the RRNN in both stages."""
    rows, series = [], []
    for (method, stage), one in SERIES.items():
        mine = frames["networks"][frames["networks"]["method"] == method]
        if mine.empty:
            continue
        cells: list[object] = [one.label, mine["hidden"].median(), mine["parameters"].median()]
        cells.append(None if stage == SEARCHING else _mean(by_seed(mine, "test_bits")))
        cells.append(_mean(end_of(frames, stage) if method == RRNN else by_seed(_last(frames, method), "bits")))
        cells.append(_mean(step_seconds(frames, method, stage), logarithmic=True))
        cells.append(_mean(by_seed(frames["memory"], "peak_bytes", method=method, stage=stage), logarithmic=True))
        rows.append(cells)
        series.append(one.identity)
    columns = [
        Column("Net"),
        Column("Units", "{:.0f}".format),
        Column("Parameters", "{:,.0f}".format),
        Column("Bits a letter, test", "{:.2f}".format),
        Column("Held out, at the end", "{:.2f}".format),
        Column("Training step", units.seconds),
        Column("Memory of a step", units.binary_bytes),
    ]
    return Table("Every net", columns, rows, series, "compact results")


def _last(frames: Frames, method: str) -> pd.DataFrame:
    rows = frames["curves"][frames["curves"]["method"] == method]
    return rows.sort_values("iteration").groupby("seed").tail(1)


def _mean(values: pd.Series, logarithmic: bool = False) -> object:
    found = over_seeds(values, logarithmic)
    return found and found.estimate


def written(frames: Frames) -> Table:
    """The trees as they are written, a row a seed and moment."""
    rows = frames["trees"][frames["trees"]["number"] == 0].sort_values(["seed", "which"])
    cells = [[str(row.seed), TREE_TITLES[row.which], row.written] for row in rows.itertuples()]
    return Table("Structures", [Column("Seed"), Column("When"), Column("Tree")], cells, style="compact")


def drawn_series(frames: Frames) -> list[Series]:
    """Those that have curves."""
    found = set(frames["curves"][["method", "stage"]].itertuples(index=False, name=None))
    return [one for key, one in SERIES.items() if key in found]


def _cells(frames: Frames) -> pd.DataFrame:
    """What the legend needs of each series."""
    return pd.DataFrame(drawn_series(frames), columns=["model", "backend", "series"]).astype(str)


def draw_learning(frames: Frames, columns: int = 2) -> Drawn:
    """Two panels: bits over iterations, and over seconds."""
    fillings = [partial(_learning, frames=frames, axis=axis) for axis in ("iteration", "seconds")]
    return style.small_multiples(fillings if len(frames["curves"]) else [], _cells(frames), columns)


def _learning(ax: Axes, frames: Frames, axis: str) -> None:
    style.title(ax, "Over iterations" if axis == "iteration" else "Over seconds of training")
    numbers, rows = style.backend_numbers(_cells(frames)), frames["curves"]
    starts = rows[rows["iteration"] > 0][axis]
    for method, stage, _ in drawn_series(frames):
        mine = rows[(rows["method"] == method) & (rows["stage"] == stage)]
        tracks = [
            tuple(run.sort_values("iteration")[name].to_numpy(dtype=float) for name in (axis, "bits"))
            for _, run in mine.groupby("seed")
        ]
        first, last = max(x[0] for x, _ in tracks), min(x[-1] for x, _ in tracks)
        at = np.linspace(first, last, POINTS) if axis == "seconds" else np.unique(mine[axis].astype(float))
        mean = curve(tracks, at, logarithmic=False)
        look = style.line_style(method, numbers[method, stage])
        wide = {"markersize": 5, "markevery": max(len(mean) // 6, 1)}
        ax.plot(mean["value"], gid=style.series_id(method, stage), **look | wide)
        if mean["low"].notna().all():
            band = ax.fill_between(at, mean["low"], mean["high"], color=look["color"], alpha=0.14, linewidth=0)
            band.set_gid(style.series_id(method, stage))
    unigram = frames["networks"]["unigram_bits"]
    if len(unigram):
        ax.axhline(float(unigram.max()), color=style.MUTED, linewidth=1, linestyle=":")
        below = {"textcoords": "offset points", "ha": "right", "va": "top", "fontsize": 8, "color": style.MUTED}
        ax.annotate(
            "letters alone", (0.99, float(unigram.max())), (0, -3), xycoords=ax.get_yaxis_transform(), **below
        )
    ax.set_xlim(max(float(starts.min()), 1e-3) if len(starts) else 1e-3, float(rows[axis].max()) * 1.05)
    style.log_axis(ax, "{:,g}".format if axis == "iteration" else units.seconds, "x")
    ax.set(xlabel="iterations" if axis == "iteration" else "processor's seconds", ylabel="bits a letter")


def draw_trees(frames: Frames, columns: int = 2) -> Drawn:
    """Two panels: the first seed's tree before training, and the one that was fixed."""
    rows = frames["trees"]
    mine = rows[rows["seed"] == rows["seed"].min()]
    fillings = [
        partial(_tree, places=mine[mine["which"] == which].sort_values("number"), heading=TREE_TITLES[which])
        for which in WHICH
        if (mine["which"] == which).any()
    ]
    return style.small_multiples(fillings, _cells(frames).iloc[:0], columns, height=4.4)


def _tree(ax: Axes, places: pd.DataFrame, heading: str) -> None:
    style.title(ax, heading)
    across, down = (places[name].to_numpy(dtype=float) for name in ("across", "down"))
    for number, parent in enumerate(places["parent"].astype(int)):
        if parent >= 0:
            ax.plot(across[[parent, number]], -down[[parent, number]], color=style.MUTED, linewidth=1, zorder=1)
    for x, y, label in zip(across, -down, places["label"], strict=True):
        box = {"boxstyle": "round,pad=0.25", "facecolor": style.PAPER, "edgecolor": style.MUTED, "linewidth": 0.8}
        ax.text(x, y, style.literal(label), ha="center", va="center", fontsize=7, bbox=box, zorder=2)
    ax.set(xticks=[], yticks=[], xlim=(across.min() - 1, across.max() + 1), ylim=(-down.max() - 0.6, 0.6))
    ax.grid(False)
    for side in ax.spines.values():
        side.set_visible(False)


def draw_diversity(frames: Frames, columns: int = 2) -> Drawn:
    """Two panels: different structures of a batch over the search, and the share of the most frequent one."""
    panels = (
        ("distinct", "Different structures of a batch", "structures"),
        ("most", "Share of the most frequent one", "of a batch's trees"),
    )
    fillings = [
        partial(_diversity, frames=frames, column=column, heading=heading, label=label)
        for column, heading, label in panels
    ]
    return style.small_multiples(fillings if len(frames["structures"]) else [], _cells(frames), columns)


def _diversity(ax: Axes, frames: Frames, column: str, heading: str, label: str) -> None:
    rows = frames["structures"]
    trees = rows["trees"].max()
    style.title(ax, heading, f"of {counted(int(trees), 'tree')}" if column == "distinct" else "")
    look = style.line_style(RRNN, style.backend_numbers(_cells(frames)).get((RRNN, SEARCHING), 0))
    for _, mine in rows.groupby("seed"):
        mine = mine.sort_values("iteration")
        x, y = (mine[name].to_numpy(dtype=float) for name in ("iteration", column))
        ax.plot(x, y, color=look["color"], linewidth=1.2, alpha=0.7, gid=style.series_id(RRNN, SEARCHING))
    ax.set(xlabel="iterations of the search", ylabel=label, ylim=(0, None))
    if column == "most":
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


CHAPTER = Chapter(
    study="rrnn",
    arxiv="1905.10540",
    title="A cell of its own for every sample and step",
    paper="Qian, Kennedy, Klabjan 2019, RRNN: recursive and recurrent neural networks",
    prose=PROSE,
    tables=TABLES,
    claims=CLAIMS,
    bars=BARS,
    headlines=headlines,
    body=body,
    series=drawn_series,
)
