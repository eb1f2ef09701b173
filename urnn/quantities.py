"""Numbers that somebody gives, checked: each wrong one is a sentence."""

import math
from numbers import Integral, Real


def require_count(name: str, value: object, least: int, most: int | None = None) -> int:
    """The value as an int; raises TypeError unless it is a whole number, ValueError unless it is in range.

    Example:
        >>> from urnn.quantities import require_count
        >>> require_count("outputs", -1, 0)
        Traceback (most recent call last):
        ValueError: outputs must be at least 0, got -1
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {_shown(value)}")
    count = int(value)
    if count < least or (most is not None and count > most):
        wanted = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {wanted}, got {value}")
    return count


def require_number(name: str, value: object, least: float = -math.inf, *, above: float | None = None) -> float:
    """The value as a float; raises TypeError unless it is a number, ValueError unless finite and in range.

    Args:
        least: it may be that or more.
        above: it has to be more than that.

    Example:
        >>> from urnn.quantities import require_number
        >>> require_number("unit_multiplier", True)
        Traceback (most recent call last):
        TypeError: unit_multiplier must be a number, got bool True
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond every float
        number = math.inf
    if not (math.isfinite(number) and number >= least and (above is None or number > above)):
        bound = "" if least == -math.inf else f" of at least {least:g}"
        bound = bound if above is None else f" above {above:g}"
        raise ValueError(f"{name} must be a finite number{bound}, got {value}")
    return number


def _shown(value: object) -> str:
    return f"{type(value).__name__} {value!r}"
