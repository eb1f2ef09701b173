"""The grid: what is measured, as data.

A `Cell` names one measurement. A `Sweep` is a product of axes; a `Profile` is some sweeps and how often each cell
is timed.

Known weakness: sweeps overlap (the anchor is on every axis). `Profile.cells` lists each cell once; asv measures it
once per sweep.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

from analysis import vocabulary
from analysis.vocabulary import DEVICES, GRAPH, PHASES, SENTINEL
from bench import subjects
from bench.ceilings import CEILINGS
from bench.precision import DTYPES, ON_CUDA_ALONE
from urnn.backends import BACKENDS
from urnn.models import LADDERS, MODELS, ZOO
from urnn.tasks import TASKS


def _require_one_of(what: str, value: str, known: Iterable[str]) -> None:
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
        _require_one_of(f"backend of {self.model}", self.implementation, row.backends)
        _require_one_of("phase", self.phase, PHASES)
        _require_one_of("device", self.device, DEVICES)
        _require_one_of("dtype", self.dtype, DTYPES)
        _require_one_of("task", self.task, TASKS)
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


# A report's headlines take a baseline's one way for granted and do not choose the fastest of several yet.
WITHOUT_A_PLACE = ("lstm:native",)


def all_variants() -> tuple[str, ...]:
    """Every model with every backend, in the registry's order: "urnn:reference", "lstm:torch", ..."""
    return tuple(variant for variant in subjects.variants(MODELS) if variant not in WITHOUT_A_PLACE)


def with_zoo() -> tuple[str, ...]:
    """`all_variants` and the rivals that only long profiles have time for."""
    return (*all_variants(), *subjects.variants(ZOO))


@dataclass(frozen=True)
class Sweep:
    """A product of axes. Phase "stream" always has length and batch 1, so it has sweeps of its own."""

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

    def cells(self) -> Iterator[Cell]:
        """The sweep's cells; those to be compared with each other follow one another.

        A backend has no cells on devices that it is not made for.
        """
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


def _allocator_controls(hidden_size: int, length: int, batch: int) -> tuple[Cell, ...]:
    return tuple(
        Cell(*variant.split(":"), "train", "cpu", "float32", hidden_size, length, batch)
        for variant in ("urnn:reference", "lstm:torch")
    )


# Sizes that practitioners' benchmarks use; the anchor of the full grid is n = 512, T = 100, B = 64.
HIDDEN_SIZES = (64, 128, 256, 512, 1024, 2048)
LENGTHS = (100, 256, 784, 1024, 2048)
BATCHES = (1, 8, 32, 64, 128, 256)
ZOO_SIZES = (64, 128, 512)
GPU_ENDS = (128, 512, 2048)  # of the hidden sizes, and the middle
GPU_BATCHES = (132, 264, 528, 1056, 2112)  # multiples of an H100's multiprocessors
SEQUENCE_PHASES = ("forward", "train")

CEILING_VARIANTS = subjects.variants(CEILINGS)


def _ladder(name: str, hidden_size: int, batch: int) -> Sweep:
    return Sweep(
        name,
        SEQUENCE_PHASES,
        (hidden_size,),
        (100,),
        (batch,),
        variants=subjects.variants(LADDERS),
        num_layers=(1, 4),
    )


def _gpu() -> Profile:
    """The uRNN's CUDA backends against cuDNN, eager loops and the same loops in a graph."""
    on_cuda = [name for name, backend in BACKENDS.items() if "cuda" in backend.devices and name != "reference"]
    fused = tuple(f"urnn:{name}" for name in on_cuda)
    orthogonal = ("ortho_matrix_exp:torch", "ortho_cayley:torch")
    eager = ("urnn:reference", f"urnn:reference{GRAPH}", f"lstm:torch{GRAPH}", *(f"{v}{GRAPH}" for v in fused))

    def sweep(name: str, variants: Iterable[str], sizes: tuple[int, ...], **axes: tuple) -> Sweep:
        usual = {"phases": SEQUENCE_PHASES, "lengths": (512,), "batches": (128,), "devices": ("cuda",)}
        return Sweep(name, hidden_sizes=sizes, variants=tuple(variants), **usual | axes)

    return Profile(
        "gpu",
        "the answer for a CUDA GPU in less than eight minutes",
        sweeps=(
            sweep("gpu_over_hidden_size", (*fused, "lstm:torch", *orthogonal), HIDDEN_SIZES),
            sweep("gpu_half", ("lstm:torch",), HIDDEN_SIZES, dtypes=("bfloat16", "float16")),
            # The strongest rival where a step is short: half precision, and no launches to wait for.
            sweep("gpu_half_graph", (f"lstm:torch{GRAPH}",), GPU_ENDS, dtypes=("bfloat16", "float16")),
            sweep("gpu_tf32", ("lstm:torch",), GPU_ENDS, dtypes=("tf32",)),
            sweep("gpu_launches", eager, (128, 512)),
            sweep("gpu_graphs", (f"lstm:torch{GRAPH}", *(f"{v}{GRAPH}" for v in fused)), GPU_ENDS),
            sweep("gpu_over_batch", (*fused, "lstm:torch"), (512,), batches=GPU_BATCHES),
            sweep("gpu_over_length", (*fused, "lstm:torch"), (128, 512), lengths=(2048,)),
            # The loss over pixels reads the last state, that of copying every one.
            sweep("gpu_pixels", (*fused, "lstm:torch"), (512,), phases=("train",), tasks=("pixels",)),
            sweep(
                "gpu_stream",
                (*fused, "lstm:torch"),
                (128, 512),
                phases=("stream",),
                lengths=(1,),
                batches=(1,),
            ),
            # Two transforms a step are bound by their launches unless a graph holds them.
            sweep(
                "gpu_ceilings", (f"ceiling:fourier{GRAPH}", "ceiling:memory"), HIDDEN_SIZES, phases=("forward",)
            ),
            sweep("gpu_memory_over_batch", ("ceiling:memory",), (512,), phases=("forward",), batches=GPU_BATCHES),
            # The setting in which FlashRNN (Pöppel, Beck, Hochreiter 2024) publishes its times, on an H100.
            sweep("gpu_flashrnn", (*fused, "lstm:torch"), (512, 1024), lengths=(1024,), batches=(16,)),
            sweep(
                "gpu_flashrnn_half",
                ("lstm:torch",),
                (512, 1024),
                lengths=(1024,),
                batches=(16,),
                dtypes=("bfloat16", "float16"),
            ),
        ),
        passes=2,
        rounds=5,
        seconds=0.2,
        checks_kernels=True,
    )


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "quick",
            "the answer for this machine in five minutes",
            sweeps=(
                Sweep(
                    "over_hidden_size",
                    SEQUENCE_PHASES,
                    (64, 128, 256, 512, 1024),
                    (100,),
                    (32,),
                ),
                Sweep("over_length", SEQUENCE_PHASES, (128, 256), (25, 50, 100), (32,)),
                Sweep("stream", ("stream",), (64, 128, 256, 512, 1024)),
                Sweep("over_pixels", ("train",), (128,), (64,), (32,), tasks=("pixels",)),
                Sweep(
                    "ceilings", ("forward",), (64, 128, 256, 512, 1024), (100,), (32,), variants=CEILING_VARIANTS
                ),
            ),
            passes=2,
            rounds=2,
            seconds=0.05,
            allocator_controls=_allocator_controls(512, 100, 32),
        ),
        Profile(
            "check",
            "few of the quick cells, measured by asv to hold one harness against the other",
            sweeps=(
                Sweep(
                    "over_hidden_size",
                    SEQUENCE_PHASES,
                    (128, 512),
                    (100,),
                    (32,),
                    variants=("urnn:reference", "lstm:torch"),
                ),
            ),
            passes=1,
            rounds=5,
            seconds=0.1,
            tracks_parameters=False,
        ),
        Profile(
            "ci",
            "few cells, for a verdict on a pull request",
            sweeps=(
                Sweep("over_hidden_size", SEQUENCE_PHASES, (128, 512), (100,), (32,)),
                Sweep("stream", ("stream",), (128,)),
            ),
            passes=2,
            rounds=5,
            seconds=0.3,
        ),
        Profile(
            "full",
            "every axis to its end, around the anchor n = 512, T = 100, B = 64",
            sweeps=(
                Sweep("over_hidden_size", SEQUENCE_PHASES, HIDDEN_SIZES, (100,), (64,), variants=with_zoo()),
                Sweep("over_length", SEQUENCE_PHASES, (128, 512), LENGTHS, (64,), variants=with_zoo()),
                Sweep("over_batch", SEQUENCE_PHASES, (512,), (100,), BATCHES, variants=with_zoo()),
                Sweep("stream", ("stream",), HIDDEN_SIZES, variants=with_zoo()),
                Sweep("over_pixels", ("train",), (128, 512), (64, 784), (64,), tasks=("pixels",)),
                Sweep("ceilings", ("forward",), HIDDEN_SIZES, (100,), (64,), variants=CEILING_VARIANTS),
            ),
            passes=3,
            rounds=5,
            seconds=0.5,
            allocator_controls=_allocator_controls(512, 100, 64),
        ),
        Profile(
            "zoo",
            "the wider field of rivals beside those of every report, in some minutes on two cores",
            sweeps=(
                Sweep("over_hidden_size", SEQUENCE_PHASES, ZOO_SIZES, (100,), (32,), variants=with_zoo()),
                Sweep("stream", ("stream",), ZOO_SIZES, variants=with_zoo()),
            ),
            passes=2,
            rounds=3,
            seconds=0.05,
            tracks_parameters=False,
        ),
        Profile(
            "ladder",
            "what each stage of the optimisation of a uRNN and of an LSTM is worth",
            sweeps=(
                _ladder("ladder_small", 64, 1),
                _ladder("ladder_medium", 128, 16),
                _ladder("ladder_large", 512, 64),
            ),
            passes=2,
            rounds=3,
            seconds=0.1,
        ),
        _gpu(),
    )
}


def get_profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        ValueError: no such profile; the message lists those there are.
    """
    _require_one_of("profile", name, PROFILES)
    return PROFILES[name]


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
