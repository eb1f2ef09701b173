"""A report appears whole or not at all, whatever fails and whenever."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.report import writing
from analysis.report.writing import replacing_folder, write_file


@pytest.fixture
def previous(tmp_path):
    """A folder that holds an earlier report."""
    folder = tmp_path / "latest"
    folder.mkdir()
    (folder / "index.html").write_text("earlier")
    return folder


def assert_untouched(folder: Path) -> None:
    assert (folder / "index.html").read_text() == "earlier"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_report_replaces_the_previous_one_whole(previous):
    (previous / "stale.txt").write_text("old")
    with replacing_folder(previous) as folder:
        (folder / "index.html").write_text("new")
    assert [path.name for path in previous.iterdir()] == ["index.html"]
    assert (previous / "index.html").read_text() == "new"
    assert [path.name for path in previous.parent.iterdir()] == ["latest"]


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


def test_a_failing_second_rename_puts_the_previous_report_back(previous, monkeypatch):
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(AnalysisError, match="Input/output error"), replacing_folder(previous) as folder:
        (folder / "index.html").write_text("new")
    assert_untouched(previous)


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(AnalysisError, match="is not empty and holds no report"), replacing_folder(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_in_the_place_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(AnalysisError, match="expected a folder for the report, got a file"),
        replacing_folder(tmp_path / "file"),
    ):
        pass


def test_an_unwritable_place_is_one_sentence(tmp_path, monkeypatch):
    def refuse(**_: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(writing.tempfile, "mkdtemp", refuse)
    with (
        pytest.raises(AnalysisError, match=r"cannot be written \(Permission denied\)\.$"),
        replacing_folder(tmp_path / "new"),
    ):
        pass


def test_a_file_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AnalysisError, match="cannot be written"), replacing_folder(tmp_path / "file" / "latest"):
        pass


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
