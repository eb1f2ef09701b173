"""The wheel in an environment that holds its requirements and nothing else, used from another folder.

The requirements are links to the packages of this interpreter, so that nothing is fetched and no torch is copied.
"""

import importlib.metadata
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.package.conftest import ROOT, Built

pytestmark = pytest.mark.slow

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
    around["URNN_CACHE"] = str(folder / "cache")
    return subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True, check=False)


def test_the_layer_works_alone(environment: Path, tmp_path: Path):
    done = run(
        [str(environment / "bin" / "python"), "-W", "error", "-c", USE, str(ROOT), str(environment)], tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "used\n", "")


def test_its_command_names_the_extra_that_is_missing(environment: Path, tmp_path: Path):
    done = run([str(environment / "bin" / "urnn-train"), "copying"], tmp_path)
    sentence = "error: the package rich is missing; pip install 'urnn[training]' has it\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)
