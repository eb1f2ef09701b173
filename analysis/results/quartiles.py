"""What a harness that keeps no samples says of them must be in order, or it says nothing."""

from __future__ import annotations

ROUNDING = 1e-3  # asv keeps some digits of one and other digits of another


def require_ordered(lower: float | None, median: float, upper: float | None) -> None:
    """Raises ValueError where the median is not between the quartiles that there are."""
    if (lower is not None and lower > median * (1 + ROUNDING)) or (
        upper is not None and upper < median * (1 - ROUNDING)
    ):
        raise ValueError(f"expected the median {median} between the quartiles, got {lower} and {upper}")
