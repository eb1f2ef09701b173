"""A report appears whole or not at all, whatever fails and whenever, and replaces nothing but a report."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.pages import atomic_folder as writing
from analysis.pages.atomic_folder import MANIFEST, replacing_folder, write_file

EARLIER = Path(__file__).parent / "earlier_report"


def write_report(folder: Path, text: str = "earlier") -> None:
    """A report of one page and one figure."""
    with replacing_folder(folder) as staging:
        (staging / "index.html").write_text(text)
        (staging / "figures").mkdir()
        (staging / "figures" / "speed.svg").write_text("<svg/>")


@pytest.fixture
def previous(tmp_path):
    """A folder that holds an earlier report."""
    write_report(tmp_path / "latest")
    return tmp_path / "latest"


def assert_untouched(folder: Path, *others: str) -> None:
    assert (folder / "index.html").read_text() == "earlier"
    assert sorted(path.name for path in folder.parent.iterdir()) == sorted([folder.name, *others])


def assert_refused(folder: Path | str, words: str) -> None:
    with pytest.raises(AnalysisError, match=words), replacing_folder(folder):
        raise AssertionError("the report was drawn before the folder was refused")


def test_a_report_lists_its_files_and_is_replaced_whole(previous):
    listed = json.loads((previous / MANIFEST).read_text())
    assert listed == {
        "written_by": "python -m analysis",
        "format": 1,
        "files": ["figures/speed.svg", "index.html"],
    }
    with replacing_folder(previous) as folder:
        (folder / "index.html").write_text("new")
    assert sorted(path.name for path in previous.iterdir()) == ["index.html", MANIFEST]
    assert (previous / "index.html").read_text() == "new"
    assert [path.name for path in previous.parent.iterdir()] == ["latest"]


@pytest.mark.parametrize("exchange", [True, False])
def test_both_ways_of_replacing_leave_the_new_report_alone(previous, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(writing, "_exchanged", lambda *_: False)
    write_report(previous, "new")
    assert (previous / "index.html").read_text() == "new"
    assert [path.name for path in previous.parent.iterdir()] == ["latest"]


@pytest.mark.parametrize("name", ["notes.txt", "figures/mine.png", ".hidden"])
def test_a_users_file_beside_the_report_is_kept_and_named(previous, name):
    (previous / name).write_text("years of work")
    assert_refused(
        previous, rf"holds what no report wrote \({name}\); move that elsewhere or give another folder\."
    )
    assert (previous / name).read_text() == "years of work"
    assert_untouched(previous)


def test_several_files_of_a_user_are_counted(previous):
    for name in ("a", "b", "c"):
        (previous / name).mkdir()
    assert_refused(previous, r"holds what no report wrote \(a and 2 others\)")


def test_a_file_that_comes_while_the_report_is_drawn_is_kept(previous):
    def draw() -> None:
        with replacing_folder(previous) as folder:
            (folder / "index.html").write_text("new")
            (previous / "notes.txt").write_text("years of work")

    with pytest.raises(AnalysisError, match=r"notes\.txt"):
        draw()
    assert (previous / "notes.txt").exists()
    assert_untouched(previous)


def test_a_link_in_the_report_is_a_users(previous, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("")
    (previous / "figures" / "link").symlink_to(tmp_path / "elsewhere")
    assert_refused(previous, "figures/link")
    assert (tmp_path / "elsewhere" / "file").exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"name": "a web page"}', '{"written_by": "python -m analysis", "format": 2, "files": []}'],
)
def test_a_list_that_is_damaged_or_anothers_is_no_licence(previous, text):
    (previous / MANIFEST).write_text(text)
    assert_refused(previous, "is not empty and holds no report; give an empty or a new folder")
    assert_untouched(previous)


def test_somebody_elses_page_is_not_replaced(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<!DOCTYPE html>\n<p>My homepage</p>")
    assert_refused(tmp_path / "site", "is not empty and holds no report")


EARLIER_FILES = ("report.md", "figures/levels.png", "figures/levels.svg", "measurements.csv")


@pytest.fixture
def earlier(tmp_path) -> Path:
    """A folder as a version wrote it that made no list of its files, with that version's page."""
    folder = tmp_path / "old"
    (folder / "figures").mkdir(parents=True)
    (folder / "index.html").write_bytes((EARLIER / "index.html").read_bytes())
    for name in EARLIER_FILES:
        (folder / name).write_text("")
    return folder


def test_the_report_of_an_earlier_version_is_known(earlier):
    write_report(earlier, "new")
    assert (earlier / "index.html").read_text() == "new"
    assert not (earlier / "report.md").exists()


def test_an_earlier_versions_report_with_a_users_file_is_kept(earlier):
    (earlier / "figures" / "holiday.png").write_text("")
    assert_refused(earlier, r"holds what no report wrote \(figures/holiday\.png\)")


@pytest.mark.parametrize("given", [".", "", "..", "../..", "/"])
def test_the_current_folder_and_those_above_it_are_refused(given, tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert_refused(given, "expected a folder for the report alone, got the current folder or one above it")
    assert (tmp_path / "a" / "b").exists()


def test_the_home_folder_is_refused_even_if_it_is_empty(tmp_path, monkeypatch):
    (tmp_path / "me").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert_refused(tmp_path / "me", "got your home folder or one above it; name a new folder in it")
    assert_refused(tmp_path, "got your home folder or one above it")


def test_without_a_home_a_report_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    write_report(tmp_path / "new")
    assert (tmp_path / "new" / "index.html").exists()


def test_a_link_to_a_report_stays_and_leads_to_the_new_one(previous, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(previous)
    write_report(link, "new")
    assert link.is_symlink()
    assert (link / "index.html").read_text() == "new"


def test_a_link_to_another_folder_is_refused(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years of work")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    assert_refused(tmp_path / "link", "is not empty and holds no report")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert_refused(tmp_path / "loop", "got a symbolic link to itself")


def test_a_full_disk_leaves_the_previous_report(previous):
    def fill() -> None:
        with replacing_folder(previous) as folder:
            (folder / "index.html").write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(AnalysisError, match=r"No space left on device\)\. The previous report is unchanged\."):
        fill()
    assert_untouched(previous)


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_a_crash_leaves_the_previous_report_and_no_rubbish(previous, fault):
    def crash() -> None:
        with replacing_folder(previous) as folder:
            (folder / "index.html").write_text("half")
            raise fault

    with pytest.raises(fault):
        crash()
    assert_untouched(previous)


KILLED = """
import os, signal
from analysis.pages.atomic_folder import replacing_folder
with replacing_folder({target!r}) as folder:
    (folder / "index.html").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_what_a_killed_run_left_is_removed_by_the_next_and_a_living_ones_is_not(previous):
    subprocess.run([sys.executable, "-c", KILLED.format(target=str(previous))], check=False)
    left = [path.name for path in previous.parent.iterdir() if path.name.endswith(".partial")]
    assert len(left) == 1
    assert_untouched(previous, *left)
    os.utime(previous.parent / left[0], times=(0, time.time() - writing.ABANDONED - 1))
    with replacing_folder(previous) as living:
        assert sorted(path.name for path in previous.parent.iterdir()) == sorted(["latest", living.name])
        write_report(previous, "other")
        assert living.exists()
        (living / "index.html").write_text("new")
    assert (previous / "index.html").read_text() == "new"
    assert [path.name for path in previous.parent.iterdir()] == ["latest"]


def test_a_failing_second_rename_puts_the_previous_report_back(previous, monkeypatch):
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(writing, "_exchanged", lambda *_: False)
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(AnalysisError, match="Input/output error"), replacing_folder(previous) as folder:
        (folder / "index.html").write_text("new")
    assert_untouched(previous)


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert_refused(tmp_path, "is not empty and holds no report")
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_in_the_place_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(tmp_path / "file", "expected a folder for the report, got a file")


def test_an_unwritable_place_is_one_sentence(tmp_path, monkeypatch):
    def refuse(**_: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(writing.tempfile, "mkdtemp", refuse)
    assert_refused(tmp_path / "new", r"cannot be written \(Permission denied\)\.$")


ODD_NAMES = ["n" * 5000, "a\0b", "\udcff\ud800"]


@pytest.mark.parametrize("name", ODD_NAMES, ids=["long", "NUL", "surrogate"])
def test_an_odd_name_is_one_printable_sentence(name, tmp_path):
    for refused in (
        lambda: assert_refused(tmp_path / name, "cannot be written"),
        lambda: refused_file(tmp_path / name),
    ):
        refused()
    assert list(tmp_path.iterdir()) == []


def refused_file(target: Path) -> None:
    with pytest.raises(AnalysisError, match="cannot be written") as error:
        write_file(target, "text")
    assert str(error.value).isprintable()
    assert len(str(error.value)) <= 1000


def test_a_file_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(tmp_path / "file" / "latest", "cannot be written")


def test_a_text_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "table.csv"
    write_file(target, "one")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing.os, "replace", refuse)
    with pytest.raises(AnalysisError, match="No space left on device"):
        write_file(target, "two")
    assert target.read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_text_file_is_written_through_a_link_and_never_over_a_folder_or_a_device(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "table.csv")
    write_file(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "table.csv").read_text() == "text"
    os.mkfifo(tmp_path / "pipe")
    for place, got in (
        (tmp_path, "a folder"),
        (tmp_path / "pipe", "a device or a pipe"),
        ("/dev/null", "a device"),
    ):
        with pytest.raises(AnalysisError, match=f"expected the name of a file to write, got {got}"):
            write_file(place, "text")
    assert Path("/dev/null").is_char_device()
