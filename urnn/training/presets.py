"""What a run is when the user names only a task and a model: the paper's sizes, and tuned settings or the paper's.

Where `tuned_settings` has a file for the task and the model, its settings count, and else those below. One for a
shorter T counts too, with the slow rate times the ratio of the two T: a recurrent matrix is applied T times.

Models that the paper does not have take the size of their kind; on copying gated, plain, orthogonal ones and the
uRNN have 6,000 to 9,000 parameters.
Gradients are clipped as in the paper: every entry to [-1, 1], for gated and plain models and for no other; on
tasks that the paper does not have, for all. Dense orthogonal models train their recurrent matrix at a tenth of the
learning rate, as their authors advise; the uRNN trains what it applies at every step more slowly too once T is
beyond the paper's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from urnn import models
from urnn.training import problems, tuned

HIDDEN_SIZES = {  # by the model's family
    "copying": {"unitary": 128, "orthogonal": 80, "gated": 40, "plain": 80},
    "adding": {"unitary": 512},
    "images": {"unitary": 512},
    "equal": {},
}
USUAL_SIZE = 128  # of families that are not named
CLIPS = {"gated": 1.0, "plain": 1.0}
SLOW_RATE = 0.1
PAPER_RATE = 1e-3
# W and modReLU are applied T times, so that an iteration turns the last state by up to T times what it changes in
# theta. The paper's rate trains copying to T = 500 and leaves it on its baseline at T = 1,000 (two seeds, up to
# 4,000 iterations). With theta, v and b at a share of SHARE_STEPS / T of that rate, 200 to 250 iterations solve
# every T from 1,000 to 5,000; with twice that share it takes 250 to 950.
PAPER_LENGTH, SHARE_STEPS = 500, 250


@dataclass(frozen=True)
class Preset:
    """The settings of one task for one model; names as in `Settings`.

    Example:
        >>> from urnn.training.presets import preset
        >>> preset("adding", "lstm").clip
        1.0
    """

    hidden_size: int
    batch: int
    max_iterations: int
    clip: float | None
    optimiser: str
    slow_rate: float
    learning_rate: float = PAPER_RATE
    decay: float = 0.9
    momentum: float = 0.9
    clip_norm: float | None = None
    initial: str | None = None


@dataclass(frozen=True)
class Plan:
    """How long and in which batches a task is trained: the same for every model, for a fair comparison.

    Example:
        >>> from urnn.training.presets import PLANS
        >>> PLANS["copying"].batch
        20
    """

    sizes: str
    batch: int
    max_iterations: int
    optimiser: str = "rmsprop"
    learning_rate: float = PAPER_RATE
    decay: float = 0.9
    clip: float | None = None  # of every model; None for those of `CLIPS` alone


# Beyond the paper: Adam as torch has it, at a rate at which an LSTM learns these tasks, and one bound on gradients
# for every model.
BEYOND: Mapping[str, Any] = {"optimiser": "adam", "learning_rate": 3e-3, "decay": 0.999, "clip": 1.0}
PLANS = {
    "copying": Plan("copying", batch=20, max_iterations=1000),
    "adding": Plan("adding", batch=20, max_iterations=12_000),
    "digits": Plan("images", batch=20, max_iterations=2000),
    "permuted_digits": Plan("images", batch=20, max_iterations=2000),
    "mnist": Plan("images", batch=20, max_iterations=20_000),
    "permuted_mnist": Plan("images", batch=20, max_iterations=20_000),
    **dict.fromkeys(
        ("parity", "modular_addition", "words_s3", "words_a5", "associative_recall"),
        Plan("equal", batch=64, max_iterations=5000, **BEYOND),
    ),
    **dict.fromkeys(("digits_rows", "noisy_digits_rows"), Plan("equal", batch=20, max_iterations=2000, **BEYOND)),
    **dict.fromkeys(
        ("selective_copying", "denoising", "characters"),
        Plan("equal", batch=20, max_iterations=5000, **BEYOND),
    ),
    "text": Plan("equal", batch=64, max_iterations=5000, **BEYOND),
}


def preset(task: str, model: str, length: int | None = None) -> Preset:
    """The preset of a task and a model, of any family that the registry has, at the paper's T: tuned where it is.

    Raises:
        ValueError: no such task or model, or a damaged file of tuned settings.

    Example:
        >>> from urnn.training.presets import preset
        >>> preset("copying", "urnn", length=100).hidden_size, preset("copying", "lstm", length=100).hidden_size
        (128, 40)
    """
    plain, found = untuned(task, model, length), tuned.nearest(task, length, model)
    if found is None:
        return plain
    at, settings = found
    share = at / length if at and length else 1.0
    return replace(plain, **{**settings, "slow_rate": share * settings["slow_rate"]})


def untuned(task: str, model: str, length: int | None = None) -> Preset:
    """The same whatever tuning chose.

    Example:
        >>> from urnn.training.presets import untuned
        >>> untuned("adding", "gru", length=200).optimiser
        'rmsprop'
    """
    problems.require_known(task)
    family, plan = models.get(model).family, PLANS[task]
    size = HIDDEN_SIZES[plan.sizes].get(family, USUAL_SIZE)
    slow_rate = _unitary_share(task, length) if family == "unitary" else SLOW_RATE
    return Preset(
        size,
        plan.batch,
        plan.max_iterations,
        CLIPS.get(family) if plan.clip is None else plan.clip,
        plan.optimiser,
        slow_rate,
        learning_rate=plan.learning_rate,
        decay=plan.decay,
    )


def _unitary_share(task: str, length: int | None) -> float:
    """What the uRNN's recurrent parameters learn at, as a share of the learning rate."""
    if task != "copying" or length is None or length <= PAPER_LENGTH:
        return 1.0
    return SHARE_STEPS / length
