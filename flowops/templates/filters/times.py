"""The filter that writes a date or a time. It reads what the data says: there is no clock here."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.zones import zone, zone_hint
from flowops.templates.errors import TemplateError
from flowops.templates.filters.table import Table, require_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.document import Value


TIMES = Table()

_ISO = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?P<time>[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_DIRECTIVE = re.compile(r"%(-?.|$)", re.DOTALL)
_LONGEST_FORMAT = 256
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

_DATE: dict[str, Callable[[datetime], str]] = {
    "Y": lambda when: f"{when.year:04}",
    "y": lambda when: f"{when.year % 100:02}",
    "m": lambda when: f"{when.month:02}",
    "-m": lambda when: f"{when.month}",
    "d": lambda when: f"{when.day:02}",
    "-d": lambda when: f"{when.day}",
    "B": lambda when: _MONTHS[when.month - 1],
    "b": lambda when: _MONTHS[when.month - 1][:3],
    "A": lambda when: _DAYS[when.weekday()],
    "a": lambda when: _DAYS[when.weekday()][:3],
    "u": lambda when: f"{when.isoweekday()}",
    "V": lambda when: f"{when.isocalendar().week:02}",
    "j": lambda when: f"{when.timetuple().tm_yday:03}",
    "%": lambda _: "%",
}
_TIME: dict[str, Callable[[datetime], str]] = {
    "H": lambda when: f"{when.hour:02}",
    "-H": lambda when: f"{when.hour}",
    "I": lambda when: f"{(when.hour + 11) % 12 + 1:02}",
    "-I": lambda when: f"{(when.hour + 11) % 12 + 1}",
    "M": lambda when: f"{when.minute:02}",
    "-M": lambda when: f"{when.minute}",
    "S": lambda when: f"{when.second:02}",
    "p": lambda when: "AM" if when.hour < 12 else "PM",
}
_OFFSET: dict[str, Callable[[datetime], str]] = {"z": lambda when: when.strftime("%z")}
_EVERY = {**_DATE, **_TIME, **_OFFSET}


@TIMES.register(
    "{{ '2026-03-02T08:05:00Z' | datetime('%A %-d %B, %H:%M', tz='Europe/Amsterdam') }}",
    "Monday 2 March, 09:05",
    name="datetime",
    weight=48,
)
def written(value: Value, format: Value = "%Y-%m-%d %H:%M", tz: Value = None) -> str:  # noqa: A002
    """A date or time, given in ISO 8601, written as `format` says, in English; `tz` moves it into a time zone.

    `format` knows %Y %y %m %-m %B %b %d %-d %j %A %a %u %V %H %-H %I %-I %p %M %-M %S %z and %%.
    """
    if type(value) is str and type(format) is str and (tz is None or type(tz) is str):
        return _recently(value.strip(), format, tz)
    return _written(value, format, tz)


def _written(value: Value, form: Value, tz: Value) -> str:
    found = _ISO.fullmatch(require_text(value).strip())
    if found is None:
        raise TemplateError("the text is not an ISO 8601 date or time", hint="write it like 2026-03-02T09:05:00+01:00")
    try:
        when = datetime.fromisoformat(found[0])
    except ValueError:
        raise TemplateError("there is no such date or time") from None
    if tz is not None:
        if found["offset"] is None:
            raise TemplateError(
                "the time has no UTC offset, so it cannot be moved into a time zone",
                hint="leave tz out, or write the offset: 2026-03-02T09:05:00+01:00",
            )
        when = _moved(when, require_text(tz, "tz"))
    return _write(when, require_text(form, "format"), timed=bool(found["time"]), placed=bool(found["offset"]))


#: Appointments share their times, and a row writes one time in several ways.
_recently = lru_cache(maxsize=4_096)(_written)


def _moved(when: datetime, name: str) -> datetime:
    place = zone(name)
    if place is None:
        raise TemplateError("tz is not a time zone of the IANA's list", hint=lambda: zone_hint(name))
    try:
        return when.astimezone(place)
    except OverflowError:
        raise TemplateError("the date is out of range") from None


def _write(when: datetime, form: str, *, timed: bool, placed: bool) -> str:
    if len(form) > _LONGEST_FORMAT:
        raise TemplateError(f"format may have at most {_LONGEST_FORMAT} characters")

    written = []
    for text, directive in _pieces(form):
        written.append(text)
        if directive is None:
            continue
        if directive not in _EVERY:
            known = " ".join(f"%{known}" for known in _EVERY)
            raise TemplateError(f"format has '%{directive}', which is not known", hint=f"known are: {known}")
        if directive in _TIME and not timed:
            raise TemplateError(f"the text is a date without a time, so '%{directive}' has no answer")
        if directive in _OFFSET and not placed:
            raise TemplateError(f"the text has no UTC offset, so '%{directive}' has no answer")
        written.append(_EVERY[directive](when))
    return "".join(written)


@lru_cache(maxsize=256)
def _pieces(form: str) -> tuple[tuple[str, str | None], ...]:
    """Take a format apart: texts, each with the directive behind it."""
    parts = _DIRECTIVE.split(form)
    return tuple(zip(parts[::2], [*parts[1::2], None], strict=True))
