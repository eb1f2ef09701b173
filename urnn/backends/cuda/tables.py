"""The tables of a set of parameters: made by one kernel, read by all others.

A call with gradients makes them and hands them to its backward pass. Calls without gradients keep them from call
to call, for each stream and plan. Whether they still hold is decided on the device, by comparing every bit of the
parameters with a copy (kept.h): no write can escape that, be it through `.data`, by a CUDA graph or by another
library. What is kept is memory of the stream that uses it, so it needs no event; it ends with the parameter theta.
"""

import weakref
from collections.abc import Callable

import torch
from torch import Tensor

from urnn import checks
from urnn.backends.cuda import launch
from urnn.backends.cuda.plan import Plan

ROWS = 13  # `Row` in arguments.h
MOST_KEPT = 8  # sets of tables for one theta: streams, plans, both presets


class Tables:
    """In one tensor, of the parameters' dtype.

    Roots of unity in double (n, 2), then the rows of the tables (ROWS, row, 2) and the biases (row,) in the
    tensor's dtype, and the places (row,) in 32 bits, where row is n or a little more (`Plan.row`). Tables that are
    kept have a copy of theta, v and b behind them (8n,), and of the permutation (n,) in 64 bits. Each begins at a
    multiple of its numbers' size. Behind all are as many unused elements as a thread has units: tables for other
    kernels, which have another order, have another size.
    """

    __slots__ = ("kept", "known", "memory", "read", "roots")

    def __init__(self, memory: Tensor, plan: Plan) -> None:
        row, itemsize = plan.row, memory.itemsize
        self.memory, self.roots = memory, memory.data_ptr()
        rows = self.roots + 16 * plan.n
        biases = rows + 2 * ROWS * row * itemsize
        places = biases + row * itemsize
        self.read = (rows, biases, places)  # as the kernels of a sequence take them
        self.kept = places + 4 * row
        self.known = False

    @classmethod
    def of(cls, b: Tensor, kernels: launch.Kernels, keeps: bool = False) -> "Tables":
        """Memory for those of parameters like b (n,)."""
        return cls(b.new_empty(cls.size(b, kernels, keeps)), kernels.plan)

    @staticmethod
    def size(b: Tensor, kernels: launch.Kernels, keeps: bool = False) -> int:
        """Elements of `memory`."""
        plan, itemsize = kernels.plan, b.itemsize
        made, copy = 16 * plan.n + ((2 * ROWS + 1) * itemsize + 4) * plan.row, (8 * itemsize + 8) * plan.n
        return -(-(made + copy * keeps) // itemsize) + plan.elements

    def make(self, kernels: launch.Kernels, theta: Tensor, v: Tensor, permutation: Tensor, b: Tensor) -> "Tables":
        """Queues the kernel that computes them."""
        kernels.launch(
            "tables", 1, theta.data_ptr(), v.data_ptr(), permutation.data_ptr(), b.data_ptr(), self.roots,
            *self.read, 0, 0, 0,
        )  # fmt: skip
        return self

    def update(
        self,
        kernels: launch.Kernels,
        theta: Tensor,
        v: Tensor,
        permutation: Tensor,
        b: Tensor,
        conjugated: bool,
    ) -> None:
        """Queues the kernel that computes them where the parameters differ from those of the call before."""
        kernels.launch(
            "tables", 1, theta.data_ptr(), v.data_ptr(), permutation.data_ptr(), b.data_ptr(), self.roots,
            *self.read, self.kept, self.known, conjugated,
        )  # fmt: skip
        self.known = True


_Key = tuple[launch.Kernels, int, bool]  # with the stream, and whether v is conjugated


class _OfTheta:
    """All that is kept for one theta, and the permutation that was read last."""

    __slots__ = ("permutation", "read", "sets", "theta")

    def __init__(self, theta: Tensor, forget: Callable[["weakref.ref[Tensor]"], None]) -> None:
        self.theta = weakref.ref(theta, forget)
        self.sets: dict[_Key, Tables] = {}
        self.permutation: Tensor | None = None
        self.read: tuple[int, int] | None = None

    def require_permutation(self, permutation: Tensor) -> None:
        """`checks.require_permutation`, in a tenth of its time for the same tensor in the same version."""
        if permutation.is_inference():  # counts no versions
            checks.require_permutation(permutation)
            return
        version = permutation._version, permutation.data_ptr()
        if permutation is self.permutation and version == self.read:
            return
        checks.require_permutation(permutation)
        self.permutation, self.read = permutation, version

    def find(self, key: _Key, b: Tensor) -> Tables:
        found = self.sets.get(key)
        if found is None:
            if len(self.sets) >= MOST_KEPT:
                self.sets.clear()
            found = self.sets[key] = Tables.of(b, key[0], keeps=True)
        return found


_kept: dict[int, _OfTheta] = {}  # by theta's id


def of_call(
    kernels: launch.Kernels, theta: Tensor, v: Tensor, permutation: Tensor, b: Tensor, conjugated: bool
) -> Tables:
    """The tables for a call without gradients, queued on the current stream: new, or kept and up to date.

    While a CUDA graph is captured they are made anew: what is kept could end before the graph, and another call's
    parameters could be in it when the graph is replayed.

    Raises:
        ValueError: the permutation is not one.
    """
    number = id(theta)
    entry = _kept.get(number)
    if entry is None or entry.theta() is not theta:
        entry = _kept[number] = _OfTheta(theta, _forget(number))
    entry.require_permutation(permutation)
    if torch.cuda.is_current_stream_capturing():
        found = Tables.of(b, kernels, keeps=True)
    else:
        found = entry.find((kernels, launch.current_stream(kernels.device), conjugated), b)
    found.update(kernels, theta, v, permutation, b, conjugated)
    return found


def _forget(number: int) -> Callable[["weakref.ref[Tensor]"], None]:
    """What ends the entry of this number, unless another theta has it by then."""

    def forget(theta: "weakref.ref[Tensor]") -> None:
        entry = _kept.get(number)
        if entry is not None and entry.theta is theta:
            del _kept[number]

    return forget
