"""Times as the ledger writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """The time as the ledger writes it."""
    return iso(datetime.now(UTC))


def iso(time: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond, so that times sort as texts."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
