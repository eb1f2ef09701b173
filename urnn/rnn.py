"""`URNN`: the Unitary Evolution RNN as a layer, a drop-in replacement for nn.LSTM.

It owns the interface (layers, directions, packing, messages) and nothing of the arithmetic: `urnn.layer` has the
parameters of one layer in one direction and hands them to a backend. Known weakness: a packed batch is run padded,
so that every sequence costs as much as the longest. What is computed past a sequence's end changes neither its
states nor its gradients.
"""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from urnn import arguments, backends, checks, segments, streaming
from urnn.layer import PRESETS, URNNLayer, as_computed, layers_of, without_autocast
from urnn.shapes import Complex, Float
from urnn.unitary import load_all_or_nothing, to_complex, to_pair


class URNN(nn.Module):
    """Unitary Evolution RNN (Arjovsky, Shah, Bengio 2015, arXiv 1511.06464, sections 3, 4), used like `nn.LSTM`.

        z_t = W h_{t-1} + V x_t,   h_t = modReLU(z_t; b),   W = D3 R2 F^-1 D2 Pi R1 F D1

    The state is complex; the output is real, [Re h_t ; Im h_t], ready for nn.Linear(2 * hidden_size, ...).

    Args:
        input_size: m, features of the input at each time step.
        hidden_size: n, complex units of the state. Each output step has 2n real numbers a direction.
        num_layers: layers stacked; a layer reads the output of the one below. What follows is passed by name.
        bias: True, since modReLU's b is part of the nonlinearity; there is no other bias.
        batch_first: input and output as (B, T, ...) instead of (T, B, ...).
        dropout: probability of dropping an output value of every layer but the last, while training.
        bidirectional: a second set of layers reads each sequence backwards.
        proj_size: 0, since there is no projection.
        preset: "paper", or "released" for what the authors' code does where the two differ: the first
            values of v and b, 1e-5 in modReLU's divisor, reflections in conj(v).
        backend: how the sequence is run: "auto" (the fastest that applies) or a name in
            `urnn.backends.BACKENDS`. `URNN.backend_in_use` says which one it is. The environment variable
            URNN_BACKEND changes what "auto" means, and nothing else.
        recompute: like torch.utils.checkpoint, for long sequences: the backward pass runs the steps again
            instead of keeping what they computed, k steps at a time, or sqrt(T) with True. The results are the
            same; memory grows with T / k + k beside the output, for the time of one more forward pass. A fused
            kernel keeps nothing but the output, so there it helps only together with `output_steps`.
        output_steps: the time steps that the output holds: "all", "last", or a number k for the steps k, 2k, ...
            and the last. All but "all" needs sequences of one length, so no PackedSequence.
        device, dtype: of the parameters. Under autocast the layer computes in this dtype. With float16 and
            bfloat16, as by `.half()` and `.bfloat16()`, it computes in float32: input, output and gradients have
            the layer's dtype, each rounded once; the state is complex64 and loses nothing from call to call. The
            CUDA kernel reads and writes that dtype itself, in half of the memory, and rounds V x and what layers
            hand to each other too; see docs/gpu.md.

    Inputs: input, hx
        input: real (T, B, m), or (T, m) without a batch, or (B, T, m) with batch_first, or a PackedSequence.
        hx: the first state h_0, complex (num_layers * D, B, n), or (num_layers * D, n) without a batch, D = 2 if
            bidirectional else 1. None starts from the learned first state. Can be named h_0 as well.

    Outputs: output, h_n
        output: real (T, B, D * 2n), laid out like the input, packed if the input was; with `output_steps` other
            than "all", those of the T steps.
        h_n: complex, each layer's and direction's state at the last step it reads; shaped like h_0.

    Raises:
        ValueError, TypeError: arguments out of range or of the wrong type.
        RuntimeError, ValueError: input or h_0 of the wrong shape, dtype or device, as nn.LSTM does; an overwritten
            `permutation` that is not a permutation any more.

    Example:
        >>> import torch
        >>> from urnn import URNN
        >>> rnn = URNN(input_size=10, hidden_size=128)
        >>> output, h_n = rnn(torch.randn(100, 20, 10))
        >>> output.shape, output.dtype
        (torch.Size([100, 20, 256]), torch.float32)
        >>> h_n.shape, h_n.dtype
        (torch.Size([1, 20, 128]), torch.complex64)

        Long sequences, of which only the last state is needed:

        >>> rnn = URNN(10, 128, recompute=True, output_steps="last")
        >>> rnn(torch.randn(100, 20, 10))[0].shape
        torch.Size([1, 20, 256])
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
        recompute: int | bool = False,
        output_steps: str | int = "all",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        arguments.require_names(by_position)
        for name, size in [
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("num_layers", num_layers),
        ]:
            arguments.require_size(name, size)
        for name, flag in [("batch_first", batch_first), ("bidirectional", bidirectional)]:
            arguments.require_flag(name, flag)
        arguments.require_lstm_options(bias, proj_size)
        arguments.require_dropout(dropout, num_layers)
        arguments.require_recompute(recompute)
        arguments.require_output_steps(output_steps)
        arguments.require_preset(preset, PRESETS)
        arguments.require_text("backend", backend)
        dtype = dtype or torch.get_default_dtype()
        arguments.require_dtype(dtype)

        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.preset = preset
        self.backend = backend
        self.recompute = recompute
        self.output_steps = output_steps
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
        return cast(URNNLayer, self.layers[0]).V.device

    @property
    def _dtype(self) -> torch.dtype:
        return cast(URNNLayer, self.layers[0]).V.dtype

    @property
    def backend_in_use(self) -> str:
        """The name of the backend that the next call will run on. Reading it compiles nothing.

        If a kernel has yet to be compiled and that fails, the call warns and runs on the reference, and this says
        "reference" from then on. `prepare` compiles, so its answer is final.
        """
        return backends.expected(self.backend, self.hidden_size, self._device.type).name

    def prepare(self) -> str:
        """Compiles what the next call needs, which can take twenty seconds, and returns the backend's name."""
        return backends.choose(self.backend, self.hidden_size, self._device.type).name

    def flatten_parameters(self) -> None:
        """Does nothing: the kernels read parameters where they are. Here because nn.LSTM has it."""

    def reset_parameters(self) -> None:
        """Draws every parameter afresh as the preset says; permutations stay, they are not parameters."""
        for layer in layers_of(self.layers):
            layer.reset_parameters()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As in every module, but a state dict that is refused changes nothing: see `load_all_or_nothing`."""
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
            "recompute": False,
            "output_steps": "all",
        }
        shown += [f"{k}={getattr(self, k)!r}" for k, default in defaults.items() if getattr(self, k) != default]
        return ", ".join([*shown, f"preset={self.preset!r}, backend={self.backend!r}"])

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None, *, h_0: Tensor | None = None
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        if hx is not None and h_0 is not None:
            raise TypeError("URNN: hx and h_0 are two names of the first state; give one of them")
        h_0 = hx if h_0 is None else h_0
        if (streamed := streaming.call(self, input, h_0)) is not None:
            return streamed
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
        """Runs in the packed order, longest first; only the first and last states are reordered for the user."""
        if self.output_steps != "all":
            raise ValueError(
                f"URNN: output_steps={self.output_steps!r} needs sequences of one length, got a PackedSequence; "
                "use output_steps='all' and h_n, which has each sequence's last state"
            )
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
    ) -> tuple[Float[Tensor, "returned B features"], Complex[Tensor, "layers B n"]]:
        backend = backends.choose(self.backend, self.hidden_size, x.device.type)
        every = segments.interval(self.recompute, len(x)) if self.recompute else 0
        chosen = segments.returned(self.output_steps, len(x)) if self.output_steps != "all" else None
        directions = 2 if self.bidirectional else 1
        layers = layers_of(self.layers)  # once: asking a module for a part of it is slow
        first_states = [None] * len(layers) if h_0 is None else to_pair(h_0)
        last_states = []
        dtype = layers[0].V.dtype
        # The last states of a packed batch are among all states, which must not have been rounded then.
        halves = backend.halves if lengths is None and x.device.type in backend.devices else ()
        with without_autocast(x.device.type):
            x = as_computed(x, dtype, halves)
            for depth in range(self.num_layers):
                if depth > 0:
                    x = nn.functional.dropout(x, self.dropout, self.training)
                outputs = []
                for direction in range(directions):
                    k = depth * directions + direction
                    states, last = layers[k](
                        x,
                        first_states[k],
                        backend,
                        lengths=lengths,
                        reverse=direction == 1,
                        every=every,
                        chosen=chosen if depth == self.num_layers - 1 else None,
                    )
                    outputs.append(states)
                    last_states.append(last)
                x = outputs[0] if directions == 1 else torch.cat(outputs, dim=-1)
        last = torch.stack(last_states) if len(layers) > 1 else last_states[0].unsqueeze(0)
        return (x.to(dtype) if dtype in checks.HALVES else x), to_complex(last)

    def _check_input(self, x: Float[Tensor, "T B m"], expected: torch.dtype) -> None:
        if x.layout is not torch.strided:
            raise RuntimeError(f"URNN: Expected input to be a dense tensor, got {x.layout}; call .to_dense()")
        if x.shape[0] == 0:
            raise RuntimeError("URNN: Expected sequence length to be larger than 0, got an input with T = 0")
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[-1]}"
            )
        checks.require_input_dtype("URNN", x, expected)

    def _check_state(
        self, h_0: Tensor | None, batch: int, batched: bool, real: torch.dtype
    ) -> Complex[Tensor, "layers B n"] | None:
        """h_0 with a batch dimension; raises unless the layer can start from it."""
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
        checks.require_complex_dtype("URNN", "h_0", h_0, real)
        return h_0 if batched else h_0.unsqueeze(1)
