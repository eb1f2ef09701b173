"""The real command on a few cells, two of which cannot be allocated: what it prints, stores and goes on from.

Those two ask for more bytes than any machine has, so torch refuses at once and nothing is taken; that the command
itself would refuse them is left out.
"""

import io
import json
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import pytest
import pytest_benchmark.cli

from bench.commands import main
from bench.grid import Cell
from bench.profiles import PROFILES
from bench.subjects import SUBJECTS
from tests.bench.lane.played import Machine

pytestmark = pytest.mark.slow

TOO_MANY = 10**12  # sequences of 8 bytes at least
ARGUMENTS = (
    "run --profile quick --device cpu --phase forward --task copying --models rnn_tanh,lstm:torch --hidden 4 "
    f"--length 3 --batch 2,{TOO_MANY} --threads 2 --passes 1"
).split()


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> SimpleNamespace:
    folder, output, errors = tmp_path_factory.mktemp("results"), io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
        patch.setattr("bench.estimate.memory_of", lambda device: 10**18)
        code = main([*ARGUMENTS, f"--results={folder}"])
    (path,) = folder.rglob("0*.json")
    result = SimpleNamespace(returncode=code, stdout=output.getvalue(), stderr=errors.getvalue())
    return SimpleNamespace(folder=folder, result=result, path=path, content=json.loads(path.read_text()))


def test_memory_that_runs_out_in_one_cell_is_no_error_of_the_sweep(done):
    assert done.result.returncode == 0, done.result.stderr
    assert done.result.stderr == ""
    assert done.result.stdout.count(": out of memory; recorded as such\n") == 2
    assert "4 of 4 measured, 0 s left\n" in done.result.stdout
    assert done.result.stdout.endswith(f"results: {done.path}\n")


def test_it_is_recorded_with_the_cell_its_conditions_and_a_sentence(done):
    outcomes = done.content["run"]["outcomes"]
    assert [(outcome["model"], outcome["pass"]) for outcome in outcomes] == [("lstm", 1), ("rnn_tanh", 1)]
    for outcome in outcomes:
        assert Cell.from_id(outcome["cell"]).batch == outcome["batch"] == TOO_MANY
        assert outcome["outcome"] == "out of memory"
        assert "can't allocate memory" in outcome["message"]
        assert "\n" not in outcome["message"]
        assert (outcome["threads"], outcome["allocator"], outcome["label"] != "") == (2, "kept", True)


def test_the_others_are_measured(done):
    measured = [
        (entry["extra_info"]["model"], entry["extra_info"]["pass"]) for entry in done.content["benchmarks"]
    ]
    assert measured == [("lstm", 1), ("rnn_tanh", 1)]


def test_a_figure_has_its_samples_and_all_that_readers_are_promised(done):
    for entry in done.content["benchmarks"]:
        model = entry["extra_info"]["model"]
        cell_id = f"{model}:torch-forward-copying-n4-T3-B2-cpu-float32"
        assert entry["name"] == f"test_step_time[{cell_id}]"
        assert entry["fullname"] == f"bench/test_step_time.py::test_step_time[{cell_id}]"
        assert entry["group"] == "forward copying n=4 T=3 B=2 cpu float32"
        assert entry["params"] == {"cell_id": cell_id}
        info = entry["extra_info"]
        assert info.items() >= {"threads": 2, "allocator": "kept", "hidden_size": 4, "batch": 2}.items()
        assert min(info["peak_allocated_bytes"], info["operators"]) > 0
        assert info["first_call_seconds"] > 0
        stats = entry["stats"]
        assert len(stats["data"]) == stats["rounds"] >= PROFILES["quick"].rounds
        assert min(stats["data"]) == stats["min"] > 0
        assert 1 <= stats["iterations"] <= 1000, "as many calls as take a millisecond"


def test_the_file_says_where_and_under_which_conditions(done):
    content = done.content
    assert (
        content["run"].items()
        >= {
            "format": 1,
            "profile": "quick",
            "threads": 2,
            "allocator": "kept",
        }.items()
    )
    assert content["machine_info"].keys() >= {
        *("node", "machine", "system", "release", "python_version", "cpu"),
        *("memory_bytes", "gpu", "torch", "numpy", "cuda", "cudnn", "instruction_set"),
    }
    assert content["commit_info"].keys() >= {"id", "dirty", "branch"}
    assert re.fullmatch(r"0001_[0-9a-f]{8}_quick_2t_kept\.json", done.path.name)


def test_the_registry_stands_in_it(done):
    registry = done.content["models"]
    assert registry["lstm"] == {
        "label": "nn.LSTM",
        "family": "gated",
        "state_per_unit": 2,
        "backends": {"torch": "as torch runs it", "native": "without oneDNN and cuDNN"},
    }
    assert registry["urnn"]["backends"]["reference"] == "eager reference"
    assert list(registry["urnn_ladder"]["backends"]) == list(SUBJECTS["urnn_ladder"].backends)
    assert {name: row["label"] for name, row in registry.items()} == {
        name: row.label for name, row in SUBJECTS.items()
    }


def test_pytest_benchmarks_own_compare_reads_it(done, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["py.test-benchmark", "compare", str(done.path)])
    pytest_benchmark.cli.main()
    told = capsys.readouterr().out
    assert "benchmark 'forward copying n=4 T=3 B=2 cpu float32': 2 tests" in told
    assert "test_step_time[lstm:torch-forward-copying-n4-T3-B2-cpu-float32]" in told


def test_the_same_command_tries_again_what_memory_ran_out_for_and_nothing_else(done, capsys, monkeypatch):
    machine = Machine()
    monkeypatch.setattr("bench.lane.lane.measuring_process", machine.process)
    monkeypatch.setattr("bench.estimate.memory_of", lambda device: 10**18)
    assert main([*ARGUMENTS, f"--results={done.folder}"]) == 0
    assert capsys.readouterr().out.startswith(f"2 of 4 are measured already, in {done.path}\n")
    lstm, rnn = (f"{model}:torch-forward-copying-n4-T3-B{TOO_MANY}-cpu-float32" for model in ("lstm", "rnn_tanh"))
    assert machine.started == [[lstm, rnn]]
    content = json.loads(done.path.read_text())
    assert content["benchmarks"][:2] == done.content["benchmarks"]
    assert len(content["benchmarks"]) == 4
    assert content["run"]["outcomes"] == []
