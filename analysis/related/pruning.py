"""Neuron selection (Wen et al. 2019): the smaller LSTM beside its rivals, in accuracy, size, time and memory."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
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
from analysis.pages import Block, Cell, Column, Figure, Prose, Table
from analysis.related.engine.chapter import Chapter, Claim, Found, Frames, OverSeeds, by_seed, holds, over_seeds
from analysis.vocabulary import PHASES, STEP_TIME

PROSE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
DENSE, SELECTED, MAGNITUDE, LASSO, URNN, URNN_SELECTED = METHODS = (
    "dense",
    "selected",
    "magnitude",
    "group_lasso",
    "urnn",
    "urnn_selected",
)
SERIES = {
    DENSE: Series("lstm", "dense", "LSTM, dense"),
    SELECTED: Series("selected", "compact", "LSTM, neuron selection"),
    MAGNITUDE: Series("magnitude", "compact", "LSTM, magnitude"),
    LASSO: Series("group_lasso", "compact", "LSTM, group lasso"),
    URNN: Series("urnn", "dense", "uRNN"),
    URNN_SELECTED: Series("urnn", "selected", "uRNN, units selected"),
}
NEAR = 0.01  # of accuracy: what counts as equal

SECONDS = real(1e-9, 1e6)
SHARED: Columns = {"method": one_of(*METHODS), "size": whole(1), "seed": COUNT}
CALL: Columns = {**SHARED, "phase": one_of("train", "forward"), "batch": whole(1)}
TABLES: dict[str, Columns] = {
    "networks": {
        **SHARED,
        **dict.fromkeys(("units", "inputs_kept"), whole(1)),
        "noise_kept": COUNT,
        "parameters": whole(1),
        "accuracy": real(0.0, 1.0),
        "epochs": whole(1),
        "seconds": real(0.0, 1e6),
    },
    "times": {**CALL, "round": whole(1), "seconds": SECONDS},
    "memory": {**CALL, "peak_bytes": COUNT},
    "agreement": {"method": one_of(*METHODS), "seed": COUNT, "dtype": TEXT, "error": real(0.0)},
    "singular_values": {"seed": COUNT, "number": whole(1), "value": real(0.0)},
}


def of_method(frames: Frames, method: str, column: str, size: int | None = None) -> pd.Series:
    """A column of the nets of a method by their seed; of several sizes that of `size`."""
    chosen = {"method": method} | ({} if size is None else {"size": size})
    return by_seed(frames["networks"], column, **chosen)


def equal_urnn(frames: Frames) -> int | None:
    """The size of the smallest uRNN that is at most a point below the LSTM by neuron selection in the mean."""
    ours = frames["networks"][frames["networks"]["method"] == URNN]
    bar = of_method(frames, SELECTED, "accuracy")
    means = ours.groupby("size")["accuracy"].mean()
    equal = means[means >= bar.mean() - NEAR]
    return None if equal.empty or bar.empty else int(equal.index.min())


def faster(frames: Frames, phase: str, batch: int, than: str = DENSE, by: str = SELECTED) -> pd.Series:
    """How many times as fast a call of one method's net is, by seed: the median over rounds of paired ratios."""
    rows = frames["times"]
    rows = rows[(rows["phase"] == phase) & (rows["batch"] == batch)]
    at = ["seed", "round"]
    one, other = (rows[rows["method"] == method].set_index(at)["seconds"] for method in (than, by))
    if other.empty or not other.index.is_unique or not one.index.is_unique:
        return pd.Series(dtype="float64")
    return (one / other).dropna().groupby("seed").median()


def _difference(frames: Frames, one: str, other: str, column: str) -> OverSeeds | None:
    """Of two methods' nets, seed by seed."""
    return over_seeds(of_method(frames, one, column) - of_method(frames, other, column))


def _points(value: float) -> str:
    return f"{100 * value:+.2f} points"


def _times(value: float) -> str:
    return f"{units.factor(value)} times"


def _decided(found: OverSeeds | None, verdict: Callable[[OverSeeds], str], text: Callable[[float], str]) -> Found:
    return None if found is None else (verdict(found), found.words(text))


def _noise(frames: Frames) -> Found:
    kept = of_method(frames, SELECTED, "noise_kept")
    words = ", ".join(f"{int(one)} of 8" for one in kept)
    return None if kept.empty else (holds(bool((kept <= 1).all())), f"{words} (seed by seed)")


def _fewer(frames: Frames) -> Found:
    ratio = of_method(frames, DENSE, "parameters") / of_method(frames, SELECTED, "parameters")
    return _decided(over_seeds(ratio, logarithmic=True), lambda one: one.at_least(5), _times)


def _not_below(frames: Frames) -> Found:
    return _decided(_difference(frames, SELECTED, DENSE, "accuracy"), lambda one: one.at_least(-NEAR), _points)


def _above(frames: Frames, other: str) -> Found:
    return _decided(_difference(frames, SELECTED, other, "accuracy"), lambda one: one.above(0), _points)


def _faster(frames: Frames, phase: str, batch: int, bound: float) -> Found:
    ratio = over_seeds(faster(frames, phase, batch), logarithmic=True)
    return _decided(ratio, lambda one: one.at_least(bound), _times)


def _same(frames: Frames, dtype: str, bound: float) -> Found:
    errors = by_seed(frames["agreement"], "error", method=SELECTED, dtype=dtype)
    return None if errors.empty else (holds(bool((errors <= bound).all())), f"{errors.max():.1e} at most")


def _contraction(frames: Frames) -> Found:
    values = frames["singular_values"]["value"].astype(float)
    return (
        None
        if values.empty
        else (holds(values.max() <= 1 + 1e-5), f"from {values.min():.3f} to {values.max():.3f}")
    )


CLAIMS = [
    Claim(
        "The selected LSTM is as good as the dense one.",
        "abstract",
        "at most 1 point of accuracy below the dense net of equal epochs, seed by seed",
        _not_below,
    ),
    Claim(
        "It infers nearly 20 times as fast as the dense LSTM (on the words of the Penn Treebank).",
        "experiments",
        "at least 20 times at B = 450, on this smaller task",
        partial(_faster, phase="forward", batch=450, bound=20),
    ),
    Claim(
        "It is ahead of a group lasso (whose inference was 10.59 times as fast).",
        "experiments",
        "above it in accuracy at equal size, seed by seed",
        partial(_above, other=LASSO),
    ),
    Claim(
        "Inputs that say nothing are closed as well as units.",
        "section 3",
        "at most 1 of 8 inputs of noise is left, with every seed",
        _noise,
    ),
]
BARS = [
    Claim("Parameters are a fifth or fewer.", "7 times seen once", "mean ratio of at least 5", _fewer),
    Claim(
        "Accuracy is above magnitude pruning at equal size.",
        "wanted here",
        "seed by seed",
        partial(_above, other=MAGNITUDE),
    ),
    *(
        Claim(
            f"{PHASES[phase]} is at least twice as fast at B = {batch}.",
            "1.9 to 3.3 times seen once at B = 450",
            "mean ratio of at least 2",
            partial(_faster, phase=phase, batch=batch, bound=2),
        )
        for phase in ("forward", "train")
        for batch in (32, 450)
    ),
    *(
        Claim(
            f"The compacted net computes what the gated one does, in {dtype}.",
            "wanted here",
            f"no read-out differs by more than {bound:g}",
            partial(_same, dtype=dtype, bound=bound),
        )
        for dtype, bound in (("float32", 1e-5), ("float64", 1e-12))
    ),
    Claim(
        "Cutting units out of a uRNN makes its matrix a contraction.",
        "follows from unitarity",
        "no singular value above 1",
        _contraction,
    ),
]


def groups(frames: Frames) -> list[tuple[str, int, str]]:
    """Methods and sizes that have nets, in the order of legends, with their names: 'uRNN-64'."""
    found = frames["networks"][["method", "size"]].drop_duplicates()
    rows = sorted(found.itertuples(index=False), key=lambda row: (METHODS.index(row.method), row.size))
    return [(row.method, int(row.size), _named(row.method, int(row.size))) for row in rows]


def _named(method: str, size: int) -> str:
    name, _, how = SERIES[method].label.partition(", ")
    return f"{name}-{size}" + (f", {how}" if how else "")


def headlines(frames: Frames) -> list[str]:
    """How small, how good and how fast, and the uRNN beside it."""
    before, after = (of_method(frames, method, "parameters") for method in (DENSE, SELECTED))
    loss = _difference(frames, SELECTED, DENSE, "accuracy")
    if loss is None:
        return []
    said = [
        f"Neuron selection leaves {units.per_cent(float((after / before).mean()))} of an LSTM's parameters, and "
        f"{loss.words(_points)} of accuracy against the dense net."
    ]
    ratios = {
        (phase, batch): over_seeds(faster(frames, phase, batch), logarithmic=True)
        for phase in ("forward", "train")
        for batch in (32, 450)
    }
    if all(ratios.values()):
        means = {call: units.factor(ratio.estimate.value) for call, ratio in ratios.items()}
        parts = [
            f"{words} {means[phase, 32]} and {means[phase, 450]} times"
            for phase, words in (("forward", "infers"), ("train", "trains"))
        ]
        said.append(f"What is left {' and '.join(parts)} as fast as the dense net, at B = 32 and 450.")
    size = equal_urnn(frames)
    ours = frames["networks"][frames["networks"]["method"] == URNN].groupby("size")["accuracy"].mean()
    if size is None and len(ours):
        best = f"the best, uRNN-{ours.idxmax()}, reaches {units.share(ours.max())}"
        said.append(f"No uRNN here is within a point of the selected LSTM's accuracy: {best}.")
    if size is not None:
        ours = of_method(frames, URNN, "parameters", size).mean()
        said.append(
            f"The smallest uRNN of equal accuracy has {size} units and {ours:,.0f} parameters, "
            f"{units.factor(float(ours / after.mean()))} times those of the selected LSTM."
        )
    return said


def body(frames: Frames) -> list[Block]:
    """The figures and the table of all nets."""
    drawn = {"accuracy_over_parameters": draw_parameters, "accuracy_over_step_time": draw_times}
    figures = [
        Figure(name, *PROSE["figures"][name], draw).of(frames, "figures/pruning") for name, draw in drawn.items()
    ]
    values = frames["singular_values"]
    found: list[Block] = [*figures, Prose(PROSE["table"]), table(frames)]
    return [*found, *([Prose(PROSE["unitarity"]), spectrum(values)] if len(values) else [])]


def table(frames: Frames) -> Table:
    """A row a method and size."""
    calls = [(phase, batch) for phase in ("forward", "train") for batch in (32, 450)]
    equal, rows, series = equal_urnn(frames), [], []
    for number, (method, size, name) in enumerate(groups(frames)):
        mark = "the uRNN of equal accuracy" if (method, size) == (URNN, equal) else ""
        row = [Cell(name, number, mark)]
        for column, logarithmic in (
            ("units", True),
            ("noise_kept", False),
            ("parameters", True),
            ("accuracy", False),
        ):
            found = over_seeds(of_method(frames, method, column, size), logarithmic)
            row.append(found and found.estimate)
        chosen = {"method": method, "size": size}
        for phase, batch in calls:
            found = over_seeds(by_seed(frames["times"], "seconds", **chosen, phase=phase, batch=batch), True)
            row.append(found and found.estimate)
        found = over_seeds(by_seed(frames["memory"], "peak_bytes", **chosen, phase="train", batch=450), True)
        rows.append([*row, found and found.estimate])
        series.append(SERIES[method].identity)
    columns = [
        Column("Net"),
        Column("Units", "{:.0f}".format),
        Column("Noise inputs", "{:.1f}".format),
        Column("Parameters", "{:,.0f}".format),
        Column("Accuracy", units.share),
        *(
            Column(f"{'Inference' if phase == 'forward' else 'Training step'}, B = {batch}", units.seconds)
            for phase, batch in calls
        ),
        Column("Memory of a step", units.binary_bytes),
    ]
    return Table("Every net", columns, rows, series, "compact results")


def spectrum(values: pd.DataFrame) -> Table:
    """The singular values of the compacted uRNN's matrix, largest first, over the seeds."""
    rows = []
    for seed, mine in values.groupby("seed"):
        found = mine["value"].astype(float)
        rows.append([str(seed), len(found), found.max(), found.median(), found.min()])
    columns = [Column("Seed"), Column("Units", "{:.0f}".format)]
    columns += [Column(name, "{:.3f}".format) for name in ("Largest", "Median", "Smallest")]
    return Table("Singular values of the compacted uRNN", columns, rows, style="compact")


def drawn_series(frames: Frames) -> list[Series]:
    """Those of the methods that have nets."""
    return list(dict.fromkeys(SERIES[method] for method, _, _ in groups(frames)))


def _cells(frames: Frames) -> pd.DataFrame:
    """What the legend needs of each series."""
    return pd.DataFrame(drawn_series(frames), columns=["model", "backend", "series"]).astype(str)


def draw_parameters(frames: Frames, columns: int = 2) -> Drawn:
    """One panel: accuracy over parameters."""
    costs = {(method, size): of_method(frames, method, "parameters", size) for method, size, _ in groups(frames)}
    fill = partial(_panel, frames=frames, costs=costs, heading="Parameters", axis=_parameter_axis)
    return style.small_multiples([fill] if costs else [], _cells(frames), columns)


def draw_times(frames: Frames, columns: int = 2) -> Drawn:
    """A panel for each phase and batch: accuracy over the time of a call."""
    fillings = []
    for phase, batch in sorted({(row.phase, row.batch) for row in frames["times"].itertuples()}):
        costs = {
            (method, size): by_seed(frames["times"], "seconds", method=method, size=size, phase=phase, batch=batch)
            for method, size, _ in groups(frames)
        }
        heading = f"{PHASES[phase]}, B = {batch}"
        fillings.append(partial(_panel, frames=frames, costs=costs, heading=heading, axis=_time_axis))
    return style.small_multiples(fillings, _cells(frames), columns)


def _panel(
    ax: Axes, frames: Frames, costs: dict[tuple[str, int], pd.Series], heading: str, axis: Callable[..., None]
) -> None:
    style.title(ax, heading)
    numbers, seen, heights = style.backend_numbers(_cells(frames)), [], []
    lines: dict[str, list[tuple[float, float]]] = {}
    for (method, size), cost in costs.items():
        accuracy = of_method(frames, method, "accuracy", size)
        both = cost.index.intersection(accuracy.index)
        mean = over_seeds(accuracy.loc[both])
        if mean is None:
            continue
        model, backend, _ = SERIES[method]
        look, gid = style.line_style(model, numbers[model, backend]), partial(style.series_id, model, backend)
        x = float(np.exp(np.log(cost.loc[both].astype(float)).mean()))
        dots = {"linestyle": "none", "marker": ".", "markersize": 4, "color": look["color"], "alpha": 0.6}
        ax.plot(cost.loc[both].astype(float), accuracy.loc[both], gid=gid(), **dots)
        if mean.seeds > 1:
            ends = np.clip([mean.estimate.low, mean.estimate.high], 0, 1)
            ax.vlines(x, *ends, color=look["color"], linewidth=1.4, gid=gid())
        lines.setdefault(method, []).append((x, mean.estimate.value))
        seen += list(cost.loc[both].astype(float))
        heights += list(accuracy.loc[both])
    for method, points in lines.items():
        model, backend, _ = SERIES[method]
        look = style.line_style(model, numbers[model, backend])
        look |= {"markersize": 14 if look["marker"] == "*" else 9}  # a star of one size looks smaller
        ax.plot(*zip(*sorted(points), strict=True), gid=style.series_id(model, backend), **look)
    if not seen:
        return style.say_not_measured(ax)
    axis(ax, seen)
    low = min(heights)
    ax.set_ylim(max(low - 0.25 * (1.02 - low), -0.02), 1.0 + 0.02 * (1.02 - low))
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_ylabel("accuracy on test data")
    return None


def _parameter_axis(ax: Axes, values: list[float]) -> None:
    ax.set_xlim(min(values) / 1.3, max(values) * 1.3)
    style.log_axis(ax, "{:,.0f}".format, "x")
    ax.set_xlabel("trainable numbers")


def _time_axis(ax: Axes, values: list[float]) -> None:
    style.value_axis(ax, STEP_TIME, values, which="x")
    ax.set_xlabel("time of a call")


CHAPTER = Chapter(
    study="pruning",
    arxiv="1906.06847",
    title="A smaller LSTM by neuron selection",
    paper="Wen et al. 2019, Structured pruning of recurrent neural networks through neuron selection",
    about=PROSE["about"],
    tables=TABLES,
    claims=CLAIMS,
    bars=BARS,
    headlines=headlines,
    body=body,
    method=list(PROSE["method"].items()),
    series=drawn_series,
)
