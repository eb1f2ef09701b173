"""Every public class and function of `urnn` has an example in its docstring, and every example is right."""

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import urnn

# Called through what is public, and by nothing else.
INTERNAL = ("urnn.backends", "urnn.arguments", "urnn.checks")
# The files of the command `python -m urnn.coverage`.
INTERNAL += tuple(f"urnn.coverage.{name}" for name in ("__main__", "command", "journal", "trained"))
# The command and its files: a user calls `python -m urnn.training`. What trains is used from Python too.
TRAINS = (
    "anatomy",
    "goals",
    "network",
    "optimisers",
    "presets",
    "problems",
    "seeds",
    "settings",
    "streams",
    "trainer",
)


def modules() -> Iterator[ModuleType]:
    yield urnn
    for found in pkgutil.walk_packages(urnn.__path__, "urnn."):
        _, _, trains = found.name.partition("urnn.training.")
        if not found.name.startswith(INTERNAL) and (not trains or trains in TRAINS):
            yield importlib.import_module(found.name)


def public(module: ModuleType) -> Iterator[tuple[str, object]]:
    """What a module defines under a name without an underscore, and what a package exports."""
    for name, value in vars(module).items():
        here = getattr(value, "__module__", None) == module.__name__ or name in getattr(module, "__all__", ())
        if not name.startswith("_") and here and (inspect.isclass(value) or callable(value)):
            yield name, value


PUBLIC = {
    f"{value.__module__}.{value.__qualname__}": value
    for module in modules()
    for name, value in public(module)
    if value.__module__.startswith("urnn")
}


@pytest.mark.parametrize("name", PUBLIC)
def test_it_has_an_example(name):
    assert ">>> " in (PUBLIC[name].__doc__ or ""), f"{name} has no example in its docstring"


@pytest.mark.parametrize("name", PUBLIC)
def test_its_examples_are_right(name):
    """Each docstring alone: it imports what it uses, so that a reader can paste it."""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    told: list[str] = []
    for test in doctest.DocTestFinder().find(PUBLIC[name], name, module=False, globs={}):
        runner.run(test, out=told.append)
    assert runner.failures == 0, "".join(told)


def test_the_layer_the_matrix_and_the_models_are_among_them():
    assert {
        "urnn.rnn.URNN",
        "urnn.unitary.UnitaryMatrix",
        "urnn.activations.modrelu",
        "urnn.models.get",
        "urnn.baselines.irnn.IRNN",
        "urnn.ladder.lstm.StagedLSTM",
        "urnn.tasks.copying.Copying",
        "urnn.training.trainer.Trainer",
    } <= PUBLIC.keys()
