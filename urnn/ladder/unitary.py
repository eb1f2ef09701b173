"""The uRNN's optimisation ladder, after Appleyard, Kocisky, Blunsom 2016 (arXiv 1604.01946): one model, 7 rungs.

    op_by_op -> real_pairs -> materialised -> hoisted_input -> fused_step -> whole_sequence -> wavefront

Every rung computes what `URNN` does, from the same parameters; only the time differs, and the suite measures what
each rung gains. Known weakness: a stage may not pay off by itself. Real pairs are more operations until something
fuses them, W as a matrix is slower than its transforms as n grows, and on one thread a wavefront over layers gains
nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from urnn.backends import Backend, cpu, fused
from urnn.backends.contract import RunSequence
from urnn.ladder import unitary_steps, unitary_wavefront
from urnn.layer import layers_of
from urnn.rnn import URNN
from urnn.shapes import Complex, Float
from urnn.unitary import to_complex, to_pair


def _one_after_another(
    layers: nn.ModuleList,
    x: Float[Tensor, "T B m"],
    first_states: list[Float[Tensor, "B {2*len(layers[0].b)}"] | None],
    backend: Backend,
) -> tuple[Float[Tensor, "T B {2*len(layers[0].b)}"], list[Float[Tensor, "B {2*len(layers[0].b)}"]]]:
    """Each layer over the whole sequence before the next one starts; see `unitary_wavefront.run_layers`."""
    last_states = []
    for layer, h_0 in zip(layers, first_states, strict=True):
        x, last = layer(x, h_0, backend)
        last_states.append(last)
    return x, last_states


@dataclass(frozen=True)
class Rung(Backend):
    """A backend with its own order of layers and time.

    Attributes:
        run_layers: (layers, x (T, B, m), first states, backend) -> (states of the last layer (T, B, 2n), the last
            state of each layer); states are real, (B, 2n), and None is a layer's learned first state.

    Example:
        >>> from urnn.ladder.unitary import RUNGS
        >>> list(RUNGS)[0], RUNGS["wavefront"].devices
        ('op_by_op', ('cpu',))
    """

    run_layers: Callable[..., tuple[Tensor, list[Tensor]]] = _one_after_another


def _eager(name: str, run_sequence: RunSequence) -> Rung:
    return Rung(name, run_sequence, lambda n, device: True)


def _fused(
    name: str,
    run_sequence: RunSequence,
    run_layers: Callable[..., tuple[Tensor, list[Tensor]]] = _one_after_another,
) -> Rung:
    return Rung(name, run_sequence, cpu.applies, devices=("cpu",), run_layers=run_layers)


RUNGS: dict[str, Rung] = {  # from the ground up
    rung.name: rung
    for rung in (
        _eager("op_by_op", unitary_steps.op_by_op),
        _eager("real_pairs", unitary_steps.real_pairs),
        _eager("materialised", unitary_steps.materialised),
        _eager("hoisted_input", unitary_steps.hoisted_input),
        _fused("fused_step", unitary_steps.fused_step),
        _fused("whole_sequence", fused.run_sequence),
        _fused("wavefront", fused.run_sequence, run_layers=unitary_wavefront.run_layers),
    )
}


class LadderURNN(nn.Module):
    """A uRNN run the way one rung of the ladder runs it; a state dict fits `URNN` and every other rung.

    Args:
        input_size: m, features of the input at each time step.
        hidden_size: n, complex units of the state.
        num_layers: layers stacked; a layer reads the output of the one below.
        rung: a name in `RUNGS`.
        device, dtype: of the parameters; float32 or float64.

    Inputs: x real (T, B, m); h_0 complex (num_layers, B, n), or None for the learned first state.

    Outputs: the last layer's states as real (T, B, 2n), [Re; Im]; each layer's last state, complex
    (num_layers, B, n).

    Raises:
        ValueError: an unknown rung, or one that cannot run this size on this device.
        RuntimeError: x or h_0 of the wrong shape.

    Example:
        >>> import torch
        >>> from urnn import URNN
        >>> from urnn.ladder.unitary import LadderURNN
        >>> rnn, rung = URNN(3, 8), LadderURNN(3, 8, rung="hoisted_input")
        >>> rung.load_state_dict(rnn.state_dict())
        <All keys matched successfully>
        >>> x = torch.randn(5, 2, 3)
        >>> torch.allclose(rung(x)[0], rnn(x)[0], atol=1e-4)
        True
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        rung: str = "op_by_op",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if rung not in RUNGS:
            raise ValueError(f"unknown rung {rung!r}; the uRNN's ladder has: {', '.join(RUNGS)}")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.rung = rung
        self.layers = URNN(input_size, hidden_size, num_layers, device=device, dtype=dtype).layers
        _require_applicable(RUNGS[rung], hidden_size, layers_of(self.layers)[0].V.device.type)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, rung={self.rung!r}"

    def forward(
        self, x: Float[Tensor, "T B m"], h_0: Complex[Tensor, "layers B n"] | None = None
    ) -> tuple[Float[Tensor, "T B {2*self.hidden_size}"], Complex[Tensor, "layers B {self.hidden_size}"]]:
        self._check_shapes(x, h_0)
        rung = RUNGS[self.rung]
        _require_applicable(rung, self.hidden_size, x.device.type)
        first_states = [None] * self.num_layers if h_0 is None else list(to_pair(h_0))
        output, last_states = rung.run_layers(self.layers, x, first_states, rung)
        return output, to_complex(torch.stack(last_states))

    def _check_shapes(self, x: Tensor, h_0: Tensor | None) -> None:
        if x.dim() != 3 or x.shape[-1] != self.input_size or 0 in x.shape:
            raise RuntimeError(f"Expected x size (T, B, {self.input_size}), none of them 0, got {tuple(x.shape)}")
        expected = (self.num_layers, x.shape[1], self.hidden_size)
        if h_0 is not None and tuple(h_0.shape) != expected:
            raise RuntimeError(f"Expected h_0 size {expected}, got {tuple(h_0.shape)}")


def build(
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    backend: str,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> LadderURNN:
    """The rung named `backend`, built like a model of the registry.

    Raises:
        ValueError: see `LadderURNN`.

    Example:
        >>> from urnn.ladder import unitary
        >>> unitary.build(3, 8, backend="real_pairs").rung
        'real_pairs'
    """
    return LadderURNN(input_size, hidden_size, num_layers, backend, device, dtype)


def _require_applicable(rung: Rung, n: int, device_type: str) -> None:
    if not rung.applies(n, device_type):
        raise ValueError(
            f"rung {rung.name!r} cannot run hidden_size={n} on {device_type}: the fused kernel needs a CPU, "
            f"{cpu.SMALLEST} to {cpu.LARGEST} units and a C++ compiler; take a rung below fused_step"
        )
