"""A results file is whole at every moment, taken up again where it ended, and refused where it is not one."""

import errno
import json
import os
import re
from pathlib import Path

import pytest
from pytest_benchmark.utils import get_machine_id

from bench.store import FORMAT, ResultsError, RunFile, write_atomically

CONDITIONS = {"profile": "quick", "threads": 1, "allocator": "kept"}
ADVICE = "Free space or choose another folder with --results, and run the same command again."


def entry(cell_id: str, sweep_pass: int = 1) -> dict:
    return {"params": {"cell_id": cell_id}, "extra_info": {"pass": sweep_pass}, "stats": {"data": [0.1]}}


def run_file(results: Path, name: str = "n", *, fresh: bool = False) -> RunFile:
    return RunFile.open(results, name, CONDITIONS, fresh=fresh)


class TestWriteAtomically:
    def test_it_makes_the_folder_and_replaces_the_file(self, tmp_path):
        path = tmp_path / "a" / "b" / "file.json"
        write_atomically(path, "old")
        write_atomically(path, "new")
        assert path.read_text() == "new"
        assert os.listdir(path.parent) == ["file.json"]

    @pytest.mark.parametrize(
        ("step", "left"), [("write_text", 0), ("write_text", 3), ("replace", 3)], ids=["open", "half", "rename"]
    )
    def test_a_full_disk_leaves_the_old_file_whole_and_nothing_else(self, tmp_path, monkeypatch, step, left):
        path = tmp_path / "file.json"
        path.write_text("old")

        def no_space(self, text):
            if step == "write_text" and left:
                with open(self, "w") as half:
                    half.write(text[:left])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

        monkeypatch.setattr(Path, step, no_space)
        message = (
            rf"^cannot write {re.escape(str(path))}: No space left on device; "
            rf"what was measured before is kept\. {re.escape(ADVICE)}$"
        )
        with pytest.raises(ResultsError, match=message):
            write_atomically(path, "newer")
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["file.json"]

    def test_an_interrupt_in_the_middle_leaves_the_old_file_whole_and_nothing_else(self, tmp_path, monkeypatch):
        path = tmp_path / "file.json"
        path.write_text("old")
        monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, "newer")
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["file.json"]

    def test_a_folder_that_cannot_be_made_is_named_with_the_reason(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(ResultsError, match=r"^cannot write .*models\.json: Not a directory; .*--results"):
            write_atomically(tmp_path / "file" / "results" / "models.json", "")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_is_not_ones_own_is_named_with_the_reason(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(ResultsError, match=r"^cannot write .*file\.json: Permission denied; .*--results"):
            write_atomically(tmp_path / "file.json", "")
        tmp_path.chmod(0o700)


class TestRunFile:
    def test_a_new_one_is_numbered_1_and_written_with_its_first_figure(self, tmp_path):
        file = run_file(tmp_path)
        assert file.path == tmp_path / get_machine_id() / "0001_n.json"
        assert not file.path.exists()
        file.add_benchmark(entry("a"))
        content = json.loads(file.path.read_text())
        assert content["run"] == {"format": FORMAT, **CONDITIONS, "outcomes": []}
        assert content["benchmarks"] == [entry("a")]
        assert content.keys() >= {"machine_info", "commit_info", "datetime", "version"}

    def test_the_same_name_goes_on_with_the_same_file(self, tmp_path):
        run_file(tmp_path).add_benchmark(entry("a"))
        again = run_file(tmp_path)
        assert again.measured() == {("a", 1)}
        again.add_benchmark(entry("a", 2))
        again.add_outcome("b", {"pass": 1, "model": "lstm"}, "killed", "why")
        last = run_file(tmp_path)
        assert last.path == again.path
        assert last.measured() == {("a", 1), ("a", 2), ("b", 1)}
        assert last.content["run"]["outcomes"] == [
            {"cell": "b", "pass": 1, "model": "lstm", "outcome": "killed", "message": "why"}
        ]

    def test_fresh_starts_another_file_and_leaves_the_first_as_it_is(self, tmp_path):
        run_file(tmp_path).add_benchmark(entry("a"))
        fresh = run_file(tmp_path, fresh=True)
        assert fresh.path.name == "0002_n.json"
        assert fresh.measured() == set()
        fresh.add_benchmark(entry("b"))
        assert len(list(tmp_path.rglob("*.json"))) == 2
        assert run_file(tmp_path).path == fresh.path, "the newest one is gone on with"

    def test_another_name_gets_the_next_number_whoever_wrote_the_last(self, tmp_path):
        run_file(tmp_path).add_benchmark(entry("a"))
        (tmp_path / get_machine_id() / "0041_by_hand.json").write_text("{")
        assert run_file(tmp_path, "other").path.name == "0042_other.json"
        assert run_file(tmp_path).path.name == "0001_n.json"

    @pytest.mark.parametrize("text", ["", '{"benchmarks": [', "\x00\x00", "no JSON at all"])
    def test_a_truncated_file_is_refused_and_kept(self, tmp_path, text):
        run_file(tmp_path).add_benchmark(entry("a"))
        path = run_file(tmp_path).path
        path.write_text(text)
        expected = (
            rf"^{re.escape(str(path))} is not a whole JSON file \(.+\); "
            r"move it away, or start a new file with --fresh\.$"
        )
        with pytest.raises(ResultsError, match=expected):
            run_file(tmp_path)
        assert path.read_text() == text
        assert run_file(tmp_path, fresh=True).path.name == "0002_n.json"

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            ({"benchmarks": []}, "None"),
            ({"run": {"format": 2}}, "2"),
            ({"run": {}}, "None"),
            ({"run": None}, "None"),
            ({"run": [1]}, "None"),
            ([1, 2], "None"),
            ("text", "None"),
        ],
    )
    def test_another_format_is_refused_by_its_number(self, tmp_path, content, found):
        path = tmp_path / get_machine_id() / "0001_n.json"
        write_atomically(path, json.dumps(content))
        expected = (
            rf"^expected {re.escape(str(path))} to be of format 1, got {found}; "
            r"move it away, or start a new file with --fresh\.$"
        )
        with pytest.raises(ResultsError, match=expected):
            run_file(tmp_path)

    def test_bytes_that_are_no_text_are_refused(self, tmp_path):
        path = tmp_path / get_machine_id() / "0001_n.json"
        path.parent.mkdir()
        path.write_bytes(b"\xff\xfe\x80")
        with pytest.raises(ResultsError, match="is not a whole JSON file"):
            run_file(tmp_path)

    def test_a_figure_that_cannot_be_stored_leaves_those_before(self, tmp_path, monkeypatch):
        file = run_file(tmp_path)
        file.add_benchmark(entry("a"))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "disk gone")))
            with pytest.raises(ResultsError, match=": disk gone; what was measured before is kept"):
                file.add_benchmark(entry("b"))
        assert run_file(tmp_path).measured() == {("a", 1)}
