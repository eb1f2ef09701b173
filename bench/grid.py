"""The grid: what is measured, as data.

A `Cell` names one measurement. A `Sweep` is a product of axes; a `Profile` is some sweeps and how often each cell
is timed. `bench.profiles` has those of the suite.

Known weakness: sweeps overlap (the anchor is on every axis). `Profile.cells` lists each cell once; asv measures it
once per sweep.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

from analysis import vocabulary
from analysis.vocabulary import DEVICES, PHASES, SENTINEL
from bench import subjects
from bench.ceilings import CEILINGS
from bench.precision import DTYPES, ON_CUDA_ALONE
from bench.thinning import LeftOut
from urnn.models import LADDERS, MODELS
from urnn.tasks import TASKS


def require_one_of(what: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ValueError(f"{what} must be one of {', '.join(known)}; got {value!r}")


@dataclass(frozen=True)
class Cell(vocabulary.Cell):
    """A cell that this suite has: a row of `bench.subjects` and a backend of it, in a phase and at sizes that fit.

    A backend with "+graph" is not in phase "stream", whose state moves from call to call; length and batch are 1
    there. Only ladders have several layers, in phases "forward" and "train".

    Raises:
        ValueError: a value that the grid does not have, with those that it has.
    """

    def __post_init__(self) -> None:
        row = subjects.get(self.model)
        require_one_of(f"backend of {self.model}", self.implementation, row.backends)
        require_one_of("phase", self.phase, PHASES)
        require_one_of("device", self.device, DEVICES)
        require_one_of("dtype", self.dtype, DTYPES)
        require_one_of("task", self.task, TASKS)
        if not subjects.runs_on(self.model, self.backend, self.device):
            raise ValueError(f"backend {self.backend!r} of {self.model} does not run on {self.device}")
        for name in ("hidden_size", "length", "batch", "num_layers"):
            size = getattr(self, name)
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {size!r}")
        if self.phase == "stream" and (self.length, self.batch) != (1, 1):
            raise ValueError(
                f"phase 'stream' is one time step at batch 1, got length={self.length}, batch={self.batch}"
            )
        if self.phase == "stream" and self.captured:
            raise ValueError("phase 'stream' carries its state along and is not captured in a graph")
        if self.dtype in ON_CUDA_ALONE and self.device != "cuda":
            raise ValueError(f"dtype {self.dtype!r} is for device cuda, got {self.device!r}")
        if self.num_layers > 1 and self.model not in LADDERS:
            raise ValueError(f"only ladders have several layers here, got {self.model} with {self.num_layers}")
        if self.model in CEILINGS and self.phase != "forward":
            raise ValueError(f"a ceiling has phase 'forward' alone, got {self.phase!r}")


def all_variants() -> tuple[str, ...]:
    """Every model with every backend, in the registry's order: "urnn:reference", "lstm:torch", ..."""
    return subjects.variants(MODELS)


@dataclass(frozen=True)
class Sweep:
    """A product of axes, less what is left out of it.

    Phase "stream" always has length and batch 1, so it has sweeps of its own.
    """

    name: str
    phases: tuple[str, ...]
    hidden_sizes: tuple[int, ...]
    lengths: tuple[int, ...] = (1,)
    batches: tuple[int, ...] = (1,)
    devices: tuple[str, ...] = DEVICES
    dtypes: tuple[str, ...] = ("float32",)
    tasks: tuple[str, ...] = ("copying",)
    variants: tuple[str, ...] = field(default_factory=all_variants)
    num_layers: tuple[int, ...] = (1,)
    left_out: tuple[LeftOut, ...] = ()

    def cells(self) -> Iterator[Cell]:
        """The sweep's cells; those to be compared with each other follow one another.

        A backend has no cells on devices that it is not made for.
        """
        return (cell for cell in self._product() if not self.why_not(cell))

    def not_planned(self) -> dict[Cell, str]:
        """The cells that are left out of the product, with the reason."""
        return {cell: why for cell in self._product() if (why := self.why_not(cell))}

    def why_not(self, cell: Cell) -> str:
        """Why a cell of the product is left out; empty where it is not."""
        return next((one.why for one in self.left_out if one.holds(cell)), "")

    def _product(self) -> Iterator[Cell]:
        for task, phase, device, dtype, hidden_size, length, batch, layers, variant in product(
            self.tasks,
            self.phases,
            self.devices,
            self.dtypes,
            self.hidden_sizes,
            self.lengths,
            self.batches,
            self.num_layers,
            self.variants,
        ):
            model, backend = variant.split(":")
            if subjects.runs_on(model, backend, device):
                yield Cell(model, backend, phase, device, dtype, hidden_size, length, batch, task, layers)


@dataclass(frozen=True)
class Profile:
    """Some sweeps and how much time each cell is given.

    Attributes:
        passes: how often the whole grid is measured, each time in a fresh process, every second time
            backwards; the spread between passes is the noise of a figure.
        rounds: calls timed in each pass, at least.
        seconds: time given to a cell in each pass, so that short calls are timed more often.
        allocator_controls: cells measured again under the C library's default allocator setting, to show what it
            costs.
        checks_kernels: whether fused kernels are compared with the reference before they are timed.
        tracks_parameters: whether asv also counts each model's parameters.
    """

    name: str
    purpose: str
    sweeps: tuple[Sweep, ...]
    passes: int
    rounds: int
    seconds: float
    allocator_controls: tuple[Cell, ...] = ()
    checks_kernels: bool = False
    tracks_parameters: bool = True

    def cells(self) -> list[Cell]:
        """Every cell once, in the order of the sweeps."""
        return list(dict.fromkeys(cell for sweep in self.sweeps for cell in sweep.cells()))

    def not_planned(self) -> dict[Cell, str]:
        """The cells that every sweep with room for them leaves out, with the reason."""
        planned = set(self.cells())
        every = {cell: why for sweep in self.sweeps for cell, why in sweep.not_planned().items()}
        return {cell: why for cell, why in every.items() if cell not in planned}


def select(cells: Iterable[Cell], **allowed: Iterable[str | int] | None) -> list[Cell]:
    """The cells whose axes have allowed values; an axis that is None or not named lets everything through.

    Sizes and dtypes need not be those of the cells: each value replaces that of the cells there are, so that any
    slice can be measured ("hidden_size=96").
    """
    chosen = list(cells)
    for axis, values in allowed.items():
        if values is None:
            continue
        if axis in ("hidden_size", "length", "batch", "dtype"):
            chosen = [
                replace(cell, **{axis: size})
                for cell in chosen
                for size in values
                if cell.phase != "stream" or axis in ("hidden_size", "dtype") or size == 1
            ]
        else:
            values = tuple(values)
            chosen = [cell for cell in chosen if getattr(cell, axis) in values]
    return list(dict.fromkeys(chosen))


def sentinels(cells: Iterable[Cell]) -> list[Cell]:
    """The sentinel of each cell, each once; a cell with several layers has none."""
    return list(dict.fromkeys(cell.of(SENTINEL) for cell in cells if cell.num_layers == 1))
