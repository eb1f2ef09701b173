"""What bench reads of its own files, damaged in many ways: each is read or refused by its name, nothing else."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analysis.vocabulary import CALIBRATION_PLAN
from bench.calibration import recording
from bench.commits.checkouts import Commit
from bench.errors import ResultsError
from bench.history import site
from bench.history.fill import read_commits
from bench.prepare import describe
from tests.bench.cells import cell
from tests.bench.gate.conftest import open_folder

CASES = 300
CELL = cell("lstm:torch", hidden_size=8)
COMMIT = {"commit": "a" * 40, "time": "2026-01-01T00:00:00+00:00", "subject": "One"}
RESULTS = {
    "benchmarks": [
        {
            "params": {"cell_id": CELL.id},
            "extra_info": {**describe(CELL), "pass": 1, "peak_allocated_bytes": 10},
            "stats": {"data": [0.1, 0.2]},
        }
    ],
    "machine_info": {"node": "box", "cpu": {"count": 2}},
}
RECORDING = {"format": 1, "notes": [], "seconds": {"1": 2.0}, "commit": {"name": "a", "subject": "One"}}
VALUES = [
    None,
    True,
    -1,
    0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    [],
    {},
    "x" * 50,
    [[]],
    {"a": None},
    10**30,
    "\ud800",
]


def places(content: object, before: tuple = ()) -> Iterator[tuple]:
    """The way to each value, but for the whole."""
    pairs = (
        content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    )
    for key, value in pairs:
        yield (*before, key)
        yield from places(value, (*before, key))


def mutated(content: object, chance: random.Random) -> bytes:
    """`content` as JSON with a value exchanged or left out, or with bytes changed or cut off."""
    content = copy.deepcopy(content)
    *way, last = chance.choice(list(places(content)))
    holder = content
    for key in way:
        holder = holder[key]
    if chance.random() < 0.3:
        del holder[last]
    else:
        holder[last] = copy.deepcopy(chance.choice(VALUES))
    data = bytearray(json.dumps(content).encode())
    if chance.random() < 0.2:
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.1 else data)


def read_gate(path: Path) -> str:
    folder = open_folder(path.parents[1])
    if folder.plan["suspects"]:
        range(folder.plan["confirm_passes"])
    "".join(folder.plan["notes"])
    return ""


def read_recording(path: Path) -> str:
    plan = recording._read(path)
    "".join([*plan["notes"], *plan["seconds"]])
    return ""


def read_history(path: Path) -> str:
    sorted(Commit(one["commit"], one["time"], one["subject"]).name for one in read_commits(path.parent))
    return ""


def read_results(path: Path) -> str:
    told: list[str] = []
    files = list(site._files(path.parent, told.append))
    values = site._values(files)
    if values["step_time"]:
        json.dumps(site._result(COMMIT, values, site._params({"a": values}), files[0].machine), allow_nan=False)
    return "".join(told)


def refusal(read: Callable[[Path], str], path: Path) -> str:
    """What is said of a file that is not taken for what it should be; "" for one that is."""
    try:
        return read(path)
    except ResultsError as error:
        return str(error)


@pytest.mark.parametrize("name", ["gate", "recording", "history", "results"])
def test_a_damaged_file_is_read_or_refused_by_its_name(tmp_path, name):
    readers: dict[str, tuple[Path, object, Callable[[Path], str]]] = {
        "gate": (open_folder(tmp_path).path / "gate.json", None, read_gate),
        "recording": (tmp_path / CALIBRATION_PLAN, RECORDING, read_recording),
        "history": (tmp_path / "commits.json", [COMMIT, COMMIT | {"commit": "b" * 40}], read_history),
        "results": (tmp_path / "results" / "0001.json", RESULTS, read_results),
    }
    path, content, read = readers[name]
    content = content or json.loads(path.read_text())
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    assert refusal(read, path) == ""
    chance, refused = random.Random(0), 0
    for _ in range(CASES):
        data = mutated(content, chance)
        path.write_bytes(data)
        if said := refusal(read, path):
            refused += 1
            assert str(path) in said
            assert "\n" not in said
            assert path.read_bytes() == data, "what an editor may save is left as it is"
    assert refused > CASES // 10
