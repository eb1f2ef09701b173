"""Words that both packages use: an id is read back as it was written, and nothing heavy is imported for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.vocabulary import METRICS, SENTINEL, TRAINING_FORMAT, TRAINING_LOG, Cell, counted, duration
from bench.profiles import PROFILES
from urnn.training import log

ROOT = Path(__file__).parents[2]
CELL = Cell("urnn", "cpu", "train", "cpu", "float32", 128, 100, 32)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "urnn:cpu-train-copying-n128-T100-B32-cpu-float32"),
        ({"num_layers": 4}, "urnn:cpu-train-copying-n128-T100-B32-L4-cpu-float32"),
        ({"backend": "cuda+graph", "device": "cuda"}, "urnn:cuda+graph-train-copying-n128-T100-B32-cuda-float32"),
        (
            {"model": "their-own.rnn", "backend": "x-y"},
            "their-own.rnn:x-y-train-copying-n128-T100-B32-cpu-float32",
        ),
    ],
)
def test_an_id_is_read_back(changes, text):
    cell = Cell(**{**CELL.as_dict(), **changes})
    assert cell.id == text
    assert Cell.from_id(text) == cell


def test_every_cell_of_the_grid_is_read_back_without_the_grid():
    for profile in PROFILES.values():
        for cell in profile.cells():
            assert Cell.from_id(cell.id) == Cell(**cell.as_dict())


def test_the_sentinel_of_a_cell_differs_in_nothing_but_the_variant():
    assert CELL.of(SENTINEL).id == CELL.id.replace("urnn:cpu", "lstm:torch")


def test_every_metric_is_stored_under_a_key_of_its_own():
    keys = [metric.key for metric in METRICS.values() if metric.key]
    assert len(set(keys)) == len(keys)
    assert [name for name, metric in METRICS.items() if not metric.key] == ["step_time", "control_time"]


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(0, "cell", "0 cells"), (1, "cell", "1 cell"), (2, "cell", "2 cells"), (3, "process", "3 processes")],
)
def test_things_are_counted_in_words(number, noun, text):
    assert counted(number, noun) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (720, "12 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (12600, "3.5 h"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_people_use(seconds, text):
    assert duration(seconds) == text


def test_logs_of_training_are_known_by_the_name_and_format_that_the_trainer_gives_them():
    """`urnn` knows nothing of this package, so it has the two words for itself."""
    assert (TRAINING_LOG, TRAINING_FORMAT) == (log.NAME, log.FORMAT)


def test_importing_it_loads_nothing_beyond_the_standard_library():
    program = (
        "import sys; before = set(sys.modules); import analysis.vocabulary; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["analysis"]


ASV = """
import sys
from asv_runner._aux import SpecificImporter
sys.path[0] = sys.argv[1]  # has the package urnn, and nothing else of the checkout
sys.meta_path.insert(0, SpecificImporter("bench", sys.argv[2]))
sys.modules.update(dict.fromkeys(sys.argv[3:]))  # cannot be imported
from asv_runner.discovery import disc_modules
print(*(module.__name__ for module in disc_modules("bench")))
"""


@pytest.mark.slow
def test_asv_finds_the_benchmarks_where_only_their_package_can_be_imported(tmp_path):
    """asv puts the folder `bench` on no path; its environments have a wheel of `urnn` and few packages besides."""
    absent = ["asv", "matplotlib", "seaborn", "jinja2", "hypothesis", "beartype", "virtualenv", "pyarrow"]
    (tmp_path / "urnn").symlink_to(ROOT / "urnn")
    command = [sys.executable, "-W", "ignore", "-c", ASV, str(tmp_path), str(ROOT), *absent]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    installed = set(json.loads((ROOT / "asv.conf.json").read_text())["install_command"][0].split())
    assert {"pandas", "scipy", "psutil", "pytest", "pytest-benchmark", "rich"} <= installed - set(absent)
    assert {"bench.asv_step_time", "bench.asv_memory"} <= set(done.stdout.split())
