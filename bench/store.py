"""The results of a sweep on disk: one pytest-benchmark file, whole at every moment.

The file lies where pytest-benchmark keeps its own (`.benchmarks/<machine>/0001_....json`), so its `compare` reads
it. It carries one key more, "run": the conditions, and the cells that gave no figure. After each cell the whole
file is written under another name and renamed, so that a crash leaves the last state and never half of one. Known
weakness: that is quadratic in the number of cells; at a thousand cells it costs 30 ms each.
"""

import contextlib
import datetime
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest_benchmark
from pytest_benchmark.utils import get_machine_id

FORMAT = 1


class ResultsError(Exception):
    """A results file or folder that cannot be used; the message is one sentence for the user."""


def write_atomically(path: Path, text: str) -> None:
    """Writes `path` as a whole or not at all.

    Raises:
        ResultsError: the folder cannot be written to or the disk is full; what stood at `path` still stands.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text)
        temporary.replace(path)
    except OSError as error:
        raise ResultsError(
            f"cannot write {path}: {error.strerror}; what was measured before is kept. "
            "Free space or choose another folder with --results, and run the same command again."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


class RunFile:
    """The results file of one run: one set of conditions, any number of cells, taken up again where it ended.

    Attributes:
        path: the JSON file.
        content: what it holds, in pytest-benchmark's layout.
    """

    def __init__(self, path: Path, content: dict) -> None:
        self.path = path
        self.content = content

    @classmethod
    def open(cls, results: Path, name: str, conditions: Mapping[str, object], *, fresh: bool) -> "RunFile":
        """The newest file of that name under `results`, or a new one if there is none or `fresh` asks for it.

        Raises:
            ResultsError: the file there is damaged or of another format.
        """
        folder = results / get_machine_id()
        number = 0
        for path in sorted(folder.glob("[0-9]*_*.json")):
            number = max(number, int(re.match(r"\d+", path.name)[0]))
        earlier = sorted(folder.glob(f"[0-9]*_{name}.json"))
        if earlier and not fresh:
            return cls(earlier[-1], _read(earlier[-1]))
        return cls(folder / f"{number + 1:04d}_{name}.json", _empty(conditions))

    @classmethod
    def at(cls, path: Path, conditions: Mapping[str, object]) -> "RunFile":
        """The file at `path`, or a new one to be written there.

        Raises:
            ResultsError: the file there is damaged or of another format.
        """
        return cls(path, _read(path) if path.exists() else _empty(conditions))

    def measured(self) -> set[tuple[str, int]]:
        """(cell id, pass) of everything that needs no measuring again, cells without a figure included."""
        figures = {
            (entry["params"]["cell_id"], entry["extra_info"]["pass"]) for entry in self.content["benchmarks"]
        }
        return figures | {(entry["cell"], entry["pass"]) for entry in self.content["run"]["outcomes"]}

    def add_benchmark(self, entry: dict) -> None:
        """Stores a figure, as pytest-benchmark describes it."""
        self.content["benchmarks"].append(entry)
        self._save()

    def add_outcome(self, cell_id: str, described: Mapping[str, object], outcome: str, message: str) -> None:
        """Stores that a cell gave no figure, and why; `described` names the cell and its pass."""
        entry = {"cell": cell_id, **described, "outcome": outcome, "message": message}
        self.content["run"]["outcomes"].append(entry)
        self._save()

    def _save(self) -> None:
        write_atomically(self.path, json.dumps(self.content))


def _empty(conditions: Mapping[str, object]) -> dict:
    return {
        "machine_info": {},
        "commit_info": {},
        "benchmarks": [],
        "datetime": datetime.datetime.now(datetime.UTC).isoformat(),
        "version": pytest_benchmark.__version__,
        "run": {"format": FORMAT, **conditions, "outcomes": []},
    }


def _read(path: Path) -> dict:
    advice = "move it away, or start a new file with --fresh"
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} is not a whole JSON file ({error}); {advice}.") from error
    run = content.get("run") if isinstance(content, dict) else None
    found = run.get("format") if isinstance(run, dict) else None
    if found != FORMAT:
        raise ResultsError(f"expected {path} to be of format {FORMAT}, got {found!r}; {advice}.")
    return content
