"""The quadratic recurrent net of Sedghi, Anandkumar 2016 (arXiv 1603.00954): what the moments are worked out for.

h_t = (A1 x_t + U h_{t-1})^2 elementwise, y_t = A2^T h_t, h before the first step 0. A bidirectional net has as
many units again that read the sequence from its end, z_t = (B1 x_t + V z_{t+1})^2, and y_t = A2^T [h_t; z_t].

Known weakness: h is a polynomial of degree 2^t of the inputs, so that a norm of U near 1 overflows within a few
dozen steps.
"""

import torch
from torch import Tensor, nn

from urnn.arguments import require_dtype, require_flag
from urnn.quantities import require_count, require_number
from urnn.shapes import Float

FIRST_NORM = 0.2  # of U and V


class QuadraticRNN(nn.Module):
    """Called like nn.RNN with the read-out inside: (T, B, m) -> (T, B, output_size).

    The first values are those of `draw`; float32 unless `dtype` says otherwise.

    Args:
        input_size, hidden_size, output_size: m, k units each direction, dy.
        bidirectional: whether as many units again read from the end.

    Attributes:
        A1: (units, m), forward units first; rows of unit norm when drawn.
        A2: (units, output_size).
        U: (k, k), of the forward units.
        V: the same of the backward units; None without them.

    Raises:
        TypeError, ValueError: a size that is no whole number of at least 1, or another argument that is none.

    Example:
        >>> import torch
        >>> from urnn.spectral import QuadraticRNN
        >>> net = QuadraticRNN(6, 3, 5)
        >>> net(torch.randn(4, 10, 6)).shape
        torch.Size([4, 10, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        bidirectional: bool = False,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.input_size = require_count("input_size", input_size, 1)
        self.hidden_size = require_count("hidden_size", hidden_size, 1)
        self.output_size = require_count("output_size", output_size, 1)
        require_flag("bidirectional", bidirectional)
        require_dtype(dtype or torch.get_default_dtype())
        self.bidirectional = bidirectional
        units = self.hidden_size * (1 + bidirectional)

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape, dtype=dtype, device=device))

        self.A1, self.A2 = parameter(units, self.input_size), parameter(units, self.output_size)
        self.U = parameter(self.hidden_size, self.hidden_size)
        self.V = parameter(self.hidden_size, self.hidden_size) if bidirectional else None
        self.draw()

    @property
    def units(self) -> int:
        """Those of both directions."""
        return len(self.A1)

    @torch.no_grad()
    def draw(self, norm: float = FIRST_NORM, generator: torch.Generator | None = None) -> "QuadraticRNN":
        """New values: rows of A1 and A2 uniform on the unit sphere, U and V Gaussian of this spectral norm.

        Raises:
            TypeError, ValueError: a norm that is no number of at least 0.
        """
        require_number("norm", norm, 0.0)
        for rows in (self.A1, self.A2):
            rows.normal_(generator=generator)
            rows.div_(rows.norm(dim=1, keepdim=True))
        for square in (self.U, self.V):
            if square is not None:
                square.normal_(generator=generator)
                wide = square.to(torch.promote_types(square.dtype, torch.float32))  # a half has no such norm
                square.mul_(norm / torch.linalg.matrix_norm(wide, 2))
        return self

    def forward(self, x: Float[Tensor, "T B m"]) -> Float[Tensor, "T B outputs"]:
        return self.hidden(x) @ self.A2

    def hidden(self, x: Float[Tensor, "T B m"]) -> Float[Tensor, "T B units"]:
        """h_t, and z_t after it where the net is bidirectional.

        Raises:
            TypeError: x is no tensor.
            ValueError: x is not (T, B, m), or has no time step.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"expected x as a tensor, got {type(x).__name__}")
        if x.dim() != 3 or x.shape[2] != self.input_size or not len(x):
            raise ValueError(
                f"expected x (T, B, {self.input_size}) of at least one time step, got {tuple(x.shape)}"
            )
        read = x @ self.A1.T
        forward = _states(read[..., : self.hidden_size], self.U)
        if self.V is None:
            return forward
        return torch.cat([forward, _states(read[..., self.hidden_size :].flip(0), self.V).flip(0)], dim=-1)

    def extra_repr(self) -> str:
        sizes = f"{self.input_size}, {self.hidden_size}, {self.output_size}"
        return f"{sizes}, bidirectional=True" if self.bidirectional else sizes


def _states(read: Tensor, recurrent: Tensor) -> Tensor:
    h, states = read[0].square(), []
    states.append(h)
    for one in read[1:]:
        h = (one + h @ recurrent.T).square()
        states.append(h)
    return torch.stack(states)
