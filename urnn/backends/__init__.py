"""The ways to run a uRNN over a sequence, by name.

A backend is a function of real tensors: the input, the first state and a layer's parameters in, all states out;
see `contract.RunSequence`. It knows nothing about layers, packing, timing or what gradients are used for. A new
backend is a file or folder here and a row in `BACKENDS`; the contract tests run over every row.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import torch

from urnn.backends import cpu, cuda, fused, reference
from urnn.backends.checked import checked
from urnn.backends.contract import RunSequence
from urnn.backends.cuda import sequence as cuda_sequence


@dataclass(frozen=True)
class Backend:
    """One way to run a sequence.

    Attributes:
        name: how users ask for it.
        run_sequence: runs a sequence; see `contract.RunSequence`.
        applies: (n, device type) -> whether it can run n complex units there. May build its kernel.
        devices: the types of device it is made for.
        expected: what `applies` will return, as far as that is known without building a kernel; None if there is
            nothing to build.
        halves: dtypes of 16 bits that it reads inputs and returns states in, while it computes in float32.
    """

    name: str
    run_sequence: RunSequence
    applies: Callable[[int, str], bool]
    devices: tuple[str, ...] = ("cpu", "cuda")
    expected: Callable[[int, str], bool] | None = None
    halves: tuple[torch.dtype, ...] = ()


# Fastest first: "auto" takes the first that applies.
BACKENDS: dict[str, Backend] = {
    "cuda": Backend("cuda", fused.run_sequence, cuda.applies, devices=("cuda",), halves=cuda_sequence.HALVES),
    "cpu": Backend("cpu", fused.run_sequence, cpu.applies, devices=("cpu",), expected=cpu.expected),
    "reference": Backend("reference", checked(reference.run_sequence), lambda n, device: True),
}


def choose(requested: str, n: int, device_type: str) -> Backend:
    """The backend to use for n complex units on a type of device ("cpu", "cuda", "meta"), with its kernel built.

    "auto" is the backend that the environment variable URNN_BACKEND names, or else the first that applies. On
    "meta" any backend will do, since only the sizes of the result matter there.

    Raises:
        ValueError: an unknown name, or a backend that cannot run this size on this device.

    Warns:
        RuntimeWarning: "auto" finds no kernel on a CPU, since n is too large.
    """
    chosen = _choose(requested, n, device_type, lambda backend: backend.applies(n, device_type))
    if chosen.name == "reference" and _name(requested) == "auto":
        cpu.warn_of_size(n, device_type)
    return chosen


def expected(requested: str, n: int, device_type: str) -> Backend:
    """The backend that `choose` will return, as far as that is known without building a kernel."""
    return _choose(
        requested, n, device_type, lambda backend: (backend.expected or backend.applies)(n, device_type)
    )


def require_choice(requested: str, n: int, device_type: str) -> None:
    """Raises ValueError for an unknown name, or a backend for this type of device that cannot run this size.

    A backend for another type of device is no error: a layer can be moved before it is used.
    """
    if requested != "auto" and device_type in _named(requested, requested).devices:
        expected(requested, n, device_type)


def _choose(requested: str, n: int, device_type: str, can_run: Callable[[Backend], bool]) -> Backend:
    name = _name(requested)
    if name == "auto":
        return next(backend for backend in BACKENDS.values() if can_run(backend))
    backend = _named(name, requested)
    if device_type != "meta" and not can_run(backend):
        fault = f"{name!r} cannot run hidden_size={n} on {device_type}"
        if requested == "auto":
            raise ValueError(f"URNN_BACKEND={fault}; unset it, or set it to 'reference'")
        raise ValueError(f"backend {fault}; use backend='auto' or 'reference'")
    return backend


def _name(requested: str) -> str:
    return (os.environ.get("URNN_BACKEND") or "auto") if requested == "auto" else requested


def _named(name: str, requested: str) -> Backend:
    """The row of that name, which the environment says where "auto" is requested."""
    if name not in BACKENDS:
        whose = "URNN_BACKEND" if requested == "auto" else "backend"
        raise ValueError(f"{whose} must be one of {['auto', *BACKENDS]}, got {name!r}")
    return BACKENDS[name]
