"""kill -9 and Ctrl-C on the command: nothing lost, nobody left behind, and on from there."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.commands import main, run
from bench.lane.events import GaveNothing
from bench.lane.settings import Settings
from bench.paths import ROOT
from bench.processes.guard import descendants
from bench.progress import SweepProgress
from tests.bench.lane.played import SUITE, Machine
from tests.forks import forked

PLANNED = 20
ARGUMENTS = ["run", "--device=cpu", "--phase=forward", "--models=gru,lstm,rnn_tanh,irnn"]
ARGUMENTS += ["--hidden=4,5,6,7,8", "--length=3", "--batch=2", "--passes=1"]


def stored_in(folder: Path) -> list[dict]:
    (path,) = folder.rglob("0*.json")
    return json.loads(path.read_text())["benchmarks"]


def started(results: Path) -> subprocess.Popen:
    """The command, once it has measured something."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *ARGUMENTS, f"--results={results}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    while " measured, " not in (line := process.stdout.readline()):
        assert line, process.stderr.read()
    return process


def test_a_killed_command_keeps_everything_ends_its_process_and_lets_go_of_the_folder(tmp_path, capsys):
    results, temporary = tmp_path / "results", tmp_path / "temporary"
    temporary.mkdir()
    reader, writer = os.pipe()

    def command() -> int:
        """Comes to a halt once it has measured something; its measuring process is real and measures nothing."""
        sys.argv = [str(ROOT / "bench" / "__main__.py"), *ARGUMENTS]
        tempfile.tempdir = str(temporary)
        run.Settings = lambda *how: Settings(*how, SUITE)
        SweepProgress.finished = lambda *_: (os.write(writer, b"measured"), signal.pause())
        return main([*ARGUMENTS, f"--results={results}"])

    with forked(command) as process:
        os.close(writer)
        assert os.read(reader, 8) == b"measured"
        os.close(reader)
        watched = [os.pidfd_open(number) for number in descendants(process.pid)]
        assert len(watched) == 3, "the measuring process, its guard, its folder's keeper"
        assert main([*ARGUMENTS, f"--results={results}"]) == 2
        assert re.fullmatch(
            rf"error: another process writes results into {re.escape(str(results))} \(process {process.pid}, "
            r"since \d\d:\d\d: python -m bench run --device=cpu .*\); two at once .*\.\n",
            capsys.readouterr().err,
        )
        process.kill()
        for descriptor in watched:
            select.select([descriptor], [], [])
            os.close(descriptor)
    assert os.listdir(temporary) == []
    assert len(stored_in(results)) == 1


@pytest.mark.slow
def test_ctrl_c_keeps_everything_and_the_same_command_goes_on(tmp_path, capsys, monkeypatch):
    with started(tmp_path) as process:
        children = descendants(process.pid)
        assert len(children) == 3
        sessions = {os.getsid(child) for child in children}
        assert os.getsid(process.pid) not in sessions, "Ctrl-C would reach them too"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it
        errors = process.stderr.read()
    assert process.returncode == 2
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)

    kept = stored_in(tmp_path)
    assert 0 < len(kept) < PLANNED
    assert re.fullmatch(
        rf"error: interrupted; {len(kept)} measurements are kept in \S+\.json, "
        r"and the same command goes on from there\n",
        errors,
    )

    monkeypatch.setattr("bench.lane.lane.measuring_process", Machine().process)  # the first was real enough
    assert main([*ARGUMENTS, f"--results={tmp_path}"]) == 0
    assert capsys.readouterr().out.startswith(f"{len(kept)} of {PLANNED} are measured already, in ")
    everything = stored_in(tmp_path)
    assert everything[: len(kept)] == kept
    assert len({entry["params"]["cell_id"] for entry in everything}) == len(everything) == PLANNED


def test_ctrl_c_anywhere_else_is_a_sentence_too(monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.asv_harness.run", interrupted)
    assert main(["run", "--harness", "asv"]) == 2
    assert capsys.readouterr().err == (
        "error: interrupted; what was measured is kept, and the same command goes on\n"
    )


@pytest.mark.parametrize("count", [0, 3])
def test_the_sentence_counts_what_the_file_holds(count, monkeypatch, capsys, tmp_path):
    def interrupted(jobs, side, started, finished):
        for job in jobs[:count]:
            side.store(job, GaveNothing(job.cell.id, "failed", "why"))
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.lane.sweep.run", interrupted)
    assert main([*ARGUMENTS, f"--results={tmp_path}"]) == 2
    assert f"interrupted; {count} measurements are kept in " in capsys.readouterr().err
