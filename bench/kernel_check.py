"""Is a fused kernel right? Its output and gradients against the eager reference in float64, before it is timed.

Rounding alone makes float32 differ from float64, and how much depends on the data; so the reference is run in
float32 too, and a kernel's error may be a few times as large as its. In float64 the kernel is held against the
reference itself, and may differ by twice what that error would be in float64, since both are rounded. Before a
cell is timed, its own kernel is tried. Asked for by itself, the check also tries a CUDA kernel at every power of
two that it has and at some other sizes, with a batch that leaves its last block partly empty, in both presets and
dtypes, with so few inputs that it multiplies them itself, and with so many samples that it keeps sums in shared
memory.

In float16 and bfloat16 a kernel computes in float32, on rounded parameters and inputs. V x is rounded too unless
inputs are few, and may turn a small z by far; the reference in float64 then begins from the same rounded V x, and
the kernel may be off by what rounding its states and gradients costs, an epsilon or two of that dtype.

Some draws say nothing about a kernel. modReLU has a kink: where |z| + b is zero up to rounding, a right kernel may
switch a unit off that the reference leaves on, and the gradient jumps. So the exact gradients are computed for
slightly larger and smaller biases too, and must change by as much either way. Where some z is nearly 0, gradients
of 16 bits are off by far; so they are compared on a draw whose gradients float32 gets right. And since the errors
that are compared are two draws of much the same thing, a kernel whose gradients are off by little more than is
allowed is tried on another draw before it is called wrong.

Known weakness: a kernel is tried on random data, mostly with few time steps; an error that only shows late in a
sequence is caught at one length.
"""

import sys

if __name__ == "__main__":
    from bench.ending import run_module

    sys.exit(run_module("bench.kernel_check"))

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Self

import torch
from torch import Tensor

from bench.environment import why_no_kernel
from bench.grid import Cell
from bench.precision import TENSORS, set_tf32
from urnn import URNN
from urnn.backends import BACKENDS
from urnn.backends.contract import Parameters, RunSequence
from urnn.backends.cuda import plan as cuda_plan
from urnn.backends.cuda.passes import POWERS_OF_TWO
from urnn.layer import layers_of

# Products of 2, 3 and 5 with each way to cut a transform, 25 and 2025 without any 2.
OTHER_SIZES = (6, 12, 25, 60, 100, 360, 500, 768, 1000, 1536, 2025, 3000)
SIZES = (*POWERS_OF_TWO, *OTHER_SIZES)
# Units and samples with which an H100 keeps four and all sums over time in shared memory, and steps to try them.
MANY, FEW_STEPS = ((768, 528), (500, 1056)), 8
STEPS = 32
LONG_BATCH = 2
ODD_BATCH = 37  # no multiple of the samples of a block, where a block has several
TOLERANCE = 4.0  # times the reference's own error in float32
HALF_TOLERANCE = 2.0  # times epsilon of a dtype of 16 bits
SEED = 20151120
INPUTS = 10  # of a step, where nothing else is said
DRAWS = 5  # at most
SMOOTH = 2.0  # the larger of two changes over the smaller; a jump is on one side and hundreds of times as large
CLEAR = 4.0  # gradients in float32 that are off by less, in roundings of a sum over units, leave no z nearly 0
AGAIN = 4.0  # times what is allowed: gradients that are off by less are computed on another draw
BROKEN = 3  # exit code of a process that met an error of CUDA's


@dataclass(frozen=True)
class Check:
    """One kernel at one size; errors are relative, in the Euclidean norm.

    Attributes:
        output_error, gradient_error: the kernel's, the latter the largest of any parameter's gradient.
        allowed_output, allowed_gradient: the least that makes the kernel wrong.
        failure: one sentence where it could not be run; its errors are None then.
    """

    backend: str
    device: str
    hidden_size: int
    length: int
    batch: int
    dtype: str = "float32"
    preset: str = "paper"
    inputs: int = INPUTS
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
        inputs = f"m={self.inputs}"
        usual = ("float32", "paper", f"m={INPUTS}")
        kind = "".join(f" {word}" for word in (self.dtype, self.preset, inputs) if word not in usual)
        where = f"urnn:{self.backend} n={self.hidden_size} T={self.length} B={self.batch}{kind}"
        if self.failure:
            return f"{where}: wrong, it does not run: {self.failure}"
        return (
            f"{where}: {'right' if self.right else 'WRONG'}, output off by {self.output_error:.1e} "
            f"(allowed {self.allowed_output:.1e}), gradients by {self.gradient_error:.1e} "
            f"(allowed {self.allowed_gradient:.1e}) from float64"
        )


HALVES = tuple(name for name, dtype in TENSORS.items() if dtype in cuda_plan.HALVES)
CHECKED = ("float32", *HALVES)  # the dtypes of cells whose kernels are tried

Size = tuple[str, str, int, int, int, str, str, int]  # the first fields of a `Check`


def sizes(cells: Iterable[Cell]) -> list[Size]:
    """What to try, so that every fused uRNN among the cells is tried before it is timed."""
    fused = _fused(cells)
    rest = ("paper", INPUTS)
    short = [
        (c.implementation, c.device, c.hidden_size, min(STEPS, c.length), c.batch, c.dtype, *rest) for c in fused
    ]
    far = [
        (c.implementation, c.device, c.hidden_size, c.length, min(LONG_BATCH, c.batch), c.dtype, *rest)
        for c in fused
        if c.length == max(other.length for other in fused)
    ]
    return list(dict.fromkeys([*short, *far]))


def all_sizes(cells: Iterable[Cell]) -> list[Size]:
    """The same, and whatever else the CUDA kernels among the cells can do."""
    usual = ("float32", "paper", INPUTS)
    kinds = (
        usual,
        ("float32", "released", INPUTS),
        ("float64", "paper", INPUTS),
        ("float64", "released", INPUTS),
        *(("float32", "paper", few) for few in range(1, cuda_plan.FEW + 1)),
        *((dtype, "paper", m) for dtype, m in zip(HALVES, (INPUTS, cuda_plan.FEW), strict=True)),
    )
    cells = list(cells)
    more = []
    for backend in dict.fromkeys(c.implementation for c in _fused(cells) if c.device == "cuda"):
        more += [(backend, "cuda", n, STEPS // 2, ODD_BATCH, *kind) for n in SIZES for kind in kinds]
        more += [
            (backend, "cuda", n, FEW_STEPS, batch, *kind)
            for n, batch in MANY
            for kind in (usual, (HALVES[0], "paper", INPUTS))
        ]
    return list(dict.fromkeys([*sizes(cells), *more]))


def _fused(cells: Iterable[Cell]) -> list[Cell]:
    return [c for c in cells if c.model == "urnn" and c.implementation != "reference" and c.dtype in CHECKED]


def check(
    backend: str,
    device: str,
    hidden_size: int,
    length: int,
    batch: int,
    dtype: str = "float32",
    preset: str = "paper",
    inputs: int = INPUTS,
) -> Check:
    """Runs the kernel and the reference on one draw; an error on the way is a check that failed."""
    size = (backend, device, hidden_size, length, batch, dtype, preset, inputs)
    drawn_in = TENSORS[dtype] if dtype in HALVES else torch.float64
    work = _Work(device, hidden_size, length, batch, preset, inputs, drawn_in)
    try:
        found, allowed = _compared(backend, TENSORS[dtype], work)
    except (RuntimeError, ValueError) as failed:
        error = why_no_kernel(device) or failed
        return Check(*size, failure=f"{type(error).__name__}: {' '.join(str(error).split())}"[:300])
    return Check(*size, *found, *allowed)


@dataclass(frozen=True)
class _Work:
    """What is computed, in any dtype and by any backend.

    Attributes:
        drawn_in: the dtype that every number of it is exact in.
    """

    device: str
    hidden_size: int
    length: int
    batch: int
    preset: str
    inputs: int
    drawn_in: torch.dtype

    def run(self, backend: str, dtype: torch.dtype, seed: int, shift: float = 0.0) -> list[Tensor]:
        """The output and every parameter's gradient, in float64; `shift` is added to every bias of modReLU."""
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        rnn = URNN(self.inputs, self.hidden_size, backend=backend, preset=self.preset, dtype=torch.float64)
        with torch.no_grad():
            for parameter in rnn.parameters():  # biases too: at zero, half of modReLU is never reached
                parameter.add_(0.01 * torch.randn(parameter.shape, dtype=torch.float64, generator=generator))
            rnn = rnn.to(self.drawn_in).double()
            layers_of(rnn.layers)[0].b.add_(shift)
        x = torch.randn(self.length, self.batch, self.inputs, dtype=torch.float64, generator=generator)
        weights = torch.randn(
            self.length, self.batch, 2 * self.hidden_size, dtype=torch.float64, generator=generator
        )
        x, weights = x.to(self.drawn_in), weights.to(self.drawn_in)
        rnn, x, weights = rnn.to(self.device, dtype), x.to(self.device, dtype), weights.to(self.device, dtype)
        if backend == "reference" and self.drawn_in in cuda_plan.HALVES and self.inputs > cuda_plan.FEW:
            rounding = replace(BACKENDS["reference"], run_sequence=rounding_inputs(self.drawn_in))
            output, _ = layers_of(rnn.layers)[0](x, None, rounding)
        else:
            output, _ = rnn(x)
        (output * weights).sum().backward()
        return [value.detach().double() for value in (output, *(p.grad for p in rnn.parameters()))]


def rounding_inputs(dtype: torch.dtype) -> RunSequence:
    """The reference, with the product V x of all steps rounded to this dtype, and the product's derivative."""

    def run_sequence(x: Tensor, h_0: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
        V = parameters.V  # noqa: N806 - the paper's letter
        exact = x @ V.mT
        rounded = torch.mm(x.detach().to(dtype).flatten(0, 1), V.detach().to(dtype).mT).view(exact.shape)
        Vx = exact + (rounded.to(exact.dtype) - exact.detach())  # noqa: N806
        identity = torch.eye(len(V), dtype=V.dtype, device=V.device)
        return BACKENDS["reference"].run_sequence(Vx, h_0, parameters._replace(V=identity))

    return run_sequence


Pair = tuple[float, float]  # of the output, and the largest of a gradient


@dataclass(frozen=True)
class _Draw:
    """What a kernel is held against.

    Attributes:
        exact: as `_Work.run` returns it.
        allowed: the errors that are.
        trouble: how little the draw says about a kernel, see above; up to 1 it says enough.
    """

    seed: int
    exact: list[Tensor]
    allowed: Pair
    trouble: float

    @classmethod
    def of(cls, dtype: torch.dtype, work: _Work, seed: int) -> Self:
        """For a kernel of that dtype."""
        exact = work.run("reference", torch.float64, seed)
        rounded = _errors(work.run("reference", torch.float32, seed), exact)
        eps, single = torch.finfo(dtype).eps, torch.finfo(torch.float32).eps
        least = math.log2(2 * work.hidden_size) * single
        if dtype in cuda_plan.HALVES:  # a unit that is switched off changes less than all that are rounded
            return cls(seed, exact, (HALF_TOLERANCE * eps, HALF_TOLERANCE * eps), rounded[1] / (CLEAR * least))
        scale = TOLERANCE * (2 * eps / single if dtype == torch.float64 else 1.0)
        allowed = scale * max(rounded[0], least), scale * max(rounded[1], least)
        # As much as rounding moves |z| + b.
        shift = eps / single * rounded[0] * float(exact[0].square().mean().sqrt())
        above, below = (_errors(work.run("reference", torch.float64, seed, s), exact)[1] for s in (shift, -shift))
        smooth = max(above, below) <= SMOOTH * min(above, below)
        return cls(seed, exact, allowed, 0.0 if smooth else math.inf)

    def errors(self, backend: str, dtype: torch.dtype, work: _Work) -> Pair:
        """The backend's."""
        return _errors(work.run(backend, dtype, self.seed), self.exact)

    def decides(self, found: Pair) -> bool:
        """Whether these errors make a kernel right, or wrong beyond doubt."""
        return not (found[0] <= self.allowed[0] and 1 < found[1] / self.allowed[1] <= AGAIN)


def _compared(backend: str, dtype: torch.dtype, work: _Work) -> tuple[Pair, Pair]:
    """The backend's errors, and those that are allowed, on the first draw that decides, or else on the best."""
    undecided: list[tuple[Pair, Pair]] = []
    for draw in _draws(dtype, work):
        found = draw.errors(backend, dtype, work)
        if draw.decides(found):
            return found, draw.allowed
        undecided.append((found, draw.allowed))
    return undecided[0]


def _draws(dtype: torch.dtype, work: _Work) -> Iterator[_Draw]:
    """Those that say enough as they come, then the others, the best first."""
    poor: list[_Draw] = []
    for seed in range(SEED, SEED + DRAWS):
        draw = _Draw.of(dtype, work, seed)
        if draw.trouble <= 1:
            yield draw
        else:
            poor.append(draw)
    yield from sorted(poor, key=lambda draw: draw.trouble)


def _within(error: float | None, allowed: float | None) -> bool:
    return error is not None and allowed is not None and error <= allowed


def _errors(found: list[Tensor], exact: list[Tensor]) -> tuple[float, float]:
    errors = [float((a - b).norm() / b.norm()) for a, b in zip(found, exact, strict=True)]
    return errors[0], max(errors[1:])


def main() -> int:
    """Reads sizes as JSON from standard input, writes a check a line as JSON; for a process of its own.

    Ends after an error of CUDA's, which every later call in the process would meet again.
    """
    set_tf32(False)
    for size in json.load(sys.stdin):
        found = check(*size)
        print(json.dumps(asdict(found)), flush=True)
        if "CUDA" in found.failure and torch.cuda.is_available():
            return BROKEN
    return 0
