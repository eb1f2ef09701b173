"""The ways to run a uRNN over a sequence, by name.

A backend is a function of tensors, real at its border: inputs, first state and parameters in, all states out.
It knows nothing of layers, packing, clocks or gradients' use. A new one is a file in this folder and a row in
`BACKENDS`; the contract tests run over every row.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from urnn.backends import checks, cpu, cuda, fused, reference


@dataclass(frozen=True)
class Backend:
    """One way to run a sequence.

    Attributes:
        name: how users ask for it.
        run_sequence: see `reference.run_sequence`, whose signature every backend has.
        applies: whether it can run this many complex units on this kind of device.
        devices: the kinds of device it is made for.
    """

    name: str
    run_sequence: Callable[..., tuple[Tensor, Tensor]]
    applies: Callable[[int, str], bool]
    devices: tuple[str, ...] = ("cpu", "cuda")


# Fastest first: "auto" takes the first that applies.
BACKENDS: dict[str, Backend] = {
    "cuda": Backend("cuda", fused.run_sequence, cuda.applies, devices=("cuda",)),
    "cpu": Backend("cpu", fused.run_sequence, cpu.applies, devices=("cpu",)),
    "reference": Backend("reference", checks.checked(reference.run_sequence), lambda n, device: True),
}


def choose(requested: str, n: int, device_type: str) -> Backend:
    """The backend to use for n complex units on a device ("cpu", "cuda").

    The environment variable URNN_BACKEND, where it is set, overrides `requested`.

    Raises:
        ValueError: an unknown name, or a backend that cannot run this size on this device.
    """
    name = os.environ.get("URNN_BACKEND") or requested
    if name == "auto":
        return next(backend for backend in BACKENDS.values() if backend.applies(n, device_type))
    if name not in BACKENDS:
        raise ValueError(f"backend must be one of {['auto', *BACKENDS]}, got {name!r}")
    if not BACKENDS[name].applies(n, device_type):
        raise ValueError(
            f"backend {name!r} cannot run hidden_size={n} on {device_type}; use backend='auto' or 'reference'"
        )
    return BACKENDS[name]
