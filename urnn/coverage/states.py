"""The hidden states of every step, and an LSTM's gates, computed from a trained module's own weights.

torch returns the states of the last layer alone and no gates at all. What is computed here equals what torch
computes, up to rounding; autograd goes through it, which the gradient-directed generator needs. Known weakness: a
layer of torch's is stepped through in Python, so that long sequences in small batches are slow.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from urnn import backends
from urnn.layer import layers_of
from urnn.rnn import URNN
from urnn.shapes import Float

AT_ONCE = 500  # sequences: the states of more would fill the memory
GATES = ("input", "forget", "cell", "output")  # in the order of an LSTM's weights; "cell" is the candidate
KINDS: dict[str, type[nn.Module]] = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN, "URNN": URNN}


@dataclass(frozen=True)
class Trace:
    """What a module did on a batch of sequences.

    Attributes:
        hidden: (T, B, H), the states of the layer that is looked at; for a uRNN [Re h; Im h], H = 2n.
        output: (T, B, ...), the states of the last layer, which a read-out reads.
        gates: name -> (T, B, n) of that layer, where they were asked for: those of `GATES`, and "state", c_t.

    Example:
        >>> import torch
        >>> from urnn.coverage.states import trace
        >>> trace(torch.nn.GRU(3, 4), torch.randn(5, 2, 3)).hidden.shape
        torch.Size([5, 2, 4])
    """

    hidden: Float[Tensor, "T B H"]
    output: Float[Tensor, "T B top"]
    gates: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        """Sequences."""
        return self.hidden.shape[1]


def kind_of(rnn: nn.Module) -> str:
    """ "LSTM", "GRU", "RNN" or "URNN".

    Raises:
        ValueError: no such module, or one that has two directions or projects its states.

    Example:
        >>> import torch
        >>> from urnn.coverage.states import kind_of
        >>> kind_of(torch.nn.LSTM(3, 4))
        'LSTM'
    """
    kind = next((name for name, made in KINDS.items() if isinstance(rnn, made)), None)
    if kind is None:
        raise ValueError(
            f"coverage reads the states of nn.LSTM, nn.GRU, nn.RNN and URNN, got {type(rnn).__name__}"
        )
    if rnn.bidirectional:
        raise ValueError(
            f"coverage reads one direction, got a bidirectional {kind}, whose states at a step also depend on "
            "later inputs; give it one that reads forwards"
        )
    if rnn.proj_size:
        raise ValueError(f"coverage has no definition for projected states, got proj_size={rnn.proj_size}; use 0")
    return kind


def width_of(rnn: nn.Module) -> int:
    """Real numbers in a layer's state at one step: n, or 2n for a uRNN.

    Example:
        >>> from urnn import URNN
        >>> from urnn.coverage.states import width_of
        >>> width_of(URNN(3, 4))
        8
    """
    return (2 if kind_of(rnn) == "URNN" else 1) * cast(int, rnn.hidden_size)


def trace(rnn: nn.Module, x: Float[Tensor, "T B m"], layer: int = -1, gates: bool = False) -> Trace:
    """Runs the module, from its own first state, and keeps what one layer did.

    Args:
        rnn: one of `KINDS`; its dropout is left out, as in evaluation.
        x: time steps first, whatever the module's `batch_first`.
        layer: the one to look at, from the end where it is negative.
        gates: keep an LSTM's gates and cell states as well.

    Raises:
        ValueError: a module that `kind_of` refuses, no such layer, gates of a module that is no LSTM, or an x of
            another shape, type or number of features than the module reads.

    Example:
        >>> import torch
        >>> from urnn.coverage.states import trace
        >>> lstm, x = torch.nn.LSTM(3, 4), torch.randn(5, 2, 3)
        >>> seen = trace(lstm, x, gates=True)
        >>> torch.allclose(seen.hidden, lstm(x)[0], atol=1e-6), seen.gates["forget"].shape
        (True, torch.Size([5, 2, 4]))
    """
    kind, depth = kind_of(rnn), layer_of(rnn, layer)
    if gates and kind != "LSTM":
        raise ValueError(f"gates are kept of an LSTM, got {kind}")
    require_sequences(rnn, x)
    states, every = x, []
    for number in range(cast(int, rnn.num_layers)):
        states, kept = _layer(kind, rnn, number, states, gates and number == depth)
        every.append((states, kept))
    return Trace(every[depth][0], states, every[depth][1])


def traces(rnn: nn.Module, x: Float[Tensor, "T B m"], layer: int = -1, gates: bool = False) -> Iterator[Trace]:
    """The same in parts of `AT_ONCE` sequences, without gradients.

    Raises:
        ValueError: also where states are not finite, of which no metric can say anything.

    Example:
        >>> import torch
        >>> from urnn.coverage.states import traces
        >>> [len(part) for part in traces(torch.nn.GRU(3, 4), torch.zeros(5, 700, 3))]
        [500, 200]
    """
    with torch.no_grad():
        for part in x.split(AT_ONCE, dim=1):
            seen = trace(rnn, part, layer, gates)
            if not (seen.hidden.isfinite().all() and seen.output.isfinite().all()):
                raise ValueError(
                    "expected finite states, got NaN or infinity; give finite sequences, and a net that has not "
                    "diverged"
                )
            yield seen


def require_sequences(rnn: nn.Module, x: Tensor) -> None:
    """Raises ValueError where x is no (T, B, m) that the module reads.

    Example:
        >>> import torch
        >>> from urnn.coverage.states import require_sequences
        >>> require_sequences(torch.nn.LSTM(3, 4), torch.zeros(5, 2, 3))
    """
    if x.dim() != 3:
        raise ValueError(f"expected sequences (steps, batch, features), got the shape {tuple(x.shape)}")
    if x.shape[2] != rnn.input_size:
        raise ValueError(f"expected sequences of {rnn.input_size} features a step, got {x.shape[2]}")
    if len(x) == 0:
        raise ValueError("expected sequences of at least one step, got none")
    weights = next(rnn.parameters()).dtype.to_real()
    if x.dtype != weights:
        raise ValueError(f"expected sequences of the module's {weights}, got {x.dtype}; convert them with .to()")


def layer_of(rnn: nn.Module, layer: int) -> int:
    """The layer's number from the first, which is 0.

    Raises:
        ValueError: there is no such layer.
        TypeError: it is no whole number.

    Example:
        >>> import torch
        >>> from urnn.coverage.states import layer_of
        >>> layer_of(torch.nn.LSTM(3, 4, num_layers=2), -1)
        1
    """
    count = cast(int, rnn.num_layers)
    if isinstance(layer, bool) or not isinstance(layer, int):
        raise TypeError(f"layer must be a whole number, got {type(layer).__name__} {layer!r}")
    if not -count <= layer < count:
        raise ValueError(f"layer must be from {-count} to {count - 1}, got {layer}")
    return layer % count


def _layer(
    kind: str, rnn: Any, number: int, x: Float[Tensor, "T B k"], gates: bool
) -> tuple[Float[Tensor, "T B H"], dict[str, Tensor]]:
    if kind == "URNN":
        backend = backends.choose(rnn.backend, rnn.hidden_size, x.device.type)
        return layers_of(rnn.layers)[number](x, None, backend)[0], {}
    names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if rnn.bias else ()))
    weights = [getattr(rnn, f"{name}_l{number}") for name in names]
    w_x, w_h, b_x, b_h = weights if rnn.bias else (*weights, None, None)
    read = linear(x, w_x, b_x)  # of all steps at once
    h = x.new_zeros(x.shape[1], rnn.hidden_size)
    if kind == "LSTM":
        return _lstm(read, w_h, b_h, h, gates)
    states = []
    for at_step in read:
        own = linear(h, w_h, b_h)
        h = _gru_step(at_step, own, h) if kind == "GRU" else getattr(torch, rnn.nonlinearity)(at_step + own)
        states.append(h)
    return torch.stack(states), {}


def _gru_step(read: Float[Tensor, "B three_n"], own: Float[Tensor, "B three_n"], h: Tensor) -> Tensor:
    """nn.GRU's, whose reset gate is applied after the product."""
    (read_r, read_z, read_n), (own_r, own_z, own_n) = read.chunk(3, 1), own.chunk(3, 1)
    reset, update = torch.sigmoid(read_r + own_r), torch.sigmoid(read_z + own_z)
    candidate = torch.tanh(read_n + reset * own_n)
    return candidate + update * (h - candidate)


def _lstm(
    read: Float[Tensor, "T B four_n"], w_h: Tensor, b_h: Tensor | None, h: Float[Tensor, "B n"], gates: bool
) -> tuple[Float[Tensor, "T B n"], dict[str, Tensor]]:
    c, states = h, []
    kept: dict[str, list[Tensor]] = {name: [] for name in (*GATES, "state")} if gates else {}
    for at_step in read:
        i, f, g, o = (at_step + linear(h, w_h, b_h)).chunk(4, 1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        h = o * torch.tanh(c)
        states.append(h)
        for name, value in zip(kept, (i, f, g, o, c), strict=False):
            kept[name].append(value)
    return torch.stack(states), {name: torch.stack(values) for name, values in kept.items()}
