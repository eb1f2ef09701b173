"""A pytest-benchmark file -> rows of the tidy frame.

Why: it is what `python -m bench run` and `pytest bench --benchmark-only` write. The file is the tool's own
format; what the cell was stands in `extra_info`, and a run of ours adds the key `run` with the cells that
gave no value.

Known weakness: a file without raw data (the tool's autosave drops them) only yields median and quartiles, and
the number of rounds behind them is all that is known of their spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis import units
from analysis.errors import AnalysisError
from analysis.results.registry import Registry
from analysis.results.times import from_iso
from analysis.schema import (
    ENQUEUE_TIME,
    FAILED,
    FIRST_CALL_TIME,
    LOWER_QUARTILE,
    MEASURED,
    MEDIAN,
    OPERATORS,
    OUTCOMES,
    OUTPUT_ERROR,
    PEAK_ALLOCATED,
    PEAK_RESERVED,
    SAMPLE,
    SAVED_FOR_BACKWARD,
    STEP_TIME,
    UNITS,
    UPPER_QUARTILE,
)

RUN_FORMAT = 1
CELL_TEXTS = ("model", "backend", "phase", "task", "device", "dtype")
CELL_SIZES = ("hidden_size", "length", "batch")
OPTIONAL = ("label", "family", "state_size", "parameters", "threads", "allocator", "pass", "kernel_build_seconds")
FIGURES = {
    FIRST_CALL_TIME: "first_call_seconds",
    PEAK_ALLOCATED: "peak_allocated_bytes",
    SAVED_FOR_BACKWARD: "saved_for_backward_bytes",
    OPERATORS: "operators",
    PEAK_RESERVED: "peak_reserved_bytes",
    ENQUEUE_TIME: "enqueue_seconds",
}

Row = dict[str, Any]


def rows(document: Mapping[str, Any], path: Path, registry: Registry) -> tuple[list[Row], list[str]]:
    """One parsed file -> its rows, and remarks on benchmarks in it that are not ours."""
    run = document.get("run") or {}
    if run and run.get("format") != RUN_FORMAT:
        got = run.get("format")
        raise AnalysisError(
            f"{path}: expected run format {RUN_FORMAT}, got {got!r}; it needs another version of this."
        )
    ours = [entry for entry in document["benchmarks"] if "model" in (entry.get("extra_info") or {})]
    foreign = len(document["benchmarks"]) - len(ours)
    if not ours and not run:
        raise AnalysisError(
            f"{path}: expected benchmarks with extra_info.model, as `python -m bench run` writes them, got a "
            f"pytest-benchmark file of something else."
        )
    try:
        common = _common(document, run, path)
        result = [row for entry in ours for row in _entry_rows(entry, common, registry)]
        result += [
            row for outcome in run.get("outcomes") or [] for row in _outcome_rows(outcome, common, registry)
        ]
        result += [_check_row(found, common, registry) for found in run.get("checks") or []]
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise AnalysisError(f"{path}: a benchmark is incomplete or damaged ({_explain(error)}).") from error
    remarks = [f"{path}: {foreign} of {len(document['benchmarks'])} benchmarks are not ours and were left out."]
    return result, remarks if foreign else []


def _explain(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _common(document: Mapping[str, Any], run: Mapping[str, Any], path: Path) -> Row:
    machine, commit = document["machine_info"], document.get("commit_info") or {}
    cpu = machine.get("cpu") or {}
    return {
        "source": "pytest-benchmark",
        "file": str(path),
        "machine": machine.get("node") or "unknown",
        "cpu": cpu.get("brand_raw") or cpu.get("brand") or machine.get("processor") or None,
        "gpu": machine.get("gpu"),
        "gpu_facts": _gpu_facts(machine),
        "tf32": machine.get("tf32"),
        "cores": cpu.get("count"),
        "memory_bytes": machine.get("memory_bytes"),
        "os": " ".join(filter(None, (machine.get("system"), machine.get("release")))) or None,
        "commit": commit.get("id") or "unversioned",
        "commit_time": from_iso(commit.get("time")),
        "measured_at": from_iso(document.get("datetime")),
        "dirty": commit.get("dirty"),
        "python": machine.get("python_version"),
        "torch": machine.get("torch"),
        "threads": run.get("threads"),
        "allocator": run.get("allocator") or "unknown",
        "kernel_build_seconds": _kernel_build_seconds(run, machine, document),
    }


def _gpu_facts(machine: Mapping[str, Any]) -> str | None:
    built = machine.get("cuda_kernel_build_seconds")
    known = (
        ("compute capability {}", machine.get("compute_capability")),
        ("{} multiprocessors", machine.get("multiprocessors")),
        ("CUDA {}", machine.get("cuda")),
        ("cuDNN {}", machine.get("cudnn")),
        ("CUDA kernel of 512 units built in {}, outside every measurement", built and units.seconds(built)),
    )
    return ", ".join(text.format(value) for text, value in known if value) if machine.get("gpu") else None


def _kernel_build_seconds(*places: Mapping[str, Any]) -> float | None:
    """The time (s) stated in the first place that has one; None where the kernel was cached or nobody looked."""
    stated = (place.get("kernel_build_seconds") for place in places)
    return next((float(seconds) for seconds in stated if seconds is not None), None)


def _cell(info: Mapping[str, Any], registry: Registry) -> Row:
    sizes = {name: int(info[name]) for name in CELL_SIZES} | {"num_layers": int(info.get("num_layers", 1))}
    if min(sizes.values()) < 1:
        raise ValueError(f"expected sizes of at least 1, got {sizes}")
    known = registry.describe(info["model"], sizes["hidden_size"], sizes["num_layers"])
    cell = {name: str(info[name]) for name in CELL_TEXTS} | sizes | known
    for name in OPTIONAL:
        if info.get(name) is not None:
            cell[name] = info[name]
    return {"pass": 1} | cell


def _entry_rows(entry: Mapping[str, Any], common: Row, registry: Registry) -> list[Row]:
    info, stats = entry["extra_info"], entry["stats"]
    base = common | _cell(info, registry) | {"outcome": MEASURED, "statistic": SAMPLE, "round": 1}
    disturbed = {"message": info.get("remark")}
    result = [base | disturbed | measured for measured in _step_times(stats, base["length"])]
    for metric, key in FIGURES.items():
        if info.get(key) is not None:
            result.append(base | {"metric": metric, "value": float(info[key]), "unit": UNITS[metric]})
    return result


def _step_times(stats: Mapping[str, Any], length: int) -> list[Row]:
    """Seconds a call -> seconds a time step: raw samples where there are any, else median and quartiles."""
    base = {"metric": STEP_TIME, "unit": UNITS[STEP_TIME]}
    if stats.get("data"):
        samples = enumerate(stats["data"], start=1)
        return [base | {"value": float(call) / length, "round": number} for number, call in samples]
    summary = ((MEDIAN, "median"), (LOWER_QUARTILE, "q1"), (UPPER_QUARTILE, "q3"))
    return [
        base | {"value": float(stats[key]) / length, "statistic": statistic, "round": int(stats["rounds"])}
        for statistic, key in summary
        if key == "median" or key in stats
    ]


def _outcome_rows(outcome: Mapping[str, Any], common: Row, registry: Registry) -> list[Row]:
    what = outcome["outcome"] if outcome["outcome"] in OUTCOMES else FAILED
    base = common | _cell(outcome, registry) | {"outcome": what, "message": outcome.get("message")}
    return [base | {"metric": metric, "unit": UNITS[metric]} for metric in (STEP_TIME, PEAK_ALLOCATED)]


def _check_row(found: Mapping[str, Any], common: Row, registry: Registry) -> Row:
    """The error of a fused kernel's output against float64, in float32 and a training step's forward."""
    what = {"model": "urnn", "phase": "train", "task": "copying", "dtype": "float32", "family": "unitary"}
    base = common | _cell(what | dict(found), registry) | {"metric": OUTPUT_ERROR, "unit": UNITS[OUTPUT_ERROR]}
    if found.get("output_error") is None:
        return base | {"outcome": FAILED, "message": found.get("failure")}
    return base | {"outcome": MEASURED, "statistic": SAMPLE, "round": 1, "value": float(found["output_error"])}
