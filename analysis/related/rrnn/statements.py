"""What is claimed and what was expected, held against the study, and what the top of the page says."""

from __future__ import annotations

from functools import partial

import numpy as np

from analysis import units
from analysis.related.engine.chapter import Claim, Found, Frames, holds, over_seeds
from analysis.related.rrnn.data import (
    FIXED,
    GRU,
    LSTM,
    METHODS,
    PLAIN,
    RRNN,
    SEARCHING,
    SERIES,
    URNN,
    beginning_of,
    bits_at,
    end_of,
    equal_iterations,
    equal_seconds,
    step_seconds,
)

SOON = 100  # iterations


def _bits(value: float) -> str:
    return f"{value:.2f} bits"


def _more(value: float) -> str:
    return f"{value:+.2f} bits"


def _times(value: float) -> str:
    return f"{units.factor(value)} times"


def _against(frames: Frames, rival: str, axis: str) -> Found:
    at = equal_iterations(frames) if axis == "iteration" else equal_seconds(frames)
    if at is None:
        return None
    found = over_seeds(bits_at(frames, rival, axis, at) - bits_at(frames, RRNN, axis, at))
    where = f"after {at:,.0f} iterations" if axis == "iteration" else f"after {units.seconds(at)} of training"
    return None if found is None else (found.above(0), f"rival minus RRNN: {found.words(_more)} {where}")


def _several(frames: Frames) -> Found:
    distinct = frames["structures"]["distinct"]
    if distinct.empty:
        return None
    return holds(bool((distinct > 1).all())), f"{distinct.min()} to {distinct.max()} different ones a batch"


def _soon(frames: Frames) -> Found:
    rows, networks = frames["curves"], frames["networks"]
    unigram = networks[networks["method"] == RRNN]["unigram_bits"]
    early = rows[(rows["stage"] == SEARCHING) & (rows["iteration"] <= SOON)]
    if early.empty or unigram.empty:
        return None
    least = early.groupby("seed")["bits"].min()
    below = (
        f"{_bits(float(least.max()))} or less with every seed; letters alone have {_bits(float(unigram.max()))}"
    )
    return holds(bool((least < unigram.max()).all())), below


def _fixing(frames: Frames) -> Found:
    before = end_of(frames, SEARCHING)
    lower, at_once = over_seeds(before - end_of(frames, FIXED)), over_seeds(beginning_of(frames, FIXED) - before)
    if lower is None or at_once is None:
        return None
    return lower.above(0), f"lower by {lower.words(_bits)}; at the moment of fixing {at_once.words(_more)}"


def _fast(frames: Frames) -> Found:
    seconds = over_seeds(step_seconds(frames, RRNN, SEARCHING), logarithmic=True)
    return None if seconds is None else (seconds.at_most(1.0), f"{seconds.words(units.seconds)}, on one thread")


def _faster(frames: Frames) -> Found:
    ratio = step_seconds(frames, RRNN, SEARCHING) / step_seconds(frames, RRNN, FIXED)
    found = over_seeds(ratio, logarithmic=True)
    return None if found is None else (found.at_least(5.0), found.words(_times))


CLAIMS = [
    Claim(
        "It is better than a GRU.",
        "abstract, without a number",
        "fewer bits a letter with as many parameters, after as many iterations, seed by seed",
        partial(_against, rival=GRU, axis="iteration"),
    ),
    Claim(
        "Every sample has a cell of its own.",
        "section 3",
        "more than one structure in every batch",
        _several,
    ),
]
BARS = [
    *(
        Claim(
            f"It is ahead of the {name} of as many parameters after {what}.",
            "wanted here",
            "fewer bits a letter, seed by seed",
            partial(_against, rival=rival, axis=axis),
        )
        for axis, what in (("iteration", "as many iterations"), ("seconds", "as many seconds"))
        for rival, name in ((LSTM, "LSTM"), (GRU, "GRU"), (URNN, "uRNN"))
    ),
    Claim(
        "It learns more than how often each letter comes.",
        "4.06 bits of 4.31 after 60 iterations seen once",
        f"fewer bits than letters alone within {SOON} iterations, with every seed",
        _soon,
    ),
    Claim(
        "Fixing one structure lowers the loss.",
        "seen once",
        "fewer bits when the fixed structure has been trained than when the search ended",
        _fixing,
    ),
    Claim("A searching step is fast enough to train with.", "wanted here", "at most 1 s at B = 32", _fast),
    Claim(
        "A step with one structure is much faster.",
        "wanted here",
        "at least 5 times as fast as one that searches",
        _faster,
    ),
]


def headlines(frames: Frames) -> list[str]:
    """How far it comes beside its rivals, and what a step costs."""
    at, said = equal_iterations(frames), []
    means = {}
    if at is not None:
        means = {one: bits_at(frames, one, "iteration", at).mean() for one in METHODS}
        means = {one: value for one, value in means.items() if not np.isnan(value)}
    if RRNN in means and len(means) == len(METHODS):
        others = ", ".join(f"{SERIES[one, PLAIN].label} {means[one]:.2f}" for one in METHODS[1:])
        said.append(
            f"After {at:,.0f} iterations on letters the searching RRNN is at {means[RRNN]:.2f} bits a letter "
            f"({others}, with as many parameters)."
        )
    search, fixed, gru = (
        step_seconds(frames, method, stage).mean()
        for method, stage in ((RRNN, SEARCHING), (RRNN, FIXED), (GRU, PLAIN))
    )
    if not any(np.isnan([search, fixed, gru])):
        said.append(
            f"A training step of it takes {units.factor(search / gru)} times as long as the GRU's, and with one "
            f"structure fixed {units.factor(fixed / gru)} times."
        )
    return said
