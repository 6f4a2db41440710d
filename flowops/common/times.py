"""Times: what time it is, the clock for waits within a process, and spans and rates in one grammar."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from flowops.common.patterns import regex

#: It goes on while the machine sleeps, where the system has such a one.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def now() -> float:
    """Return the seconds of the clock for waits."""
    return time.clock_gettime(_CLOCK)


_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

#: A span above nothing: ``30d``, ``90m``, ``1.5s``, ``50ms``.
SPAN_PATTERN = (
    r"(?:(?:[1-9][0-9]{0,4}(?:\.[0-9]{1,3})?|0\.(?:[1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))[smhdw]|[1-9][0-9]{0,4}ms)"
)
#: How often: ``10/s``, ``100/m``, ``0.5/h``, or ``none`` for no limit.
RATE_PATTERN = r"(?:none|(?:[1-9][0-9]{0,8}(?:\.[0-9]{1,9})?|0\.[0-9]{0,8}[1-9][0-9]{0,8})/[smh])"

#: How many in how long: ``20/h``.
_LIMIT = regex(r"([1-9][0-9]{0,5})/([smhd])")

_SPAN = regex(SPAN_PATTERN)
_RATE = regex(RATE_PATTERN)
_PARTS = regex(r"([0-9.]+)/?([a-z]+)")


def read_span(text: str, *, zero: bool = False) -> timedelta:
    """Return a span of time; with `zero` none at all will do, too. Raises ValueError."""
    if _SPAN.fullmatch(text) is None and not (zero and text[:1] == "0" and text[1:] in _SECONDS):
        raise ValueError("is not a span of time: write a number with s, m, h, d or w, such as 30d")
    number, unit = _parts(text)
    return timedelta(seconds=number * _SECONDS[unit])


def span_text(span: timedelta) -> str:
    """Return a span in the largest unit that fits; days, not weeks."""
    milliseconds = span // timedelta(milliseconds=1)
    unit = next(unit for unit in ("d", "h", "m", "s", "ms") if milliseconds % (_SECONDS[unit] * 1_000) == 0)
    return f"{milliseconds // int(_SECONDS[unit] * 1_000)}{unit}"


def read_rate(text: str) -> float | None:
    """Return a rate as so many a second; None for ``none``. Raises ValueError."""
    if _RATE.fullmatch(text) is None:
        raise ValueError("is not a rate: write a number above 0 with /s, /m or /h, or 'none'")
    if text == "none":
        return None
    number, unit = _parts(text)
    return number / _SECONDS[unit]


def read_limit(text: str) -> tuple[int, timedelta]:
    """Return how many in how long: 20 and an hour for ``20/h``. Raises ValueError."""
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise ValueError("is not a limit: write a whole number above 0 with /s, /m, /h or /d")
    return int(found[1]), timedelta(seconds=_SECONDS[found[2]])


def _parts(text: str) -> tuple[float, str]:
    """Return the number and the unit of what fits one of the patterns."""
    found = _PARTS.fullmatch(text)
    assert found is not None
    return float(found[1]), found[2]
