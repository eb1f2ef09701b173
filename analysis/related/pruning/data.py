"""What the study of neuron selection gives: its tables, and the figures of methods and seeds in them."""

from __future__ import annotations

import pandas as pd

from analysis.appearance import Series
from analysis.documents import COUNT, TEXT, Columns, one_of, real, whole
from analysis.related.engine.chapter import Frames, by_seed

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


def groups(frames: Frames) -> list[tuple[str, int, str]]:
    """Methods and sizes that have nets, in the order of legends, with their names: 'uRNN-64'."""
    found = frames["networks"][["method", "size"]].drop_duplicates()
    rows = sorted(found.itertuples(index=False), key=lambda row: (METHODS.index(row.method), row.size))
    return [(row.method, int(row.size), _named(row.method, int(row.size))) for row in rows]


def _named(method: str, size: int) -> str:
    name, _, how = SERIES[method].label.partition(", ")
    return f"{name}-{size}" + (f", {how}" if how else "")
