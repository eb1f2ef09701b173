"""A results file is whole at every moment, taken up again where it ended, and refused where it is not one."""

import errno
import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from pytest_benchmark.utils import get_machine_id

from analysis.vocabulary import NOT_PLANNED, RUN_FORMAT
from bench.errors import ResultsError
from bench.run_file import HALF_WRITTEN, LOCK, RunFile, sole_writer, write_atomically
from tests.forks import forked

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

    @pytest.mark.parametrize("step", ["open", "fsync", "rename"])
    def test_a_full_disk_leaves_the_old_file_whole_and_nothing_else(self, tmp_path, monkeypatch, step):
        path = tmp_path / "file.json"
        path.write_text("old")

        def no_space(*_arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(*(Path, "replace") if step == "rename" else (os, step), no_space)
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

    def test_it_is_on_the_disk_before_it_is_renamed_and_the_rename_before_it_returns(self, tmp_path, monkeypatch):
        steps, fsync, rename = [], os.fsync, Path.replace
        monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("fsync"), fsync(descriptor)))
        monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append("rename"), rename(self, to)))
        write_atomically(tmp_path / "file.json", "text")
        assert steps == ["fsync", "rename", "fsync"]

    def test_what_a_killed_process_left_or_a_link_in_its_place_is_not_written_through(self, tmp_path):
        other = tmp_path / "other"
        other.write_text("not mine")
        (tmp_path / f".{os.getpid()}.tmp").symlink_to(other)
        write_atomically(tmp_path / "file.json", "text")
        assert other.read_text() == "not mine"
        assert sorted(os.listdir(tmp_path)) == ["file.json", "other"]

    def test_machines_that_share_a_folder_write_beside_each_other(self, tmp_path, monkeypatch):
        names, rename = [], Path.replace
        monkeypatch.setattr(Path, "replace", lambda self, to: (names.append(self.name), rename(self, to)))
        for writer in ("", "one", "two"):
            write_atomically(tmp_path / "file.json", writer, writer)
        assert len(set(names)) == 3
        assert all(HALF_WRITTEN.fullmatch(name) for name in names)

    def test_the_longest_name_that_a_file_can_have_is_written(self, tmp_path):
        path = tmp_path / ("n" * 250 + ".json")
        write_atomically(path, "text")
        assert path.read_text() == "text"

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
        assert content["run"] == {"format": RUN_FORMAT, **CONDITIONS, "outcomes": []}
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
        assert last.stored() == 3
        assert last.path.read_text() == json.dumps(again.content) == json.dumps(last.content)
        assert last.content["run"]["outcomes"] == [
            {"cell": "b", "pass": 1, "model": "lstm", "outcome": "killed", "message": "why"}
        ]

    @pytest.mark.parametrize("second", ["figure", "outcome"])
    def test_what_its_surroundings_made_fail_is_measured_again_and_then_stands_alone(self, tmp_path, second):
        run_file(tmp_path).add_outcome("b", {"pass": 1}, "failed", "BuildError: no compiler", again=True)
        again = run_file(tmp_path)
        assert again.measured() == set()
        assert again.content["run"]["outcomes"][0]["message"] == "BuildError: no compiler"
        if second == "figure":
            again.add_benchmark(entry("b"))
        else:
            again.add_outcome("b", {"pass": 1}, "failed", "ValueError: no such size")
        last = run_file(tmp_path)
        assert last.measured() == {("b", 1)}
        assert last.stored() == 1

    def test_what_is_not_planned_is_stored_once_and_can_be_measured_all_the_same(self, tmp_path):
        file = run_file(tmp_path)
        file.add_benchmark(entry("a"))
        for _ in range(2):
            file.add_not_planned([(name, {"pass": 1}, "Too long.") for name in "ab"])
        again = run_file(tmp_path)
        assert again.content["run"]["outcomes"] == [
            {"cell": "b", "pass": 1, "outcome": NOT_PLANNED, "message": "Too long."}
        ]
        assert again.measured() == {("a", 1)}
        again.add_benchmark(entry("b"))
        assert run_file(tmp_path).content["run"]["outcomes"] == []

    def test_the_newest_of_ten_thousand_is_found_by_its_number(self, tmp_path):
        run_file(tmp_path).add_benchmark(entry("a"))
        first = run_file(tmp_path).path
        for name in ("9999_n.json", "10000_n.json"):
            first.with_name(name).write_bytes(first.read_bytes())
        assert run_file(tmp_path).path.name == "10000_n.json"
        assert run_file(tmp_path, fresh=True).path.name == "10001_n.json"

    def test_a_file_that_someone_changes_during_the_run_is_left_as_it_is(self, tmp_path):
        file = run_file(tmp_path)
        file.add_benchmark(entry("a"))
        file.path.write_text("by hand")
        expected = (
            rf"^{re.escape(str(file.path))} was changed by someone else while it was written to, so it was left"
        )
        with pytest.raises(ResultsError, match=expected):
            file.add_benchmark(entry("b"))
        assert file.path.read_text() == "by hand"

    def test_of_two_writers_the_second_is_refused_and_loses_nothing_of_the_first(self, tmp_path):
        first, second = run_file(tmp_path), run_file(tmp_path)
        first.add_benchmark(entry("a"))
        with pytest.raises(ResultsError, match="was changed by someone else"):
            second.add_benchmark(entry("b"))
        assert run_file(tmp_path).measured() == {("a", 1)}

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
            rf"^{re.escape(str(path))}: expected complete JSON, but it is cut off or damaged at .* column \d+; "
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

    @pytest.mark.parametrize(
        ("place", "spoil"),
        [
            ("benchmarks", lambda content: content.pop("benchmarks")),
            ("benchmarks", lambda content: content.update(benchmarks={})),
            ("benchmarks[1]", lambda content: content["benchmarks"].append(1)),
            (
                "benchmarks[1].params.cell_id",
                lambda content: content["benchmarks"].append({"params": {}, "extra_info": {}}),
            ),
            (
                "benchmarks[0].params.cell_id",
                lambda content: content["benchmarks"][0]["params"].update(cell_id=["a"]),
            ),
            ("run.outcomes", lambda content: content["run"].pop("outcomes")),
            ("run.outcomes", lambda content: content["run"].update(outcomes=None)),
            (
                "run.outcomes[0].outcome",
                lambda content: content["run"]["outcomes"].append(
                    {"cell": "a", "pass": 1, "outcome": 1, "message": ""}
                ),
            ),
        ],
    )
    def test_a_file_that_lacks_a_part_is_refused_and_kept(self, tmp_path, place, spoil):
        run_file(tmp_path).add_benchmark(entry("a"))
        file = run_file(tmp_path)
        spoil(file.content)
        text = json.dumps(file.content)
        file.path.write_text(text)
        expected = (
            rf"^{re.escape(str(file.path))}: expected {re.escape(place)} to be .+, got .+; "
            r"move it away, or start a new file with --fresh\.$"
        )
        with pytest.raises(ResultsError, match=expected):
            run_file(tmp_path)
        assert file.path.read_text() == text

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("deep", "expected JSON as programs write it, but it is nested too deeply"),
            ("long number", "expected JSON as programs write it, but it holds a number of 5000 digits"),
            ("pipe", "expected a file, got a pipe"),
            ("folder", "expected a file, got a folder"),
            ("loop", r"cannot be read \(Too many levels of symbolic links\)"),
            ("nowhere", r"cannot be read \(No such file or directory\)"),
        ],
    )
    def test_what_cannot_be_read_as_a_file_is_refused_at_once(self, tmp_path, kind, reason):
        path = tmp_path / get_machine_id() / "0001_n.json"
        path.parent.mkdir()
        make = {
            "deep": lambda: path.write_text("[" * 100_000),
            "long number": lambda: path.write_text("1" * 5000),
            "pipe": lambda: os.mkfifo(path),
            "folder": path.mkdir,
            "loop": lambda: path.symlink_to(path),
            "nowhere": lambda: path.symlink_to(tmp_path / "missing"),
        }
        make[kind]()
        expected = rf"^{re.escape(str(path))}: {reason}; move it away, or start a new file with --fresh\.$"
        with pytest.raises(ResultsError, match=expected):
            run_file(tmp_path)
        with pytest.raises(ResultsError, match=expected):
            RunFile.at(path, CONDITIONS)

    def test_a_byte_order_mark_is_no_fault(self, tmp_path):
        run_file(tmp_path).add_benchmark(entry("a"))
        path = run_file(tmp_path).path
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert run_file(tmp_path).measured() == {("a", 1)}

    def test_bytes_that_are_no_text_are_refused(self, tmp_path):
        path = tmp_path / get_machine_id() / "0001_n.json"
        path.parent.mkdir()
        path.write_bytes(b"\xff\xfe\x80")
        with pytest.raises(ResultsError, match="expected JSON text in UTF-8, got other bytes; "):
            run_file(tmp_path)

    def test_a_figure_that_cannot_be_stored_leaves_those_before(self, tmp_path, monkeypatch):
        file = run_file(tmp_path)
        file.add_benchmark(entry("a"))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "disk gone")))
            with pytest.raises(ResultsError, match=": disk gone; what was measured before is kept"):
                file.add_benchmark(entry("b"))
        assert run_file(tmp_path).measured() == {("a", 1)}


class TestSoleWriter:
    def test_the_second_is_told_who_holds_the_folder_and_a_killed_one_lets_go(self, tmp_path):
        reader, writer = os.pipe()

        def hold() -> None:
            sys.argv = ["holder", str(tmp_path)]
            with sole_writer(tmp_path):
                os.write(writer, b"held")
                signal.pause()

        with forked(hold) as holder:
            os.close(writer)
            assert os.read(reader, 4) == b"held"
            os.close(reader)
            expected = (
                rf"^another process writes results into {re.escape(str(tmp_path))} "
                rf"\(process {holder.pid}, since \d\d:\d\d: holder {re.escape(str(tmp_path))}\); two at once "
                r"would lose each other's\. Wait until it has ended, end it, or choose another folder with "
                r"--results\.$"
            )
            with pytest.raises(ResultsError, match=expected), sole_writer(tmp_path):
                pass
            holder.kill()
            with sole_writer(tmp_path):
                pass

    def test_what_a_killed_writer_left_half_written_is_removed_and_nothing_else(self, tmp_path):
        kept = [tmp_path / "models.json", tmp_path / ".mine.tmp", tmp_path / "vm" / "0001_n.json"]
        half = [tmp_path / ".123.tmp", tmp_path / "vm" / ".0001_n.json.77.tmp"]
        (tmp_path / "vm").mkdir()
        for path in (*kept, *half):
            path.write_text("{")
        with sole_writer(tmp_path):
            found = {path for path in tmp_path.rglob("*") if path.is_file()}
        assert found == {*kept, tmp_path / LOCK}

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("link", "it is a symbolic link"),
            ("second name", "it has another name too, by a hard link"),
            ("pipe", "it is no plain file"),
        ],
    )
    def test_a_lock_that_is_no_plain_file_is_refused_and_what_it_leads_to_stays(self, tmp_path, kind, reason):
        other = tmp_path / "other"
        other.write_text("not mine")
        lock = tmp_path / LOCK
        make = {"link": lambda: lock.symlink_to(other), "pipe": lambda: os.mkfifo(lock)}
        make.get(kind, lambda: lock.hardlink_to(other))()
        expected = rf"^cannot write {re.escape(str(lock))}: {reason}; "
        with pytest.raises(ResultsError, match=expected), sole_writer(tmp_path):
            pass
        assert other.read_text() == "not mine"

    def test_a_lock_that_another_user_of_the_folder_has_made_is_used(self, tmp_path, monkeypatch):
        with sole_writer(tmp_path):
            pass
        monkeypatch.setattr(os, "getuid", lambda: (tmp_path / LOCK).stat().st_uid + 1)
        with sole_writer(tmp_path), pytest.raises(ResultsError), sole_writer(tmp_path):
            pass  # the first holds it, so a second is refused

    def test_a_folder_that_is_a_file_is_named(self, tmp_path):
        (tmp_path / "file").write_text("")
        expected = r"^expected a folder for results, got .*/file, which is a file; choose .* --results\.$"
        with pytest.raises(ResultsError, match=expected), sole_writer(tmp_path / "file"):
            pass

    def test_a_name_that_is_too_long_is_a_sentence(self, tmp_path):
        with pytest.raises(ResultsError, match=r": File name too long; "), sole_writer(tmp_path / ("n" * 300)):
            pass
