"""What the paper on GLOREE claims and what was wanted here, decided; and what was found."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from analysis import units
from analysis.pages.statements import AGREE, DIFFER
from analysis.related.engine.chapter import Claim, Found, Frames, by_seed, holds, over_seeds
from analysis.related.spectral.data import (
    BOTH,
    FOURTH,
    GRADIENT,
    MATRICES,
    RIGHT,
    SHUFFLED,
    SPECTRAL,
    THREE,
    WRONG_SCORE,
    bar_samples,
    last_errors,
    of_way,
    seconds_to_equal,
    slopes,
)
from analysis.vocabulary import counted

BOUNDS = {"A1": 0.02, "A2": 0.03, "U": 0.10}


def error(value: float) -> str:
    """'0.0012'."""
    return f"{value:.2g}" if value >= 1e-4 else f"{value:.1e}"


def _worst(found: dict[float, pd.Series]) -> str:
    return "; ".join(f"{error(one.max())} at rho {rho:g}" for rho, one in found.items() if len(one))


def _rhos(frames: Frames) -> list[float]:
    return sorted(frames["errors"]["rho"].dropna().unique())


def _within(frames: Frames, matrix: str, bound: float) -> Found:
    found = {rho: of_way(frames, THREE, matrix, rho) for rho in _rhos(frames)}
    values = [one for series in found.values() for one in series]
    if not values:
        return None
    at = f"with {bar_samples(frames['errors']):,} sequences, the largest of {counted(len(values), 'fit')}"
    return holds(max(values) <= bound), f"{_worst(found)} ({at})"


def _all_within(frames: Frames) -> Found:
    found = {matrix: _within(frames, matrix, bound) for matrix, bound in BOUNDS.items()}
    if not all(found.values()):
        return None
    words = "; ".join(f"{matrix}: {one[1].partition(' (')[0]}" for matrix, one in found.items() if one)
    return holds(all(one[0] == AGREE for one in found.values() if one)), words


def _slope(frames: Frames) -> Found:
    found = {matrix: over_seeds(slopes(frames, THREE, matrix)) for matrix in MATRICES}
    if not all(found.values()):
        return None
    near = all(abs(one.estimate.value + 0.5) <= 0.1 for one in found.values() if one)
    words = "; ".join(f"{matrix} {one.words('{:+.2f}'.format)}" for matrix, one in found.items() if one)
    return holds(near), words


def _directions(frames: Frames) -> Found:
    rows = frames["directions"]
    if rows.empty:
        return None
    wrong = rows["wrong"].astype(float).max()
    worst = ", ".join(f"{name} {error(rows[name].astype(float).max())}" for name in (*MATRICES, "V"))
    return holds(wrong <= 0.02), f"{error(wrong)}; largest errors: {worst} ({counted(len(rows), 'net')})"


def _fourth(frames: Frames) -> Found:
    last = bar_samples(frames["errors"])
    rows = frames["errors"][frames["errors"]["way"] == FOURTH]
    medians = rows[rows["samples"] <= last].groupby("samples")["U"].median().astype(float)
    earlier = medians[medians.index <= last / 10]
    if earlier.empty:
        return None
    before = int(earlier.index.max())
    agrees = medians[last] <= 0.20 and medians[last] < medians[before]
    words = f"{error(medians[before])} with {before:,} sequences, {error(medians[last])} with {last:,}"
    return holds(bool(agrees)), words


def _control(frames: Frames, control: str, matrix: str) -> pd.Series:
    return by_seed(frames["controls"], matrix, control=control)


def _shuffled(frames: Frames) -> Found:
    found = _control(frames, SHUFFLED, "A2")
    if found.empty:
        return None
    doubted = frames["controls"][frames["controls"]["control"] == SHUFFLED]["doubted"].astype(bool)
    words = (
        f"{found.min():.2f} to {found.max():.2f}; {int(doubted.sum())} of {len(doubted)} fits came with a warning"
    )
    return holds(bool(found.between(0.8, 1.2).all() and doubted.all())), words


def _wrong_score(frames: Frames) -> Found:
    found = {
        matrix: over_seeds(
            _control(frames, WRONG_SCORE, matrix) / _control(frames, RIGHT, matrix), logarithmic=True
        )
        for matrix in ("A2", "U")
    }
    if not all(found.values()):
        return None
    words = "; ".join(f"{matrix} {one.words(_times)}" for matrix, one in found.items() if one)
    return found["A2"].at_least(3), words


def _times(value: float) -> str:
    return f"{units.factor(value)} times"


def _seconds(frames: Frames) -> Found:
    rows = frames["times"]
    if rows.empty:
        return None
    samples, threads = int(rows["samples"].max()), int(rows["threads"].max())
    median = float(rows["seconds"].astype(float).median())
    words = f"{units.seconds(median)} for {samples:,} sequences on {counted(threads, 'thread')}"
    return holds(median <= 10), f"{words} (the median of {len(rows)})"


def _sooner(frames: Frames) -> Found:
    ours, theirs = (seconds_to_equal(frames, method) for method in (SPECTRAL, GRADIENT))
    if ours.empty or theirs.empty:
        return None
    never = int(np.isinf(theirs).sum())
    reached = over_seeds((theirs / ours)[np.isfinite(theirs)], logarithmic=True)
    said = [f"{counted(never, 'seed')} of {len(theirs)} never got there"] if never else []
    said += [f"{reached.words(_times)} as long"] if reached else []
    verdict = reached.above(1) if reached else AGREE
    return verdict, "; ".join(said)


def _better_start(frames: Frames) -> Found:
    found = over_seeds(last_errors(frames, GRADIENT) / last_errors(frames, BOTH), logarithmic=True)
    return None if found is None else (found.at_least(1), f"an error {found.words(_times)} as large")


def _larger(frames: Frames) -> Found:
    rows = frames["sizes"]
    if rows.empty:
        return None
    most = rows[rows["samples"] == rows["samples"].max()]
    worst = {name: float(most[name].astype(float).max()) for name in MATRICES}
    words = ", ".join(f"{name} {error(one)}" for name, one in worst.items())
    named = f"with {int(most['samples'].max()):,} sequences"
    return (AGREE if all(worst[name] <= BOUNDS[name] for name in MATRICES) else DIFFER), f"{words} {named}"


CLAIMS = [
    Claim(
        "Moments of outputs with scores give a recurrent net's weights, of independent and Markov inputs.",
        "abstract",
        "relative errors of A1, A2 and U at most 0.02, 0.03 and 0.10 in every fit",
        _all_within,
    ),
    Claim(
        "Errors fall with the root of the number of sequences.",
        "sample complexity",
        "mean slopes of the logarithms within 0.1 of -1/2",
        _slope,
    ),
    Claim(
        "Bidirectional nets are learned in the same way.",
        "abstract",
        "blocks of the wrong direction at most 0.02 in every net",
        _directions,
    ),
    Claim(
        "Fourth moments have the recurrent weights.",
        "main algorithm",
        "median error of U at most 0.20, and smaller than with a tenth of the sequences",
        _fourth,
    ),
    Claim(
        "Moments get there where back-propagation from a random start is slow or stuck.",
        "introduction",
        "back-propagation takes longer to GLOREE's own error, seed by seed",
        _sooner,
    ),
]
BARS = [
    *(
        Claim(
            f"{matrix} by mixed moments.",
            "within as much, seen once",
            f"relative error at most {bound:g}",
            partial(_within, matrix=matrix, bound=bound),
        )
        for matrix, bound in BOUNDS.items()
    ),
    Claim("Shuffled outputs teach nothing.", "wanted here", "error of A2 about 1, with a warning", _shuffled),
    Claim(
        "Scores of independent inputs are wrong on correlated ones.",
        "3.7 to 25 times seen once",
        "error of A2 at least 3 times that with the right score",
        _wrong_score,
    ),
    Claim(
        "A million sequences are soon learned from.", "wanted here", "at most 10 seconds on one thread", _seconds
    ),
    Claim(
        "Back-propagation from GLOREE's net ends no worse than from a random start.",
        "wanted here",
        "mean ratio of the last errors at least 1",
        _better_start,
    ),
    Claim("A larger net is found as well.", "wanted here", "the same bounds", _larger),
]


def headlines(frames: Frames) -> list[str]:
    """How well the weights come back, and who is sooner there."""
    said = []
    last = bar_samples(frames["errors"])
    worst = {
        matrix: max((of_way(frames, THREE, matrix, rho).max() for rho in _rhos(frames)), default=np.nan)
        for matrix in MATRICES
    }
    if all(np.isfinite(one) for one in worst.values()):
        listed = ", ".join(f"{matrix} {error(one)}" for matrix, one in worst.items())
        said.append(
            f"Moments of {last:,} sequences give a quadratic recurrent net back with relative errors of at most "
            f"{listed}, without a gradient."
        )
    ours, theirs = (seconds_to_equal(frames, method) for method in (SPECTRAL, GRADIENT))
    if len(ours) and len(theirs):
        reached = theirs[np.isfinite(theirs)]
        never = len(theirs) - len(reached)
        parts = [f"takes {units.seconds(float(reached.median()))}"] if len(reached) else []
        parts += [f"never gets there with {counted(never, 'seed')} of {len(theirs)}"] if never else []
        samples = int(frames["descents"]["samples"].max())
        said.append(
            f"For {samples:,} sequences GLOREE takes {units.seconds(float(ours.median()))} of processor time (the "
            f"median over seeds); to an equal error, back-propagation on the same ones {' and '.join(parts)}."
        )
    return said
