"""One layer of the uRNN in one direction: its parameters, and how the presets draw them.

It does none of the arithmetic: a backend gets the tensors and returns the states.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from urnn import checks, segments
from urnn.backends import Backend
from urnn.backends.contract import Parameters
from urnn.shapes import Float, Int
from urnn.unitary import UnitaryMatrix


@dataclass(frozen=True)
class Preset:
    """Where the paper and its authors' released code differ.

    Attributes:
        v_bound: (hidden_size) -> bound of the uniform distribution of v.
        bias_bound: bound of the uniform distribution of b.
        epsilon: added to modReLU's divisor.
        conjugate_reflections: see `UnitaryMatrix`.

    Example:
        >>> from urnn.layer import PRESETS
        >>> PRESETS["paper"].epsilon, PRESETS["released"].epsilon
        (0.0, 1e-05)
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

    Parameters (real; n = hidden_size, m = input_size), drawn as in Arjovsky, Shah, Bengio 2015, section 4.3:
        W.theta (3, n) and W.v (2, 2n): see `UnitaryMatrix`.
        V: (2n, m), the input matrix, real and imaginary rows stacked.
        b: (n,), the bias of modReLU.
        h_0: (2n,), the first state [Re; Im], shared by the batch; drawn with E|h_0|^2 = 1.

    Example:
        >>> import torch
        >>> from urnn.backends import BACKENDS
        >>> from urnn.layer import PRESETS, URNNLayer
        >>> layer = URNNLayer(input_size=3, hidden_size=8, preset=PRESETS["paper"])
        >>> states, last = layer(torch.randn(5, 2, 3), None, BACKENDS["reference"])
        >>> states.shape, last.shape  # real, [Re; Im]
        (torch.Size([5, 2, 16]), torch.Size([2, 16]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        preset: Preset,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.preset = preset
        self.W = UnitaryMatrix(
            hidden_size,
            conjugate_reflections=preset.conjugate_reflections,
            reflection_bound=preset.v_bound(hidden_size),
            device=device,
            dtype=dtype,
        )
        self.V = nn.Parameter(torch.empty(2 * hidden_size, input_size, device=device, dtype=dtype))
        self.b = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.h_0 = nn.Parameter(torch.empty(2 * hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws every parameter as the preset says; the permutation stays if it is valid."""
        self.W.reset_parameters()
        nn.init.xavier_uniform_(self.V)
        nn.init.uniform_(self.b, -self.preset.bias_bound, self.preset.bias_bound)
        bound = math.sqrt(3 / self.h_0.numel())
        nn.init.uniform_(self.h_0, -bound, bound)

    def forward(
        self,
        x: Float[Tensor, "T B m"],
        h_0: Float[Tensor, "B {2*len(self.b)}"] | None,
        backend: Backend,
        *,
        lengths: Int[Tensor, " B"] | None = None,
        reverse: bool = False,
        every: int = 0,
        chosen: list[int] | None = None,
    ) -> tuple[Float[Tensor, "returned B {2*len(self.b)}"], Float[Tensor, "B {2*len(self.b)}"]]:
        """States in the order of the input, and each sequence's state at the last step that is read.

        Parameters in float16 or bfloat16 are read as float32, which x and the results have then. Where the backend
        reads x in that dtype, it may have it: so have the states then, and the last one has float32.

        Args:
            lengths: of each sequence; None if all have T steps.
            reverse: reads each sequence from its end to its beginning.
            every: steps that are run again at a time in the backward pass, 0 for none; see `urnn.segments`.
            chosen: the steps of x, in rising order, whose states are returned; None for all. Needs sequences of
                one length.
        """
        batch = x.shape[1]
        if reverse:
            x = _reverse_time(x, lengths)
            chosen = None if chosen is None else [len(x) - 1 - t for t in reversed(chosen)]
        v = self.W.reflection_vectors()
        parameters = Parameters(self.W.theta, v, self.W.permutation, self.V, self.b, self.preset.epsilon)
        dtype = parameters.V.dtype
        if h_0 is None:
            h_0 = checks.widened("h_0", self.h_0, dtype).expand(batch, -1)
        if dtype in checks.HALVES:
            parameters = parameters._replace(
                theta=checks.widened("theta", parameters.theta, dtype),
                v=checks.widened("v", v, dtype),
                V=checks.widened("V", parameters.V, dtype),
                b=checks.widened("b", parameters.b, dtype),
            )
        if every == 0 and chosen is None:  # directly, since a stream pays for each call
            states, last = backend.run_sequence(x, h_0, parameters)
        else:
            states, last = segments.run_sequence(backend.run_sequence, every, chosen, x, h_0, parameters)
        if lengths is not None:
            last = states[lengths - 1, torch.arange(batch, device=x.device)]
        return (_reverse_time(states, lengths) if reverse else states), last


def as_computed(x: Tensor, dtype: torch.dtype, halves: tuple[torch.dtype, ...] = ()) -> Tensor:
    """An input in the dtype that a layer of this dtype computes in, or in its own if that is one of `halves`.

    Example:
        >>> import torch
        >>> from urnn.layer import as_computed
        >>> as_computed(torch.ones(2, dtype=torch.float16), torch.float16).dtype
        torch.float32
    """
    return checks.in_float32(x) if dtype in checks.HALVES and dtype not in halves else x.to(dtype)


def without_autocast(device_type: str) -> AbstractContextManager[object]:
    """Switches autocast off if it is on. Entering the context needlessly costs a stream a tenth of its step, and
    on the meta device it is an error.

    Example:
        >>> import torch
        >>> from urnn.layer import without_autocast
        >>> with torch.autocast("cpu"), without_autocast("cpu"):
        ...     torch.is_autocast_enabled("cpu")
        False
    """
    wanted = device_type != "meta" and torch.is_autocast_enabled(device_type)
    return torch.autocast(device_type, enabled=False) if wanted else nullcontext()


def layers_of(modules: nn.ModuleList) -> list[URNNLayer]:
    """The layers of a `URNN.layers`, which torch types as any modules.

    Example:
        >>> from urnn import URNN
        >>> from urnn.layer import layers_of
        >>> layers_of(URNN(3, 8).layers)[0].V.shape
        torch.Size([16, 3])
    """
    return cast("list[URNNLayer]", list(modules))


def _reverse_time(x: Float[Tensor, "T B k"], lengths: Int[Tensor, " B"] | None) -> Float[Tensor, "T B k"]:
    """Each sequence read backwards; what lies past its length stays where it is. Its own inverse."""
    if lengths is None:
        return x.flip(0)
    t = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    source = torch.where(t < lengths, lengths - 1 - t, t)
    return x.gather(0, source.unsqueeze(-1).expand_as(x))
