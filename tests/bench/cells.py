"""Cells small enough for a test, and the variants that can run where the tests do."""

from dataclasses import replace

from bench.grid import Cell, all_variants
from urnn.backends import BACKENDS

TINY = Cell("lstm", "torch", "train", "cpu", "float32", 4, 3, 2)


def cell(variant: str = "lstm:torch", **changes: object) -> Cell:
    """`TINY` with another variant or other axes; phase "stream" brings its own sizes, a CUDA kernel its device."""
    model, backend = variant.split(":")
    if backend in BACKENDS and "cpu" not in BACKENDS[backend].devices:
        changes = {"device": "cuda", **changes}
    if changes.get("phase") == "stream":
        changes = {"length": 1, "batch": 1, **changes}
    return replace(TINY, model=model, backend=backend, **changes)


def _runs_on_cpu(variant: str) -> bool:
    backend = variant.split(":")[1]
    return backend not in BACKENDS or BACKENDS[backend].applies(8, "cpu")


VARIANTS = [variant for variant in all_variants() if _runs_on_cpu(variant)]
