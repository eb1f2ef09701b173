"""Two runs at once are refused with who holds the machine; a holder that ends leaves nothing behind."""

import errno
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.errors import SweepError
from bench.machine import lock
from bench.machine.lock import lock_path, sole_run
from bench.processes import children, locks, scratch
from tests.forks import forked


@pytest.fixture(autouse=True)
def _own_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(lock, "place", scratch.place)


def test_a_second_run_is_refused_with_who_holds_it():
    message = (
        rf"^another run is measuring on this machine \(process {os.getpid()}, since \d\d:\d\d: main against a\); "
        r"two at once would measure each other\. Wait until it has ended, or end it\.$"
    )
    with sole_run("main against a"), pytest.raises(SweepError, match=message), sole_run("main against b"):
        pass


def test_the_machine_is_free_again_after_a_run_and_after_an_error():
    with pytest.raises(ValueError, match=r"^broken$"), sole_run("one"):
        raise ValueError("broken")
    with sole_run("a longer text than the next"):
        pass
    with sole_run("two"):
        assert lock_path().read_text().endswith('"what": "two"}')


class TestWhatIsNoLock:
    """Others may write to the folder of temporary files: what they put there is not written to or waited for."""

    def refused(self, reason: str) -> None:
        message = (
            rf"^cannot use the lock .*urnn-gate\.lock: {reason}; if it is another user's, only one .* in TMPDIR\.$"
        )
        with pytest.raises(SweepError, match=message):
            sole_run("one").__enter__()

    @pytest.fixture
    def file(self, tmp_path) -> Path:
        """A file that somebody wants to see cut to nothing."""
        path = tmp_path / "precious"
        path.write_text("a thesis")
        return path

    def test_a_symbolic_link_is_not_followed(self, file):
        lock_path().symlink_to(file)
        self.refused("it is a symbolic link")
        assert file.read_text() == "a thesis"

    def test_a_link_to_nothing_makes_no_file(self, tmp_path):
        lock_path().symlink_to(tmp_path / "new")
        self.refused("it is a symbolic link")
        assert not (tmp_path / "new").exists()

    def test_a_hard_link_is_not_written_to(self, file):
        lock_path().hardlink_to(file)
        self.refused("it has another name too, by a hard link")
        assert file.read_text() == "a thesis"

    def test_a_pipe_is_not_waited_for(self):
        os.mkfifo(lock_path())
        self.refused("it is no plain file")

    def test_a_folder(self):
        lock_path().mkdir()
        self.refused("Is a directory")

    def test_another_users_file(self, monkeypatch):
        lock_path().write_text("theirs")
        monkeypatch.setattr(os, "getuid", lambda: lock_path().stat().st_uid + 1)
        self.refused(rf"it belongs to user {lock_path().stat().st_uid}")
        assert lock_path().read_text() == "theirs"

    def test_no_folder_for_it(self, monkeypatch, tmp_path):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        self.refused("No such file or directory")

    def test_no_folder_for_temporary_files_at_all(self, monkeypatch):
        def none() -> str:
            raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

        monkeypatch.setattr(tempfile, "gettempdir", none)
        with pytest.raises(
            SweepError, match=r"^a folder for temporary files is needed \(No usable .*\); name one in TMPDIR$"
        ):
            sole_run("one").__enter__()


@pytest.mark.parametrize("note", [b"\xff\xfe", b"[" * 100_000, b"[]", b"{", b'{"pid": 1}'])
def test_a_note_that_cannot_be_read_is_no_error(note):
    with sole_run("one"):
        lock_path().write_bytes(note)
        with pytest.raises(SweepError, match=re.escape("(it has not said which)")), sole_run("two"):
            pass


class TestOrphan:
    """A measuring process that outlives its owner blocks the next run until it has ended."""

    @pytest.fixture
    def orphan(self, tmp_path):
        """A process that has the lock from an owner that was killed, with its guard; and a pipe to end it."""
        said, saying = os.pipe()
        ending, end = os.pipe()

        def owner() -> None:
            os.close(end)
            with sole_run("the owner"):
                kept = locks.inherited()
                assert len(kept) == 1
                command = f"import os; os.write({saying}, b'x'); os.read({ending}, 1)"
                subprocess.Popen([sys.executable, "-S", "-c", command], pass_fds=[saying, ending, *kept])
                signal.pause()

        with forked(owner) as process:
            os.close(ending)
            assert os.read(said, 1) == b"x"
            process.kill()
            yield end

    def test_a_retry_waits_until_it_has_ended(self, orphan):
        told = []

        def waiting(sentence: str) -> None:
            told.append(sentence)
            os.close(orphan)  # the orphan ends

        with sole_run("the retry", waiting):
            assert lock_path().read_text().endswith('"what": "the retry"}')
        assert re.fullmatch(
            r"waiting until another run has ended \(process \d+, since \d\d:\d\d: the owner\)", *told
        )

    def test_what_does_not_wait_is_refused(self, orphan):
        with pytest.raises(SweepError, match="another run is measuring on this machine"), sole_run("the retry"):
            pass
        os.close(orphan)


def test_a_child_and_its_guard_hold_the_lock(tmp_path):
    """Both are killed by their owner's end; until the last of them is gone, nobody else measures."""
    with sole_run("the owner"):
        (kept,) = locks.inherited()
        program = (
            f"import os; print(*(os.readlink(f'/proc/{{pid}}/fd/{kept}') for pid in (os.getpid(), os.getppid())))"
        )
        done = children.run([sys.executable, "-c", program], tmp_path, os.environ)
        assert done.stdout.split() == 2 * [str(lock_path())], done.stderr
    assert locks.inherited() == []
