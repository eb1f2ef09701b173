"""The registry: every recurrent model of the suite, one row each, and the ladders that lead to the fastest.

Benchmarks, contract tests, tables and plots read this list and no other: a model in it is measured, tested and
drawn. Adding one is adding a row.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from urnn.backends import BACKENDS
from urnn.baselines import IRNN, OrthogonalRNN
from urnn.ladder import lstm as lstm_ladder
from urnn.ladder import unitary as urnn_ladder
from urnn.rnn import URNN
from urnn.unitary import to_pair


@dataclass(frozen=True)
class Model:
    """One recurrent model.

    Attributes:
        name: the key in commands and result files.
        label: what tables and plots call it.
        family: "unitary", "orthogonal", "gated" or "plain"; orthogonal and unitary ones promise a
            norm-preserving recurrent matrix, which the contract tests check. "ladder" for the rungs of an
            optimisation ladder.
        build: (input_size, hidden_size, **options) -> module that is called like nn.RNN and returns
            (output, state); options: batch_first, device, dtype, and backend where there are several.
        state_per_unit: real numbers carried from one time step to the next, for each hidden unit.
        output_per_unit: real numbers in an output step, for each hidden unit.
        parameters: (input_size, hidden_size) -> how many real parameters the module has.
        last_output: the state that a module returns -> the last layer's output at the last step, (B, features).
            A loss that reads it alone spares its model a gradient as large as the whole output.
        recurrent_matrix: module -> its recurrent matrix, where orthogonality or unitarity is promised.
        slow_parameters: module -> the parameters that can be given a smaller learning rate: its authors train
            them so, or an error in them grows with every step that applies them.
        backends: the ways it can be run; ("torch",) where torch's kernels are the only one.
        runs_on: (backend, device) -> whether that backend is made for that kind of device.
        backend_labels: backend -> what tables and plots call it, where that is not its name.

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
    parameters: Callable[[int, int], int]
    output_per_unit: int = 1
    last_output: Callable[..., Tensor] = lambda state: state[-1]
    recurrent_matrix: Callable[[Any], Tensor] | None = None
    slow_parameters: Callable[[Any], Iterable[nn.Parameter]] = lambda rnn: ()
    backends: tuple[str, ...] = ("torch",)
    runs_on: Callable[[str, str], bool] = lambda backend, device: True
    backend_labels: Mapping[str, str] = field(default_factory=dict)

    def parameters_of(self, input_size: int, hidden_size: int, num_layers: int) -> int:
        """Real parameters of layers stacked, each reading the output of the one below."""
        above = self.parameters(self.output_per_unit * hidden_size, hidden_size)
        return self.parameters(input_size, hidden_size) + (num_layers - 1) * above


def _gated(gates: int) -> Callable[[int, int], int]:
    """Parameters of torch's RNN family: each gate has two matrices and two biases."""
    return lambda m, n: gates * n * (m + n + 2)


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
            last_output=lambda state: to_pair(state[-1]),
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
            nn.LSTM,
            state_per_unit=2,
            parameters=_gated(4),
            last_output=lambda state: state[0][-1],
        ),
        Model("gru", "nn.GRU", "gated", nn.GRU, state_per_unit=1, parameters=_gated(3)),
        Model("rnn_tanh", "nn.RNN (tanh)", "plain", nn.RNN, state_per_unit=1, parameters=_gated(1)),
        Model("irnn", "IRNN", "plain", IRNN, state_per_unit=1, parameters=_gated(1)),
        _orthogonal("ortho_matrix_exp", "Orthogonal RNN (matrix exp)", "matrix_exp"),
        _orthogonal("ortho_cayley", "Orthogonal RNN (Cayley)", "cayley"),
        _orthogonal("ortho_householder", "Orthogonal RNN (Householder)", "householder"),
    )
}


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
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; the registry (urnn/models.py) has: {', '.join(MODELS)}")
    return MODELS[name]
