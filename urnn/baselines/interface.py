"""nn.RNN's interface around a function of whole sequences, for baselines that bring their own loop over time."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from urnn.shapes import Float

State = Tensor | tuple[Tensor, ...]
States = tuple[Tensor, ...]  # each (T, B, s): every part of the state after every step
Run = Callable[[Tensor, States], tuple[Tensor, States]]


class SequenceModule(nn.Module):
    """A recurrent layer that says what it does with a sequence in `run`, and how it starts in `first_state`.

    One that can gives its last state apart from all states, in `run_to_end`: a loss that reads the last state
    alone then needs no gradient as large as the output.

    Args:
        input_size: m, features of the input.
        batch_first: input and output as (B, T, ...).

    Inputs: input (T, B, m), (T, m) without a batch, or a PackedSequence; the state before the first step, each
    part (1, B, s), or None for `first_state`.
    Outputs: output (T, B, k), packed if the input was, and the state after each sequence's last step. A state of
    one part is a tensor, one of several a tuple of them.

    Raises:
        RuntimeError: input or state of the wrong shape.
        TypeError: an input or a state that is no tensor.

    Example:
        >>> import torch
        >>> from urnn.baselines.interface import SequenceModule
        >>> class Sum(SequenceModule):
        ...     def first_state(self, x):
        ...         return (torch.zeros_like(x[0]),)
        ...     def run(self, x, first):
        ...         states = first[0] + x.cumsum(0)
        ...         return states, (states,)
        >>> output, state = Sum(input_size=1)(torch.ones(3, 1, 1))
        >>> output.flatten(), state
        (tensor([1., 2., 3.]), tensor([[[3.]]]))
    """

    def __init__(self, input_size: int, batch_first: bool = False) -> None:
        super().__init__()
        self.input_size, self.batch_first = input_size, batch_first

    @property
    def shown_name(self) -> str:
        """What errors begin with."""
        return type(self).__name__

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        """The parts of the state before the first step, each (B, s), on x's device."""
        raise NotImplementedError

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B k"], States]:
        """The output, and every part of the state after every step."""
        raise NotImplementedError

    def run_to_end(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B k"], States]:
        """The output, and every part of the state after the last step, each (B, s)."""
        output, states = self.run(x, first)
        return output, tuple(part[-1] for part in states)

    def forward(
        self, input: Tensor | PackedSequence, state: State | None = None
    ) -> tuple[Tensor | PackedSequence, State]:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, state)
        self._require_input(input, 2, 3)
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(1)
        if self.batch_first and batched:
            x = x.transpose(0, 1)
        output, ends = self._checked(self.run_to_end, x, self._parts(state, batched))
        last = _joined([part.unsqueeze(0) if batched else part for part in ends])
        if not batched:
            return output.squeeze(1), last
        return (output.transpose(0, 1) if self.batch_first else output), last

    def _forward_packed(self, packed: PackedSequence, state: State | None) -> tuple[PackedSequence, State]:
        """Padded at the end, where the steps that are added come too late to be read."""
        x, lengths = pad_packed_sequence(PackedSequence(packed.data, packed.batch_sizes))
        order, back = packed.sorted_indices, packed.unsorted_indices
        first = self._parts(state, True)
        if first is not None and order is not None:
            first = tuple(part.index_select(1, order) for part in first)
        output, states = self._checked(self.run, x, first)
        ends = lengths.to(x.device) - 1, torch.arange(x.shape[1], device=x.device)
        last = [part[ends].unsqueeze(0) for part in states]
        if back is not None:
            last = [part.index_select(1, back) for part in last]
        data = pack_padded_sequence(output, lengths).data
        return PackedSequence(data, packed.batch_sizes, order, back), _joined(last)

    def _require_input(self, x: object, *dimensions: int) -> None:
        if not isinstance(x, Tensor):
            raise TypeError(f"{self.shown_name}: expected the input as a tensor, got {type(x).__name__}")
        if x.dim() not in dimensions or x.shape[-1] != self.input_size or len(x) == 0:
            raise RuntimeError(
                f"{self.shown_name}: expected an input (T, B, {self.input_size}) with T of at least 1, "
                f"got {tuple(x.shape)}"
            )

    def _parts(self, state: State | None, batched: bool) -> States | None:
        if state is None:
            return None
        parts = tuple(state) if isinstance(state, tuple | list) else (state,)
        for part in parts:
            if not isinstance(part, Tensor):
                raise TypeError(f"{self.shown_name}: expected a state of tensors, got {type(part).__name__}")
        return parts if batched else tuple(part.unsqueeze(1) for part in parts)

    def _checked(self, run: Run, x: Tensor, first: States | None) -> tuple[Tensor, States]:
        self._require_input(x, 3)
        start = self.first_state(x)
        if first is None:
            return run(x, start)
        expected, got = [(1, *part.shape) for part in start], [tuple(part.shape) for part in first]
        if expected != got:
            raise RuntimeError(f"{self.shown_name}: expected a state of shape {expected}, got {got}")
        return run(x, tuple(part[0] for part in first))


def _joined(parts: list[Tensor]) -> State:
    return parts[0] if len(parts) == 1 else tuple(parts)
