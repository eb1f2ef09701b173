"""Runs the cases that it is sent, one JSON line each, and answers each with a line.

They run in a fork, which only a fault of the layer ends. The answer is then how it ended, and the next case runs
in another fork; so torch is imported once, whatever ends.

A case is a layer or an operator with a few of its tensors changed. What should happen is decided here from the
sizes of the case and from nothing in `urnn`: an error of an expected type, or the result of the reference.
"""

import ctypes
import json
import os
import sys
import traceback
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.urnn.parity import call
from urnn import URNN
from urnn.backends import BACKENDS
from urnn.backends.cpu import LARGEST
from urnn.backends.cpu import build as cpu_build

ERRORS = (TypeError, ValueError, RuntimeError)
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-10}  # of the largest value, over a few steps
OF_A_LAYER = {**TOLERANCE, torch.float16: 2e-3, torch.bfloat16: 1e-2}


def neighbours(tensor: Tensor) -> Tensor:
    """The same numbers in the middle of a larger storage."""
    room = torch.full((tensor.numel() + 16,), 7, dtype=tensor.dtype)
    room[8:-8] = tensor.reshape(-1)
    return room[8:-8].view(tensor.shape)


def stored(left: float) -> Callable[[Tensor], Tensor]:
    """The same tensor with a part of its storage left."""

    def cut(tensor: Tensor) -> Tensor:
        tensor = tensor.clone(memory_format=torch.contiguous_format)
        tensor.untyped_storage().resize_(int(tensor.untyped_storage().nbytes() * left))
        return tensor

    return cut


def cut_off(tensor: Tensor) -> Tensor:
    """The last part of a storage of which as many bytes are left as the tensor has: none of them its own."""
    room = torch.cat([tensor.reshape(-1)] * 2)
    room.untyped_storage().resize_(tensor.nbytes)
    return room[tensor.numel() :].view(tensor.shape)


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "half": Tensor.half,
    "bfloat16": Tensor.bfloat16,
    "float": Tensor.float,
    "double": Tensor.double,
    "int32": Tensor.int,
    "int64": Tensor.long,
    "bool": Tensor.bool,
    "complex": lambda t: t.float() + 0j,
    "meta": lambda t: t.to("meta"),
    "sparse": Tensor.to_sparse,
    "narrow": lambda t: t[..., :-1],
    "narrow first": lambda t: t[:-1],
    "wide": lambda t: torch.cat([t, t], -1),
    "one more": lambda t: t.unsqueeze(0),
    "one less": lambda t: t[0],
    "empty": lambda t: t[..., :0],
    "empty first": lambda t: t[:0],
    "turned": lambda t: t.transpose(0, -1),
    "column order": lambda t: t.transpose(0, -1).contiguous().transpose(0, -1),
    "every second": lambda t: t.repeat_interleave(2, -1)[..., ::2],
    "first for all": lambda t: t[:1].expand_as(t),
    "overlapping": lambda t: torch.arange(t.numel() + 9).to(t.dtype).as_strided(t.shape, (1,) * t.dim()),
    "neg bit": lambda t: torch._neg_view(-t) if t.is_floating_point() else t,
    "neighbours": neighbours,
    "freed": stored(0),
    "half freed": stored(0.5),
    "cut off": cut_off,
    "large entries": lambda t: t if t.is_floating_point() else t + 10**9,
    "next": lambda t: t + 1,
    "last": lambda t: t - 1,
    "backwards": lambda t: t.flip(0),
    "subclass": lambda t: t.as_subclass(type("Mine", (Tensor,), {})),
    "leaf": lambda t: t.detach().clone().requires_grad_(t.is_floating_point()),
}


def sizes_of(case: dict, entry: str) -> dict[str, tuple[int, ...]]:
    n, m, steps, batch = (case[name] for name in ("n", "m", "steps", "batch"))
    sizes = {
        "x": (steps, batch, m), "h_0": (batch, 2 * n), "theta": (3, n), "v": (2, 2 * n), "permutation": (n,),
        "V": (2 * n, m), "b": (n,),
    }  # fmt: skip
    if entry == "backward":
        every = (steps, batch, 2 * n)
        sizes = {"states_gradient": every, "last_gradient": every[1:], "states": every, **sizes}
    return sizes


def is_right(given: dict[str, Tensor], case: dict) -> bool:
    """Whether these can be computed with."""
    dtype, sizes = given["x"].dtype, sizes_of(case, case["entry"])
    for name, tensor in given.items():
        expected = torch.int64 if name == "permutation" else dtype
        if tensor.device.type != "cpu" or tensor.layout is not torch.strided or tensor.dtype != expected:
            return False
        if not _is_there(tensor) or not _is_of_size(name, tuple(tensor.shape), sizes[name], case):
            return False
    entries = given["permutation"].tolist()
    allowed = OF_A_LAYER if case["entry"] == "layer" else TOLERANCE
    return dtype in allowed and sorted(entries) == list(range(len(entries)))


def _is_of_size(name: str, shape: tuple[int, ...], size: tuple[int, ...], case: dict) -> bool:
    """A layer takes any number of steps and sequences, or one without a batch; and its h_0 is one row for all."""
    if case["entry"] == "layer" and name == "x":
        return len(shape) in (2, 3) and shape[0] > 0 and shape[-1] == size[-1]
    if case["entry"] == "layer" and name == "h_0":
        return shape in (size[1:], (1, *size[1:]))
    if case["entry"] == "operator" and name == "x":
        return len(shape) == 3 and shape[0] > 0 and shape[1:] == size[1:]
    return shape == size


def _is_there(tensor: Tensor) -> bool:
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    needed = (tensor.storage_offset() + last + 1) * tensor.itemsize if tensor.numel() else 0
    return tensor.untyped_storage().nbytes() >= needed


def draw(case: dict, entry: str) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(case["seed"])
    dtype = getattr(torch, case["dtype"])
    given = {
        name: torch.randn(size, generator=generator, dtype=torch.float64).to(dtype) * 0.7
        for name, size in sizes_of(case, entry).items()
    }
    given["permutation"] = torch.randperm(case["n"], generator=generator)
    return given


def changed(given: dict[str, Tensor], changes: list[list[str]]) -> dict[str, Tensor]:
    """One after another; a tensor that has lost its memory is not touched again, which would end this process."""
    lost = set()
    for name, change in changes:
        if name in given and name not in lost:
            if change in ("freed", "half freed", "cut off"):
                lost.add(name)
            try:
                given[name] = CHANGES[change](given[name])
            except (*ERRORS, IndexError):  # a change that cannot be made to this tensor, or after another
                continue
    return given


def layer_with(case: dict, backend: str, given: dict[str, Tensor], dtype: torch.dtype) -> URNN:
    """A layer whose parameters are these tensors, as they are."""
    rnn = URNN(case["m"], case["n"], backend=backend, dtype=dtype)
    layer = rnn.layers[0]
    for part, name in ((layer.W, "theta"), (layer.W, "v"), (layer, "V"), (layer, "b"), (layer, "h_0")):
        tensor = given[name]
        part.register_parameter(name, nn.Parameter(tensor, requires_grad=tensor.is_floating_point()))
    layer.W.permutation = given["permutation"]
    return rnn


def outcome(run: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...] | Exception:
    try:
        return tuple(tensor.detach() for tensor in run())
    except ERRORS as error:
        return error


def by_layer(case: dict, backend: str, given: dict[str, Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Output, state and every gradient."""
    rnn = layer_with(case, backend, given, dtype)
    output, h_n = rnn(given["x"])
    values = [output, h_n.real, h_n.imag]
    wanted = [p for p in rnn.parameters() if p.requires_grad]
    return (*values, *torch.autograd.grad(sum(v.square().sum() for v in values), wanted))


def by_operator(given: dict[str, Tensor], entry: str) -> tuple[Tensor, ...]:
    if entry == "backward":
        return torch.ops.urnn.sequence_backward(*given.values(), 0.0, True)
    return torch.ops.urnn.sequence(*given.values(), 0.0)


def plain(given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The numbers alone, in tensors of their own, float64."""
    exact = {}
    for name, tensor in given.items():
        values = torch.empty(tensor.shape, dtype=torch.float64)
        values.copy_(tensor.detach())
        exact[name] = values if name != "permutation" else values.long()
    return exact


def exact_result(case: dict, entry: str, given: dict[str, Tensor]) -> tuple[Tensor, ...] | None:
    given = plain(given)
    if entry == "layer":
        return by_layer(case, "reference", given, torch.float64)
    if entry == "operator":
        return call(BACKENDS["reference"].run_sequence, **given, epsilon=0.0)
    return None  # states of random numbers are those of no sequence: there is nothing to compare with


def far_from(found: tuple[Tensor, ...], exact: tuple[Tensor, ...], dtype: torch.dtype) -> str:
    for value, expected in zip(found, exact, strict=True):
        if value.shape != expected.shape:
            return f"a size of {tuple(value.shape)}, not {tuple(expected.shape)}"
        if value.numel() == 0:
            continue
        error = (value.double() - expected).abs().max() / expected.abs().max().clamp(min=1)
        if not error <= OF_A_LAYER[dtype]:
            return f"a result that is {float(error):.1e} of its largest value away from the reference's"
    return ""


def judge(case: dict) -> str:
    """What is wrong, or nothing."""
    entry = case["entry"]
    given = draw(case, entry)
    if entry == "layer":
        given["h_0"] = (
            given["h_0"][0].clone() if case["batch"] else torch.zeros(2 * case["n"]).to(given["x"].dtype)
        )
    given = changed(given, case["changes"])
    right = is_right(given, case) and case["steps"] > 0
    kernel_fits = 1 <= case["n"] <= LARGEST
    if entry == "layer":
        backends = ["reference", "cpu" if kernel_fits else "auto"]
    else:
        backends, right = ["operator"], right and kernel_fits and case["batch"] > 0
    with torch.no_grad() if entry == "backward" else torch.enable_grad():
        exact = exact_result(case, entry, given) if right else None
        for backend in backends:
            dtype = getattr(torch, case["dtype"])
            run = (
                (lambda backend=backend, dtype=dtype: by_layer(case, backend, given, dtype))
                if entry == "layer"
                else lambda: by_operator(given, entry)
            )
            found = outcome(run)
            wrong = verdict(found, right, exact, given["x"].dtype)
            if wrong:
                return f"{backend}: {wrong}"
    return ""


def verdict(
    found: tuple[Tensor, ...] | Exception, right: bool, exact: tuple[Tensor, ...] | None, dtype: torch.dtype
) -> str:
    if isinstance(found, Exception):
        return f"an error, {type(found).__name__}: {found}" if right else ""
    if not right:
        return "a result where an error was due"
    return far_from(found, exact, dtype) if exact is not None else ""


CRASH = {"entry": "crash"}  # a case that ends the process that runs it


def answer(case: dict) -> str:
    if case == CRASH:
        ctypes.string_at(0)
    try:
        return judge(case)
    except Exception:
        return traceback.format_exc()


class Fork:
    """A process that runs cases until one ends it."""

    def __init__(self) -> None:
        (cases, self._cases), (self._answers, answers) = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(cases)
            os.close(answers)
            self._told = os.fdopen(self._answers)
            return
        os.close(self._cases)
        try:
            for line in os.fdopen(cases):
                os.write(answers, json.dumps(answer(json.loads(line))).encode() + b"\n")
        finally:
            os._exit(0)

    def run(self, line: str) -> str:
        """Its answer as a line; "" where it has ended."""
        os.write(self._cases, line.encode())
        return self._told.readline()

    def end(self) -> int:
        """Its exit code, once it has come to the end of its cases; negative for a signal."""
        os.close(self._cases)
        self._told.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main() -> None:
    torch.set_num_threads(1)
    for dtype in cpu_build.DTYPES.values():
        cpu_build.library(dtype)
    fork: Fork | None = None
    for line in sys.stdin:
        fork = fork or Fork()
        told = fork.run(line)
        if not told:
            told = json.dumps(f"the process ended with exit code {fork.end()}") + "\n"
            fork = None
        print(told, end="", flush=True)
    if fork is not None:
        fork.end()


if __name__ == "__main__":
    main()
