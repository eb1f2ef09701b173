"""Ceilings: what no implementation of a uRNN can leave out of a time step, measured by itself.

A figure of efficiency needs the machine's own limits, taken in the same run: the two Fourier transforms of a step,
and writing the step's output to memory. They stand in the grid like models. Known weakness: the transforms are
torch's, one call a step each; a kernel with better ones, or fewer calls, has a share above 100 %.
"""

import torch
from torch import Tensor, nn

from urnn.models import Model


class Fourier(nn.Module):
    """F^-1 F of a complex (B, n) state, once a time step; the input says only T and B."""

    def __init__(self, input_size: int, hidden_size: int, device=None, dtype=None) -> None:
        super().__init__()
        self.hidden_size, self.device, self.dtype = hidden_size, device, dtype or torch.get_default_dtype()
        self.state: Tensor | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B, m) -> the state as real (1, B, 2n), twice."""
        if self.state is None:  # made at the first call, which is the warm-up's
            pairs = torch.randn(x.shape[1], self.hidden_size, 2, generator=torch.Generator().manual_seed(0))
            self.state = torch.view_as_complex(pairs.to(self.device, self.dtype))
        z = self.state
        for _ in range(len(x)):
            z = torch.fft.ifft(torch.fft.fft(z))
        output = torch.view_as_real(z).flatten(1).unsqueeze(0)
        return output, output


class Memory(nn.Module):
    """The output (T, B, 2n) written once and not computed."""

    def __init__(self, input_size: int, hidden_size: int, device=None, dtype=None) -> None:
        super().__init__()
        self.hidden_size = hidden_size

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B, m) -> a tensor of the size that a uRNN's output has, and its last step."""
        output = x.new_full((x.shape[0], x.shape[1], 2 * self.hidden_size), 1.0)
        return output, output[-1]


_KINDS = {"fourier": Fourier, "memory": Memory}


def _build(input_size: int, hidden_size: int, *, backend: str, device=None, dtype=None) -> nn.Module:
    return _KINDS[backend](input_size, hidden_size, device=device, dtype=dtype)


CEILINGS: dict[str, Model] = {
    "ceiling": Model(
        "ceiling",
        "Ceiling",
        "ceiling",
        _build,
        state_per_unit=2,
        output_per_unit=2,
        parameters=lambda m, n: 0,
        backends=tuple(_KINDS),
        backend_labels={"fourier": "Two Fourier transforms alone", "memory": "Writing the output alone"},
    )
}
