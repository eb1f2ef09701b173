"""Tests that a machine cannot run are counted, by one process and by several."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import conftest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_without_a_cuda_device_the_summary_says_how_many_tests_were_left_out():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:benchmark", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/urnn/cuda/test_on_a_device.py"],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "Tests left out because this machine has no CUDA device: " in done.stdout


@pytest.mark.slow
def test_without_a_browser_the_summary_says_how_many_tests_of_pages_were_skipped(tmp_path: Path):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:benchmark", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/analysis/related/test_related_in_browser.py"],
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(
        r"Tests of pages skipped because no chromium, chromium-browser or google-chrome is installed: \d+\.",
        done.stdout,
    )


def test_a_workers_count_reaches_the_process_that_prints_it():
    worker = SimpleNamespace(stash={conftest.LEFT_OUT: 7}, workeroutput={})
    conftest.pytest_sessionfinish(SimpleNamespace(config=worker))
    printing, lines = SimpleNamespace(stash=pytest.Stash()), []
    conftest.pytest_testnodedown(SimpleNamespace(config=printing, workeroutput=worker.workeroutput))
    conftest.pytest_terminal_summary(SimpleNamespace(write_line=lines.append, stats={}), printing)
    assert lines == ["Tests left out because this machine has no CUDA device: 7."]
