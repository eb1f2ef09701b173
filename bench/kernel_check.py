"""Is a fused kernel right? Its output and gradients against the eager reference in float64, before it is timed.

Rounding alone makes float32 differ from float64, and how much depends on the data; so the reference is run in
float32 too, and a kernel's error may be a few times as large as its. Known weakness: a kernel is tried on random
data, at the sizes that are timed but mostly with fewer time steps; an error that only shows late in a sequence is
caught at one length.
"""

import sys

if __name__ == "__main__":
    from bench.ending import run_module

    sys.exit(run_module("bench.kernel_check"))

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from bench.environment import why_no_kernel
from bench.grid import Cell
from bench.precision import set_tf32
from urnn import URNN

STEPS = 32
LONG_BATCH = 2
TOLERANCE = 4.0  # times the reference's own error in float32
SEED = 20151120


@dataclass(frozen=True)
class Check:
    """One kernel at one size; errors are relative, in the Euclidean norm.

    Attributes:
        output_error, gradient_error: the kernel's in float32, the latter the largest of any parameter's gradient.
        allowed_output, allowed_gradient: the least that makes the kernel wrong.
        failure: one sentence where it could not be run; its errors are None then.
    """

    backend: str
    device: str
    hidden_size: int
    length: int
    batch: int
    output_error: float | None = None
    gradient_error: float | None = None
    allowed_output: float | None = None
    allowed_gradient: float | None = None
    failure: str = ""

    @property
    def right(self) -> bool:
        """NaN and what could not be run are wrong."""
        found = (self.output_error, self.allowed_output), (self.gradient_error, self.allowed_gradient)
        return not self.failure and all(_within(error, allowed) for error, allowed in found)

    def line(self) -> str:
        """The check for people."""
        where = f"urnn:{self.backend} n={self.hidden_size} T={self.length} B={self.batch}"
        if self.failure:
            return f"{where}: wrong, it does not run: {self.failure}"
        return (
            f"{where}: {'right' if self.right else 'WRONG'}, output off by {self.output_error:.1e} "
            f"(allowed {self.allowed_output:.1e}), gradients by {self.gradient_error:.1e} "
            f"(allowed {self.allowed_gradient:.1e}) from float64"
        )


def sizes(cells: Iterable[Cell]) -> list[tuple[str, str, int, int, int]]:
    """(backend, device, n, T, B) to try, so that every fused uRNN among the cells is tried before it is timed."""
    fused = [c for c in cells if c.model == "urnn" and c.implementation != "reference" and c.dtype == "float32"]
    short = [(c.implementation, c.device, c.hidden_size, min(STEPS, c.length), c.batch) for c in fused]
    far = [
        (c.implementation, c.device, c.hidden_size, c.length, min(LONG_BATCH, c.batch))
        for c in fused
        if c.length == max(other.length for other in fused)
    ]
    return list(dict.fromkeys([*short, *far]))


def check(backend: str, device: str, hidden_size: int, length: int, batch: int) -> Check:
    """Runs the kernel and the reference on one draw; an error on the way is a check that failed."""
    size = (backend, device, hidden_size, length, batch)
    try:
        exact = _run("reference", torch.float64, *size[1:])
        rounded = _errors(_run("reference", torch.float32, *size[1:]), exact)
        found = _errors(_run(backend, torch.float32, *size[1:]), exact)
    except (RuntimeError, ValueError) as failed:
        error = why_no_kernel(device) or failed
        return Check(*size, failure=f"{type(error).__name__}: {' '.join(str(error).split())}"[:300])
    least = math.log2(2 * hidden_size) * torch.finfo(torch.float32).eps
    return Check(*size, *found, *(TOLERANCE * max(error, least) for error in rounded))


def _within(error: float | None, allowed: float | None) -> bool:
    return error is not None and allowed is not None and error <= allowed


def _run(backend: str, dtype: torch.dtype, device: str, hidden_size: int, length: int, batch: int) -> list[Tensor]:
    """The output and every parameter's gradient, in float64, of the same model on the same data in any dtype."""
    generator = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    rnn = URNN(10, hidden_size, backend=backend, dtype=torch.float64)
    with torch.no_grad():
        for parameter in rnn.parameters():  # biases too: at zero, half of modReLU is never reached
            parameter.add_(0.01 * torch.randn(parameter.shape, dtype=torch.float64, generator=generator))
    x = torch.randn(length, batch, 10, dtype=torch.float64, generator=generator)
    weights = torch.randn(length, batch, 2 * hidden_size, dtype=torch.float64, generator=generator)
    rnn, x, weights = rnn.to(device, dtype), x.to(device, dtype), weights.to(device, dtype)
    output, _ = rnn(x)
    (output * weights).sum().backward()
    return [value.detach().double() for value in (output, *(p.grad for p in rnn.parameters()))]


def _errors(found: list[Tensor], exact: list[Tensor]) -> tuple[float, float]:
    errors = [float((a - b).norm() / b.norm()) for a, b in zip(found, exact, strict=True)]
    return errors[0], max(errors[1:])


def main() -> int:
    """Reads sizes as JSON from standard input, writes a check a line as JSON; for a process of its own."""
    set_tf32(False)
    for size in json.load(sys.stdin):
        print(json.dumps(asdict(check(*size))), flush=True)
    return 0
