"""What is in the wheel and the sdist, and whether an index would take them."""

import configparser
import importlib
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import urnn
from tests.package.conftest import ROOT, Built, tracked_files

pytestmark = pytest.mark.slow
SOURCES = {".py", ".cpp", ".cu", ".h", ".typed"}
# As pip does it: it asks for the metadata first, and hands them to the build.
BUILD_EDITABLE = """
import sys
from setuptools import build_meta
folder = sys.argv[1]  # setuptools writes a command of its own into sys.argv
metadata = build_meta.prepare_metadata_for_build_editable(folder)
build_meta.build_editable(folder, metadata_directory=folder + "/" + metadata)
"""


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def text_in(wheel: Path, end: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(end)]
        return archive.read(name).decode()


def commands_of(wheel: Path) -> dict[str, str]:
    parsed = configparser.ConfigParser()
    parsed.read_string(text_in(wheel, ".dist-info/entry_points.txt"))
    return dict(parsed["console_scripts"])


def test_the_wheel_holds_every_source_of_the_layer_and_nothing_else(built: Built):
    inside = {name for name in names(built.wheel) if ".dist-info/" not in name}
    wanted = {path.as_posix() for path in tracked_files() if path.parts[0] == "urnn" and path.suffix in SOURCES}
    assert inside == wanted


def test_the_wheel_says_what_it_is(built: Built):
    found = HeaderParser().parsestr(text_in(built.wheel, ".dist-info/METADATA"))
    assert (found["Name"], found["Version"]) == ("urnn", urnn.__version__)
    assert found["License-Expression"] == "MIT"
    assert found["Requires-Python"] == ">=3.11"
    assert set(found.get_all("Provides-Extra")) == {"training", "suite", "dev"}
    assert text_in(built.wheel, ".dist-info/licenses/LICENSE") == (ROOT / "LICENSE").read_text()


def test_the_sdist_has_what_a_reader_of_a_release_looks_for(built: Built):
    with tarfile.open(built.sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert inside >= {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "docs/layer.md"}
    assert not any(name.startswith(("reports/", "bench/", "analysis/", "tests/")) for name in inside)


@pytest.mark.parametrize(
    "command", [["twine", "check", "--strict", "SDIST", "WHEEL"], ["validate_pyproject", "PYPROJECT"]]
)
def test_an_index_would_take_it(built: Built, command: list[str]):
    places = {"SDIST": built.sdist, "WHEEL": built.wheel, "PYPROJECT": ROOT / "pyproject.toml"}
    line = [sys.executable, "-m", *(str(places.get(word, word)) for word in command)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_has_the_layers_command_and_an_editable_install_the_suites_as_well(built: Built, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", BUILD_EDITABLE, str(tmp_path)], cwd=built.source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (editable,) = tmp_path.glob("*.whl")
    assert set(commands_of(built.wheel)) == {"urnn-train"}
    assert set(commands_of(editable)) == {"urnn-train", "urnn-bench", "urnn-report"}
    for target in commands_of(editable).values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
