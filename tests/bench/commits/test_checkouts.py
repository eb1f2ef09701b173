"""Commits become folders: each with its own product, both with one suite, neither in another's place."""

import json
import subprocess

import pytest

from bench.commits import checkouts
from bench.commits.checkouts import check_out, known_cells, resolve
from bench.errors import SweepError
from bench.lane.settings import Settings
from bench.paths import ROOT
from bench.profiles import PROFILES
from tests.bench.cells import TINY, cell
from tests.bench.repositories import git


def text_of(folder, package: str) -> str:
    return (folder / package / "__init__.py").read_text()


def test_a_revision_is_resolved_to_a_commit(repository):
    commit = resolve("main~1", repository)
    assert commit.digits == git(repository, "rev-parse", "main~1")
    assert commit.name == commit.digits[:8]
    assert commit.subject == "The first | of two"
    assert commit.time.startswith("20")


def test_both_have_their_own_product_and_the_suite_of_the_gate(repository, tmp_path):
    for package in ("bench", "analysis"):
        (repository / package / "__init__.py").write_text("TEXT = 'not committed'\n")
    (repository / "bench" / ".#__init__.py").symlink_to("an editor's lock, which leads nowhere")
    for number, text in (("main~1", "first"), ("main", "second")):
        check_out(resolve(number, repository), tmp_path / text, repository, repository)
        assert text_of(tmp_path / text, "urnn") == f"TEXT = {text!r}\n"
        assert text_of(tmp_path / text, "bench") == "TEXT = 'not committed'\n"
        assert text_of(tmp_path / text, "analysis") == "TEXT = 'not committed'\n"
    assert git(repository, "worktree", "list").count("\n") == 0


def test_a_suite_of_its_own_is_left_in_place(repository, tmp_path):
    check_out(resolve("main~1", repository), tmp_path / "own", None, repository)
    assert text_of(tmp_path / "own", "bench") == "TEXT = 'first'\n"


def test_a_folder_that_cannot_be_written_is_one_sentence(repository, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SweepError, match=r"^cannot check out \w{8} into .*: (Not a directory|File exists)$"):
        check_out(resolve("main", repository), tmp_path / "file", repository, repository)


class TestProbe:
    SETTINGS = Settings(PROFILES["ci"], 1, "kept")
    OTHER = cell("gru:torch")

    def answer(self, monkeypatch, code: int = 0, error: str = "", **found: object) -> None:
        output = "a warning\n" + json.dumps(
            {"urnn": f"{ROOT}/urnn", "bench": f"{ROOT}/bench", "cells": [], **found}
        )
        done = subprocess.CompletedProcess([], code, output, error)
        monkeypatch.setattr(checkouts.children, "run", lambda *arguments: done)

    @pytest.mark.slow
    def test_the_real_one_knows_this_checkout(self):
        assert known_cells("head", self.SETTINGS, [TINY, self.OTHER]) == [TINY, self.OTHER]

    def test_cells_that_the_checkout_does_not_have_are_left_out(self, monkeypatch):
        self.answer(monkeypatch, cells=[self.OTHER.id])
        assert known_cells("base", self.SETTINGS, [TINY, self.OTHER]) == [self.OTHER]

    def test_a_product_that_does_not_fit_is_one_sentence(self, monkeypatch):
        self.answer(monkeypatch, 1, "Traceback\n  somewhere\nImportError: cannot import name 'MODELS'\n")
        message = r"^the suite does not run on base aa: ImportError: cannot import name 'MODELS'$"
        with pytest.raises(SweepError, match=message):
            known_cells("base aa", self.SETTINGS, [TINY])

    @pytest.mark.parametrize("output", ["", "no JSON\n", "[]\n", '{"urnn": 1}\n', '{"urnn": "a", "bench": "b"}\n'])
    def test_an_answer_that_is_none_is_one_sentence(self, monkeypatch, output):
        done = subprocess.CompletedProcess([], 0, output, "")
        monkeypatch.setattr(checkouts.children, "run", lambda *arguments: done)
        with pytest.raises(SweepError, match=r"^the suite of base gave no list of its cells; its last words: "):
            known_cells("base", self.SETTINGS, [TINY])

    @pytest.mark.parametrize("package", ["urnn", "bench"])
    def test_a_package_from_elsewhere_is_refused(self, monkeypatch, package):
        self.answer(monkeypatch, **{package: f"/elsewhere/{package}"})
        message = rf"^expected base to be measured from {ROOT}, got {package} from /elsewhere/{package}$"
        with pytest.raises(SweepError, match=message):
            known_cells("base", self.SETTINGS, [TINY])
