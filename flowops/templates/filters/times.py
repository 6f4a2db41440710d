"""The filter that writes a date or a time. It reads what the data says: there is no clock here."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.common.text import listed
from flowops.common.tuples import NamedTuple
from flowops.common.zones import zone, zone_hint
from flowops.templates.filters.locales import locale_of
from flowops.templates.filters.table import Table, require_text
from flowops.templates.problems import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowops.model.document import Value


TIMES = Table()

# ISO 8601 as Python 3.11 reads it: calendar dates and weeks, extended and basic, with fractions of any length.
_ISO = regex(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-W[0-9]{2}(?:-[0-9])?|[0-9]{4}W[0-9]{2}[0-9]?)"
    r"(?P<time>[T ][0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,20})?)?|[0-9]{2}(?:[0-9]{2}(?:[.,][0-9]{1,20})?)?)?"
    r"(?P<offset>Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?",
    re.ASCII | re.IGNORECASE,
)
_DIRECTIVE = regex(r"%(-?.|$)", re.DOTALL)
_LONGEST = 256
#: A longer text is no date.
_LONGEST_DATE = 128
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
#: The formats that each language has by itself.
_STYLES = ("full", "long", "medium", "short")


class Names(NamedTuple):
    """What a language calls months and days, long and short, and the halves of a day."""

    months: tuple[str, ...]
    short_months: tuple[str, ...]
    days: tuple[str, ...]
    short_days: tuple[str, ...]
    halves: tuple[str, str]


ENGLISH = Names(_MONTHS, tuple(m[:3] for m in _MONTHS), _DAYS, tuple(d[:3] for d in _DAYS), ("AM", "PM"))


class Moment(NamedTuple):
    """A date, a time of day, or both, and whether its UTC offset is known."""

    when: datetime
    dated: bool
    timed: bool
    placed: bool


_DATE: dict[str, Callable[[datetime, Names], str]] = {
    "Y": lambda when, _: f"{when.year:04}",
    "y": lambda when, _: f"{when.year % 100:02}",
    "m": lambda when, _: f"{when.month:02}",
    "-m": lambda when, _: f"{when.month}",
    "d": lambda when, _: f"{when.day:02}",
    "-d": lambda when, _: f"{when.day}",
    "B": lambda when, names: names.months[when.month - 1],
    "b": lambda when, names: names.short_months[when.month - 1],
    "A": lambda when, names: names.days[when.weekday()],
    "a": lambda when, names: names.short_days[when.weekday()],
    "u": lambda when, _: f"{when.isoweekday()}",
    "V": lambda when, _: f"{when.isocalendar().week:02}",
    "j": lambda when, _: f"{when.timetuple().tm_yday:03}",
}
_TIME: dict[str, Callable[[datetime, Names], str]] = {
    "H": lambda when, _: f"{when.hour:02}",
    "-H": lambda when, _: f"{when.hour}",
    "I": lambda when, _: f"{(when.hour + 11) % 12 + 1:02}",
    "-I": lambda when, _: f"{(when.hour + 11) % 12 + 1}",
    "M": lambda when, _: f"{when.minute:02}",
    "-M": lambda when, _: f"{when.minute}",
    "S": lambda when, _: f"{when.second:02}",
    "p": lambda when, names: names.halves[when.hour >= 12],
}
_OFFSET: dict[str, Callable[[datetime, Names], str]] = {"z": lambda when, _: when.strftime("%z")}
_EVERY: Mapping[str, Callable[[datetime, Names], str]] = {**_DATE, **_TIME, **_OFFSET, "%": lambda _, __: "%"}


@TIMES.register(
    "{{ '2026-03-02T08:05:00Z' | datetime('%A %-d %B, %H:%M', tz='Europe/Amsterdam') }}",
    "Monday 2 March, 09:05",
    name="datetime",
    weight=48,
)
def written(
    value: Value,
    format: Value = "%Y-%m-%d %H:%M",  # noqa: A002
    tz: Value = None,
    from_: Value = None,
    locale: Value = None,
) -> str:
    """A date or time as `format` says; it is read as ISO 8601, or as `from` says; `tz` moves it into a time zone.

    `format` knows %Y %y %m %-m %B %b %d %-d %j %A %a %u %V %H %-H %I %-I %p %M %-M %S %z and %%, and with a `locale`
    also 'full', 'long', 'medium' and 'short'. Names are English, or those of the `locale`: 'nl', 'de-CH'. `from` knows
    %d %m %Y %y %B %b %A %a %H %I %p %M %S %z, as in '%d/%m/%Y'.
    """
    text = require_text(value).strip()
    if len(text) > _LONGEST_DATE:
        raise TemplateError("the text is too long for a date or time")
    for what, given in (("format", format), ("tz", tz), ("from", from_), ("locale", locale)):
        if given is not None:
            _check_short(given, what)
    return _recently(text, format, tz, from_, locale)


def _written(value: str, form: str, tz: str | None, source: str | None, locale: str | None) -> str:
    names = ENGLISH if locale is None else _names(locale)
    found = _from_iso(value) if source is None else _from_format(value, source, names)
    if tz is not None:
        if not found.placed or not found.dated:
            raise TemplateError(
                "the time has no UTC offset, so it cannot be moved into a time zone",
                hint="leave tz out, or write the offset: 2026-03-02T09:05:00+01:00",
            )
        found = found._replace(when=_moved(found.when, tz))
    if form in _STYLES and locale is not None:
        return _styled(found, form, locale)
    return _write(found, form, names)


#: Appointments share their times, and a row writes one time in several ways.
_recently = lru_cache(maxsize=4_096)(_written)


def _check_short(value: Value, what: str) -> None:
    if len(require_text(value, what)) > _LONGEST:
        raise TemplateError(f"{what} may have at most {_LONGEST} characters")


def _from_iso(value: str) -> Moment:
    found = _ISO.fullmatch(value)
    if found is None:
        raise TemplateError("the text is not an ISO 8601 date or time", hint=_how_to_read(value))
    try:
        when = datetime.fromisoformat(found[0].upper().replace(",", "."))
    except ValueError:
        raise TemplateError("there is no such date or time") from None
    return Moment(when, True, bool(found["time"]), bool(found["offset"]))


_PEOPLE = regex(
    r"([0-9]{1,2})([/.-])([0-9]{1,2})[/.-]([0-9]{2}|[0-9]{4})\b"
    r"( [0-9]{1,2}:[0-9]{2}(?:(:)[0-9]{2})?(?:( ?)[AaPp][Mm])?\Z)?"
)
_YEAR_FIRST = regex(r"[0-9]{4}([/.])[0-9]{1,2}\1[0-9]{1,2}")
# Days since 1900, as spreadsheets keep them: from 1990 to 2063.
_SERIAL = regex(r"(?:3[3-9]|4[0-9]|5[0-9])[0-9]{3}(?:\.[0-9]+)?")


def _how_to_read(value: str) -> str:
    if _SERIAL.fullmatch(value) is not None:
        return "it may be a day as spreadsheets count them: format the column as 2026-03-02, and export it again"
    if (year_first := _YEAR_FIRST.fullmatch(value)) is not None:
        return f"say how to read it: datetime(from='%Y{year_first[1]}%m{year_first[1]}%d')"
    found = _PEOPLE.match(value)
    if found is None:
        return "write it like 2026-03-02T09:05:00+01:00, or say how to read it: datetime(from='%d/%m/%Y')"
    sign, year = found[2], "%Y" if len(found[4]) == 4 else "%y"
    if found[5]:
        hour, half = ("%H", "") if found[7] is None else ("%I", f"{found[7]}%p")
        year += f" {hour}:%M{':%S' if found[6] else ''}{half}"
    first, second = f"%d{sign}%m{sign}{year}", f"%m{sign}%d{sign}{year}"
    return f"say how to read it: datetime(from='{first}'), or '{second}' where the month comes first"


def _moved(when: datetime, name: str) -> datetime:
    place = zone(name)
    if place is None:
        raise TemplateError("tz is not a time zone of the IANA's list", hint=lambda: zone_hint(name))
    try:
        return when.astimezone(place)
    except OverflowError:
        raise TemplateError("the date is out of range") from None


def _write(moment: Moment, form: str, names: Names) -> str:
    written = []
    for text, directive in _pieces(form):
        written.append(text)
        if directive is None:
            continue
        if directive not in _EVERY:
            known = " ".join(f"%{known}" for known in _EVERY)
            raise TemplateError(f"format has '%{directive}', which is not known", hint=f"known are: {known}")
        if directive in _DATE and not moment.dated:
            raise TemplateError(f"the text is a time without a date, so '%{directive}' has no answer")
        if directive in _TIME and not moment.timed:
            raise TemplateError(f"the text is a date without a time, so '%{directive}' has no answer")
        if directive in _OFFSET and not moment.placed:
            raise TemplateError(f"the text has no UTC offset, so '%{directive}' has no answer")
        written.append(_EVERY[directive](moment.when, names))
    return "".join(written)


@lru_cache(maxsize=256)
def _pieces(form: str) -> tuple[tuple[str, str | None], ...]:
    """Take a format apart: texts, each with the directive behind it."""
    parts = _DIRECTIVE.split(form)
    return tuple(zip(parts[::2], [*parts[1::2], None], strict=True))


@lru_cache(maxsize=64)
def _names(name: str) -> Names:
    """Return the names of a locale."""
    locale = locale_of(name)
    months, days, halves = locale.months["format"], locale.days["format"], locale.day_periods["format"]["abbreviated"]
    return Names(
        months=tuple(months["wide"][number] for number in range(1, 13)),
        short_months=tuple(months["abbreviated"][number] for number in range(1, 13)),
        days=tuple(days["wide"][number] for number in range(7)),
        short_days=tuple(days["abbreviated"][number] for number in range(7)),
        halves=(halves["am"], halves["pm"]),
    )


def _styled(moment: Moment, style: str, name: str) -> str:
    """Write a moment in one of the styles of its language; a time of day is always written shortly."""
    from babel.dates import parse_pattern

    locale = locale_of(name)
    date = str(locale.date_formats[style].pattern)
    time = str(locale.time_formats["short"].pattern)
    pattern = date if not moment.timed else time
    if moment.timed and moment.dated:
        pattern = str(locale.datetime_formats[style]).replace("{1}", date).replace("{0}", time)
    return str(parse_pattern(pattern).apply(moment.when.replace(tzinfo=None), locale))


#: What a directive of `from` reads, and which part of a moment that is.
_NUMBERS = {
    "Y": ("year", "[0-9]{4}"),
    "y": ("short_year", "[0-9]{2}"),
    "m": ("month", "[0-9]{1,2}"),
    "d": ("day", "[0-9]{1,2}"),
    "H": ("hour", "[0-9]{1,2}"),
    "I": ("half_hour", "[0-9]{1,2}"),
    "M": ("minute", "[0-9]{2}"),
    "S": ("second", "[0-9]{2}"),
    "z": ("offset", "Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]"),
}
#: Two digits of a year are of this century below it, and else of the last one, as in POSIX.
_THIS_CENTURY = 69


def _from_format(value: str, form: str, names: Names) -> Moment:
    """Read what people write, such as ``1/12/2026 9:05 PM``."""
    pattern = _reader(form, names)
    found = pattern.fullmatch(value)
    if found is None:
        raise TemplateError("the text is not written as from says", hint=lambda: _how_to_read(value))
    return _moment_of({name: part for name, part in found.groupdict().items() if part is not None}, names)


@lru_cache(maxsize=64)
def _reader(form: str, names: Names) -> re.Pattern[str]:
    """Return the expression of a `from`: each directive once, and between them what is written there."""
    words = {"B": names.months, "b": names.short_months, "A": names.days, "a": names.short_days, "p": names.halves}
    parts: list[str] = []
    seen: set[str] = set()
    for text, directive in _pieces(form):
        parts.append(re.sub(r"(?:\\\s)+|\s+", lambda _: r"\s{1,9}", re.escape(text)))
        if directive is None:
            continue
        known = directive.removeprefix("-")
        if known == "%":
            parts.append("%")
            continue
        if known in words:
            choice = "|".join(re.escape(word) for word in sorted(words[known], key=len, reverse=True))
            name, part = f"word_{known}", choice
        elif known in _NUMBERS:
            name, part = _NUMBERS[known]
        else:
            readable = " ".join(f"%{name}" for name in (*_NUMBERS, *words))
            raise TemplateError(f"from has '%{directive}', which cannot be read", hint=f"from knows: {readable}")
        if name in seen:
            raise TemplateError(f"from has '%{directive}' twice")
        seen.add(name)
        parts.append(f"(?P<{name}>{part})")
    _check_parts(seen)
    return re.compile("".join(parts), re.ASCII | re.IGNORECASE)


_WORD_OF = {"word_B": "month", "word_b": "month", "short_year": "year", "half_hour": "hour"}


def _check_parts(seen: set[str]) -> None:
    """Refuse a `from` that says too little, or one thing twice."""
    parts = [_WORD_OF.get(name, name) for name in seen if name not in ("word_A", "word_a")]
    twice = [part for part in ("year", "month", "hour") if parts.count(part) > 1]
    if twice:
        raise TemplateError(f"from says the {twice[0]} twice")
    date = [part for part in ("year", "month", "day") if part in parts]
    if len(date) not in (0, 3):
        missing = [part for part in ("year", "month", "day") if part not in date]
        raise TemplateError(f"from says no {listed(missing)}", hint="a date is read with %d, %m or %B, and %Y or %y")
    if not date and "hour" not in parts:
        raise TemplateError("from reads neither a date nor a time", hint="write it like %d/%m/%Y or %H:%M")
    if ("half_hour" in seen) != ("word_p" in seen):
        raise TemplateError("from needs %I and %p together", hint="a clock of 24 hours is read with %H")


def _moment_of(parts: Mapping[str, str], names: Names) -> Moment:
    """Return the moment that the parts of a text make."""
    dated, timed = "day" in parts, "hour" in parts or "half_hour" in parts
    year = int(parts.get("year", 1900))
    if "short_year" in parts:
        short = int(parts["short_year"])
        year = short + (2000 if short < _THIS_CENTURY else 1900)
    try:
        when = datetime(  # noqa: DTZ001
            year,
            _month(parts, names) if dated else 1,
            int(parts.get("day", 1)),
            _hour(parts, names),
            int(parts.get("minute", 0)),
            int(parts.get("second", 0)),
        )
    except ValueError:
        raise TemplateError("there is no such date or time") from None
    offset = parts.get("offset")
    if offset is not None:
        when = when.replace(tzinfo=datetime.fromisoformat(f"2000-01-01T00:00{offset.upper()}").tzinfo)
    for word, days in (("word_A", names.days), ("word_a", names.short_days)):
        if dated and word in parts and days[when.weekday()].casefold() != parts[word].casefold():
            raise TemplateError("the text names another day of the week than the date has")
    return Moment(when, dated, timed, offset is not None)


def _month(parts: Mapping[str, str], names: Names) -> int:
    for word, months in (("word_B", names.months), ("word_b", names.short_months)):
        if word in parts:
            return [month.casefold() for month in months].index(parts[word].casefold()) + 1
    return int(parts["month"])


def _hour(parts: Mapping[str, str], names: Names) -> int:
    if "half_hour" not in parts:
        return int(parts.get("hour", 0))
    hour = int(parts["half_hour"])
    if not 1 <= hour <= 12:
        raise ValueError("an hour of a clock of twelve")
    return hour % 12 + (12 if parts["word_p"].casefold() == names.halves[1].casefold() else 0)
