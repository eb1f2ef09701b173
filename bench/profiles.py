"""The profiles: how much is measured, from a minute's worth to every axis to its end."""

from collections.abc import Iterable

from analysis.vocabulary import GRAPH
from bench import subjects
from bench.ceilings import CEILINGS
from bench.grid import Cell, Profile, Sweep, all_variants, require_one_of
from bench.thinning import LeftOut
from urnn.backends import BACKENDS
from urnn.models import LADDERS, SEARCHED, ZOO

# On a CPU oneDNN runs nn.LSTM over sequences about twice as fast as torch's own kernels do, and steps more slowly.
FASTER_IN_STREAMS_ALONE = ("lstm:native",)


def over_sequences() -> tuple[str, ...]:
    """`all_variants` without those that a short profile has time for in streams alone."""
    return tuple(variant for variant in all_variants() if variant not in FASTER_IN_STREAMS_ALONE)


# With given weights these call torch's RNN as rnn_tanh and ortho_matrix_exp do (irnn with ReLU); training differs.
SAME_INFERENCE = ("irnn:torch", "ortho_cayley:torch", "ortho_householder:torch")


def with_inference_of_its_own(variants: Iterable[str]) -> tuple[str, ...]:
    """Those whose inference is not another one's: a gate's time goes to what can differ."""
    return tuple(variant for variant in variants if variant not in SAME_INFERENCE)


def with_zoo() -> tuple[str, ...]:
    """`all_variants` and the rivals that only long profiles have time for."""
    return (*all_variants(), *subjects.variants(ZOO))


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
FLASHRNN_SIZES = (512, 768, 1024)  # it publishes at 768
GPU_BATCHES = (132, 264, 528, 1056, 2112)  # multiples of an H100's multiprocessors
SEQUENCE_PHASES = ("forward", "train")

CEILING_VARIANTS = subjects.variants(CEILINGS)
# The zoo's loops in Python and residual blocks; its scans and its kernels are as fast as the usual models.
SLOW = tuple(one for one in subjects.variants(ZOO) if one.endswith(":eager") or "_blocks:" in one)


def _thinned(**above: int) -> LeftOut:
    names = {"hidden_size": "n", "length": "T", "batch": "B"}
    sizes = " and ".join(f"{names[axis]} > {most}" for axis, most in above.items())
    return LeftOut(f"Slow models of the wider field have no cells at {sizes}: they would take hours.", SLOW, above)


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
        "the answer for a CUDA GPU, eight minutes a pass",
        sweeps=(
            sweep("gpu_over_hidden_size", (*fused, "lstm:torch", *orthogonal), HIDDEN_SIZES),
            # Half of the memory: the uRNN computes in float32 all the same.
            sweep("gpu_half", (*fused, "lstm:torch"), HIDDEN_SIZES, dtypes=("bfloat16",)),
            sweep("gpu_float16", ("lstm:torch",), HIDDEN_SIZES, dtypes=("float16",)),
            sweep("gpu_float16_ends", fused, GPU_ENDS, dtypes=("float16",)),
            # The strongest rival where a step is short: half precision, and no launches to wait for.
            sweep("gpu_half_graph", (f"lstm:torch{GRAPH}",), GPU_ENDS, dtypes=("bfloat16", "float16")),
            sweep("gpu_tf32", ("lstm:torch",), GPU_ENDS, dtypes=("tf32",)),
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
            sweep("gpu_flashrnn", (*fused, "lstm:torch"), FLASHRNN_SIZES, lengths=(1024,), batches=(16,)),
            sweep(
                "gpu_flashrnn_half",
                ("lstm:torch",),
                (768,),
                lengths=(1024,),
                batches=(16,),
                dtypes=("bfloat16", "float16"),
            ),
            # Seconds a call: last, for where a time limit ends the run.
            sweep("gpu_launches", eager, (128, 512)),
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
                    variants=over_sequences(),
                ),
                Sweep(
                    "over_length",
                    SEQUENCE_PHASES,
                    (128, 256),
                    (25, 50, 100),
                    (32,),
                    variants=over_sequences(),
                ),
                Sweep("stream", ("stream",), (64, 128, 256, 512, 1024)),
                Sweep(
                    "over_pixels", ("train",), (128,), (64,), (32,), tasks=("pixels",), variants=over_sequences()
                ),
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
                Sweep("over_hidden_size", ("train",), (128, 512), (100,), (32,), variants=over_sequences()),
                Sweep(
                    "inference",
                    ("forward",),
                    (128, 512),
                    (100,),
                    (32,),
                    variants=with_inference_of_its_own(over_sequences()),
                ),
                Sweep("stream", ("stream",), (128,), variants=with_inference_of_its_own(all_variants())),
            ),
            passes=2,
            rounds=5,
            seconds=0.15,  # more passes tell more than longer ones: processes differ, their calls do not
        ),
        Profile(
            "full",
            "every axis to its end, around the anchor n = 512, T = 100, B = 64",
            sweeps=(
                Sweep(
                    "over_hidden_size",
                    SEQUENCE_PHASES,
                    HIDDEN_SIZES,
                    (100,),
                    (64,),
                    variants=with_zoo(),
                    left_out=(_thinned(hidden_size=1024),),
                ),
                Sweep(
                    "over_length",
                    SEQUENCE_PHASES,
                    (128, 512),
                    LENGTHS,
                    (64,),
                    variants=with_zoo(),
                    left_out=(_thinned(hidden_size=128, length=256), _thinned(length=784)),
                ),
                Sweep(
                    "over_batch",
                    SEQUENCE_PHASES,
                    (512,),
                    (100,),
                    BATCHES,
                    variants=with_zoo(),
                    left_out=(_thinned(batch=64),),
                ),
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
            "searched",
            "what a cell of its own for every sample costs beside the usual models, in some minutes on two cores",
            sweeps=(
                Sweep(
                    "searched_over_hidden_size",
                    SEQUENCE_PHASES,
                    (32, 64, 100),
                    (20,),
                    (32,),
                    variants=(*over_sequences(), *subjects.variants(SEARCHED)),
                ),
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
    require_one_of("profile", name, PROFILES)
    return PROFILES[name]
