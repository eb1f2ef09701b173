"""One row in `urnn/models.py` is all that a new model takes: it is measured, labelled and drawn."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.report.page import write_report
from analysis.results import read
from bench.paths import ROOT

pytestmark = pytest.mark.slow

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
COMMAND = "-m bench run --models relu_net,urnn:reference --hidden 4,8 --length 3 --batch 2 --phase forward,train"
OPTIONS = "--device cpu --task copying --passes 1 --allocator default"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A checkout whose registry has one row more, and results of two sizes in its usual place."""
    folder = tmp_path_factory.mktemp("checkout")
    for package in ("urnn", "bench", "analysis"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", folder)
    registry = folder / "urnn" / "models.py"
    text = registry.read_text()
    assert text.count(BEFORE) == 1
    registry.write_text(text.replace(BEFORE, f"{ROW.strip()}\n        {BEFORE}"))
    command = [sys.executable, *COMMAND.split(), *OPTIONS.split()]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_it_is_measured_and_stands_in_the_page_under_its_label(checkout, tmp_path):
    results = read([checkout / ".benchmarks"])
    mine = results.frame[results.frame["model"] == "relu_net"]
    assert set(mine["hidden_size"]) == {4, 8}
    assert set(mine["outcome"]) == {"measured"}
    assert set(mine["label"]) == {"A net of my own <relu>"}
    assert set(mine["family"]) == {"plain"}
    assert set(mine["state_size"] / mine["hidden_size"]) == {1}
    report = write_report(results, tmp_path / "report")
    assert "A net of my own &lt;relu&gt;" in report.page.read_text()
    assert "A net of my own &lt;relu>" in report.page.with_name("report.md").read_text()
