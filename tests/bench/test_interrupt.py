"""Ctrl-C on the real command: a sentence, exit code 2, nothing lost, nobody left behind, and on from there."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.worker import ROOT

PLANNED = 20
ARGUMENTS = ["run", "--device=cpu", "--phase=forward", "--models=gru,lstm,rnn_tanh,irnn"]
ARGUMENTS += ["--hidden=4,5,6,7,8", "--length=3", "--batch=2", "--passes=1"]


def children_of(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may be gone by now
            name, _, rest = path.read_text().rpartition(")")
            if int(rest.split()[1]) == pid:
                found.append(int(name.split()[0]))
    return found


def stored_in(folder: Path) -> list[dict]:
    (path,) = folder.rglob("0*.json")
    return json.loads(path.read_text())["benchmarks"]


def test_ctrl_c_keeps_everything_and_the_same_command_goes_on(tmp_path, capsys):
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *ARGUMENTS, f"--results={tmp_path}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    with process:
        assert re.match(r"\d+ of 20 measured, ", process.stdout.readline())
        (child,) = children_of(process.pid)
        assert os.getsid(child) != os.getsid(process.pid), "Ctrl-C would reach it too"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it
        errors = process.stderr.read()
    assert process.returncode == 2
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)

    kept = stored_in(tmp_path)
    assert 0 < len(kept) < PLANNED
    assert re.fullmatch(
        rf"bench: interrupted; {len(kept)} measurements are kept in \S+\.json, "
        r"and the same command goes on from there\n",
        errors,
    )

    assert main([*ARGUMENTS, f"--results={tmp_path}"]) == 0
    assert capsys.readouterr().out.startswith(f"{len(kept)} of {PLANNED} are measured already, in ")
    everything = stored_in(tmp_path)
    assert everything[: len(kept)] == kept
    assert len({entry["name"] for entry in everything}) == len(everything) == PLANNED


def test_ctrl_c_anywhere_else_is_a_sentence_too(monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.asv_harness.run", interrupted)
    assert main(["run", "--harness", "asv"]) == 2
    assert capsys.readouterr().err == (
        "bench: interrupted; what was measured is kept, and the same command goes on\n"
    )


@pytest.mark.parametrize("count", [0, 3])
def test_the_sentence_counts_what_the_file_holds(count, monkeypatch, capsys, tmp_path):
    def interrupted(jobs, settings, run_file, started, finished):
        for job in jobs[:count]:
            run_file.add_outcome(job.cell.id, {"pass": job.sweep_pass}, "failed", "why")
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.__main__.run", interrupted)
    assert main([*ARGUMENTS, f"--results={tmp_path}"]) == 2
    assert f"interrupted; {count} measurements are kept in " in capsys.readouterr().err
