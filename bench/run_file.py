"""The results of a sweep on disk: one pytest-benchmark file, complete at every moment.

The file lies where pytest-benchmark keeps its own (`.benchmarks/<machine>/0001_....json`), so its `compare` reads
it. It has two more keys: "run", the conditions and the cells that gave no figure, and "models", the registry as
data. After each cell the whole file is written under another name, synced and renamed, so a crash leaves the last
state and never half of one. One process at a time writes to a folder.

Known weakness: each write is of the whole file; at a thousand cells it costs 20 ms.
"""

import contextlib
import datetime
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest_benchmark
from pytest_benchmark.utils import get_machine_id

from analysis.documents import COUNT, TEXT, ListOf, Record
from analysis.vocabulary import MODELS_KEY, NOT_PLANNED, RUN_FORMAT
from bench import subjects
from bench.errors import ResultsError
from bench.processes.locks import BusyError, sole_holder
from bench.reading import read_format

FIGURE = Record({"params": Record({"cell_id": TEXT}), "extra_info": Record({"pass": COUNT})})
OUTCOME = Record({"cell": TEXT, "pass": COUNT, "outcome": TEXT, "message": TEXT})
# All that this module reads; what reports read is theirs to check.
SHAPE = Record({"benchmarks": ListOf(FIGURE), "run": Record({"outcomes": ListOf(OUTCOME)})})
LOCK = ".lock"
HALF_WRITTEN = re.compile(r"\.(.+\.)?[0-9]+\.tmp")


@contextlib.contextmanager
def sole_writer(results: Path, option: str = "--results") -> Iterator[None]:
    """Locks a folder of results, making it if needed, and removes what a killed writer left half written.

    `option` is the command's that names another folder, for the message.

    Raises:
        ResultsError: another process writes there, and which; or the folder cannot be written to.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            stack.enter_context(sole_holder(results / LOCK))
            for half in (*results.glob(".*.tmp"), *results.glob("*/.*.tmp")):
                if HALF_WRITTEN.fullmatch(half.name):
                    half.unlink(missing_ok=True)
            lock = stack.pop_all()
    except BusyError as busy:
        raise ResultsError(
            f"another process writes results into {results} ({busy}); two at once would lose each other's. "
            f"Wait until it has ended, end it, or choose another folder with {option}."
        ) from None
    except OSError as error:
        if os.path.isfile(results):
            raise ResultsError(
                f"expected a folder for results, got {results}, which is a file; choose a folder with {option}."
            ) from None
        raise _cannot_write(results / LOCK, error, option) from error
    with lock:
        yield


def write_atomically(path: Path, text: str, writer: str = "", option: str = "--results") -> None:
    """Writes all of `path` or nothing; it is on the disk when this returns.

    Where several machines write into one folder, each names itself as `writer`: two processes may have one number.
    `option` is the command's that names another folder, for the message.

    Raises:
        ResultsError: the folder cannot be written to or the disk is full; what stood at `path` still stands.
    """
    temporary = path.with_name(f".{writer}{'.' if writer else ''}{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)  # of a killed process that had this number
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise _cannot_write(path, error, option) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Puts a rename on the disk, where the file system can do that with a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(path: Path, error: OSError, option: str) -> ResultsError:
    return ResultsError(
        f"cannot write {path}: {error.strerror or error}; what was measured before is kept. "
        f"Free space or choose another folder with {option}, and run the same command again."
    )


class RunFile:
    """The results file of one run: one set of conditions, any number of cells, taken up again where it ended.

    Attributes:
        path: the JSON file.
        content: what it holds, in pytest-benchmark's layout.
    """

    def __init__(self, path: Path, content: dict) -> None:
        self.path = path
        self.content = content
        self._encoded = [json.dumps(entry) for entry in content["benchmarks"]]  # each once, not at every write
        self._seen = _look(path)

    @classmethod
    def open(cls, results: Path, name: str, conditions: Mapping[str, object], *, fresh: bool) -> "RunFile":
        """The newest file of that name under `results`; a new one if there is none or `fresh` is set.

        Raises:
            ResultsError: the file there is damaged or of another format.
        """
        folder = results / get_machine_id()
        numbers = {path: int(re.match(r"[0-9]+", path.name)[0]) for path in folder.glob("[0-9]*_*.json")}
        earlier = [path for path in numbers if path.name.partition("_")[2] == f"{name}.json"]
        if earlier and not fresh:
            newest = max(earlier, key=numbers.__getitem__)
            return cls(newest, _read(newest))
        number = max(numbers.values(), default=0) + 1
        return cls(folder / f"{number:04d}_{name}.json", _empty(conditions))

    @classmethod
    def at(cls, path: Path, conditions: Mapping[str, object]) -> "RunFile":
        """The file at `path`, or a new one to be written there.

        Raises:
            ResultsError: the file there is damaged or of another format.
        """
        return cls(path, _read(path) if os.path.lexists(path) else _empty(conditions))

    def measured(self) -> set[tuple[str, int]]:
        """(cell id, pass) of everything that need not be measured again, including cells that would fail again."""
        figures = {
            (entry["params"]["cell_id"], entry["extra_info"]["pass"]) for entry in self.content["benchmarks"]
        }
        outcomes = self.content["run"]["outcomes"]
        return figures | {(entry["cell"], entry["pass"]) for entry in outcomes if _is_settled(entry)}

    def stored(self) -> int:
        """How many figures and outcomes the file holds."""
        return len(self.content["benchmarks"]) + len(self.content["run"]["outcomes"])

    def add_benchmark(self, entry: dict) -> None:
        """Stores a figure, as pytest-benchmark describes it."""
        self._drop_outcome(entry["params"]["cell_id"], entry["extra_info"]["pass"])
        self.content["benchmarks"].append(entry)
        self._encoded.append(json.dumps(entry))
        self._save()

    def add_outcome(
        self, cell_id: str, described: Mapping[str, object], outcome: str, message: str, *, again: bool = False
    ) -> None:
        """Stores that a cell gave no figure, and why; `described` names the cell and its pass.

        `again` says that its surroundings failed and not the cell, so that the next run is to measure it.
        """
        self._drop_outcome(cell_id, described["pass"])
        entry = {"cell": cell_id, **described, "outcome": outcome, "message": message}
        self.content["run"]["outcomes"].append(entry | ({"again": True} if again else {}))
        self._save()

    def add_not_planned(self, cells: Iterable[tuple[str, Mapping[str, object], str]]) -> None:
        """Stores (cell id, what `add_outcome` calls described, why) of cells that a profile leaves out.

        Those that the file has are left as they are; a cell can be measured later all the same.
        """
        known = {key[0] for key in self.measured()} | {entry["cell"] for entry in self.content["run"]["outcomes"]}
        new = [
            {"cell": cell_id, **described, "outcome": NOT_PLANNED, "message": why}
            for cell_id, described, why in cells
            if cell_id not in known
        ]
        if new:
            self.content["run"]["outcomes"] += new
            self._save()

    def _drop_outcome(self, cell_id: str, sweep_pass: object) -> None:
        """Drops what an earlier run said about a cell that has been measured again."""
        outcomes = self.content["run"]["outcomes"]
        outcomes[:] = [entry for entry in outcomes if (entry["cell"], entry["pass"]) != (cell_id, sweep_pass)]

    def _save(self) -> None:
        if self._seen != _look(self.path):
            raise ResultsError(
                f"{self.path} was changed by someone else while it was written to, so it was left as it is. "
                "Move it away, or start a new file with --fresh, and run the same command again."
            )
        write_atomically(self.path, self._text())
        self._seen = _look(self.path)

    def _text(self) -> str:
        """The content as JSON."""
        parts = {key: json.dumps(value) for key, value in self.content.items() if key != "benchmarks"}
        parts["benchmarks"] = f"[{', '.join(self._encoded)}]"
        return f"{{{', '.join(f'{json.dumps(key)}: {parts[key]}' for key in self.content)}}}"


def _is_settled(outcome: Mapping[str, object]) -> bool:
    """Whether a cell would give no figure again."""
    return not outcome.get("again") and outcome["outcome"] != NOT_PLANNED


def _look(path: Path) -> tuple[int, int, int] | None:
    """What distinguishes one state of a file from another; None if there is no file."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _empty(conditions: Mapping[str, object]) -> dict:
    return {
        "machine_info": {},
        "commit_info": {},
        "benchmarks": [],
        "datetime": datetime.datetime.now(datetime.UTC).isoformat(),
        "version": pytest_benchmark.__version__,
        MODELS_KEY: subjects.as_data(),
        "run": {"format": RUN_FORMAT, **conditions, "outcomes": []},
    }


def _read(path: Path) -> dict:
    return read_format(path, SHAPE, RUN_FORMAT, "move it away, or start a new file with --fresh", holder=["run"])
