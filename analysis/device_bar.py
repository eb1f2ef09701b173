"""What is asked of the fused kernel on a CUDA device, and what was measured of it, row by row.

Every row is one sentence of a bar, the figures found in the data and a verdict; a row whose cells are missing says
that it was not measured. Known weakness: the bar is set for B = 128 and T = 512 on a GPU of the H200's class;
there is none for other places and other GPUs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import units
from analysis.schema import GRAPH, MEASURED, OUTPUT_ERROR, PEAK_ALLOCATED, STEP_TIME
from analysis.statistics import Estimate, ratio

URNN, LSTM = "urnn", "lstm"
REFERENCE = "reference"
AT = {"length": 512, "batch": 128, "task": "copying"}
SIZES = (64, 128, 256, 512, 1024, 2048)
BATCHES = (132, 264, 528, 1056, 2112)
LONG = 2048
FLOAT32_EPS = 2.0**-23
BYTES = 4
HALF = ("bfloat16", "float16")


@dataclass(frozen=True)
class Finding:
    """One row: what is asked, the bar, what was found, and whether the bar is met (None: not measured)."""

    what: str
    bar: str
    found: str
    met: bool | None


def findings(cells: pd.DataFrame, half: Mapping[str, pd.DataFrame], fused: str | None) -> list[Finding]:
    """Summary rows in float32 and, by dtype, in half precision -> every row of the bar for the backend `fused`."""
    eager, graph = (REFERENCE, "torch"), (REFERENCE + GRAPH, "torch" + GRAPH)
    return [
        _faster(cells, cells, fused, URNN, eager[0], {128: 40.0, 512: 40.0}, "the eager reference"),
        _faster(
            cells, cells, fused, URNN, graph[0], {128: 10.0, 512: 10.0}, "the eager reference in a CUDA graph"
        ),
        _faster(
            cells,
            cells,
            fused,
            LSTM,
            eager[1],
            dict.fromkeys(SIZES, 1.0) | {512: 3.0, 2048: 10.0},
            "nn.LSTM in float32",
        ),
        *(
            _faster(
                cells,
                half.get(dtype, cells.iloc[:0]),
                fused,
                LSTM,
                eager[1],
                dict.fromkeys((512, 1024, 2048), 1.0),
                f"nn.LSTM in {dtype}",
            )
            for dtype in HALF
        ),
        _step(cells, fused),
        _linearity(cells, fused),
        _memory(cells, fused, "pixels", "the last state", 1.3),
        _memory(cells, fused, "copying", "every state", 2.4),
        _error(cells, fused),
    ]


def _one(
    cells: pd.DataFrame, model: str, backend: str | None, metric: str = STEP_TIME, **axes: object
) -> pd.Series | None:
    """The one measured summary row of these axes, or None."""
    wanted = {"model": model, "backend": backend, "metric": metric, "outcome": MEASURED, **axes}
    here = cells[np.logical_and.reduce([(cells[axis] == value).to_numpy() for axis, value in wanted.items()])]
    return None if here.empty else here.iloc[0]


def _faster(
    cells: pd.DataFrame,
    others: pd.DataFrame,
    fused: str | None,
    model: str,
    backend: str,
    bars: Mapping[int, float],
    than: str,
) -> Finding:
    """Training steps: the other's time over ours, at each size that has a bar."""
    gains: dict[int, Estimate] = {}
    for n in bars:
        at = {"phase": "train", "hidden_size": n, **AT}
        ours, theirs = _one(cells, URNN, fused, **at), _one(others, model, backend, **at)
        if ours is not None and theirs is not None:
            gains[n] = ratio(theirs, ours)
    each = dict.fromkeys(bars.values())
    asked = "; ".join(f"{units.TIMES}{bar:g} at {_sizes(n for n in bars if bars[n] == bar)}" for bar in each)
    return _finding(
        f"Training step against {than}",
        f"at least {asked}",
        [f"{units.ahead_or_behind(gain.value)} at n = {n}" for n, gain in gains.items()],
        [n for n in bars if n not in gains],
        all(gain.value >= bars[n] for n, gain in gains.items()),
        "n",
    )


def _sizes(values: Iterable[int], name: str = "n") -> str:
    return f"{name} = {', '.join(str(value) for value in values)}"


def _finding(
    what: str, bar: str, found: Sequence[str], missing: Sequence[int], met: bool, name: str = ""
) -> Finding:
    """A row from its parts; where a part is missing the bar may be broken by the others, but not met."""
    if not found:
        return Finding(what, bar, units.NOT_MEASURED, None)
    absent = [f"{units.NOT_MEASURED} at {_sizes(missing, name)}"] if missing else []
    return Finding(what, bar, "; ".join([*found, *absent]), (None if missing else True) if met else False)


def _step(cells: pd.DataFrame, fused: str | None) -> Finding:
    row = _one(cells, URNN, fused, phase="forward", hidden_size=512, **AT)
    found = [] if row is None else [units.seconds(row["value"])]
    met = row is not None and row["value"] <= 3e-6
    return _finding("Device time of one forward time step at n = 512", "at most 3 µs", found, [], met)


def _linearity(cells: pd.DataFrame, fused: str | None) -> Finding:
    """Sequences a second at each batch over those at the smallest; more than linear is no fault."""
    found, missing, shares = [], [], []
    for phase, name in (("forward", "inference"), ("train", "training")):
        at = {"phase": phase, "hidden_size": 512, "length": AT["length"], "task": AT["task"]}
        rows = {batch: _one(cells, URNN, fused, batch=batch, **at) for batch in BATCHES}
        missing += [batch for batch, row in rows.items() if row is None and batch not in missing]
        rates = {batch: batch / row["value"] for batch, row in rows.items() if row is not None}
        if BATCHES[0] in rates and len(rates) > 1:
            least = min(rate / rates[BATCHES[0]] for rate in rates.values())
            shares.append(least)
            found.append(f"at least {units.per_cent(least)} of those at B = {BATCHES[0]} in {name}")
    return _finding(
        f"Sequences a second from B = {BATCHES[0]} to {BATCHES[-1]} at n = 512",
        "at least 85 % of those at B = 132",
        found,
        missing,
        bool(shares) and min(shares) >= 0.85,
        "B",
    )


def _memory(cells: pd.DataFrame, fused: str | None, task: str, read: str, bar: float) -> Finding:
    """Peak bytes of a training step over the bytes of its output (T, B, 2n) at n = 512."""
    at = AT | {"task": task}
    row = _one(cells, URNN, fused, PEAK_ALLOCATED, phase="train", hidden_size=512, **at)
    share = None if row is None else row["value"] / (BYTES * 2 * 512 * AT["length"] * AT["batch"])
    found = [] if share is None else [f"{units.TIMES}{share:.2f}"]
    what = f"Peak memory of a training step at n = 512 over its output, where the loss reads {read}"
    return _finding(what, f"at most {units.TIMES}{bar}", found, [], share is not None and share <= bar)


def _error(cells: pd.DataFrame, fused: str | None) -> Finding:
    """The output's relative error over n T eps, the largest at the longest length that was checked."""
    wanted = (cells["model"] == URNN) & (cells["backend"] == fused) & (cells["metric"] == OUTPUT_ERROR)
    here = cells[wanted & (cells["length"] == LONG) & (cells["outcome"] == MEASURED)]
    shares = here["value"] / (here["hidden_size"] * here["length"] * FLOAT32_EPS)
    worst = None if shares.empty else float(shares.max())
    found = [] if worst is None else [f"{worst:.1g} n T eps, a relative error of {here['value'].max():.1e}"]
    what = f"Error of the output against float64 at T = {LONG}"
    return _finding(what, "at most 4 n T eps(float32)", found, [], worst is not None and worst <= 4)
