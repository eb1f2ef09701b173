"""`URNN`: the Unitary Evolution RNN as a layer, a drop-in replacement for nn.LSTM.

It owns the parameters, the interface (layers, directions, packing, messages) and nothing of the arithmetic:
one direction of one layer hands its tensors to a backend and gets every state back. Known weakness: a packed
batch is run padded, because states past a sequence's end change neither its own states nor its gradients; the
cost is that of the longest sequence for all.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from urnn import backends, checks
from urnn.backends import checkpointed
from urnn.unitary import UnitaryMatrix, load_all_or_nothing, to_complex, to_pair


@dataclass(frozen=True)
class Preset:
    """Where the paper and its authors' released code differ.

    Attributes:
        v_bound: (hidden_size) -> bound of the uniform distribution of v.
        bias_bound: bound of the uniform distribution of b.
        epsilon: added to modReLU's divisor.
        conjugate_reflections: see `UnitaryMatrix`.
    """

    v_bound: Callable[[int], float]
    bias_bound: float
    epsilon: float
    conjugate_reflections: bool


def _unit_bound(hidden_size: int) -> float:
    return 1.0


def _glorot_bound(hidden_size: int) -> float:
    return math.sqrt(6 / (2 + 2 * hidden_size))


PRESETS = {  # functions with names, since a layer that holds its preset must pickle
    "paper": Preset(_unit_bound, bias_bound=0.0, epsilon=0.0, conjugate_reflections=False),
    "released": Preset(_glorot_bound, bias_bound=0.01, epsilon=1e-5, conjugate_reflections=True),
}


class URNNLayer(nn.Module):
    """One layer in one direction: h_t = modReLU(W h_{t-1} + V x_t; b), from a learned first state.

    Parameters (real; n = hidden_size, m = input_size):
        W.theta (3, n) and W.v (2, 2n): see `UnitaryMatrix`.
        V: (2n, m), the input matrix, real and imaginary rows stacked.
        b: (n,), the bias of modReLU.
        h_0: (2n,), the first state [Re; Im], shared by the batch; drawn with E|h_0|^2 = 1.
    """

    def __init__(self, input_size: int, hidden_size: int, preset: Preset, device=None, dtype=None) -> None:
        super().__init__()
        self.preset = preset
        factory = {"device": device, "dtype": dtype}
        self.W = UnitaryMatrix(
            hidden_size,
            conjugate_reflections=preset.conjugate_reflections,
            reflection_bound=preset.v_bound(hidden_size),
            **factory,
        )
        self.V = nn.Parameter(torch.empty(2 * hidden_size, input_size, **factory))
        self.b = nn.Parameter(torch.empty(hidden_size, **factory))
        self.h_0 = nn.Parameter(torch.empty(2 * hidden_size, **factory))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws every parameter as the preset says; the permutation stays, if it is one."""
        self.W.reset_parameters()
        nn.init.xavier_uniform_(self.V)
        nn.init.uniform_(self.b, -self.preset.bias_bound, self.preset.bias_bound)
        bound = math.sqrt(3 / self.h_0.numel())
        nn.init.uniform_(self.h_0, -bound, bound)

    def forward(
        self,
        x: Float[Tensor, "T B m"],
        h_0: Float[Tensor, "B two_n"] | None,
        lengths: Int[Tensor, " B"] | None,
        backend: backends.Backend,
        reverse: bool,
    ) -> tuple[Float[Tensor, "kept B two_n"], Float[Tensor, "B two_n"]]:
        """The states kept, in the order of the input, and each sequence's last in the order of reading."""
        batch = x.shape[1]
        if reverse:
            x = _reverse_time(x, lengths)
        if h_0 is None:
            h_0 = self.h_0.expand(batch, -1)
        v = self.W.reflection_vectors()
        states, last = backend.run_sequence(
            x, h_0, self.W.theta, v, self.W.permutation, self.V, self.b, self.preset.epsilon
        )
        if lengths is not None:
            last = states[lengths - 1, torch.arange(batch, device=x.device)]
        return (_reverse_time(states, lengths) if reverse else states), last


def _reverse_time(x: Float[Tensor, "T B k"], lengths: Int[Tensor, " B"] | None) -> Float[Tensor, "T B k"]:
    """Each sequence read backwards; what lies past its length stays where it is. Undoes itself."""
    if lengths is None:
        return x.flip(0)
    t = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    source = torch.where(t < lengths, lengths - 1 - t, t)
    return x.gather(0, source.unsqueeze(-1).expand_as(x))


def _without_autocast(device_type: str) -> AbstractContextManager:
    """Where there is none, asking costs a stream a tenth of its step, and is an error on the meta device."""
    wanted = device_type != "meta" and torch.is_autocast_enabled(device_type)
    return torch.autocast(device_type, enabled=False) if wanted else nullcontext()


class URNN(nn.Module):
    """Unitary Evolution RNN (Arjovsky, Shah, Bengio 2015, arXiv 1511.06464), used like `nn.LSTM`.

        z_t = W h_{t-1} + V x_t,   h_t = modReLU(z_t; b),   W = D3 R2 F^-1 D2 Pi R1 F D1

    The state is complex; the output is real, [Re h_t ; Im h_t], ready for nn.Linear(2 * hidden_size, ...).

    Args:
        input_size: m, features of the input at each time step.
        hidden_size: n, complex units of the state. Each output step has 2n real numbers a direction.
        num_layers: layers stacked; a layer reads the output of the one below. What follows is passed by name.
        bias: True. modReLU's b is part of the nonlinearity; nothing else has a bias.
        batch_first: input and output as (B, T, ...) instead of (T, B, ...).
        dropout: probability of dropping an output value of every layer but the last, while training.
        bidirectional: a second set of layers reads each sequence backwards.
        proj_size: 0. There is no projection.
        preset: "paper", or "released" for what the authors' code does where the two differ: the first
            values of v and b, 1e-5 in modReLU's divisor, reflections in conj(v).
        backend: how the sequence is run: "auto" (the fastest that applies) or a name in
            `urnn.backends.BACKENDS`. `URNN.backend_in_use` says which; the environment variable URNN_BACKEND
            says what "auto" is.
        checkpoint: for very long sequences: keep every k-th state only, or with True every sqrt(T)-th, and run
            the steps between again when gradients are due. The output then holds those states alone: steps k,
            2k, ... and the last. One layer, one direction, no PackedSequence.
        device, dtype: of the parameters; float32 or float64. Under autocast the layer computes in this dtype.

    Inputs: input, hx
        input: real (T, B, m), or (T, m) without a batch, or (B, T, m) with batch_first, or a PackedSequence.
        hx: the first state h_0, complex (num_layers * D, B, n), or (num_layers * D, n) without a batch, D = 2 if
            bidirectional else 1. None starts from the learned first state. Can be named h_0 as well.

    Outputs: output, h_n
        output: real (T, B, D * 2n), laid out like the input, packed if the input was.
        h_n: complex, each layer's and direction's state at the last step it reads; shaped like h_0.

    Raises:
        ValueError, TypeError: arguments out of range or of the wrong type.
        RuntimeError, ValueError: input or h_0 of the wrong shape, dtype or device, as nn.LSTM does; a permutation
            that is none.

    Example::

        rnn = URNN(10, 128)
        output, h_n = rnn(torch.randn(100, 20, 10))  # (100, 20, 256) real, (1, 20, 128) complex
    """

    mode = "URNN"  # nn.LSTM's attributes, for code that reads them
    bias = True
    proj_size = 0

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *by_position: object,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        preset: str = "paper",
        backend: str = "auto",
        checkpoint: int | bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _require_names(by_position)
        for name, size in [
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("num_layers", num_layers),
        ]:
            _require_size(name, size)
        for name, flag in [("bias", bias), ("batch_first", batch_first), ("bidirectional", bidirectional)]:
            _require_flag(name, flag)
        _require_what_there_is(bias, proj_size)
        _require_dropout(dropout, num_layers)
        _require_checkpoint(checkpoint, num_layers, bidirectional)
        for name, value in [("preset", preset), ("backend", backend)]:
            if not isinstance(value, str):
                raise TypeError(f"{name} should be of type str, got: {type(value).__name__}")
        if preset not in PRESETS:
            raise ValueError(f"preset must be one of {list(PRESETS)}, got {preset!r}")
        dtype = dtype or torch.get_default_dtype()
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")

        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.preset = preset
        self.backend = backend
        self.checkpoint = checkpoint
        directions = 2 if bidirectional else 1
        widths = [input_size] + [directions * 2 * hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(
            URNNLayer(width, hidden_size, PRESETS[preset], device, dtype)
            for width in widths
            for _ in range(directions)
        )
        self.register_load_state_dict_pre_hook(load_all_or_nothing)
        backends.require_choice(backend, hidden_size, self._device.type)

    @property
    def _device(self) -> torch.device:
        return self.layers[0].V.device

    @property
    def _dtype(self) -> torch.dtype:
        return self.layers[0].V.dtype

    @property
    def backend_in_use(self) -> str:
        """The name of the backend that the next call will run on, as far as that is known without compiling.

        Where a kernel has still to be compiled and that fails, the call warns and runs on the reference, which is
        what this says from then on. `prepare` compiles, and knows.
        """
        return backends.expected(self.backend, self.hidden_size, self._device.type).name

    def prepare(self) -> str:
        """Compiles what the next call would, which can take ten seconds, and names the backend that it runs on."""
        return backends.choose(self.backend, self.hidden_size, self._device.type).name

    def flatten_parameters(self) -> None:
        """Nothing: the kernels read parameters where they are. nn.LSTM has it, so code that calls it works."""

    def reset_parameters(self) -> None:
        """Draws every parameter afresh as the preset says; permutations stay, they are not parameters."""
        for layer in self.layers:
            layer.reset_parameters()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As every module's, and one that is refused changes nothing: see `load_all_or_nothing`."""
        own = self.state_dict(keep_vars=True)
        if strict and own.keys() != state_dict.keys():  # torch will raise, after it has copied what there is
            state_dict = {key: own.get(key, value) for key, value in state_dict.items()}
        return super().load_state_dict(state_dict, strict, assign)

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {
            "num_layers": 1,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
            "checkpoint": False,
        }
        shown += [f"{k}={getattr(self, k)}" for k, default in defaults.items() if getattr(self, k) != default]
        return ", ".join([*shown, f"preset={self.preset!r}, backend={self.backend!r}"])

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None, *, h_0: Tensor | None = None
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        if hx is not None and h_0 is not None:
            raise TypeError("URNN: hx and h_0 are two names of the first state; give one of them")
        h_0 = hx if h_0 is None else h_0
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, h_0)
        if not isinstance(input, Tensor):
            raise TypeError(f"input must be a Tensor or a PackedSequence, got {type(input).__name__}")
        if input.dim() not in (2, 3):
            raise ValueError(f"URNN: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(1)
        if self.batch_first and batched:
            x = x.transpose(0, 1)
        dtype = self._dtype
        self._check_input(x, dtype)
        h_0 = self._check_state(h_0, x.shape[1], batched, dtype)

        output, h_n = self._run(x, h_0, None)
        if not batched:
            return output.squeeze(1), h_n.squeeze(1)
        return (output.transpose(0, 1) if self.batch_first else output), h_n

    def _forward_packed(
        self, packed: PackedSequence, h_0: Tensor | None
    ) -> tuple[PackedSequence, Complex[Tensor, "layers B n"]]:
        """Runs in the packed order, longest first; only the first and last states are put in the user's."""
        if self.checkpoint:
            raise ValueError("URNN: checkpoint needs sequences of one length, got a PackedSequence")
        x, lengths = pad_packed_sequence(PackedSequence(packed.data, packed.batch_sizes))
        dtype = self._dtype
        self._check_input(x, dtype)
        h_0 = self._check_state(h_0, x.shape[1], True, dtype)
        if h_0 is not None and packed.sorted_indices is not None:
            h_0 = h_0.index_select(1, packed.sorted_indices)
        output, h_n = self._run(x, h_0, lengths.to(x.device))
        if packed.unsorted_indices is not None:
            h_n = h_n.index_select(1, packed.unsorted_indices)
        data = pack_padded_sequence(output, lengths).data
        return PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices), h_n

    def _run(
        self, x: Float[Tensor, "T B m"], h_0: Complex[Tensor, "layers B n"] | None, lengths: Tensor | None
    ) -> tuple[Float[Tensor, "kept B features"], Complex[Tensor, "layers B n"]]:
        backend = backends.choose(self.backend, self.hidden_size, x.device.type)
        if self.checkpoint:
            run = partial(checkpointed.run_sequence, backend.run_sequence, self.checkpoint)
            backend = replace(backend, run_sequence=run)
        directions = 2 if self.bidirectional else 1
        layers = list(self.layers)  # once: asking a module for a part of it is slow
        first_states = [None] * len(layers) if h_0 is None else to_pair(h_0)
        last_states = []
        with _without_autocast(x.device.type):
            x = x.to(layers[0].V.dtype)
            for depth in range(self.num_layers):
                if depth > 0:
                    x = nn.functional.dropout(x, self.dropout, self.training)
                outputs = []
                for direction in range(directions):
                    k = depth * directions + direction
                    layer, reverse = layers[k], direction == 1
                    states, last = layer(x, first_states[k], lengths, backend, reverse)
                    outputs.append(states)
                    last_states.append(last)
                x = outputs[0] if directions == 1 else torch.cat(outputs, dim=-1)
        last = torch.stack(last_states) if len(layers) > 1 else last_states[0].unsqueeze(0)
        return x, to_complex(last)

    def _check_input(self, x: Float[Tensor, "T B m"], expected: torch.dtype) -> None:
        if x.layout is not torch.strided:
            raise RuntimeError(f"URNN: Expected input to be a dense tensor, got {x.layout}; call .to_dense()")
        if x.shape[0] == 0:
            raise RuntimeError("URNN: Expected sequence length to be larger than 0, got an input with T = 0")
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[-1]}"
            )
        if x.dtype == expected:
            return
        checks.require_float("parameters", expected)
        autocast = x.device.type != "meta" and torch.is_autocast_enabled(x.device.type)
        if not (autocast and x.is_floating_point()):
            raise ValueError(f"URNN: Expected input to be {expected}, got {x.dtype}; convert one of the two")

    def _check_state(
        self, h_0: Tensor | None, batch: int, batched: bool, real: torch.dtype
    ) -> Complex[Tensor, "layers B n"] | None:
        """h_0 with a batch dimension, once it is what the layer can start from."""
        if h_0 is None:
            return None
        if not isinstance(h_0, Tensor):
            raise TypeError(
                f"h_0 must be a complex Tensor or None, got {type(h_0).__name__}; a uRNN has one state, no cell"
            )
        layers = self.num_layers * (2 if self.bidirectional else 1)
        expected = (layers, *([batch] if batched else []), self.hidden_size)
        if tuple(h_0.shape) != expected:
            raise RuntimeError(f"Expected h_0 size {expected}, got {tuple(h_0.shape)}")
        dtype = torch.complex128 if real == torch.float64 else torch.complex64
        if h_0.dtype != dtype:
            raise ValueError(f"URNN: Expected h_0 to be {dtype}, got {h_0.dtype}; torch.complex(re, im) makes one")
        return h_0 if batched else h_0.unsqueeze(1)


def _require_names(by_position: tuple[object, ...]) -> None:
    if by_position:
        raise TypeError(
            "URNN takes input_size, hidden_size and num_layers by position and all else by name, got "
            f"{len(by_position)} more by position; nn.LSTM's next are bias, batch_first, dropout, bidirectional"
        )


def _require_flag(name: str, value: bool) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")


def _require_what_there_is(bias: bool, proj_size: int) -> None:
    """Of nn.LSTM's options."""
    if not bias:
        raise ValueError(
            "bias must be True, got False; modReLU's b is what makes the layer nonlinear. To keep it at its first "
            "value, call requires_grad_(False) on the b of each of URNN.layers"
        )
    if isinstance(proj_size, bool) or not isinstance(proj_size, int):
        raise TypeError(f"proj_size should be of type int, got: {type(proj_size).__name__}")
    if proj_size != 0:
        raise ValueError(
            f"proj_size must be 0, got {proj_size}; URNN has no projection, an nn.Linear of its output is one"
        )


def _require_size(name: str, value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def _require_checkpoint(checkpoint: int | bool, num_layers: int, bidirectional: bool) -> None:
    if not isinstance(checkpoint, int) or checkpoint < 0:
        raise ValueError(f"checkpoint should be True, False or a number of steps, got {checkpoint!r}")
    if checkpoint and (num_layers > 1 or bidirectional):
        raise ValueError(
            "checkpoint keeps too few states for another layer or direction to read, got "
            f"num_layers={num_layers}, bidirectional={bidirectional}; use one layer and one direction"
        )


def _require_dropout(dropout: float, num_layers: int) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
        raise ValueError(f"dropout should be a number in range [0, 1], got {dropout!r}")
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout is applied after every layer but the last, so it has no effect with "
            f"num_layers=1 (dropout={dropout})",
            stacklevel=3,
        )
