"""The same code has the same identity, another line makes another."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench import measured_code
from bench.grid import Cell
from bench.identity import results_digest
from bench.identity import source_digest as digest_of
from bench.paths import ROOT
from tests.bench.cells import TINY

ON_CUDA = replace(TINY, device="cuda")
LADDER = replace(TINY, model="lstm_ladder", backend="naive")


def source_digest(root: Path, cells: Sequence[Cell] = (TINY,)) -> str:
    return digest_of(root, cells)


@pytest.fixture
def checkout(tmp_path):
    for file, text in {"urnn/a.py": "a", "bench/meters/b.py": "b", "urnn/k.cpp": "k", "README.md": "r"}.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_digest_is_eight_hex_digits_and_the_same_again(checkout):
    digest = source_digest(checkout)
    assert len(digest) == 8
    assert int(digest, 16) >= 0
    assert source_digest(checkout) == digest


@pytest.mark.parametrize("file", ["urnn/a.py", "bench/meters/b.py", "urnn/k.cpp"])
def test_a_changed_line_of_measured_or_measuring_code_changes_it(checkout, file):
    before = source_digest(checkout)
    (checkout / file).write_text("changed")
    assert source_digest(checkout) != before


def test_a_new_and_a_renamed_file_change_it(checkout):
    digests = [source_digest(checkout)]
    (checkout / "bench" / "new.py").write_text("")
    digests.append(source_digest(checkout))
    (checkout / "bench" / "new.py").rename(checkout / "bench" / "newer.py")
    digests.append(source_digest(checkout))
    assert len(set(digests)) == 3


def test_an_editors_lock_is_no_code(checkout):
    before = source_digest(checkout)
    (checkout / "bench" / ".#b.py").symlink_to("somebody@somewhere.1234")
    assert source_digest(checkout) == before


@pytest.mark.parametrize("file", ["README.md", "tests/test_x.py", "urnn/__pycache__/a.cpython-311.pyc"])
def test_what_is_neither_measured_nor_measures_does_not(checkout, file):
    before = source_digest(checkout)
    (checkout / file).parent.mkdir(parents=True, exist_ok=True)
    (checkout / file).write_text("changed")
    assert source_digest(checkout) == before


ONE_DEVICE = {
    "cpu": ["urnn/backends/cpu/kernel.cpp", "urnn/backends/cpu/build.py"],
    "cuda": [
        *("urnn/backends/cuda/plan.py", "urnn/backends/cuda/kernel.cu", "bench/cuda_plans.py"),
        *("bench/meters/gpu_state.py", "bench/kernel_check.py"),
    ],
}


def concerned(checkout: Path, file: str) -> set[str]:
    """Which of three kinds of cells another line in a file concerns."""
    cells = {"cpu": [TINY], "cuda": [ON_CUDA], "ladder": [LADDER]}
    before = {name: source_digest(checkout, some) for name, some in cells.items()}
    (checkout / file).parent.mkdir(parents=True, exist_ok=True)
    (checkout / file).write_text("changed")
    return {name for name, some in cells.items() if source_digest(checkout, some) != before[name]}


@pytest.mark.parametrize("file", ONE_DEVICE["cpu"])
def test_what_runs_on_a_cpu_alone_does_not_concern_a_gpu(checkout, file):
    assert concerned(checkout, file) == {"cpu", "ladder"}


@pytest.mark.parametrize("file", ONE_DEVICE["cuda"])
def test_what_runs_on_a_gpu_alone_does_not_concern_a_cpu(checkout, file):
    assert concerned(checkout, file) == {"cuda"}


def test_what_both_share_concerns_both(checkout):
    assert concerned(checkout, "urnn/backends/kernel_cache/store.py") == {"cpu", "cuda", "ladder"}
    assert concerned(checkout, "bench/workloads.py") == {"cpu", "cuda", "ladder"}


def test_a_ladders_stages_concern_ladders(checkout):
    assert concerned(checkout, "urnn/ladder/lstm.py") == {"ladder"}


@pytest.mark.parametrize("file", ["urnn/training/trainer.py", "bench/commands/list.py", "bench/history/site.py"])
def test_what_no_measuring_process_runs_concerns_nothing(checkout, file):
    assert concerned(checkout, file) == set()


def test_every_path_of_the_rule_is_still_there():
    """A folder that was renamed would concern everything without a word."""
    for path in measured_code.unused((), ()):
        assert list(ROOT.glob(f"{path}*")), path


@pytest.mark.parametrize(
    "what", ["torch.__version__", "platform.python_version", "platform.node", "socket.gethostname"]
)
def test_the_codes_own_is_the_same_on_every_machine(checkout, monkeypatch, what):
    before = source_digest(checkout)
    monkeypatch.setattr(what, "elsewhere" if what == "torch.__version__" else lambda: "elsewhere")
    assert source_digest(checkout) == before


def test_results_of_another_machine_or_of_other_code_lie_in_another_file(checkout):
    digests = [results_digest(checkout, (TINY,), machine) for machine in ("1a", "2b")]
    (checkout / "urnn" / "a.py").write_text("changed")
    digests.append(results_digest(checkout, (TINY,), "1a"))
    assert len(set(digests)) == 3
    assert all(len(one) == 8 and int(one, 16) >= 0 for one in digests)
