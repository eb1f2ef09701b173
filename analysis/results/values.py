"""What the readers of both harnesses share: times in UTC, and the samples of a cell or what sums them up."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from analysis.vocabulary import LOWER_QUARTILE, MEASURED, MEDIAN, METRICS, SAMPLE, UPPER_QUARTILE

Row = dict[str, Any]

ROUNDING = 1e-3  # asv keeps some digits of a median and other digits of a quartile


def from_iso(text: str | None) -> str | None:
    """ISO 8601 in any zone, or without one for UTC -> the same in UTC to the second; None for what is no time."""
    try:
        time = datetime.fromisoformat(str(text))
        return _utc(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):  # the first and the last year have no UTC in every zone
        return None


def from_milliseconds(milliseconds: float | None) -> str | None:
    """Milliseconds since 1970, as asv counts -> ISO 8601 in UTC."""
    return None if milliseconds is None else _utc(datetime.fromtimestamp(milliseconds / 1000, tz=UTC))


def _utc(time: datetime) -> str:
    """So that the order of texts is that of times."""
    return time.astimezone(UTC).replace(microsecond=0).isoformat()


def of_metric(name: str) -> Row:
    """Columns metric and unit."""
    return {"metric": name, "unit": METRICS[name].unit}


def sampled(samples: Iterable[float], share: int = 1) -> list[Row]:
    """A row for each sample; `share`: the time steps of a call, whose time the sample is."""
    base = {"outcome": MEASURED, "statistic": SAMPLE}
    return [base | {"value": float(one) / share, "round": number} for number, one in enumerate(samples, start=1)]


def summed_up(median: float, lower: float | None, upper: float | None, rounds: int, share: int = 1) -> list[Row]:
    """The rows where a harness kept no samples; ValueError where the median is not between its quartiles."""
    if (lower is not None and lower > median * (1 + ROUNDING)) or (
        upper is not None and upper < median * (1 - ROUNDING)
    ):
        raise ValueError(f"expected the median {median} between the quartiles, got {lower} and {upper}")
    base = {"outcome": MEASURED, "round": rounds}
    known = {MEDIAN: median, LOWER_QUARTILE: lower, UPPER_QUARTILE: upper}
    return [
        base | {"statistic": statistic, "value": float(value) / share}
        for statistic, value in known.items()
        if value is not None
    ]
