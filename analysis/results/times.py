"""Times as both harnesses write them -> ISO 8601 in UTC, so that text order is time order.

Known weakness: a time without a zone is taken for UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime


def from_iso(text: str | None) -> str | None:
    """ISO 8601 in any zone -> the same in UTC to the second; None for what is no time."""
    try:
        time = datetime.fromisoformat(str(text))
        return _utc(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):  # the first and the last year have no UTC in every zone
        return None


def from_milliseconds(milliseconds: float | None) -> str | None:
    """Milliseconds since 1970, as asv counts -> ISO 8601 in UTC."""
    return None if milliseconds is None else _utc(datetime.fromtimestamp(milliseconds / 1000, tz=UTC))


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).replace(microsecond=0).isoformat()
