"""How the command ends: its exit code is never 1, and a reader, a terminal or a signal is no traceback."""

import io
import os
import runpy
import select
import shlex
import signal
import subprocess
import sys

import pytest
import rich.console

from tests.urnn.training.tiny import raises
from urnn.tasks import digits
from urnn.training import __main__ as module
from urnn.training import display, ending, interruption, owner
from urnn.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("few_held_out")

TINY = ["copying", "--length=5", "--hidden=4", "--max-iterations=4", "--evaluate-every=2", "--batch=2"]


@pytest.fixture
def call(tmp_path, monkeypatch):
    """The command as `python -m` calls it, its output going to a stream -> its exit code."""

    def called(stream: io.TextIOBase, *arguments: str) -> int:
        monkeypatch.setattr(sys, "stdout", stream)
        return module.main([*TINY, *(arguments or (f"--runs={tmp_path}",))])

    return called


@pytest.fixture
def without_a_reader():
    """A pipe, line by line, whose other end is closed, as after `| head`."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as stream:
        yield stream


def as_ascii(content: io.BytesIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(content, encoding="ascii", write_through=True)


class TestOutput:
    def test_a_reader_that_went_away_ends_it_quietly_and_the_run_goes_on(self, call, without_a_reader, capsys):
        assert call(without_a_reader) == 2
        assert capsys.readouterr().err == ""
        assert call(io.StringIO()) == 0

    def test_a_terminal_without_the_characters_gets_escapes(self, call, tmp_path):
        written = io.BytesIO()
        assert call(as_ascii(written), f"--runs={tmp_path / 'fö'}") == 0
        assert call(as_ascii(written), f"--runs={tmp_path / 'fö'}") == 0
        assert b"this run has ended before, " in written.getvalue()
        assert b"f\\xf6" in written.getvalue()

    def test_so_does_a_live_line(self, call, tmp_path, monkeypatch):
        written = io.BytesIO()
        console = rich.console.Console
        monkeypatch.setattr(
            display.Console, "__init__", lambda *a, **k: console.__init__(*a, **k, force_terminal=True)
        )
        monkeypatch.setenv("COLUMNS", "50")  # too few: rich cuts the line with a character that is no ASCII
        assert call(as_ascii(written)) == 0
        assert b"\\u2026" in written.getvalue()

    def test_a_full_disk_is_a_sentence(self, call, capsys):
        with open("/dev/full", "w", buffering=1) as full:
            assert call(full) == 2
        assert capsys.readouterr().err == "error: [Errno 28] No space left on device\n"

    def test_a_folders_name_breaks_no_line(self, call, tmp_path):
        name = os.fsdecode(b"n\xff\n:smile:[red]\x1b[31m")
        written = io.BytesIO()
        for _ in range(2):
            assert call(as_ascii(written), f"--runs={tmp_path / name}") == 0
        assert b"n\\udcff\\n:smile:[red]\\x1b[31m" in written.getvalue()


class TestCode:
    def test_a_crash_is_a_traceback_and_2(self, call, monkeypatch, capsys):
        monkeypatch.setattr(Trainer, "iterate", raises(ZeroDivisionError("a mistake")))
        assert call(io.StringIO()) == 2
        assert capsys.readouterr().err.endswith("ZeroDivisionError: a mistake\n")

    @pytest.mark.parametrize("package", ["rich", "filelock", "psutil"])
    def test_a_missing_package_is_named_with_the_command_that_installs_it(self, package, monkeypatch, capsys):
        self.take_away(package, monkeypatch)
        for name in [name for name in sys.modules if name.startswith("urnn.training.")]:
            if name not in (module.__name__, ending.__name__, interruption.__name__):
                monkeypatch.delitem(sys.modules, name)
                monkeypatch.delattr(name)
        assert module.main(["copying", "--length=5"]) == 2
        assert capsys.readouterr().err == (
            f"error: {package} is not installed; install it in the checkout of urnn: pip install '.[training]'\n"
        )

    def test_so_is_one_that_a_task_needs(self, monkeypatch, capsys, tmp_path):
        self.take_away("sklearn", monkeypatch)
        digits.load.cache_clear()
        assert module.main(["digits", f"--runs={tmp_path}"]) == 2
        assert capsys.readouterr().err == (
            "error: scikit-learn is not installed; install it in the checkout of urnn: pip install '.[training]'\n"
        )
        assert not list(tmp_path.iterdir())

    @staticmethod
    def take_away(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for loaded in [one for one in sys.modules if one.startswith(f"{package}.")]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, package, None)

    def test_a_module_of_our_own_that_is_missing_is_a_crash(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "urnn.training.command", None)
        monkeypatch.delattr("urnn.training.command", raising=False)
        assert module.main([]) == 2
        assert "Traceback" in capsys.readouterr().err

    @pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["copying", "--no-such-option"], 2)])
    def test_help_is_0_and_a_wrong_argument_2(self, arguments, code, capsys):
        assert ending.run(lambda: module.main(arguments)) == code
        told = capsys.readouterr()
        assert ("exit codes: 0 the run ended; 2 it did not" in told.out) == (code == 0)

    def test_run_as_a_program_it_ends_with_that_code(self, monkeypatch, tmp_path, capsys):
        monkeypatch.setattr(sys, "argv", ["urnn.training", *TINY, f"--runs={tmp_path}"])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(module.__file__, run_name="__main__")
        assert ended.value.code == 0
        assert "finished after 4 iterations" in capsys.readouterr().out

    def test_output_that_cannot_be_flushed_is_2(self, monkeypatch, capsys):
        with open("/dev/full", "w") as full:
            monkeypatch.setattr(sys, "stdout", full)
            assert ending.run(lambda: print("done") or 0) == 2
            monkeypatch.undo()
        assert capsys.readouterr().err == "error: the output cannot be written (No space left on device)\n"


class TestSignals:
    @pytest.mark.parametrize("number", interruption.SIGNALS)
    def test_before_and_after_training_each_is_ctrl_c(self, number, capsys):
        before = signal.getsignal(number)
        assert ending.run(lambda: os.kill(os.getpid(), number)) == 2
        assert capsys.readouterr().err == "error: interrupted\n"
        assert signal.getsignal(number) is before

    def test_one_that_is_ignored_stays_ignored(self):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with interruption.listening() as stop:
                os.kill(os.getpid(), signal.SIGHUP)
                assert not stop.asked
                os.kill(os.getpid(), signal.SIGTERM)
                assert stop.asked
        finally:
            signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
def test_an_end_is_not_put_off_by_the_kernel_that_is_compiled(tmp_path):
    """The compiler says that it runs, and does nothing else; with its end the pipe has no writer any more."""
    alive, compiler, runs = tmp_path / "alive", tmp_path / "c++", tmp_path / "runs"
    os.mkfifo(alive)
    compiler.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exit\nexec 3> {shlex.quote(str(alive))}\nprintf x >&3\nsleep 60\n'
    )
    compiler.chmod(0o755)
    around = os.environ | {"CXX": str(compiler), "URNN_CACHE": str(tmp_path / "cache")}
    around.pop("URNN_BACKEND", None)
    command = [sys.executable, "-m", "urnn.training", *TINY, f"--runs={runs}"]
    with subprocess.Popen(command, env=around, stderr=subprocess.PIPE, text=True) as process:
        with open(alive, "rb", buffering=0) as pipe:
            assert pipe.read(1) == b"x"
            process.send_signal(signal.SIGTERM)
            assert pipe.read(1) == b""
        said = process.communicate()[1]
    assert process.returncode == 2
    assert said == (
        "compiling a kernel for this machine, once; it can take two minutes\n"
        "error: interrupted; the last checkpoint is kept, and the same command goes on\n"
    )
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not [path for path in runs.rglob("*") if path.name.startswith(("log", "checkpoint"))]


CHILD = f"""
import runpy, subprocess, sys, time
runpy.run_path({owner.__file__!r})["watch"]()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("watching", flush=True)
time.sleep(600)
"""
OWNER = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=subprocess.PIPE, start_new_session=True)
time.sleep(600)
"""


def test_a_process_and_what_it_started_end_with_their_killed_owner():
    """Both hold the writing end of the pipe that is read here: its end is theirs."""
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"watching\n"
        process.kill()
        assert select.select([process.stdout], [], [], 60)[0]
        assert process.stdout.read() == b""


def test_input_that_is_still_open_ends_nothing():
    program = f"import runpy; runpy.run_path({owner.__file__!r})['watch'](); print('done')"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.read() == b"done\n"
        assert process.wait() == 0
