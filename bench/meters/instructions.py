"""Machine instructions of one call, counted by callgrind: the same whatever else the machine does.

`python -m bench.meters.instructions` reads cell ids, one per line, and prints a JSON object of counts. All cells
are counted in one process under valgrind, because starting one costs more than counting: torch's timer is asked
for as many repeats as there are cells, and each repeat is another cell's call.

Known weakness: valgrind's processor has no AVX-512, so kernels that choose by feature take their AVX2 path; and an
instruction is not a time. Two counts of one build differ by some hundredths of a per cent.
"""

import sys

if __name__ == "__main__":
    from bench.ending import run_module

    sys.exit(run_module("bench.meters.instructions"))

import json
import shutil
from collections.abc import Iterator, Sequence

import torch
from torch.utils.benchmark import Timer

from bench.grid import Cell
from bench.workloads import build

WARM_UP = 3  # calls before the counted one: lazy initialisation, the allocator, the profile of a first step
MISSING = "valgrind is not installed"


class Calls:
    """Called again and again: first nothing, which torch's timer takes for its warm-up, then one cell each
    time."""

    def __init__(self, cells: Sequence[str]) -> None:
        self._works = [build(Cell.from_id(text)).run for text in cells]
        for work in self._works:
            for _ in range(WARM_UP):
                work()
        self._turns = self._in_turn()

    def _in_turn(self) -> Iterator[None]:
        yield
        for work in self._works:
            work()
            yield

    def __call__(self) -> None:
        next(self._turns)


def count(cells: Sequence[str]) -> dict[str, int]:
    """Cell id -> instructions of one call, Python's included.

    Raises:
        RuntimeError: valgrind is missing.
        OSError: it fails; the message is its own.
    """
    if shutil.which("valgrind") is None:
        raise RuntimeError(MISSING)
    setup = f"from bench.meters.instructions import Calls; calls = Calls({list(cells)!r})"
    timer = Timer("calls()", setup, num_threads=1)
    found = timer.collect_callgrind(number=1, repeats=len(cells), collect_baseline=False)
    return {text: stats.counts() for text, stats in zip(cells, found, strict=True)}


def main() -> int:
    """Counts what standard input names."""
    torch.set_num_threads(1)
    print(json.dumps(count(sys.stdin.read().split())))
    return 0
