"""A checkout on a bare machine measures and reports; one row in `urnn/models.py` is all that a new model takes.

Both are seen in one run: of a copy whose registry has one row more, without packages that it must do without.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.results import read
from bench.paths import ROOT

pytestmark = pytest.mark.slow

ABSENT = ("asv", "asv_runner", "beartype", "ruff", "virtualenv")  # a bare machine with a GPU has none
ROW = """
        Model(
            "relu_net",
            "A net of my own <relu>",
            "plain",
            partial(nn.RNN, nonlinearity="relu"),
            state_per_unit=1,
            parameters=_gated(1),
        ),
"""
BEFORE = 'Model("irnn", '
COMMAND = "bench run --models relu_net,urnn:reference --hidden 4,8 --length 3 --batch 2 --phase train --device cpu"
OPTIONS = "--task copying --passes 1 --allocator default"


def bare(checkout: Path, *arguments: str) -> None:
    """A command on a machine that lacks the packages of `ABSENT`, in it and in every process it starts."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """With results of two sizes in their usual place, and a report."""
    folder = tmp_path_factory.mktemp("checkout")
    for package in ("urnn", "bench", "analysis"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", folder)
    registry = folder / "urnn" / "models.py"
    text = registry.read_text()
    assert text.count(BEFORE) == 1
    registry.write_text(text.replace(BEFORE, f"{ROW.strip()}\n        {BEFORE}"))
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {ABSENT!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    bare(folder, *COMMAND.split(), *OPTIONS.split())
    bare(folder, "analysis", "report", "--output=report")
    return folder


def test_a_bare_checkout_measures_and_reports(checkout):
    frame = read([checkout / ".benchmarks"]).frame
    assert set(zip(frame["model"], frame["hidden_size"], strict=True)) == {
        (model, size) for model in ("relu_net", "urnn") for size in (4, 8)
    }
    assert set(frame["outcome"]) == {"measured"}
    assert (checkout / "report" / "index.html").is_file()


def test_a_new_model_stands_in_the_page_under_its_label(checkout):
    frame = read([checkout / ".benchmarks"]).frame
    mine = frame[frame["model"] == "relu_net"]
    assert set(mine["label"]) == {"A net of my own <relu>"}
    assert set(mine["family"]) == {"plain"}
    assert set(mine["state_size"] / mine["hidden_size"]) == {1}
    assert "A net of my own &lt;relu&gt;" in (checkout / "report" / "index.html").read_text()
    assert "A net of my own &lt;relu>" in (checkout / "report" / "report.md").read_text()
