"""How a launch of the CUDA kernels is laid out: threads per sample, samples per block and shared memory.

A thread holds 8 units, which allows passes of radix 8: the fewest exchanges between threads, and the backward pass
uses all registers of a thread. Where that leaves a scheduler with two warps at most, 4 units per thread make the
dependent chain of a time step shorter, and where 2 units leave it with one, they do. A size that is no power of
two takes about as many (passes.py). Tables are in shared memory and registers where a block loses nothing by it.
Microseconds a step, forward and backward, on an H100 (512 steps, B = 128), as chosen and in the next best way,
when no tables were in registers yet: n = 64: 0.61 and 1.02 with 2 units, 0.67 and 1.16 with 4; n = 256: 0.80 and
1.38 with tables in shared memory, 0.93 and 1.52 without; n = 512: 1.11 and 1.88, 1.14 and 1.95; n = 2048: 3.02 and
5.11, 3.85 and 5.38. Known weakness: measured on that GPU alone, and at powers of two alone; tables in registers,
and in shared memory with more blocks than have a place, are chosen by what the compiled code says.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from urnn.backends.cuda import passes
from urnn.backends.cuda.passes import LARGEST, MOST_THREADS, SMALLEST, WARP, fits

DTYPES = {torch.float32: "float", torch.float64: "double"}
# Those that inputs and states can have in memory where float32 is computed with, as stored.h names them.
HALVES = {torch.float16: "Float16", torch.bfloat16: "Bfloat16"}
OVERRIDE = "URNN_CUDA_ELEMENTS"  # an environment variable
SUMS = 8  # real sums over a sample's threads that are computed at the same time
# Sums over time for each unit, of the gradients: real numbers of theta and b, and of those with v1 and u2.
REAL_SUMS, ALL_SUMS = 4, 8
MOST_WITH_ALL_REGISTERS = 256  # threads of a block whose threads can have 255 registers each
RESERVED = 1024  # bytes of shared memory that a block has besides
SCHEDULERS = 4  # per multiprocessor; each runs one warp at a time
MOST_FOR_TWO = 128  # units of a state, for a thread that holds two
# Rows of tables that the kernels read at every step, in `ForwardTables` and `BackwardTables`.
TABLE_ROWS = {"forward": 8, "backward": 10}
FEW = 2  # most inputs that are multiplied by V in the kernels of a sequence, as in arguments.h
# Steps whose few inputs are in shared memory at a time, in `FewInputs` and `Past`.
INPUTS_AHEAD = {"forward_few": 4, "backward_few": 2}


class Device(NamedTuple):
    """What a plan depends on.

    Attributes:
        multiprocessors: of the device.
        shared_bytes: of shared memory that a block can have.
    """

    multiprocessors: int
    shared_bytes: int


@dataclass(frozen=True)
class Group:
    """The threads of a sample, with `elements` units each, and the samples of a block; the same as in group.h.

    Attributes:
        rows_ahead: rows of a sample that pass through shared memory, see rows_ahead.h.
        inputs_ahead: inputs of a sample, likewise.
        stored_itemsize: bytes of a number in those rows.
        table_bytes: of the tables that a block keeps in shared memory, see table_reader.h.
        sums: over time for each unit, real numbers that are in shared memory, see backward.h.
    """

    n: int
    elements: int
    itemsize: int
    rows_ahead: int = 0
    table_bytes: int = 0
    inputs_ahead: int = 0
    stored_itemsize: int = 0
    sums: int = 0

    @property
    def lanes(self) -> int:
        """Threads that hold a sample's units."""
        return self.n // self.elements

    @property
    def span(self) -> int:
        """Threads per sample, with those that hold no units."""
        return passes.span(self.lanes)

    @property
    def samples(self) -> int:
        """Samples per block: as many as fill a warp."""
        return max(1, WARP // self.span)

    @property
    def threads(self) -> int:
        return self.span * self.samples

    @property
    def shared_bytes(self) -> int:
        """Two buffers for exchanges, sums of each warp of a sample or each sample of a warp, rows and tables."""
        warps = max(1, self.span // WARP)
        least = 8 if self.stored_itemsize < self.itemsize else 4
        row = 2 * self.n + (0 if self.span >= WARP else max(least, self.span))
        sums = self.sums * self.elements * self.span
        numbers = 2 * 2 * (self.n + self.lanes) + SUMS * warps + self.inputs_ahead + sums
        row_bytes = self.rows_ahead * row * self.stored_itemsize
        return (numbers * self.itemsize + row_bytes) * self.samples + self.table_bytes


@dataclass(frozen=True)
class Plan:
    """One compiled set of kernels.

    Attributes:
        n: complex units.
        elements: units per thread in the kernels that run the sequence.
        dtype: float32 or float64.
        released: whether modReLU has a positive epsilon.
        shared_tables: whether a block keeps the tables in shared memory.
        held_tables: whether its threads have registers for some of them instead, see `held_rows`.
        half: float16 or bfloat16, if inputs and states have it in memory; None if they have `dtype`.
    """

    n: int
    elements: int
    dtype: torch.dtype
    released: bool
    shared_tables: bool = False
    held_tables: bool = False
    half: torch.dtype | None = None

    @property
    def stored(self) -> torch.dtype:
        """The dtype of inputs and states in memory."""
        return self.half or self.dtype

    @property
    def row(self) -> int:
        """Numbers of a row of the tables: `ROW_LENGTH` in packed_tables.h."""
        return -(-self.n // 4) * 4

    @property
    def sums_few(self) -> bool:
        """Whether the backward pass can add up the gradient of V for few inputs: threads have registers for it."""
        return self.elements < 6 and self.n <= self.elements * MOST_WITH_ALL_REGISTERS

    @property
    def shared_sums(self) -> int:
        """Sums over time for each unit that the backward pass keeps in shared memory, for want of registers.

        As few as leave no register spilled, on sm_90: with larger blocks all of them would cost a block its place
        on GPUs that have 100 KiB.
        """
        short = self.elements >= 8 and not passes.is_power_of_two(self.n)
        if not short or self.n > 2048 or self.dtype != torch.float32 or self.shared_tables:
            return 0
        return ALL_SUMS if self.elements > 8 and self.n <= 768 else REAL_SUMS

    def held_rows(self, direction: str) -> int:
        """Rows of the tables that a thread has in registers, of those that a block keeps; see table_reader.h.

        As many as leave none spilled, on sm_90; none in float64.
        """
        if not self.held_tables:
            return 0
        few, power_of_two = self.elements < 6, passes.is_power_of_two(self.n)
        if direction == "forward":
            return TABLE_ROWS["forward"] if few or power_of_two else 3
        if self.elements == 2:
            return TABLE_ROWS["backward"]
        return (3 if few else 1) if power_of_two else 0

    @property
    def blocks_with_all_registers(self) -> int:
        """Blocks that have a place on a multiprocessor if each of their threads has 255 registers."""
        return MOST_WITH_ALL_REGISTERS // self.group("step").threads

    @property
    def kernels(self) -> tuple[str, ...]:
        """Their names, in the order of the source."""
        of_few = ("backward_few",) if self.sums_few else ()
        return ("tables", "forward", "forward_few", "step", "backward", *of_few, "finish")

    def group(self, kernel: str) -> Group:
        """The layout of one of the `kernels`; the first and last run in double."""
        if kernel in ("tables", "finish"):
            return Group(self.n, passes.held_in_double(self.n), 8)
        itemsize = self.dtype.itemsize
        tables = 0  # bytes a unit
        direction = kernel.removesuffix("_few")
        if self.shared_tables and direction in TABLE_ROWS:
            in_registers = direction == "forward" or self.elements < 8  # the biases and places
            kept = TABLE_ROWS[direction] - self.held_rows(direction)
            tables = kept * 2 * itemsize + (0 if in_registers else itemsize + 4)
        inputs = FEW * INPUTS_AHEAD.get(kernel, 0)
        rows, stored = self._rows_ahead(kernel), self.stored.itemsize
        sums = self.shared_sums if direction == "backward" else 0
        return Group(self.n, self.elements, itemsize, rows, self.row * tables, inputs, stored, sums)

    def _rows_ahead(self, kernel: str) -> int:
        """As `ComingInputs` and `Past` have them, for units of this many bytes."""
        part = self.n * self.stored.itemsize  # the real parts
        if 2 * part % 16:  # rows are copied 16 bytes at a time
            return 0
        if kernel == "forward":
            return 0 if part > 8192 else 3 if self.n < 256 else 2
        backward = kernel in ("backward", "backward_few")
        return 4 if backward and self.elements < 8 and part <= 4096 else 0

    def fits(self, device: Device, blocks: int = 1) -> bool:
        """Whether a multiprocessor has the shared memory for so many blocks of each kernel."""
        kernels = self.kernels if blocks == 1 else ("forward", "backward")
        most = max(self.group(kernel).shared_bytes for kernel in kernels)
        return blocks * (most + RESERVED) <= device.shared_bytes + RESERVED

    def blocks(self, batch: int) -> int:
        """Blocks of the kernels that run the sequence."""
        return -(-batch // self.group("forward").samples)

    def definitions(self) -> dict[str, str]:
        """The macros that the source is compiled with."""
        in_double = passes.held_in_double(self.n)
        return {
            "URNN_N": str(self.n),
            "URNN_ELEMENTS": str(self.elements),
            "URNN_RADICES": _listed(passes.radices(self.n, self.elements)),
            "URNN_WIDE_ELEMENTS": str(in_double),
            "URNN_WIDE_RADICES": _listed(passes.radices(self.n, in_double)),
            "URNN_REAL": DTYPES[self.dtype],
            "URNN_STORED": HALVES[self.half] if self.half else DTYPES[self.dtype],
            "URNN_RELEASED": str(int(self.released)),
            "URNN_SHARED_TABLES": str(int(self.shared_tables)),
            "URNN_HELD_FORWARD": str(self.held_rows("forward")),
            "URNN_HELD_BACKWARD": str(self.held_rows("backward")),
            "URNN_SHARED_SUMS": str(self.shared_sums),
            "URNN_SUMS_FEW": str(int(self.sums_few)),
        }


def choose(
    n: int, batch: int, dtype: torch.dtype, released: bool, device: Device, half: torch.dtype | None = None
) -> Plan:
    """The plan for a batch on a device; URNN_CUDA_ELEMENTS overrides `elements`.

    Raises:
        ValueError: there is no kernel for n units or the dtype, or URNN_CUDA_ELEMENTS is wrong.
    """
    if dtype not in DTYPES:
        raise ValueError(f"the CUDA kernel runs in float32 and float64, got {dtype}; convert the layer")
    require_size(n)
    warps = batch * n / WARP / (SCHEDULERS * device.multiprocessors)  # a scheduler, with one unit per thread
    if n <= MOST_FOR_TWO and warps <= 2:
        wanted = 2
    elif n <= 1024 and warps <= 8:
        wanted = 4
    else:
        wanted = 4 if dtype == torch.float64 and n <= LARGEST // 2 else 8  # float64 takes twice the registers
    elements = _asked_for(n) or passes.held(n, wanted)
    return with_tables(Plan(n, elements, dtype, released, half=half), batch, device)


def with_tables(plan: Plan, batch: int, device: Device) -> Plan:
    """The plan with tables in shared memory and registers if they fit there and cost no block its place.

    From 1024 units on, the tables and what passes through do not fit into the cache beside each other, which costs
    more than blocks that wait for their place. Those of a power of two with 8 units a thread may wait as well: in
    the backward pass no more have registers anyway, and a forward step without tables to read takes less.
    """
    shared = replace(plan, shared_tables=True)
    if plan.group("forward").samples > 1 or not shared.fits(device):
        return plan
    wanted = -(-batch // device.multiprocessors)  # blocks on each, if all have a place
    held, places = replace(shared, held_tables=True), shared.blocks_with_all_registers
    if plan.dtype == torch.float32 and places:
        may_wait = plan.elements == 8 and passes.is_power_of_two(plan.n)
        in_place = (wanted <= places or may_wait) and held.fits(device, min(wanted, places))
        if plan.n >= 1024 or in_place:
            return held
    return shared if plan.n >= 1024 or shared.fits(device, wanted) else plan


def _asked_for(n: int) -> int | None:
    asked = os.environ.get(OVERRIDE)
    if not asked:
        return None
    known = [str(elements) for elements in possible(n)]
    if asked not in known:
        raise ValueError(f"{OVERRIDE} must be one of {', '.join(known)} at n = {n}; got {asked!r}")
    return int(asked)


def possible(n: int) -> list[int]:
    """The numbers of units that a thread can hold; those that `choose` takes, if n is no power of two."""
    if passes.is_power_of_two(n):
        return [elements for elements in passes.HELD if elements < n <= elements * MOST_THREADS]
    return sorted({passes.held(n, wanted) for wanted in passes.HELD if wanted > 2 or n <= MOST_FOR_TWO})


def require_size(n: int) -> None:
    """Raises ValueError if there is no kernel for n units, and names the nearest sizes that have one."""
    if not fits(n):
        near = " and ".join(str(size) for size in passes.nearest(n))
        raise ValueError(
            f"the CUDA kernel needs {SMALLEST} to {LARGEST} units, a product of 2, 3 and 5, got {n}; the nearest "
            f"with a kernel: {near}"
        )


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(str(number) for number in numbers)
