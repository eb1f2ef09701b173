"""The dense orthogonal RNN: an orthogonal parametrization around torch's own fused RNN kernel.

Why not simply parametrize nn.RNN's weight: nn.RNN hands its kernel a list of tensors made when the module was
built, so a parametrized weight would be trained but never read. Known weakness: the orthogonal map, O(n^3),
runs once a call; for one-step calls in inference fold it first, with
`torch.nn.utils.parametrize.remove_parametrizations`.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from urnn.baselines.cudnn_layout import in_one_piece
from urnn.baselines.orthogonal_maps import parametrize_orthogonally
from urnn.shapes import Float


class OrthogonalRNN(nn.Module):
    """h_t = tanh(Q h_{t-1} + V x_t + b) with Q orthogonal through every optimiser step; used like `nn.RNN`.

    Args:
        input_size, hidden_size: m and n; Q is n x n and real.
        orthogonal_map: how an n x n parameter becomes Q; see `torch.nn.utils.parametrizations.orthogonal`.
        batch_first: input and output as (B, T, ...).

    Inputs: input (T, B, m), (T, m) without a batch, or a PackedSequence; h_0 (1, B, n), zeros if None.
    Outputs: output (T, B, n), packed if the input was, and h_n (1, B, n); all real.

    Raises:
        ValueError: an orthogonal_map that torch does not have.
        RuntimeError: input or h_0 of a shape that the kernel cannot read.

    Example:
        >>> import torch
        >>> from urnn.baselines import OrthogonalRNN
        >>> rnn = OrthogonalRNN(input_size=3, hidden_size=4, orthogonal_map="cayley")
        >>> output, h_n = rnn(torch.randn(5, 2, 3))
        >>> output.shape, h_n.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
        >>> torch.allclose(rnn.Q @ rnn.Q.mT, torch.eye(4), atol=1e-5)
        True
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        orthogonal_map: str = "matrix_exp",
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.orthogonal_map = orthogonal_map
        self.batch_first = batch_first
        self.input = nn.Linear(input_size, hidden_size, device=device, dtype=dtype)
        self.recurrent = nn.Linear(hidden_size, hidden_size, bias=False, device=device, dtype=dtype)
        parametrize_orthogonally(self.recurrent, orthogonal_map)

    def extra_repr(self) -> str:
        return f"orthogonal_map={self.orthogonal_map!r}, batch_first={self.batch_first}"

    @property
    def Q(self) -> Float[Tensor, "n n"]:  # noqa: N802 - a matrix
        """The orthogonal recurrent matrix."""
        return self.recurrent.weight

    def forward(
        self, input: Tensor | PackedSequence, h_0: Tensor | None = None
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        # The kernel adds a bias to each product; there is one bias here, so the recurrent one is zero.
        weights = in_one_piece([self.input.weight, self.Q, self.input.bias, torch.zeros_like(self.input.bias)])
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, h_0, weights)
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(0 if self.batch_first else 1)
        if h_0 is None:
            h_0 = x.new_zeros(1, x.shape[0 if self.batch_first else 1], self.Q.shape[0])
        elif not batched:
            h_0 = h_0.unsqueeze(1)
        output, h_n = torch.rnn_tanh(x, h_0, weights, True, 1, 0.0, self.training, False, self.batch_first)
        if batched:
            return output, h_n
        return output.squeeze(0 if self.batch_first else 1), h_n.squeeze(1)

    def _forward_packed(
        self, packed: PackedSequence, h_0: Tensor | None, weights: list[Tensor]
    ) -> tuple[PackedSequence, Tensor]:
        if h_0 is None:
            h_0 = packed.data.new_zeros(1, int(packed.batch_sizes[0]), self.Q.shape[0])
        elif packed.sorted_indices is not None:
            h_0 = h_0.index_select(1, packed.sorted_indices)
        data, h_n = torch.rnn_tanh(
            packed.data, packed.batch_sizes, h_0, weights, True, 1, 0.0, self.training, False
        )
        if packed.unsorted_indices is not None:
            h_n = h_n.index_select(1, packed.unsorted_indices)
        return PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices), h_n
