"""The metrics' definitions written a second time, over lists of numbers and one sequence at a time."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

Steps = Sequence[Sequence[float]]  # one sequence's states: a list of units for each step


def plus(step: Sequence[float]) -> float:
    return sum(value for value in step if value > 0)


def minus(step: Sequence[float]) -> float:
    return sum(value for value in step if value < 0)


def xi(states: Steps) -> list[float]:
    return [abs(plus(step) + minus(step)) for step in states]


def deltas(series: Sequence[float]) -> list[float]:
    return [now - before for before, now in zip([0.0, *series], series, strict=False)]


def word(series: Sequence[float], symbols: int, segments: int) -> str:
    """Each step is cut into `segments` equal pieces, of which a segment averages as many as there are steps."""
    pieces = [value for value in series for _ in range(segments)]
    steps, borders = len(series), [NormalDist().inv_cdf(k / symbols) for k in range(1, symbols)]
    averages = [sum(pieces[k * steps : (k + 1) * steps]) / steps for k in range(segments)]
    return "".join(chr(ord("a") + sum(border <= average for border in borders)) for average in averages)


def own_normal(series: Sequence[float]) -> list[float]:
    mean = sum(series) / len(series)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in series) / len(series))
    return [(value - mean) / deviation for value in series]


def neuron(states: Steps, threshold: float) -> set[str]:
    units = range(len(states[0]))
    return {f"unit {unit} above {threshold:g}" for unit in units if any(step[unit] > threshold for step in states)}


def cell(states: Steps, threshold: float) -> set[str]:
    up, down = deltas([plus(step) for step in states]), deltas([minus(step) for step in states])
    met = [abs(a) + abs(b) > threshold for a, b in zip(up, down, strict=True)]
    return {f"cell > {threshold:g} at step {step}" for step, holds in enumerate(met) if holds}


def gate(forget: Steps, threshold: float) -> set[str]:
    means = [sum(step) / len(step) for step in forget]
    return {f"gate > {threshold:g} at step {step}" for step, mean in enumerate(means) if mean > threshold}


def sequence(states: Steps) -> set[str]:
    sums = {"+": [plus(step) for step in states], "-": [minus(step) for step in states]}
    return {f"sequence{sign} {word(own_normal(series), 2, 5)}" for sign, series in sums.items()}


def scaled(
    name: str, series_of: Callable[[Steps], list[float]], training: Sequence[Steps], threshold: float
) -> Callable[[Steps], set[str]]:
    values = [value for states in training for value in series_of(states)]
    low, high = min(values), max(values)

    def met(states: Steps) -> set[str]:
        shares = [(value - low) / (high - low) for value in series_of(states)]
        return {f"{name} >= {threshold:g} at step {t}" for t, share in enumerate(shares) if share >= threshold}

    return met


def temporal(training: Sequence[Steps]) -> Callable[[Steps], set[str]]:
    values = [value for states in training for value in xi(states)]
    mean, deviation = float(np.mean(values)), float(np.std(values))
    return lambda states: {f"temporal {word([(value - mean) / deviation for value in xi(states)], 3, 5)}"}


def grid(training: Sequence[Steps], components: int, bins: int) -> Callable[[Steps], list[tuple[int, ...] | None]]:
    """By numpy's singular values, each axis turned as its largest entry is positive."""
    rows = np.array([step for states in training for step in states])
    axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:components].T
    low, high = ((rows - rows.mean(0)) @ axes).min(0), ((rows - rows.mean(0)) @ axes).max(0)

    def cells(states: Steps) -> list[tuple[int, ...] | None]:
        found: list[tuple[int, ...] | None] = []
        for step in states:
            place = (np.array(step) - rows.mean(0)) @ axes
            outside = (place < low - 1e-9).any() or (place > high + 1e-9).any()
            index = np.clip(np.floor((place - low) / (high - low) * bins), 0, bins - 1).astype(int)
            found.append(None if outside else tuple(index))
        return found

    return cells
