"""The same code has the same identity, another line makes another."""

import pytest
import torch

from bench.identity import commit, source_digest
from tests.bench.repositories import git


@pytest.fixture
def checkout(tmp_path):
    for file, text in {"urnn/a.py": "a", "bench/meters/b.py": "b", "urnn/k.cpp": "k", "README.md": "r"}.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_digest_is_eight_hex_digits_and_the_same_again(checkout):
    digest = source_digest(checkout)
    assert len(digest) == 8
    assert int(digest, 16) >= 0
    assert source_digest(checkout) == digest


@pytest.mark.parametrize("file", ["urnn/a.py", "bench/meters/b.py", "urnn/k.cpp"])
def test_a_changed_line_of_measured_or_measuring_code_changes_it(checkout, file):
    before = source_digest(checkout)
    (checkout / file).write_text("changed")
    assert source_digest(checkout) != before


def test_a_new_and_a_renamed_file_change_it(checkout):
    digests = [source_digest(checkout)]
    (checkout / "bench" / "new.py").write_text("")
    digests.append(source_digest(checkout))
    (checkout / "bench" / "new.py").rename(checkout / "bench" / "newer.py")
    digests.append(source_digest(checkout))
    assert len(set(digests)) == 3


def test_an_editors_lock_is_no_code(checkout):
    before = source_digest(checkout)
    (checkout / "bench" / ".#b.py").symlink_to("somebody@somewhere.1234")
    assert source_digest(checkout) == before


@pytest.mark.parametrize("file", ["README.md", "tests/test_x.py", "urnn/__pycache__/a.cpython-311.pyc"])
def test_what_is_neither_measured_nor_measures_does_not(checkout, file):
    before = source_digest(checkout)
    (checkout / file).parent.mkdir(parents=True, exist_ok=True)
    (checkout / file).write_text("changed")
    assert source_digest(checkout) == before


def test_another_torch_another_python_or_another_machine_changes_it(checkout, monkeypatch):
    digests = [source_digest(checkout)]
    monkeypatch.setattr(torch, "__version__", "0.0.0")
    digests.append(source_digest(checkout))
    monkeypatch.setattr("platform.python_version", lambda: "0.0.0")
    digests.append(source_digest(checkout))
    monkeypatch.setattr("platform.node", lambda: "elsewhere")
    digests.append(source_digest(checkout))
    assert len(set(digests)) == 4


def test_the_commit_is_the_first_eight_digits_of_the_head(tmp_path):
    git(tmp_path, "init", "-q")
    assert commit(tmp_path) == "unversioned"
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    assert commit(tmp_path) == git(tmp_path, "rev-parse", "HEAD")[:8]


def test_outside_a_checkout_or_without_git_it_is_unversioned(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) == "unversioned"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path) == "unversioned"
