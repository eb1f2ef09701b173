"""Results of a GPU that does not exist: made-up figures as `python -m bench run --profile gpu` lays them out.

For tests of the report alone. The machine says that it is made up, so that no figure can pass for measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIZES = (64, 128, 256, 512, 1024, 2048)
BATCHES = (132, 264, 528, 1056, 2112)
HEAT = "the GPU throttled (power cap)"
MACHINE = {
    "node": "made-up",
    "system": "Linux",
    "release": "6",
    "python_version": "3.12.3",
    "cpu": {"brand_raw": "made-up processor", "count": 16},
    "memory_bytes": 2**37,
    "gpu": "made-up GPU",
    "multiprocessors": 132,
    "cuda_kernel_build_seconds": 2.5,
    "compute_capability": "9.0",
    "cuda": "13.0",
    "cudnn": 91002,
    "torch": "2.11.0+cu130",
    "tf32": "off unless the dtype is tf32",
}
# Seconds a call of a training step at T = 512 and B = 128, for n = 512; all grow with n but nn.LSTM's faster.
CALLS = {
    ("urnn", "cuda"): 2e-3,
    ("urnn", "reference"): 200e-3,
    ("urnn", "reference+graph"): 30e-3,
    ("lstm", "torch"): 10e-3,
    ("lstm", "torch+graph"): 9e-3,
}
NAMES = {"urnn": ("uRNN", "unitary", 2), "lstm": ("nn.LSTM", "gated", 2)}


def entry(
    model: str, backend: str, n: int, phase: str = "train", remark: str | None = None, **changes: Any
) -> dict:
    """One benchmark; `call` (s) and `peak` (bytes) replace what is made up, None leaves the peak out."""
    label, family, state = NAMES[model]
    at = {"length": 512, "batch": 128, "task": "copying", "dtype": "float32"} | changes
    call = at.pop("call", CALLS[model, backend] * (n / 512) ** (0.5 if model == "urnn" else 1.5))
    call *= at["batch"] / 128 * at["length"] / 512 / (1 if phase == "train" else 3)
    peak = at.pop("peak", 4 * 2 * n * at["length"] * at["batch"] * 2)
    info = {
        "model": model,
        "label": label,
        "family": family,
        "backend": backend,
        "phase": phase,
        "device": "cuda",
        "hidden_size": n,
        "num_layers": 1,
        "state_size": state * n,
        "parameters": 30 * n,
        "pass": 1,
        "threads": 1,
        "allocator": "kept",
        "first_call_seconds": 10 * call,
        "peak_allocated_bytes": peak,
        "peak_reserved_bytes": peak and 2 * peak,
        "enqueue_seconds": call if backend == "reference" else 1e-5,
        "remark": remark,
        **at,
    }
    data = [call * change for change in (0.99, 1.0, 1.01, 1.0, 1.0)]
    return {"name": "made-up", "extra_info": info, "stats": {"data": data, "median": call, "rounds": 5}}


def benchmarks() -> list[dict]:
    """Every cell that the bar asks for."""
    rows = []
    for phase in ("train", "forward"):
        rows += [entry(*series, n, phase) for series in (("urnn", "cuda"), ("lstm", "torch")) for n in SIZES]
        rows += [entry("urnn", f"reference{how}", n, phase) for how in ("", "+graph") for n in (128, 512)]
        rows += [entry("lstm", "torch+graph", n, phase, peak=None) for n in (128, 512)]
        rows += [entry("urnn", "cuda", 512, phase, batch=batch) for batch in BATCHES]
        for dtype in ("bfloat16", "float16"):
            rows += [entry("lstm", "torch", n, phase, dtype=dtype, call=3e-3 * n / 512) for n in SIZES]
    rows.append(entry("urnn", "cuda", 512, task="pixels", peak=4 * 2 * 512 * 512 * 128 * 1.2))
    rows.append(entry("urnn", "cuda", 512, length=2048, remark=HEAT))
    return rows


def check(**changes: Any) -> dict:
    """A check of the kernel at T = 2048."""
    usual = {"backend": "cuda", "device": "cuda", "hidden_size": 128, "length": 2048, "batch": 2}
    return usual | {"output_error": 1e-5, "gradient_error": 2e-5, "failure": ""} | changes


def write(path: Path, rows: list[dict] | None = None, **run: Any) -> Path:
    """The whole file; `rows` replace the benchmarks, keywords stand in its run."""
    document = {
        "machine_info": MACHINE,
        "commit_info": {"id": "b" * 40, "time": "2026-01-01T02:00:00+00:00", "dirty": False},
        "datetime": "2026-01-03T00:00:00+00:00",
        "benchmarks": benchmarks() if rows is None else rows,
        "run": {
            "format": 1,
            "profile": "gpu",
            "threads": 1,
            "allocator": "kept",
            "outcomes": [],
            "checks": [check()],
        }
        | run,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path
