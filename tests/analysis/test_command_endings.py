"""How commands end, where that takes a process: exit code 1 is a regression's alone. See `test_program` too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ENDING = "import os, signal, sys\nfrom analysis import command_line\ndef command():\n    {body}\n"
CALL = "sys.exit(command_line.run(command))"


def ended(body: str, **options) -> subprocess.CompletedProcess:
    code = ENDING.format(body=body) + CALL
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **options)


def test_a_reader_that_went_away_ends_it_without_a_word():
    code = ENDING.format(body="print('line\\n' * 100_000)\n    return 0") + CALL
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 2


def test_an_ascii_terminal_shows_escapes(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = ended("print('2 \\u00b5s')\n    return 0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 \\xb5s\n", "")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_cleans_up_like_ctrl_c(name):
    done = ended(f"""
    try:
        signal.raise_signal(signal.{name})
    finally:
        print('cleaned up')""")
    assert (done.returncode, done.stdout, done.stderr) == (2, "cleaned up\n", "error: interrupted\n")


def test_nohup_stays_in_force():
    done = ended(
        "signal.raise_signal(signal.SIGHUP)\n    return 0",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert done.returncode == 0


def test_a_full_disk_is_a_sentence(tmp_path):
    with open("/dev/full", "w") as full:
        process = [sys.executable, "-c", ENDING.format(body="print('lost')\n    return 0") + CALL]
        done = subprocess.run(process, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "error: the output cannot be written (No space left on device)\n",
    )


def test_without_a_standard_output_the_exit_code_is_the_commands_own():
    code = ENDING.format(body="print('unseen')\n    return 1") + CALL
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", code], check=False)
    assert done.returncode == 1


def test_an_installation_without_pandas_ends_in_2(tmp_path):
    (tmp_path / "pandas.py").write_text("raise ImportError('no pandas here')\n")
    command = [sys.executable, "-m", "analysis", "compare", "old", "new"]
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "ImportError: no pandas here"
