"""The tidy frame: which columns there are, in which unit, and what they mean.

One row is one measured value; a cell without a value keeps its row, with value NaN and an outcome that says why. A
metric has many `sample` rows or, where a harness kept no samples, the three rows `median`, `lower quartile` and
`upper quartile`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.vocabulary import CEILING, LADDER, METRICS


@dataclass(frozen=True)
class Column:
    """One column of the tidy frame."""

    name: str
    dtype: str
    unit: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("source", "string", "", "harness that wrote the file: asv or pytest-benchmark"),
    Column("file", "string", "", "file the row was read from, as given"),
    Column("machine", "string", "", "name of the machine"),
    Column("cpu", "string", "", "processor, as the harness names it"),
    Column("gpu", "string", "", "graphics processor; empty where there is none or it is not recorded"),
    Column("gpu_facts", "string", "", "its size and the versions of CUDA and cuDNN; empty where there is no GPU"),
    Column("tf32", "string", "", "whether float32 products may be rounded to TF32; empty where there is no GPU"),
    Column("cores", "Int64", "1", "processor cores the machine shows"),
    Column("memory_bytes", "Int64", "B", "main memory of the machine"),
    Column("os", "string", "", "operating system and its release"),
    Column("commit", "string", "", "commit measured, 40 hex digits, or 'unversioned'"),
    Column("commit_time", "string", "", "time of the commit, ISO 8601, UTC"),
    Column("measured_at", "string", "", "time of the measurement, ISO 8601, UTC"),
    Column("dirty", "boolean", "", "whether the working tree had uncommitted changes; empty where not recorded"),
    Column("python", "string", "", "version of Python"),
    Column("torch", "string", "", "version of torch"),
    Column("kernel_build_seconds", "float64", "s", "time to compile the CPU kernel; NaN: cached or not recorded"),
    Column("threads", "Int64", "1", "threads torch was allowed; empty where not recorded"),
    Column("allocator", "string", "", "kept (freed memory stays in the process), default, or unknown"),
    Column("model", "string", "", "name in the registry of models"),
    Column("backend", "string", "", "the way the sequence was run, a rung or a ceiling; 'reference' is eager"),
    Column("label", "string", "", "name of the model for people"),
    Column("backend_label", "string", "", "name of the backend for people"),
    Column("place", "Int64", "1", "place of the backend among its model's, from 1; a rung's on its ladder"),
    Column("family", "string", "", "family of the model: unitary, gated, ...; or ladder, ceiling"),
    Column("phase", "string", "", "forward (inference), train (one optimiser step), stream (one step, online)"),
    Column("task", "string", "", "task the inputs come from"),
    Column("device", "string", "", "cpu or cuda"),
    Column("dtype", "string", "", "floating-point type of inputs and parameters; tf32 is float32 with TF32"),
    Column("hidden_size", "Int64", "units", "hidden units n as the layer counts them (complex ones for the uRNN)"),
    Column("length", "Int64", "time steps", "time steps T in one call"),
    Column("batch", "Int64", "sequences", "sequences B in one call"),
    Column("num_layers", "Int64", "layers", "layers stacked; 1 where the file does not say"),
    Column("state_size", "Int64", "real numbers", "real numbers carried from one time step to the next"),
    Column("parameters", "Int64", "real numbers", "trainable real numbers"),
    Column("metric", "string", "", f"one of {', '.join(METRICS)}"),
    Column("value", "float64", "see unit", "the measured value; NaN where there is none"),
    Column("unit", "string", "", "unit of value"),
    Column("statistic", "string", "", "sample, or median and quartiles where the harness kept no samples"),
    Column("pass", "Int64", "1", "pass over the grid (one process each), from 1"),
    Column("round", "Int64", "1", "number of the sample, from 1; for a median or quartile, of how many rounds"),
    Column("outcome", "string", "", "measured, out of memory, failed, killed or not applicable"),
    Column("message", "string", "", "one sentence on an outcome other than measured, or on what disturbed it"),
)


def tidy_frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column] = COLUMNS) -> pd.DataFrame:
    """Rows with the columns' names as keys -> a frame in their order and types; a missing key is missing data."""
    records = list(rows)
    unknown = {key for record in records for key in record} - {column.name for column in columns}
    if unknown:
        raise ValueError(f"Expected only the schema's columns, got also: {', '.join(sorted(unknown))}.")
    values = {column: [record.get(column.name) for record in records] for column in columns}
    return pd.DataFrame({column.name: _array(values[column], column.dtype) for column in columns})


def _array(values: list[Any], dtype: str) -> Any:
    return np.array(values, dtype=np.float64) if dtype == "float64" else pd.array(values, dtype=dtype)


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
