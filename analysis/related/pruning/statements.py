"""What the paper on neuron selection claims and what was wanted here, decided; and what was found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from analysis import units
from analysis.related.engine.chapter import Claim, Found, Frames, OverSeeds, by_seed, holds, over_seeds
from analysis.related.pruning.data import (
    DENSE,
    LASSO,
    MAGNITUDE,
    NEAR,
    SELECTED,
    URNN,
    equal_urnn,
    faster,
    of_method,
)
from analysis.vocabulary import PHASES


def _difference(frames: Frames, one: str, other: str, column: str) -> OverSeeds | None:
    """Of two methods' nets, seed by seed."""
    return over_seeds(of_method(frames, one, column) - of_method(frames, other, column))


def _points(value: float) -> str:
    return f"{100 * value:+.2f} points"


def _times(value: float) -> str:
    return f"{units.factor(value)} times"


def _decided(found: OverSeeds | None, verdict: Callable[[OverSeeds], str], text: Callable[[float], str]) -> Found:
    return None if found is None else (verdict(found), found.words(text))


def _noise(frames: Frames) -> Found:
    kept = of_method(frames, SELECTED, "noise_kept")
    words = ", ".join(f"{int(one)} of 8" for one in kept)
    return None if kept.empty else (holds(bool((kept <= 1).all())), f"{words} (seed by seed)")


def _fewer(frames: Frames) -> Found:
    ratio = of_method(frames, DENSE, "parameters") / of_method(frames, SELECTED, "parameters")
    return _decided(over_seeds(ratio, logarithmic=True), lambda one: one.at_least(5), _times)


def _not_below(frames: Frames) -> Found:
    return _decided(_difference(frames, SELECTED, DENSE, "accuracy"), lambda one: one.at_least(-NEAR), _points)


def _above(frames: Frames, other: str) -> Found:
    return _decided(_difference(frames, SELECTED, other, "accuracy"), lambda one: one.above(0), _points)


def _faster(frames: Frames, phase: str, batch: int, bound: float) -> Found:
    ratio = over_seeds(faster(frames, phase, batch), logarithmic=True)
    return _decided(ratio, lambda one: one.at_least(bound), _times)


def _same(frames: Frames, dtype: str, bound: float) -> Found:
    errors = by_seed(frames["agreement"], "error", method=SELECTED, dtype=dtype)
    return None if errors.empty else (holds(bool((errors <= bound).all())), f"{errors.max():.1e} at most")


def _contraction(frames: Frames) -> Found:
    values = frames["singular_values"]["value"].astype(float)
    return (
        None
        if values.empty
        else (holds(values.max() <= 1 + 1e-5), f"from {values.min():.3f} to {values.max():.3f}")
    )


CLAIMS = [
    Claim(
        "The selected LSTM is as good as the dense one.",
        "abstract",
        "at most 1 point of accuracy below the dense net of equal epochs, seed by seed",
        _not_below,
    ),
    Claim(
        "It infers nearly 20 times as fast as the dense LSTM (on the words of the Penn Treebank).",
        "experiments",
        "at least 20 times at B = 450, on this smaller task",
        partial(_faster, phase="forward", batch=450, bound=20),
    ),
    Claim(
        "It is ahead of a group lasso (whose inference was 10.59 times as fast).",
        "experiments",
        "above it in accuracy at equal size, seed by seed",
        partial(_above, other=LASSO),
    ),
    Claim(
        "Inputs that say nothing are closed as well as units.",
        "section 3",
        "at most 1 of 8 inputs of noise is left, with every seed",
        _noise,
    ),
]
BARS = [
    Claim("Parameters are a fifth or fewer.", "7 times seen once", "mean ratio of at least 5", _fewer),
    Claim(
        "Accuracy is above magnitude pruning at equal size.",
        "wanted here",
        "seed by seed",
        partial(_above, other=MAGNITUDE),
    ),
    *(
        Claim(
            f"{PHASES[phase]} is at least twice as fast at B = {batch}.",
            "1.9 to 3.3 times seen once at B = 450",
            "mean ratio of at least 2",
            partial(_faster, phase=phase, batch=batch, bound=2),
        )
        for phase in ("forward", "train")
        for batch in (32, 450)
    ),
    *(
        Claim(
            f"The compacted net computes what the gated one does, in {dtype}.",
            "wanted here",
            f"no read-out differs by more than {bound:g}",
            partial(_same, dtype=dtype, bound=bound),
        )
        for dtype, bound in (("float32", 1e-5), ("float64", 1e-12))
    ),
    Claim(
        "Cutting units out of a uRNN makes its matrix a contraction.",
        "follows from unitarity",
        "no singular value above 1",
        _contraction,
    ),
]


def headlines(frames: Frames) -> list[str]:
    """How small, how good and how fast, and the uRNN beside it."""
    before, after = (of_method(frames, method, "parameters") for method in (DENSE, SELECTED))
    loss = _difference(frames, SELECTED, DENSE, "accuracy")
    if loss is None:
        return []
    said = [
        f"Neuron selection leaves {units.per_cent(float((after / before).mean()))} of an LSTM's parameters, and "
        f"{loss.words(_points)} of accuracy against the dense net."
    ]
    ratios = {
        (phase, batch): over_seeds(faster(frames, phase, batch), logarithmic=True)
        for phase in ("forward", "train")
        for batch in (32, 450)
    }
    if all(ratios.values()):
        means = {call: units.factor(ratio.estimate.value) for call, ratio in ratios.items()}
        parts = [
            f"{words} {means[phase, 32]} and {means[phase, 450]} times"
            for phase, words in (("forward", "infers"), ("train", "trains"))
        ]
        said.append(f"What is left {' and '.join(parts)} as fast as the dense net, at B = 32 and 450.")
    size = equal_urnn(frames)
    ours = frames["networks"][frames["networks"]["method"] == URNN].groupby("size")["accuracy"].mean()
    if size is None and len(ours):
        best = f"the best, uRNN-{ours.idxmax()}, reaches {units.share(ours.max())}"
        said.append(f"No uRNN here is within a point of the selected LSTM's accuracy: {best}.")
    if size is not None:
        ours = of_method(frames, URNN, "parameters", size).mean()
        said.append(
            f"The smallest uRNN of equal accuracy has {size} units and {ours:,.0f} parameters, "
            f"{units.factor(float(ours / after.mean()))} times those of the selected LSTM."
        )
    return said
