"""The tidy frame: which columns there are, in which unit, and what they mean.

One row is one measured value; a cell without a value keeps its row, with value NaN and an outcome that says why. A
metric has many `sample` rows or, where a harness kept no samples, the three rows `median`, `lower quartile` and
`upper quartile`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.vocabulary import CEILING, LADDER

# Name -> dtype, in their order; docs/files.md says what each is.
COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(
        ("source", "file", "machine", "kind", "instance", "session", "cpu", "gpu", "gpu_facts", "tf32"), "string"
    ),
    **dict.fromkeys(("cores", "memory_bytes"), "Int64"),
    **dict.fromkeys(("os", "commit", "commit_time", "measured_at"), "string"),
    "dirty": "boolean",
    **dict.fromkeys(("python", "torch"), "string"),
    "kernel_build_seconds": "float64",
    "threads": "Int64",
    **dict.fromkeys(("allocator", "model", "backend", "label", "backend_label"), "string"),
    "place": "Int64",
    **dict.fromkeys(("family", "phase", "task", "device", "dtype"), "string"),
    **dict.fromkeys(("hidden_size", "length", "batch", "num_layers", "state_size", "parameters"), "Int64"),
    "metric": "string",
    "value": "float64",
    **dict.fromkeys(("unit", "statistic"), "string"),
    **dict.fromkeys(("pass", "round"), "Int64"),
    **dict.fromkeys(("outcome", "message"), "string"),
}


def tidy_frame(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str] = COLUMNS) -> pd.DataFrame:
    """Rows with the columns' names as keys -> a frame in their order and dtypes; a missing key is missing data."""
    records = list(rows)
    unknown = set().union(*records) - set(columns)
    if unknown:
        raise ValueError(f"Expected only the schema's columns, got also: {', '.join(sorted(unknown))}.")
    values = {name: [record.get(name) for record in records] for name in columns}
    return pd.DataFrame({name: pd.array(values[name], dtype=dtype) for name, dtype in columns.items()})


def ordinary(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of models to compare, without ladders and ceilings; for the tidy frame and for summary rows."""
    return table[~table["family"].isin([LADDER, CEILING])]


def of_family(table: pd.DataFrame, family: str) -> pd.DataFrame:
    """Rows of one family, LADDER or CEILING."""
    return table[table["family"].eq(family).fillna(False).astype(bool)]


def backends_of(table: pd.DataFrame, model: str) -> dict[str, str]:
    """Names and labels of a model's backends (or a ladder's rungs) in order; those without a place come last."""
    mine = table[table["model"] == model].sort_values(["place", "backend"], na_position="last")
    return dict(zip(mine["backend"], mine["backend_label"], strict=True))


def series_label(label: str, backend_label: str, family: str = "", alone: bool = True) -> str:
    """Name of a (model, backend) series for people.

    The uRNN always names its backend, because its eager reference must not pass for a fused kernel; a
    baseline does so only where several backends of it stand side by side (`alone=False`).
    """
    return f"{label} ({backend_label})" if family == "unitary" or not alone else label
