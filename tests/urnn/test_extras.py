"""A package that is missing is named, with the command that installs it."""

import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

from urnn import extras

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def take_away(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for loaded in [one for one in sys.modules if one.startswith((f"{module}.", "urnn.spectral"))]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize(("module", "package"), [("scipy", "scipy"), ("sklearn", "scikit-learn")])
def test_the_estimator_without_a_package_that_it_needs(module, package, monkeypatch):
    take_away(module, monkeypatch)
    sentence = (
        f"urnn.spectral needs {package}, which is not installed; "
        "install it in the checkout of urnn: pip install '.[spectral]'"
    )
    with pytest.raises(ModuleNotFoundError, match=f"^{re.escape(sentence)}$") as raised:
        importlib.import_module("urnn.spectral")
    assert raised.value.name.startswith(module)


def test_a_module_of_our_own_that_is_missing_keeps_its_message(monkeypatch):
    take_away("urnn.spectral.moments", monkeypatch)
    with pytest.raises(ModuleNotFoundError, match=r"import of urnn\.spectral\.moments halted"):
        importlib.import_module("urnn.spectral")


@pytest.mark.parametrize("extra", ["spectral", "training", "zoo"])
def test_the_extras_that_are_named_are_there(extra):
    assert extra in tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    assert extras.how_to_install(extra).endswith(f"pip install '.[{extra}]'")
