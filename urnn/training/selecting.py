"""Units selected while a run trains: the ways there are, their settings, and what a log says of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from urnn.pruning import GroupLasso, MagnitudePruning, NeuronSelection, UnitarySelection
from urnn.pruning.baselines import LASSO_INPUT_MULTIPLIER, LASSO_UNIT_MULTIPLIER
from urnn.pruning.neurons import INPUT_MULTIPLIER, UNIT_MULTIPLIER
from urnn.pruning.selection import Selection

Value = float | int | None
GATES = "gates"  # what --select-neurons alone means
OPTIONS = {
    "input_multiplier": "--input-multiplier",
    "unit_multiplier": "--unit-multiplier",
    "gate_rate": "--gate-rate",
    "ramp": "--ramp",
    "keep_inputs": "--keep-inputs",
    "keep_units": "--keep-units",
    "cut_at": "--cut-at",
}


@dataclass(frozen=True)
class Way:
    """One way of choosing units.

    Attributes:
        models: model -> (rnn, multipliers by name) -> the gated net.
        defaults: the settings that it has, by their names in `Settings`; None stands for one that must be given.

    Example:
        >>> from urnn.training.selecting import WAYS
        >>> list(WAYS["magnitude"].defaults)
        ['keep_inputs', 'keep_units', 'cut_at']
    """

    models: Mapping[str, Callable[..., Selection]]
    defaults: Mapping[str, Value]


_RAMP: dict[str, Value] = {"ramp": 600}
_SIZE: dict[str, Value] = {"keep_inputs": None, "keep_units": None, "cut_at": 1000}
WAYS = {
    GATES: Way(
        {"lstm": NeuronSelection, "urnn": UnitarySelection},
        {"input_multiplier": INPUT_MULTIPLIER, "unit_multiplier": UNIT_MULTIPLIER, "gate_rate": 2e-2, **_RAMP},
    ),
    "magnitude": Way({"lstm": MagnitudePruning}, _SIZE),
    "group_lasso": Way(
        {"lstm": GroupLasso},
        {"input_multiplier": LASSO_INPUT_MULTIPLIER, "unit_multiplier": LASSO_UNIT_MULTIPLIER, **_RAMP, **_SIZE},
    ),
}


def filled(way: str | None, given: Mapping[str, Value]) -> dict[str, Value]:
    """The settings of a way of selection: those that are given, and defaults for the others that it has.

    Example:
        >>> from urnn.training.selecting import filled
        >>> filled("magnitude", {"keep_inputs": 6, "keep_units": 32})["cut_at"]
        1000
        >>> filled(None, {})["cut_at"] is None
        True
    """
    defaults = WAYS[way].defaults if way in WAYS else {}
    return {name: defaults.get(name) if given.get(name) is None else given[name] for name in OPTIONS}


def require(way: str | None, model: str, backend: str | None, given: Mapping[str, Value]) -> None:
    """Raises ValueError where these settings do not go together.

    Example:
        >>> from urnn.training.selecting import require
        >>> require("gates", "gru", None, {})
        Traceback (most recent call last):
        ValueError: --select-neurons gates selects units of lstm, urnn, got --model gru
    """
    if way is None:
        for name, option in OPTIONS.items():
            if given.get(name) is not None:
                raise ValueError(
                    f"{option} belongs to --select-neurons, which is missing; add it, or leave both out"
                )
        return
    if way not in WAYS:
        raise ValueError(f"--select-neurons must be one of {', '.join(WAYS)}, or alone for {GATES}, got {way!r}")
    models, defaults = WAYS[way].models, WAYS[way].defaults
    if model not in models:
        raise ValueError(f"--select-neurons {way} selects units of {', '.join(models)}, got --model {model}")
    if backend is not None:
        raise ValueError(
            f"--backend must be left out with --select-neurons, whose net runs in one way alone, got {backend!r}"
        )
    for name, option in OPTIONS.items():
        if name in defaults and given.get(name) is None:
            raise ValueError(f"--select-neurons {way} needs {option} N, how many are kept in the end")
        if name not in defaults and given.get(name) is not None:
            has = ", ".join(OPTIONS[own] for own in defaults)
            raise ValueError(f"--select-neurons {way} has no {option}; it has {has}")


def wrapped(way: str, model: str, rnn: Any, given: Mapping[str, Value]) -> Selection:
    """The net under gates, with the multipliers that it has.

    Example:
        >>> from torch import nn
        >>> from urnn.training.selecting import filled, wrapped
        >>> wrapped("gates", "lstm", nn.LSTM(3, 5), filled("gates", {"unit_multiplier": 2.0})).unit_multiplier
        2.0
    """
    names = [name for name in ("input_multiplier", "unit_multiplier") if name in WAYS[way].defaults]
    return WAYS[way].models[model](rnn, **{name: given[name] for name in names})


def require_cut(selection: Selection, given: Mapping[str, Value]) -> None:
    """Raises ValueError where a cut is to leave more than there is.

    Example:
        >>> from torch import nn
        >>> from urnn.pruning import MagnitudePruning
        >>> from urnn.training.selecting import require_cut
        >>> require_cut(MagnitudePruning(nn.LSTM(3, 5)), {"keep_inputs": 4, "keep_units": 5})
        Traceback (most recent call last):
        ValueError: --keep-inputs must be at most 3, as many as there are, got 4
    """
    there = {"keep_inputs": selection.input_size, "keep_units": selection.hidden_size}
    for name, most in there.items():
        keep = given[name]
        if keep is not None and keep > most:
            raise ValueError(f"{OPTIONS[name]} must be at most {most}, as many as there are, got {keep}")


def described(selection: Selection, outputs: int) -> dict[str, Any]:
    """What an evaluation's line says of it: inputs and units kept, and weights left, now and as gates expect.

    Of a uRNN it has the singular values of the matrix that is left too: the least, the mean and the largest, or
    None where nothing is left.

    Example:
        >>> from torch import nn
        >>> from urnn.pruning import MagnitudePruning
        >>> from urnn.training.selecting import described
        >>> described(MagnitudePruning(nn.LSTM(3, 5)), outputs=2)["parameters"]
        212
    """
    found = {
        "kept_inputs": selection.kept_inputs(),
        "kept_units": [len(units) for units in selection.kept_units()],
        "parameters": selection.weights_left(outputs),
        "expected_weights": selection.expected_weights(outputs),
    }
    if isinstance(selection, UnitarySelection):
        values = selection.singular_values()
        parts = (values.min(), values.mean(), values.max()) if len(values) else ()
        names = ("least", "mean", "largest")
        found["singular_values"] = dict(zip(names, map(float, parts), strict=True)) if parts else None
    return found
