"""What a comparison of two sides could see: the chance that a slowdown of a given size is called.

A slowdown is called where its mean log-ratio is above a floor and Student's t above its quantile. The mean is
normal, and independent of the estimated variances, which are chi-squared: the chance is an integral over those.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

NODES = 400  # of the integral over one variance, equally likely ones
NODES_OF_TWO = 40  # of that over two, each
LARGEST = math.log(1e6)


@lru_cache
def of_t(freedom: float, tail: float) -> Floats:
    """Mean over true error that a one-sided t test at level `tail` calls, for equally likely estimates."""
    if math.isinf(freedom):
        return np.array([special.ndtri(1 - tail)])
    return special.stdtrit(freedom, 1 - tail) * np.sqrt(_variances(freedom, NODES))


@lru_cache
def of_welch(processes: int, tail: float) -> Floats:
    """The same for two sides of so many processes and of one spread, whose variances are not pooled (Welch)."""
    ours, theirs = np.meshgrid(*[_variances(processes - 1, NODES_OF_TWO)] * 2)
    freedom = (processes - 1) * (ours + theirs) ** 2 / (ours**2 + theirs**2)
    return (special.stdtrit(freedom, 1 - tail) * np.sqrt((ours + theirs) / 2)).ravel()


def _variances(freedom: float, number: int) -> Floats:
    """Equally likely estimates of a variance that is 1."""
    return special.chdtri(freedom, (np.arange(number) + 0.5) / number) / freedom


def power(change: float, error: float, floor: float, test: Floats) -> float:
    """The chance that a true log-ratio `change` is called.

    `error` is the true standard error of the mean log-ratio, `floor` a log-ratio, and `test` one of those above.
    """
    if error == 0:
        return float(change > floor)
    return float(special.ndtr((change - np.maximum(floor, error * test)) / error).mean())


def smallest_change(share: float, error: float, floor: float, test: Floats) -> float:
    """The true log-ratio from which on that share of comparisons calls it."""
    low, high = 0.0, LARGEST
    while high - low > 1e-6:
        middle = (low + high) / 2
        if power(middle, error, floor, test) < share:
            low = middle
        else:
            high = middle
    return high


def processes_needed(
    change: float, spread: float, share: float, floor: float, tail: float, least: int, most: int
) -> int | None:
    """Processes a side with which that share of comparisons calls a log-ratio `change`; None for more than `most`.

    `spread` is the standard deviation of the log of a process's median.
    """

    def enough(number: int) -> bool:
        return power(change, spread * math.sqrt(2 / number), floor, of_welch(number, tail)) >= share

    if not enough(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
