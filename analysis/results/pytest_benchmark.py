"""A pytest-benchmark file, the cell in its `extra_info` -> rows of the tidy frame.

A run of ours adds the keys `run`, with the cells that gave no value, and `models`. A file without raw data, which
the tool's autosave drops, gives only median, quartiles and the number of rounds.
"""

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
    one_of,
    real,
)
from analysis.errors import AnalysisError, printable
from analysis.results.registry import MODELS, Registry
from analysis.results.values import Row, from_iso, of_metric, sampled, summed_up
from analysis.units import seconds
from analysis.vocabulary import (
    CONTROL_TIME,
    END,
    FAILED,
    METRICS,
    MODELS_KEY,
    OUTCOMES,
    OUTPUT_ERROR,
    PEAK_ALLOCATED,
    RUN_FORMAT,
    START,
    STEP_TIME,
    Cell,
    counted,
)

CELL_TEXTS = ("model", "backend", "phase", "task", "device", "dtype")
PLACE = ("model", "backend", "hidden_size", "num_layers")  # what the registry needs to describe a cell
CELL_SIZES = ("hidden_size", "length", "batch")
WHERE = ("machine", "instance", "session")  # of a cell in a file that was merged from several machines' results
# Beside the timed calls; the error of an output stands among a run's checks.
FIGURES = [metric for metric in METRICS.values() if metric.key and metric.name != OUTPUT_ERROR]

# What a cell may say of itself, each a column.
OPTIONAL = {
    **dict.fromkeys(("label", "family", "allocator", *WHERE), TEXT),
    **dict.fromkeys(("num_layers", "threads", "pass"), FEW),
    **dict.fromkeys(("state_size", "parameters"), COUNT),
    "kernel_build_seconds": DURATION,
}
SIZES = dict.fromkeys(CELL_SIZES, SIZE)
CELL = {**dict.fromkeys(CELL_TEXTS, TEXT), **SIZES}
AMOUNTS = {one.key: DURATION if one.key.endswith("seconds") else AMOUNT for one in FIGURES}
STATS = Record({}, {"data": ListOf(SECONDS)})
SUMMARY = Record({"median": SECONDS, "rounds": FEW}, {"q1": SECONDS, "q3": SECONDS})
ENTRY = Record({"extra_info": Record(CELL, {**OPTIONAL, **AMOUNTS, "remark": TEXT}), "stats": STATS})
OUTCOME = Record({**CELL, "outcome": TEXT}, {**OPTIONAL, "message": TEXT})
# A kernel that is wrong may be wrong beyond all bounds.
ERROR = real(float("-inf"), float("inf"), nan=True)
CHECK = Record(
    {"backend": TEXT, "device": TEXT, **SIZES},
    {**OPTIONAL, "dtype": TEXT, "preset": TEXT, "inputs": FEW, "output_error": ERROR, "failure": TEXT},
)
# What is checked where a check does not say otherwise: the model that is timed, with the inputs of task copying.
CHECKED = {"dtype": "float32", "preset": "paper", "inputs": 10}

# Of a file that was merged from shards: the control cells of each session, see `analysis.controls`.
CONTROL = Record(
    {
        "at": one_of(START, END),
        **dict.fromkeys(("cell", "outcome", "session", "node", "instance"), TEXT),
        "seconds": ListOf(SECONDS),
    }
)
MERGED = Record({"tolerance": real(0.0, 1e3), "missing": ListOf(TEXT), "controls": ListOf(CONTROL)})

# Of what pytest-benchmark and we write, the keys that are read here.
MACHINE_TEXTS = ("node", "kind", "instance", "processor", "system", "release", "python_version", "torch")
GPU_TEXTS = ("gpu", "tf32", "compute_capability", "cuda")
MACHINE = {
    **dict.fromkeys(MACHINE_TEXTS + GPU_TEXTS, TEXT),
    **dict.fromkeys(("memory_bytes", "multiprocessors", "cudnn"), COUNT),
    **dict.fromkeys(("kernel_build_seconds", "cuda_kernel_build_seconds"), DURATION),
    "cpu": Record({}, {"brand_raw": TEXT, "brand": TEXT, "count": FEW}),
}
RUN = {"threads": FEW, "allocator": TEXT, "kernel_build_seconds": DURATION}
FILE = Record(
    {"machine_info": Record({}, MACHINE), "benchmarks": ListOf(Record({}, {"extra_info": MapOf(ANYTHING)}))},
    {
        "commit_info": Record({}, {"id": TEXT, "time": TEXT, "dirty": FLAG}),
        "datetime": TEXT,
        "run": Record({}, {**RUN, "outcomes": ListOf(OUTCOME), "checks": ListOf(CHECK), "merged": MERGED}),
        "kernel_build_seconds": DURATION,
        MODELS_KEY: MODELS,
    },
)


def rows(document: Mapping[str, Any], path: Path, registry: Registry) -> tuple[list[Row], list[str]]:
    """One parsed file -> its rows, and remarks on benchmarks in it that are not ours.

    Raises AnalysisError where it is damaged, of another format, or holds nothing of ours.
    """
    run = document.get("run") or {}
    if run and isinstance(run, dict) and (got := run.get("format")) != RUN_FORMAT:
        raise AnalysisError(
            f"{path}: expected run format {RUN_FORMAT}, got {got!r}; it needs another version of this."
        )
    check(document, FILE, path)
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
        stats, length = entry["stats"], entry["extra_info"]["length"]
        if stats.get("data"):
            times = sampled(stats["data"], length)
        else:
            check(stats, SUMMARY, path, ("benchmarks", number, "stats"))
            try:
                times = summed_up(stats["median"], stats.get("q1"), stats.get("q3"), stats["rounds"], length)
            except ValueError as error:
                raise AnalysisError(f"{path}: benchmarks[{number}].stats: {error}.") from None
        result += _entry_rows(entry["extra_info"], times, common, registry)
    for outcome in run.get("outcomes") or []:
        what = outcome["outcome"] if outcome["outcome"] in OUTCOMES else FAILED
        base = common | _cell(outcome, registry) | {"outcome": what, "message": outcome.get("message")}
        result += [base | of_metric(metric) for metric in (STEP_TIME, PEAK_ALLOCATED)]
    result += [common | _check_row(found, registry) for found in run.get("checks") or [] if _as_timed(found)]
    foreign = len(entries) - len(ours)
    remarks = [f"{path}: {foreign} of {len(entries)} benchmarks are not ours and were left out."] * bool(foreign)
    merged = run.get("merged") or {}
    if missing := merged.get("missing"):
        lacking = f"{counted(len(missing), 'block')} of its sweep: {', '.join(missing)}"
        remarks.append(f"{path}: merged without {lacking}.")
    controls = [row for one in merged.get("controls") or [] for row in _control_rows(one, path, registry)]
    result += registry.absent_rungs(result)
    return result + [common | {"message": f"tolerance {merged['tolerance']}"} | row for row in controls], remarks


def _control_rows(found: Mapping[str, Any], path: Path, registry: Registry) -> list[Row]:
    """A control cell of a session; pass 1 is that at its start, pass 2 that at its end."""
    try:
        cell = Cell.from_id(found["cell"])
    except ValueError as error:
        raise AnalysisError(f"{path}: {error}.") from None
    base = cell.as_dict() | registry.describe(cell.model, cell.backend, cell.hidden_size, cell.num_layers)
    base |= {"machine": found["node"], "instance": found["instance"], "session": found["session"]}
    base |= of_metric(CONTROL_TIME) | {"pass": 1 if found["at"] == START else 2}
    outcome = found["outcome"] if found["outcome"] in OUTCOMES else FAILED
    return [base | one for one in sampled(found["seconds"], cell.length)] or [base | {"outcome": outcome}]


def _common(document: Mapping[str, Any], run: Mapping[str, Any], path: Path) -> Row:
    machine, commit = document["machine_info"], document.get("commit_info") or {}
    cpu = machine.get("cpu") or {}
    built = (place.get("kernel_build_seconds") for place in (run, machine, document))
    return {
        **{name: machine.get(name) for name in ("kind", "instance", "gpu", "tf32", "memory_bytes", "torch")},
        "source": "pytest-benchmark",
        "file": printable(path),
        "machine": machine.get("node") or "unknown",
        "cpu": cpu.get("brand_raw") or cpu.get("brand") or machine.get("processor") or None,
        "gpu_facts": _gpu_facts(machine),
        "cores": cpu.get("count"),
        "os": " ".join(filter(None, (machine.get("system"), machine.get("release")))) or None,
        "commit": commit.get("id") or "unversioned",
        "commit_time": from_iso(commit.get("time")),
        "measured_at": from_iso(document.get("datetime")),
        "dirty": commit.get("dirty"),
        "python": machine.get("python_version"),
        "threads": run.get("threads"),
        "allocator": run.get("allocator") or "unknown",
        # None where the kernel was cached or nobody looked.
        "kernel_build_seconds": next((float(one) for one in built if one is not None), None),
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


def _cell(info: Mapping[str, Any], registry: Registry) -> Row:
    stated = {name: info[name] for name in (*CELL, *OPTIONAL) if info.get(name) is not None}
    cell = {"pass": 1, "num_layers": 1} | stated
    return cell | registry.describe(*(cell[name] for name in PLACE)) | stated


def _entry_rows(info: Mapping[str, Any], times: list[Row], common: Row, registry: Registry) -> list[Row]:
    base = common | _cell(info, registry)
    disturbed = {"message": info.get("remark")}
    result = [base | of_metric(STEP_TIME) | disturbed | one for one in times]
    figures = {metric.name: info[metric.key] for metric in FIGURES if info.get(metric.key) is not None}
    return result + [base | of_metric(name) | one for name, value in figures.items() for one in sampled([value])]


def _as_timed(found: Mapping[str, Any]) -> bool:
    """Whether a check is of the model that is timed; others only decide whether it may be."""
    return all(found.get(name, usual) == usual for name, usual in CHECKED.items())


def _check_row(found: Mapping[str, Any], registry: Registry) -> Row:
    """The error of a fused kernel's output against float64, in float32 and a training step's forward."""
    what = {"model": "urnn", "phase": "train", "task": "copying", "dtype": "float32", "family": "unitary"}
    base = _cell(what | {name: one for name, one in found.items() if name != "preset"}, registry)
    base |= of_metric(OUTPUT_ERROR)
    if found.get("output_error") is None:
        return base | {"outcome": FAILED, "message": found.get("failure")}
    return base | sampled([found["output_error"]])[0]
