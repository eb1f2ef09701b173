"""The wheel and the sdist: what is in them, whether an index would take them, and that the wheel works alone.

They are built once, from a copy of the files that git knows. The wheel is installed beside links to the packages
that it requires, and no others, so that nothing is fetched and no torch is copied; it is used from another folder.
"""

import configparser
import importlib
import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import urnn
from tests.package.conftest import ROOT, tracked_files
from urnn.backends.cpu import build

pytestmark = pytest.mark.slow
SOURCES = {".py", ".cpp", ".cu", ".h", ".toml", ".typed"}
# As pip does it: it asks for the metadata first, and hands them to the build.
BUILD_EDITABLE = """
import sys
from setuptools import build_meta
folder = sys.argv[1]  # setuptools writes a command of its own into sys.argv
metadata = build_meta.prepare_metadata_for_build_editable(folder)
build_meta.build_editable(folder, metadata_directory=folder + "/" + metadata)
"""
USE = """
import importlib.util, pathlib, sys
import torch, urnn

root, environment = map(pathlib.Path, sys.argv[1:])
assert environment in pathlib.Path(urnn.__file__).parents, urnn.__file__
assert not any(pathlib.Path(folder).is_relative_to(root) for folder in sys.path if folder), sys.path
for absent in ("bench", "analysis", "jaxtyping", "pandas", "rich", "sklearn"):
    assert importlib.util.find_spec(absent) is None, absent

torch.manual_seed(0)
fused = urnn.URNN(input_size=3, hidden_size=8, dtype=torch.float64)
reference = urnn.URNN(input_size=3, hidden_size=8, backend="reference", dtype=torch.float64)
reference.load_state_dict(fused.state_dict())
x = torch.randn(5, 2, 3, dtype=torch.float64)
gradients = []
for layer in (fused, reference):
    output, _ = layer(x)
    output.square().sum().backward()
    gradients.append([output.detach(), *(parameter.grad for parameter in layer.parameters())])
for ours, truth in zip(*gradients, strict=True):
    torch.testing.assert_close(ours, truth)
built = list((pathlib.Path.cwd() / "cache").rglob("*.so"))
assert built, "no kernel was compiled"
print("used")
"""


@dataclass(frozen=True)
class Built:
    """A copy of the checkout's files, and what was built in it."""

    source: Path
    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist from a copy of the checkout, and the wheel from that sdist alone."""
    folder = tmp_path_factory.mktemp("package")
    source, target = folder / "source", folder / "dist"
    for path in tracked_files():
        if path.parts[0] not in ("reports", "tests"):
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, source / path)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = target.glob("*.tar.gz"), target.glob("*.whl")
    return Built(source, sdist, wheel)


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
    assert set(found.get_all("Provides-Extra")) == {"training", "zoo", "spectral", "suite", "fleet", "dev"}
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


def requirements_of(name: str, extra: str = "") -> set[str]:
    """The names of the distributions that `name` needs here, itself included."""
    found, open_ends = set(), {name}
    while open_ends:
        one = open_ends.pop()
        found.add(one)
        wanted = map(Requirement, importlib.metadata.requires(one) or ())
        needed = {each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": extra})}
        open_ends |= needed - found
    return found


def link(name: str, folder: Path) -> None:
    """Puts the distribution's modules and metadata into `folder`, as links."""
    distribution = importlib.metadata.distribution(name)
    for part in {path.parts[0] for path in distribution.files} - {"..", "__pycache__"}:
        (folder / part).symlink_to(distribution.locate_file(part))


@pytest.fixture(scope="module")
def environment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and its requirements."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps"]
    subprocess.run([*command, "--quiet", str(built.wheel)], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name in requirements_of("urnn") - {"urnn"}:
        link(name, packages)
    return folder


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    around = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "URNN"))}
    around |= {"URNN_CACHE": str(folder / "cache"), "URNN_INSTRUCTION_SET": "baseline"}
    if found := build.compiler():  # without optimising, which takes most of the time; tests/urnn has it optimised
        unoptimised = folder / "unoptimised"
        unoptimised.write_text(f'#!/bin/sh\nexec {shlex.join(found)} "$@" -O0\n')
        unoptimised.chmod(0o755)
        around["CXX"] = str(unoptimised)
    return subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True, check=False)


def test_the_layer_works_alone(environment: Path, tmp_path: Path):
    done = run(
        [str(environment / "bin" / "python"), "-W", "error", "-c", USE, str(ROOT), str(environment)], tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "used\n", "")


def test_its_command_names_the_extra_that_is_missing(environment: Path, tmp_path: Path):
    done = run([str(environment / "bin" / "urnn-train"), "copying"], tmp_path)
    sentence = "error: psutil is not installed; install it in the checkout of urnn: pip install '.[training]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)


def test_so_does_the_estimator(environment: Path, tmp_path: Path):
    done = run([str(environment / "bin" / "python"), "-c", "import urnn.spectral"], tmp_path)
    sentence = (
        "ModuleNotFoundError: urnn.spectral needs scipy, which is not installed; "
        "install it in the checkout of urnn: pip install '.[spectral]'"
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, sentence)
