"""How the measuring commands end: nothing but a regression has exit code 1."""

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from bench.commands import main
from bench.lane.lane import Job
from bench.paths import ROOT
from bench.progress import SweepProgress, Terminal
from tests.bench.cells import TINY
from tests.forks import Fork, forked, write_to

ONE_CELL = ("list", "--models=lstm", "--phase=stream", "--hidden=64", "--device=cpu")


def python(*arguments: str, **environment: str):
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_reader_that_goes_away_and_an_ascii_terminal_end_a_list_without_a_word():
    with python("-u", "-m", "bench", "list", "--device=cpu", PYTHONIOENCODING="ascii") as process:
        assert re.fullmatch(r" *[\d.]+ \w+  urnn:cpu-\S+\n", process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 2


@pytest.mark.parametrize("module", ["bench", "bench.kernel_check", "bench.meters.instructions"])
def test_a_package_that_is_missing_ends_in_2(module, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')\n")
    with python("-m", module, PYTHONPATH=str(tmp_path)) as process:
        output, errors = process.communicate()
    assert (process.returncode, output) == (2, "")
    assert errors.splitlines()[-1] == "ImportError: no torch here"


@contextlib.contextmanager
def forked_command(*arguments: str, **places: str | None) -> Iterator[Fork]:
    """The command in a process that has torch already; its standard output and error go to a file each, or nowhere
    where that is None. What it has not written by its end would be lost, so it is written then, or fails."""

    def work() -> int:
        write_to(**places)
        code = main(arguments)
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        return code

    with forked(work) as child:
        yield child


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_behind_an_output_ends_in_2(stream, tmp_path):
    """With standard error full there is nowhere to say so."""
    arguments = ONE_CELL if stream == "stdout" else ("list", "--models=lstn")
    files = {name: str(tmp_path / name) for name in ("stdout", "stderr")}
    with forked_command(*arguments, **files | {stream: "/dev/full"}) as child:
        assert child.wait() == 2
    (other,) = tmp_path.iterdir()
    assert (other.name, other.read_text()) == (
        ("stderr", "error: the output cannot be written (No space left on device)\n")
        if stream == "stdout"
        else ("stdout", "")
    )


def test_an_output_that_is_closed_is_no_fault(tmp_path):
    with forked_command(*ONE_CELL, stdout=None, stderr=str(tmp_path / "stderr")) as child:
        assert child.wait() == 0
    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.parametrize("leaving", ["sys.exit(1)", "sys.exit('a text')", "raise SystemExit(True)"])
def test_a_library_that_leaves_with_1_ends_in_2(leaving):
    program = (
        f"import sys; from analysis import command_line; sys.exit(command_line.run(lambda: exec({leaving!r})))"
    )
    with python("-c", program) as process:
        _, errors = process.communicate()
    assert process.returncode == 2
    assert errors == ("error: a text\n" if "text" in leaving else "")


def test_a_reader_of_the_progress_that_goes_away_is_a_broken_pipe():
    ours, theirs = os.pipe()
    os.close(ours)
    with pytest.raises(BrokenPipeError), open(theirs, "w") as gone:
        Terminal(file=gone).print("1 of 2 measured")


def test_progress_on_an_ascii_terminal_is_ascii():
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(file=terminal, force_terminal=True, width=200)
    job = Job(TINY, 1)
    with SweepProgress([job], lambda job: 1.0, console) as progress:
        progress.started(job)
        progress.finished(job, "failed")
    terminal.flush()
    shown = terminal.buffer.getvalue().decode("ascii")
    assert f"{TINY.id}: failed; recorded as such" in shown
    assert "1/1" in shown
