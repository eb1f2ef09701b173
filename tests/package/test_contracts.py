"""The contracts of `[tool.importlinter]` hold, and each is one that can be broken."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.package.conftest import ROOT, tracked_files

pytestmark = pytest.mark.slow

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
NAMES = {contract["id"]: contract["name"] for contract in CONTRACTS}
# Contract -> a module, and what it must not import.
PLANTED = {
    "floors": ("urnn/unitary.py", "analysis.vocabulary"),
    "urnn": ("urnn/tasks/copying.py", "urnn.training.seeds"),
    "analysis": ("analysis/vocabulary.py", "analysis.errors"),
    "bench": ("bench/grid.py", "bench.gate"),
    "no-torch": ("analysis/markdown.py", "torch"),
    "measuring": ("bench/test_step_time.py", "analysis.documents"),
    "standard-library": ("analysis/command_line.py", "pandas"),
    "engine": ("bench/fleet/engine/work.py", "torch"),
    "layer": ("urnn/rnn.py", "rich"),
}


def lint(folder: Path, *options: str) -> str:
    """What import-linter says about the three packages in `folder`."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"]
    done = subprocess.run(
        [*command, "--no-cache", *options], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return " ".join(done.stdout.split())


def test_every_contract_has_an_import_that_breaks_it():
    assert PLANTED.keys() == NAMES.keys()


@pytest.fixture(scope="module")
def with_planted_imports(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("planted")
    for path in tracked_files():
        if path.suffix == ".py" and path.parts[0] in ("urnn", "bench", "analysis"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    shutil.copy2(ROOT / "pyproject.toml", folder)
    for name, imported in PLANTED.values():
        path = folder / name
        path.write_text(f"{path.read_text()}\nimport {imported}\n")
    return lint(folder)


def test_the_contracts_hold():
    assert f"Contracts: {len(NAMES)} kept, 0 broken." in lint(ROOT)


@pytest.mark.parametrize("contract", PLANTED)
def test_an_import_against_a_contract_breaks_it(contract: str, with_planted_imports: str):
    assert f"{NAMES[contract]} BROKEN" in with_planted_imports
    module, imported = PLANTED[contract]
    assert f"{module.removesuffix('.py').replace('/', '.')} -> {imported} (l." in with_planted_imports
