"""`URNNCell`: one step of the uRNN, for who writes the loop over time; used like nn.RNNCell.

Its state is real, [Re h ; Im h], so that what a step returns is the next state and an nn.Linear's input, and
nothing is converted between them. Known weakness: each step has gradients of the parameters of its own, which
autograd adds up; `URNN` over a whole sequence is many times as fast.
"""

import torch
from torch import Tensor, nn

from urnn import arguments, backends, checks, streaming
from urnn.layer import PRESETS, URNNLayer, as_computed, without_autocast
from urnn.shapes import Float
from urnn.unitary import to_pair


class URNNCell(nn.Module):
    """One step of `URNN`: h' = modReLU(W h + V x; b).

    Args:
        input_size: m, features of the input.
        hidden_size: n, complex units of the state, which are 2n real numbers.
        preset, backend, device, dtype: as in `URNN`. They are passed by name. With float16 and bfloat16 the cell
            computes in float32; input and gradients have the layer's dtype, the state is float32 and loses
            nothing from step to step, and `state.to(dtype)` is what a layer of that dtype reads.

    Inputs: input, hx
        input: real (B, m), or (m,) without a batch.
        hx: the state, real (B, 2n) as a step returns it, or complex (B, n) as the h_n[k] of a `URNN` is; without
            a batch (2n,) or (n,). In the input's precision, or float32 if that is half. None is the learned first
            state.

    Output:
        The next state [Re h ; Im h], real (B, 2n) or (2n,).

    Its only part, `layer`, has the parameters under the names of `URNN.layers[k]`, whose state dict it loads.

    Raises:
        ValueError, TypeError: arguments out of range or of the wrong type.
        RuntimeError, ValueError: input or hx of the wrong shape, dtype or device.

    Example:
        >>> import torch
        >>> from urnn import URNN, URNNCell
        >>> cell, rnn = URNNCell(10, 128), URNN(10, 128)
        >>> _ = cell.layer.load_state_dict(rnn.layers[0].state_dict())
        >>> x, h = torch.randn(5, 3, 10), None
        >>> for x_t in x:
        ...     h = cell(x_t, h)
        >>> h.shape, torch.allclose(h, rnn(x)[0][-1], atol=1e-5)
        (torch.Size([3, 256]), True)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        preset: str = "paper",
        backend: str = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        arguments.require_size("input_size", input_size)
        arguments.require_size("hidden_size", hidden_size)
        arguments.require_preset(preset, PRESETS)
        arguments.require_text("backend", backend)
        dtype = dtype or torch.get_default_dtype()
        arguments.require_dtype(dtype)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.preset, self.backend = preset, backend
        self.layer = URNNLayer(input_size, hidden_size, PRESETS[preset], device, dtype)
        backends.require_choice(backend, hidden_size, self.layer.V.device.type)

    def reset_parameters(self) -> None:
        """Draws every parameter afresh as the preset says; the permutation stays."""
        self.layer.reset_parameters()

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, preset={self.preset!r}, backend={self.backend!r}"

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if (streamed := streaming.step(self, input, hx)) is not None:
            return streamed
        for name, tensor in (("input", input), ("hx", hx)):
            if not isinstance(tensor, Tensor) and not (name == "hx" and tensor is None):
                raise TypeError(f"URNNCell: {name} must be a Tensor, got {type(tensor).__name__}")
        if input.dim() not in (1, 2):
            raise ValueError(f"URNNCell: Expected input to be 1D or 2D, got {input.dim()}D instead")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )
        checks.require_input_dtype("URNNCell", input, self.layer.V.dtype)
        x = input if input.dim() == 2 else input.unsqueeze(0)
        state = self._next(x, None if hx is None else self._state(hx, input))
        return state if input.dim() == 2 else state.squeeze(0)

    def _state(self, hx: Tensor, input: Tensor) -> Float[Tensor, "batch {2*self.hidden_size}"]:
        """hx as pairs with a batch; raises unless the cell can go on from it."""
        pairs = to_pair(hx) if hx.is_complex() and hx.dim() > 0 else hx
        expected = (*input.shape[:-1], 2 * self.hidden_size)
        if tuple(pairs.shape) != expected:
            as_complex = (*expected[:-1], self.hidden_size)
            raise RuntimeError(
                f"URNNCell: Expected hx of size {expected}, or complex {as_complex}, got {tuple(hx.shape)}"
            )
        dtype = checks.computed_in(self.layer.V.dtype)
        if pairs.dtype != dtype:
            raise ValueError(
                f"URNNCell: Expected hx to be {dtype}, or complex of that precision, got {hx.dtype}; convert it"
            )
        return pairs.unsqueeze(0) if input.dim() == 1 else pairs

    def _next(self, x: Float[Tensor, "B m"], h: Float[Tensor, "B re_im"] | None) -> Float[Tensor, "B re_im"]:
        backend = backends.choose(self.backend, self.hidden_size, x.device.type)
        with without_autocast(x.device.type):
            x = as_computed(x, self.layer.V.dtype)
            return self.layer(x.unsqueeze(0), h, backend)[1]
