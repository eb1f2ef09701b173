"""Files that are damaged, cut short or not files at all: refused by name, never opened, never overwritten."""

import json
import os
import random
import re
import signal
import sys
from types import SimpleNamespace

import pytest

from tests.forks import forked
from tests.urnn.training.tiny import hold_out_few, logged, run, same_bits
from urnn.training import checkpoint
from urnn.training.errors import TrainingError
from urnn.training.folder import owned
from urnn.training.log import Log

pytestmark = pytest.mark.usefixtures("few_held_out")

FLIPS = 100


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a small run; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patched:
        hold_out_few(patched)
        run(folder, hidden_size=4)
    return folder


@pytest.fixture
def path(trained, tmp_path):
    """A copy of its checkpoint, in a folder without a log."""
    copy = tmp_path / checkpoint.NAME
    copy.write_bytes((trained / checkpoint.NAME).read_bytes())
    return copy


def refusal(path) -> str:
    with pytest.raises(TrainingError) as caught:
        checkpoint.read(path)
    return str(caught.value)


class TestDamage:
    def test_one_flipped_bit_is_refused_wherever_it_is(self, path):
        """Every bit of the first line, where a flip may leave another right line, and some of all the rest."""
        whole = path.read_bytes()
        head = 8 * (whole.index(b"\n") + 1)
        rest = random.Random(0).sample(range(head, 8 * len(whole)), FLIPS)
        for bit in (*range(head), *rest):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            assert str(path) in refusal(path), f"bit {bit}"

    def test_what_is_cut_short_is_refused_wherever_it_ends(self, path):
        whole = path.read_bytes()
        for size in (*range(100), *range(100, len(whole), 997), len(whole) - 1):
            path.write_bytes(whole[:size])
            assert refusal(path).startswith(f"{path} is damaged or no checkpoint ("), f"{size} bytes"

    @pytest.mark.parametrize("more", [b"\0", b"\n", b"more"])
    def test_what_was_appended_to_is_refused(self, more, path):
        path.write_bytes(path.read_bytes() + more)
        assert refusal(path) == (
            f"{path} is damaged or no checkpoint (its checksum is wrong); {checkpoint.ADVICE}"
        )

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "it is empty"),
            (b"<html>", "its first line is not that of a checkpoint"),
            (b"\n", "its first line is not that of a checkpoint"),
            (bytes(5000), "its first line is not that of a checkpoint"),
        ],
    )
    def test_another_file_is_refused(self, content, why, path):
        path.write_bytes(content)
        assert refusal(path) == f"{path} is damaged or no checkpoint ({why}); {checkpoint.ADVICE}"

    def test_what_is_as_it_was_written_is_read(self, path, trained):
        assert same_bits(checkpoint.read(path), checkpoint.read(trained / checkpoint.NAME))


def put_in_its_place(path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "link to nothing":
        path.symlink_to("nothing")
    else:
        path.symlink_to(path.name)


NO_FILES = {
    "folder": "{} is a folder; remove it, or name another folder with --runs",
    "FIFO": "{} is no ordinary file; remove it, or name another folder with --runs",
    "link to nothing": "{} is a link to a file that is not there; remove it",
    "loop": "cannot read {} (Too many levels of symbolic links); remove it, or make it readable",
}


@pytest.mark.parametrize("kind", NO_FILES)
class TestNoFile:
    @pytest.mark.parametrize("name", ["checkpoint.pt", "log.jsonl"])
    def test_it_is_named_before_anything_is_written(self, name, kind, tmp_path):
        put_in_its_place(tmp_path / name, kind)
        with pytest.raises(TrainingError) as caught:
            run(tmp_path, hidden_size=4)
        assert str(caught.value) == NO_FILES[kind].format(tmp_path / name)
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_under_the_temporary_name_it_is_removed_or_named(self, kind, tmp_path):
        put_in_its_place(tmp_path / "checkpoint.pt.tmp", kind)
        if kind == "folder":
            with pytest.raises(TrainingError) as caught:
                run(tmp_path, hidden_size=4)
            assert str(caught.value).startswith(f"cannot write {tmp_path / 'checkpoint.pt'} (")
        else:
            assert run(tmp_path, hidden_size=4).outcome == "finished"

    def test_an_evaluation_is_not_written_into_it(self, kind, tmp_path):
        log = Log(tmp_path)
        put_in_its_place(log.path, kind)
        if kind == "link to nothing":  # and here the system makes the file
            log.append("evaluation", iteration=1)
            assert (tmp_path / "nothing").exists()
        else:
            with pytest.raises(TrainingError, match=r"log\.jsonl"):
                log.append("evaluation", iteration=1)


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder as a trial does, and never lets go."""
    reader, writer = os.pipe()

    def work() -> int:
        with owned(tmp_path):
            os.write(writer, b"held")
            while True:
                signal.pause()

    with forked(work) as child:
        os.close(writer)
        assert os.read(reader, 4) == b"held"
        os.close(reader)
        yield child


class TestHolding:
    def test_two_processes_never_hold_one_folder_and_the_second_learns_who_does(self, holder, tmp_path):
        with pytest.raises(TrainingError) as caught, owned(tmp_path):
            raise AssertionError("two hold it")
        assert re.fullmatch(
            rf"{re.escape(str(tmp_path))} is in use by process {holder.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d: "
            r".+; wait until it has ended, or end it",
            str(caught.value),
        )

    @pytest.mark.parametrize(
        ("spec", "command"),
        [
            (SimpleNamespace(name="urnn.training.__main__"), "python -m urnn.training copying"),
            (SimpleNamespace(name="urnn.coverage.__main__"), "python -m urnn.coverage copying"),
            (None, "urnn-train copying"),
        ],
    )
    def test_it_says_the_command_that_holds_it(self, spec, command, tmp_path, monkeypatch):
        monkeypatch.setattr(sys.modules["__main__"], "__spec__", spec)
        monkeypatch.setattr(sys, "argv", ["/usr/bin/urnn-train", "copying"])
        with owned(tmp_path):
            assert json.loads((tmp_path / "lock").read_bytes())["command"] == command

    def test_the_folder_of_a_killed_process_is_taken_over(self, holder, tmp_path):
        holder.kill()
        with owned(tmp_path) as require_own:
            require_own()
            assert json.loads((tmp_path / "lock").read_bytes())["pid"] == os.getpid()

    @pytest.mark.parametrize(
        "note", [b"", b"\n", b"\n{", b"\n5", b'\n{"pid": 1}', b"\n" + b"[" * 5000, b"\xff\xfe"]
    )
    def test_a_holder_that_has_not_said_who_it_is_holds_it_all_the_same(self, note, tmp_path):
        with owned(tmp_path):
            (tmp_path / "lock").write_bytes(note)
            with pytest.raises(
                TrainingError, match="in use by a process that has not said which it is; wait until"
            ):
                owned(tmp_path).__enter__()

    def test_a_long_command_is_cut(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["train", "x" * 10_000])
        with owned(tmp_path):
            assert len((tmp_path / "lock").read_bytes()) < 300


class TestLog:
    DAMAGED = (
        b"5",
        b"null",
        b"[]",
        b"{}",
        b"",
        b'{"kind": "evaluation"}',
        b'{"kind": "evaluation", "iteration": "4"}',
        b'{"kind": "evaluation", "iteration": true}',
        b'{"kind": ["end"], "iteration": 4}',
        b'{"kind": "end", "iteration": 4, "outcome": {}, "message": ""}',
        b'{"kind": "end", "iteration": 4, "outcome": "solved", "seconds": 1}',
        b'{"kind": "end", "iteration": 4, "outcome": "solved", "message": "", "seconds": "1"}',
        b'{"kind": "other", "iteration": 4}',
        b'{"kind": "evaluation", "iteration": 4',
        b'{"iteration": ' + b"1" * 5000 + b"}",
        b"[" * 20_000,
        b"\xff\xfe",
        "{}".encode("utf-16"),
    )

    @pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
    @pytest.mark.parametrize("place", ["middle", "end"])
    def test_a_damaged_line_is_left_out_and_told(self, line, place, trained, tmp_path, capsys):
        """Of a run that was interrupted; it goes on and ends as if nothing had been there."""
        path = tmp_path / "log.jsonl"
        (tmp_path / checkpoint.NAME).write_bytes((trained / checkpoint.NAME).read_bytes())
        whole = (trained / "log.jsonl").read_bytes().splitlines(keepends=True)
        at = {"middle": 2, "end": len(whole) - 1}[place]
        path.write_bytes(b"".join([*whole[:at], line + b"\n", *whole[at:-1]]))
        run(tmp_path, hidden_size=4)
        assert f"damaged lines of {path} are left out: {at + 1}\n" in capsys.readouterr().out
        assert logged(tmp_path) == logged(trained)

    def test_a_flipped_bit_is_no_traceback(self, trained, tmp_path):
        """Whatever it says then, it is a run that goes on or a sentence."""
        whole = (trained / "log.jsonl").read_bytes()
        log, refused = Log(tmp_path), set()
        for bit in random.Random(1).sample(range(8 * len(whole)), FLIPS):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            log.path.write_bytes(flipped)
            try:
                log.cut_after(9, {}, lambda iteration, evaluation: False)
            except TrainingError as error:
                refused.add(str(error))
            else:
                kinds = [json.loads(line)["kind"] for line in log.path.read_bytes().splitlines()]
                assert kinds[0] == "run"
                assert set(kinds[1:]) == {"evaluation"}
        assert refused == {f"{log.path} is missing or damaged beside a checkpoint; start over with --fresh"}

    def test_a_full_disk_is_a_sentence_and_what_was_there_is_still_read(self, tmp_path, limited_files):
        log = Log(tmp_path)
        log.start({"task": "copying"})
        before = log.lines()
        with limited_files(log.path.stat().st_size + 10), pytest.raises(TrainingError) as caught:
            log.append("evaluation", iteration=1, loss=0.5)
        assert str(caught.value) == f"cannot write {log.path} (File too large); the last checkpoint is kept"
        assert log.lines() == before
