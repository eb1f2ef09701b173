"""A pytest-benchmark file -> rows of the tidy frame.

`python -m bench run` and `pytest bench --benchmark-only` write it. The format is the tool's own; the cell stands
in `extra_info`, and a run of ours adds the keys `run`, with the cells that gave no value, and `models`. A file
without raw data (the tool's autosave drops them) gives only median, quartiles and the number of rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.documents import (
    AMOUNT,
    ANYTHING,
    COUNT,
    DURATION,
    FEW,
    FLAG,
    SECONDS,
    SIZE,
    TEXT,
    ListOf,
    MapOf,
    Record,
    check,
    real,
)
from analysis.errors import AnalysisError, printable
from analysis.results.registry import MODELS, Registry
from analysis.results.values import Row, from_iso, of_metric, sampled, summed_up
from analysis.units import seconds
from analysis.vocabulary import (
    FAILED,
    METRICS,
    MODELS_KEY,
    OUTCOMES,
    OUTPUT_ERROR,
    PEAK_ALLOCATED,
    RUN_FORMAT,
    STEP_TIME,
)

CELL_TEXTS = ("model", "backend", "phase", "task", "device", "dtype")
CELL_SIZES = ("hidden_size", "length", "batch")
OPTIONAL = ("label", "family", "state_size", "parameters", "threads", "allocator", "pass", "kernel_build_seconds")
# Beside the timed calls; the error of an output stands among a run's checks.
FIGURES = [metric for metric in METRICS.values() if metric.key and metric.name != OUTPUT_ERROR]

# Of what pytest-benchmark and we write, the keys that are read here.
CPU = Record({}, {"brand_raw": TEXT, "brand": TEXT, "count": FEW})
MACHINE = Record(
    {},
    {
        **dict.fromkeys(
            ("node", "processor", "system", "release", "python_version", "torch", "gpu", "tf32"), TEXT
        ),
        **dict.fromkeys(("compute_capability", "cuda"), TEXT),
        **dict.fromkeys(("memory_bytes", "multiprocessors", "cudnn"), COUNT),
        **dict.fromkeys(("kernel_build_seconds", "cuda_kernel_build_seconds"), DURATION),
        "cpu": CPU,
    },
)
COMMIT = Record({}, {"id": TEXT, "time": TEXT, "dirty": FLAG})
RUN = Record(
    {},
    {
        "threads": FEW,
        "allocator": TEXT,
        "kernel_build_seconds": DURATION,
        "outcomes": ListOf(ANYTHING),
        "checks": ListOf(ANYTHING),
    },
)
FILE = Record(
    {"machine_info": MACHINE, "benchmarks": ListOf(Record({}, {"extra_info": MapOf(ANYTHING)}))},
    {"commit_info": COMMIT, "datetime": TEXT, "run": RUN, "kernel_build_seconds": DURATION, MODELS_KEY: MODELS},
)
SIZES = dict.fromkeys(CELL_SIZES, SIZE)
DESCRIBED = {
    **dict.fromkeys(("label", "family", "allocator", "message", "remark"), TEXT),
    **dict.fromkeys(("num_layers", "threads", "pass"), FEW),
    **dict.fromkeys(("state_size", "parameters"), COUNT),
    "kernel_build_seconds": DURATION,
}
CELL = {**dict.fromkeys(CELL_TEXTS, TEXT), **SIZES}
AMOUNTS = {one.key: DURATION if one.key.endswith("seconds") else AMOUNT for one in FIGURES}
STATS = Record({}, {"data": ListOf(SECONDS)})
SUMMARY = Record({"median": SECONDS, "rounds": FEW}, {"q1": SECONDS, "q3": SECONDS})
ENTRY = Record({"extra_info": Record(CELL, DESCRIBED | AMOUNTS), "stats": STATS})
OUTCOME = Record({**CELL, "outcome": TEXT}, DESCRIBED)
# A kernel that is wrong may be wrong beyond all bounds.
ERROR = real(float("-inf"), float("inf"), nan=True)
CHECK = Record({"backend": TEXT, "device": TEXT, **SIZES}, {"output_error": ERROR, "failure": TEXT, **DESCRIBED})


def rows(document: Mapping[str, Any], path: Path, registry: Registry) -> tuple[list[Row], list[str]]:
    """One parsed file -> its rows, and remarks on benchmarks in it that are not ours.

    Raises AnalysisError where it is damaged, of another format, or holds nothing of ours.
    """
    check(document, FILE, path)
    run = document.get("run") or {}
    if run and run.get("format") != RUN_FORMAT:
        got = run.get("format")
        raise AnalysisError(
            f"{path}: expected run format {RUN_FORMAT}, got {got!r}; it needs another version of this."
        )
    entries = document["benchmarks"]
    ours = {n: entry for n, entry in enumerate(entries) if "model" in (entry.get("extra_info") or {})}
    if not ours and not run:
        raise AnalysisError(
            f"{path}: expected benchmarks with extra_info.model, as `python -m bench run` writes them, got a "
            f"pytest-benchmark file of something else."
        )
    registry = registry.and_from(document.get(MODELS_KEY))
    common = _common(document, run, path)
    result: list[Row] = []
    for number, entry in ours.items():
        check(entry, ENTRY, path, ("benchmarks", number))
        if not entry["stats"].get("data"):
            check(entry["stats"], SUMMARY, path, ("benchmarks", number, "stats"))
        try:
            times = _step_times(entry["stats"], entry["extra_info"]["length"])
        except ValueError as error:
            raise AnalysisError(f"{path}: benchmarks[{number}].stats: {error}.") from None
        result += _entry_rows(entry["extra_info"], times, common, registry)
    for number, outcome in enumerate(run.get("outcomes") or []):
        check(outcome, OUTCOME, path, ("run", "outcomes", number))
        result += _outcome_rows(outcome, common, registry)
    for number, found in enumerate(run.get("checks") or []):
        check(found, CHECK, path, ("run", "checks", number))
        result.append(_check_row(found, common, registry))
    foreign = len(entries) - len(ours)
    remarks = [f"{path}: {foreign} of {len(entries)} benchmarks are not ours and were left out."]
    return result + registry.absent_rungs(result), remarks if foreign else []


def _common(document: Mapping[str, Any], run: Mapping[str, Any], path: Path) -> Row:
    machine, commit = document["machine_info"], document.get("commit_info") or {}
    cpu = machine.get("cpu") or {}
    return {
        "source": "pytest-benchmark",
        "file": printable(path),
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
        ("CUDA kernel of 512 units built in {}, outside every measurement", built and seconds(built)),
    )
    return ", ".join(text.format(value) for text, value in known if value) if machine.get("gpu") else None


def _kernel_build_seconds(*places: Mapping[str, Any]) -> float | None:
    """The time (s) stated in the first place that has one; None where the kernel was cached or nobody looked."""
    stated = (place.get("kernel_build_seconds") for place in places)
    return next((float(seconds) for seconds in stated if seconds is not None), None)


def _cell(info: Mapping[str, Any], registry: Registry) -> Row:
    sizes = {name: info[name] for name in CELL_SIZES} | {"num_layers": info.get("num_layers") or 1}
    known = registry.describe(info["model"], info["backend"], sizes["hidden_size"], sizes["num_layers"])
    cell = {name: info[name] for name in CELL_TEXTS} | sizes | known
    for name in OPTIONAL:
        if info.get(name) is not None:
            cell[name] = info[name]
    return {"pass": 1} | cell


def _step_times(stats: Mapping[str, Any], length: int) -> list[Row]:
    """Seconds a call -> seconds a time step: raw samples where there are any, else median and quartiles."""
    if stats.get("data"):
        return sampled(stats["data"], length)
    return summed_up(stats["median"], stats.get("q1"), stats.get("q3"), stats["rounds"], length)


def _entry_rows(info: Mapping[str, Any], times: list[Row], common: Row, registry: Registry) -> list[Row]:
    base = common | _cell(info, registry)
    disturbed = {"message": info.get("remark")}
    result = [base | of_metric(STEP_TIME) | disturbed | one for one in times]
    figures = {metric.name: info[metric.key] for metric in FIGURES if info.get(metric.key) is not None}
    return result + [base | of_metric(name) | one for name, value in figures.items() for one in sampled([value])]


def _outcome_rows(outcome: Mapping[str, Any], common: Row, registry: Registry) -> list[Row]:
    what = outcome["outcome"] if outcome["outcome"] in OUTCOMES else FAILED
    base = common | _cell(outcome, registry) | {"outcome": what, "message": outcome.get("message")}
    return [base | of_metric(metric) for metric in (STEP_TIME, PEAK_ALLOCATED)]


def _check_row(found: Mapping[str, Any], common: Row, registry: Registry) -> Row:
    """The error of a fused kernel's output against float64, in float32 and a training step's forward."""
    what = {"model": "urnn", "phase": "train", "task": "copying", "dtype": "float32", "family": "unitary"}
    base = common | _cell(what | dict(found), registry) | of_metric(OUTPUT_ERROR)
    if found.get("output_error") is None:
        return base | {"outcome": FAILED, "message": found.get("failure")}
    return base | sampled([found["output_error"]])[0]
