"""A run's temporary folder goes with it, and what killed runs have left goes with the next one."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.errors import SweepError
from bench.machine.lock import sole_run
from bench.paths import ROOT
from bench.processes.scratch import KINDS, held, locks, remove_dead, scratch_folder, temporary_files

OWNER = """
import os, time
from bench.processes.guard import descendants
from bench.processes.scratch import scratch_folder
with scratch_folder("history") as folder:
    (folder / "checkout").mkdir()
    (folder / "checkout" / "file").write_text("")
    print(folder, *descendants(os.getpid()), flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize("ending", [None, ValueError, KeyboardInterrupt])
def test_a_folder_is_removed_however_the_run_ends(tmp_path, ending):
    expected = pytest.raises(ending) if ending else held(tmp_path)
    with expected, scratch_folder("gate") as folder:
        (folder / "file").touch()
        assert folder.stat().st_mode & 0o777 == 0o700
        if ending:
            raise ending
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_and_its_keeper_leave_is_removed_by_the_next_and_a_living_ones_is_not(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], env=environment, stdout=subprocess.PIPE, text=True
    ) as owner:
        path, keeper = owner.stdout.readline().split()
        folder = Path(path)
        assert folder.parent == tmp_path
        os.kill(int(keeper), signal.SIGKILL)
        with sole_run("the next"):
            assert (folder / "checkout" / "file").exists()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert folder.exists()
        with sole_run("the one after"):
            assert not folder.exists()


def test_what_is_not_a_folder_of_ones_own_stays(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    (tmp_path / "urnn-gate-link").symlink_to(elsewhere)
    (tmp_path / "urnn-gate-file").touch()
    (tmp_path / "urnn-other-folder").mkdir()
    with sole_run("one"):
        pass
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"elsewhere", "urnn-gate-link", "urnn-gate-file", "urnn-other-folder"}
    assert (elsewhere / "file").exists()
    theirs = tmp_path / "urnn-gate-theirs"
    theirs.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: theirs.stat().st_uid + 1)
    remove_dead([theirs])
    assert theirs.exists()


def test_a_new_folder_is_not_a_leftover_nor_are_those_of_others(tmp_path):
    dead, other = tmp_path / "urnn-sweep-dead", tmp_path / "urnn-other"
    for path in (dead, other):
        path.mkdir()
    (dead / "log").touch()
    with scratch_folder("sweep") as first, scratch_folder("sweep") as second:
        assert first != second
        assert set(tmp_path.iterdir()) == {first, second, other}
        assert len(locks()) == 2
    assert list(tmp_path.iterdir()) == [other]
    assert locks() == []


def test_one_that_another_run_takes_for_a_leftover_is_made_again(tmp_path, monkeypatch):
    made, make = [], tempfile.mkdtemp

    def taken_once(**options) -> str:
        made.append(make(**options))
        if len(made) == 1:
            remove_dead([Path(made[0])])
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", taken_once)
    with scratch_folder("gate") as folder:
        assert [str(folder)] == made[1:]
        assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_cannot_be_kept_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(SweepError, match=r"^cannot make a temporary folder in .*: No such file or directory$"):
        scratch_folder("gate").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_compilers_are_led_there_unless_a_socket_in_it_would_have_too_long_a_name():
    short, long = Path("/tmp/urnn-sweep-a"), Path("/tmp") / ("\N{EURO SIGN}" * 20)
    assert temporary_files(short)["TMPDIR"] == str(short)
    assert "TMPDIR" not in temporary_files(long)
    for folder in (short, long):
        assert Path(temporary_files(folder)["TORCHINDUCTOR_CACHE_DIR"]).parent == folder


def test_every_kind_is_looked_for(tmp_path):
    for kind in KINDS:
        (tmp_path / f"urnn-{kind}-dead").mkdir()
    with sole_run("one"):
        assert list(tmp_path.iterdir()) == []


def test_no_room_is_a_sentence(tmp_path):
    shutil.rmtree(tmp_path)
    with pytest.raises(SweepError, match=r"^cannot make a temporary folder in .*: No such file or directory$"):
        scratch_folder("gate").__enter__()
