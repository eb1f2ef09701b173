"""The registry: every recurrent model of the suite, one row each, and the ladders that lead to the fastest.

Benchmarks, contract tests, tables and plots read these lists and no other: a model in them is measured, tested and
drawn. Adding one is adding a row. `MODELS` are in every report; `ZOO` are the other rivals, in the full grid and
wherever they are asked for; `SEARCHED` grow a cell of their own for every sample.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from urnn.backends import BACKENDS
from urnn.baselines import (
    EUNN,
    IRNN,
    LRU,
    FullCapacityURNN,
    MinGRU,
    OrthogonalModReLURNN,
    OrthogonalRNN,
    ResidualBlocks,
    orthogonal_modrelu,
)
from urnn.baselines.cells import CellLoop, torchrecurrent
from urnn.baselines.initialisation import Initialisation, chrono, forget_bias_one, orthogonal_recurrence
from urnn.baselines.native import NativeLSTM, by_backend
from urnn.baselines.orthogonal_modrelu import cayley_angles, henaff_angles, start_from_rotations
from urnn.baselines.slstm import SLSTMCell
from urnn.ladder import lstm as lstm_ladder
from urnn.ladder import unitary as urnn_ladder
from urnn.rnn import URNN
from urnn.rrnn import RRNN
from urnn.unitary import to_pair

Count = Callable[[int, int], int]  # (input_size, hidden_size) -> real parameters


@dataclass(frozen=True)
class Model:
    """One recurrent model.

    Attributes:
        name: the key in commands and result files: ASCII letters, digits and underscores.
        label: what tables and plots call it.
        family: "unitary", "orthogonal", "gated", "plain", "linear" (in its state), "oscillator" or "searched" (a
            cell of its own for every sample); orthogonal and unitary ones promise a norm-preserving recurrent
            matrix, which the contract tests check. "ladder" for the rungs of an optimisation ladder.
        build: (input_size, hidden_size, **options) -> module that is called like nn.RNN and returns
            (output, state); options: batch_first, device, dtype, and backend where there are several.
        state_per_unit: real numbers carried from one time step to the next, for each hidden unit.
        output_per_unit: real numbers in an output step, for each hidden unit.
        parameters: (input_size, hidden_size) -> how many real parameters the module has.
        last_output: (output, state) as a module returns them -> the last layer's output at the last step,
            (B, features). A loss that reads it from the state spares its model a gradient as large as the output.
        recurrent_matrix: module -> its recurrent matrix, where orthogonality or unitarity is promised.
        slow_parameters: module -> the parameters that can be given a smaller learning rate: its authors train
            them so, or an error in them grows with every step that applies them.
        initialisations: name -> what overwrites a new module's first values with others that are published for
            this model; its own are nameless.
        backends: the ways it can be run, where they differ in speed. "torch" is the way that torch chooses,
            "native" the same without oneDNN and cuDNN, "eager" a loop over time in Python.
        runs_on: (backend, device) -> whether that backend is made for that kind of device.
        backend_labels: backend -> what tables and plots call it, where that is not its name.

    Raises:
        ValueError: a name that no cell or file can have.

    Example:
        >>> from torch import nn
        >>> from urnn.models import Model
        >>> count = lambda m, n: 3 * n * (m + n + 2)
        >>> gru = Model("gru", "GRU", "gated", nn.GRU, state_per_unit=1, parameters=count)
        >>> gru.parameters_of(input_size=2, hidden_size=5, num_layers=1)
        135
        >>> sum(p.numel() for p in gru.build(2, 5).parameters())
        135
    """

    name: str
    label: str
    family: str
    build: Callable[..., nn.Module]
    state_per_unit: int
    parameters: Count
    output_per_unit: int = 1
    last_output: Callable[[Any, Any], Tensor] = lambda output, state: state[-1]
    recurrent_matrix: Callable[[Any], Tensor] | None = None
    slow_parameters: Callable[[Any], Iterable[nn.Parameter]] = lambda rnn: ()
    initialisations: Mapping[str, Initialisation] = field(default_factory=dict)
    backends: tuple[str, ...] = ("torch",)
    runs_on: Callable[[str, str], bool] = lambda backend, device: True
    backend_labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_]+", self.name):
            raise ValueError(
                "a model's name must be ASCII letters, digits and underscores, since cells and files are named "
                f"after it, got {self.name!r}"
            )

    def parameters_of(self, input_size: int, hidden_size: int, num_layers: int) -> int:
        """Real parameters of layers stacked, each reading the output of the one below."""
        above = self.parameters(self.output_per_unit * hidden_size, hidden_size)
        return self.parameters(input_size, hidden_size) + (num_layers - 1) * above


def _gated(gates: int) -> Count:
    """Parameters of torch's RNN family: each gate has two matrices and two biases."""
    return lambda m, n: gates * n * (m + n + 2)


_ROTATIONS: dict[str, Initialisation] = {
    "henaff": lambda rnn, length: start_from_rotations(rnn, henaff_angles),
    "cayley_angles": lambda rnn, length: start_from_rotations(rnn, cayley_angles),
}


def _orthogonal(name: str, label: str, orthogonal_map: str) -> Model:
    return Model(
        name,
        label,
        "orthogonal",
        partial(OrthogonalRNN, orthogonal_map=orthogonal_map),
        state_per_unit=1,
        parameters=lambda m, n: n * (m + n + 1),
        recurrent_matrix=lambda rnn: rnn.Q,
        slow_parameters=lambda rnn: rnn.recurrent.parameters(),
        initialisations=_ROTATIONS,
    )


MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            "urnn",
            "uRNN",
            "unitary",
            URNN,
            state_per_unit=2,
            output_per_unit=2,
            last_output=lambda output, state: to_pair(state[-1]),
            # theta 3n, v 4n, V 2nm, b n, h_0 2n
            parameters=lambda m, n: n * (2 * m + 10),
            recurrent_matrix=lambda rnn: rnn.layers[0].W.dense(),
            slow_parameters=lambda rnn: [p for layer in rnn.layers for p in (*layer.W.parameters(), layer.b)],
            backends=tuple(BACKENDS),
            runs_on=lambda backend, device: device in BACKENDS[backend].devices,
            backend_labels={"reference": "eager reference", "cpu": "fused kernel", "cuda": "fused CUDA kernel"},
        ),
        Model(
            "lstm",
            "nn.LSTM",
            "gated",
            by_backend({"torch": nn.LSTM, "native": NativeLSTM}),
            state_per_unit=2,
            parameters=_gated(4),
            last_output=lambda output, state: state[0][-1],
            initialisations={"forget_bias_one": forget_bias_one, "chrono": chrono},
            backends=("torch", "native"),
            backend_labels={"torch": "as torch runs it", "native": "without oneDNN and cuDNN"},
        ),
        Model(
            "gru",
            "nn.GRU",
            "gated",
            nn.GRU,
            state_per_unit=1,
            parameters=_gated(3),
            initialisations={"chrono": chrono},
        ),
        Model(
            "rnn_tanh",
            "nn.RNN (tanh)",
            "plain",
            nn.RNN,
            state_per_unit=1,
            parameters=_gated(1),
            initialisations={"orthogonal": orthogonal_recurrence},
        ),
        Model("irnn", "IRNN", "plain", IRNN, state_per_unit=1, parameters=_gated(1)),
        _orthogonal("ortho_matrix_exp", "Orthogonal RNN (matrix exp)", "matrix_exp"),
        _orthogonal("ortho_cayley", "Orthogonal RNN (Cayley)", "cayley"),
        _orthogonal("ortho_householder", "Orthogonal RNN (Householder)", "householder"),
    )
}


_EAGER = {"eager": "eager loop"}


def _modrelu(name: str, label: str, orthogonal_map: str) -> Model:
    return replace(
        _orthogonal(name, label, orthogonal_map),
        build=partial(OrthogonalModReLURNN, orthogonal_map=orthogonal_map),
        backends=orthogonal_modrelu.BACKENDS,
        runs_on=lambda backend, device: backend == "eager" or device == "cpu",
        backend_labels={"cpu": "kernel", **_EAGER},
    )


def _ring(least: float, most: float) -> Initialisation:
    return lambda rnn, length: rnn.start_on_ring(least, most)


def _blocks_of(name: str, label: str, layer: Model, blocks: int = 2) -> Model:
    """Residual blocks of a linear layer; see `urnn.baselines.residual`."""
    wide = layer.output_per_unit
    # encoder n (m + 1), in each block norm 2n, layer, mixer 2n (wide n + 1), and the last norm 2n
    return Model(
        name,
        label,
        layer.family,
        partial(ResidualBlocks, layer=layer.build, blocks=blocks, layer_outputs=wide),
        state_per_unit=blocks * layer.state_per_unit,
        parameters=lambda m, n: (
            n * (m + 1) + blocks * (2 * n + layer.parameters(n, n) + 2 * n * (wide * n + 1)) + 2 * n
        ),
        last_output=lambda output, state: output[-1],
        slow_parameters=lambda rnn: [parameter for one in rnn.layers for parameter in layer.slow_parameters(one)],
        initialisations={name: _in_every_block(start) for name, start in layer.initialisations.items()},
    )


def _in_every_block(start: Initialisation) -> Initialisation:
    def start_all(rnn: Any, length: int) -> None:
        for layer in rnn.layers:
            start(layer, length)

    return start_all


def _unitary(name: str, label: str, build: Callable[..., nn.Module], parameters: Count) -> Model:
    return Model(
        name,
        label,
        "unitary",
        build,
        state_per_unit=2,
        output_per_unit=2,
        parameters=parameters,
        last_output=lambda output, state: to_pair(state[-1]),
        recurrent_matrix=lambda rnn: rnn.W,
        slow_parameters=lambda rnn: [p for name, p in rnn.named_parameters() if name != "V"],
        backends=("eager",),
        backend_labels=_EAGER,
    )


def _looped(name: str, label: str, family: str, parameters: Count, parts: int = 2) -> Model:
    return Model(
        name,
        label,
        family,
        torchrecurrent(name),
        state_per_unit=parts,
        parameters=parameters,
        last_output=_first_part if parts > 1 else lambda output, state: state[-1],
        backends=("eager",),
        backend_labels=_EAGER,
    )


def _first_part(output: Any, state: Any) -> Tensor:
    return state[0][-1]


_LRU = Model(
    "lru",
    "LRU",
    "linear",
    LRU,
    state_per_unit=2,
    output_per_unit=2,
    parameters=lambda m, n: n * (2 * m + 3),
    slow_parameters=lambda rnn: (rnn.nu, rnn.angle, rnn.gamma),
    initialisations={
        "ring_0.99": _ring(0.99, 0.999),
        "ring_0.995": _ring(0.995, 0.9999),
        "ring_0": _ring(0.0, 0.999),
    },
)
_MINGRU = Model("mingru", "minGRU", "linear", MinGRU, state_per_unit=1, parameters=lambda m, n: 2 * n * (m + 1))

ZOO: dict[str, Model] = {
    model.name: model
    for model in (
        _modrelu("exprnn", "expRNN", "matrix_exp"),
        _modrelu("scornn", "scoRNN", "cayley"),
        _modrelu("modrelu_householder", "Orthogonal modReLU RNN (Householder)", "householder"),
        _LRU,
        _blocks_of("lru_blocks", "LRU, 2 blocks", _LRU),
        _MINGRU,
        _blocks_of("mingru_blocks", "minGRU, 2 blocks", _MINGRU),
        Model(
            "slstm",
            "sLSTM",
            "gated",
            partial(CellLoop, cell=SLSTMCell, parts=4),
            state_per_unit=4,
            parameters=lambda m, n: 4 * n * (m + n + 1),
            last_output=_first_part,
            backends=("eager",),
            backend_labels=_EAGER,
        ),
        # V 2nm, b n, and a skew-Hermitian matrix of n^2 real numbers
        _unitary("full_urnn", "Full-capacity uRNN", FullCapacityURNN, lambda m, n: n * (2 * m + 1) + n * n),
        # V 2nm, b n, the phases n, two layers of rotations 2 (n - 1)
        _unitary("eunn", "EUNN (capacity 2)", EUNN, lambda m, n: n * (2 * m + 4) - 2),
        _looped("cornn", "coRNN", "oscillator", lambda m, n: n * (m + 2 * n + 3)),
        _looped("unicornn", "UnICORNN", "oscillator", lambda m, n: n * (m + 3)),
        _looped("lem", "LEM", "gated", lambda m, n: n * (4 * m + 4 * n + 8)),
        _looped("indrnn", "IndRNN", "plain", lambda m, n: n * (m + 3), parts=1),
    )
}

# Too slow for the sweeps of the others, with sequences of 100 steps and more; they have a profile of their own.
SEARCHED: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            "rrnn",
            "RRNN",
            "searched",
            RRNN,
            state_per_unit=1,
            parameters=RRNN.parameters_of,
            backends=("eager",),
            backend_labels=_EAGER,
        ),
    )
}


def every() -> dict[str, Model]:
    """All models that can be chosen by name.

    Example:
        >>> from urnn import models
        >>> len(models.every()) == len(models.MODELS) + len(models.ZOO) + len(models.SEARCHED)
        True
    """
    return MODELS | ZOO | SEARCHED


# What each stage of an optimisation is worth: one model, its backends the rungs. Measured, but no model to choose.
LADDERS: dict[str, Model] = {
    model.name: model
    for model in (
        replace(
            MODELS["urnn"],
            name="urnn_ladder",
            label="uRNN ladder",
            family="ladder",
            build=urnn_ladder.build,
            recurrent_matrix=None,
            backends=tuple(urnn_ladder.RUNGS),
            runs_on=lambda rung, device: device in urnn_ladder.RUNGS[rung].devices,
            backend_labels={
                "op_by_op": "op by op",
                "real_pairs": "real pairs",
                "materialised": "dense W",
                "hoisted_input": "input hoisted",
                "fused_step": "one kernel a step",
                "whole_sequence": "one kernel a sequence",
                "wavefront": "layers as a wavefront",
            },
        ),
        replace(
            MODELS["lstm"],
            name="lstm_ladder",
            label="LSTM ladder",
            family="ladder",
            build=lstm_ladder.build,
            backends=tuple(lstm_ladder.RUNGS),
            runs_on=lambda rung, device: rung != "streams" or device == "cuda",
            backend_labels={
                "naive": "one product a gate",
                "grouped_gates": "gates grouped",
                "streams": "two streams",
                "fused_pointwise": "pointwise ops fused",
                "transposed_weights": "weights transposed",
                "batched_input": "input batched over time",
                "batched_weight_gradient": "weight gradient batched",
                "wavefront": "layers as a wavefront",
                "nn_lstm": "nn.LSTM, the ceiling",
            },
        ),
    )
}


def get(name: str) -> Model:
    """The row of that name.

    Raises:
        ValueError: no such model; the message lists those there are.

    Example:
        >>> from urnn import models
        >>> models.get("lstm").label
        'nn.LSTM'
        >>> models.get("elman")
        Traceback (most recent call last):
        ValueError: unknown model 'elman'; the registry (urnn/models.py) has: urnn, lstm, gru, ...
    """
    known = every()
    if name not in known:
        raise ValueError(f"unknown model {name!r}; the registry (urnn/models.py) has: {', '.join(known)}")
    return known[name]
