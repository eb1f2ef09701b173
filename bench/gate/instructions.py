"""Instruction counts of a few cells on both sides, before any clock runs.

A slowdown of a few per cent that noise hides is plain in them. The cells are small, since callgrind is fifty times
slower than the machine; the two sides are counted side by side, as counting does not mind company.

Known weakness: `USUAL`, most of it for importing torch under valgrind, and nothing to show before the end.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence

from bench.grid import Cell
from bench.lane.settings import Settings, environment_of
from bench.meters.instructions import MISSING
from bench.processes.children import child, last_line

USUAL = "two to three minutes on two cores"
MODULE = ["-m", "bench.meters.instructions"]
CELLS = tuple(
    Cell(model, backend, phase, "cpu", "float32", hidden_size=128, length=40, batch=16, task="copying")
    for model, backend, phase in (
        ("urnn", "cpu", "forward"),
        ("urnn", "cpu", "train"),
        ("urnn", "reference", "train"),
        ("lstm", "torch", "train"),
    )
)


def chosen(cells: Sequence[Cell]) -> list[Cell]:
    """Those of CELLS whose model and phase are among the gate's cells on the CPU."""
    asked = {(cell.variant, cell.phase) for cell in cells if cell.device == "cpu"}
    return [cell for cell in CELLS if (cell.variant, cell.phase) in asked]


def count_sides(settings: Mapping[str, Settings], cells: Sequence[Cell], seconds: float) -> dict[str, dict]:
    """Side -> {"counts": {cell id: instructions}, "reason": why there are none or ""}.

    Neither side has counts if one is not ready after `seconds`: on a busy machine they would leave no time
    to measure in.
    """
    end = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        going = {side: stack.enter_context(_counting(setting, cells)) for side, setting in settings.items()}
        try:
            return {side: _result(process, max(0.0, end - time.monotonic())) for side, process in going.items()}
        except subprocess.TimeoutExpired:
            reason = f"counting was not ready after {seconds / 60:.1f} minutes"
            return {side: {"counts": {}, "reason": reason} for side in settings}


@contextlib.contextmanager
def _counting(settings: Settings, cells: Sequence[Cell]) -> Iterator[subprocess.Popen]:
    # torch's timer starts "python", which has to be this interpreter; hashes decide how dictionaries are walked.
    path = os.pathsep.join([str(settings.python.parent), os.environ.get("PATH", "")])
    temporary = settings.root / "temporary"  # valgrind's files, which a killed count leaves behind
    temporary.mkdir(exist_ok=True)
    more = {"PATH": path, "PYTHONHASHSEED": "0", "TMPDIR": str(temporary)}
    # In a file, as through a pipe one side would have the cells only when the other has been waited for.
    queue = temporary / "cells"
    queue.write_text("\n".join(cell.id for cell in cells))
    command = [str(settings.python), *MODULE]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        queue.open() as stdin,
        child(command, settings.root, environment_of(settings) | more, stdin=stdin, **pipes) as process,
    ):
        yield process


def _result(process: subprocess.Popen, seconds: float) -> dict:
    output, errors = process.communicate(timeout=seconds)
    if process.returncode == 0:
        counts = _counts(output)
        return {"counts": counts, "reason": "" if counts else "callgrind failed: it gave no counts"}
    last = last_line(errors, otherwise=f"exit code {process.returncode}")
    reason = MISSING if last.endswith(MISSING) else f"callgrind failed: {last}"
    return {"counts": {}, "reason": reason}


def _counts(output: str) -> dict[str, int]:
    """The object on the last line; {} where there is none."""
    try:
        found = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError):
        return {}
    return found if isinstance(found, dict) else {}
