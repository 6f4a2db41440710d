"""What the settings of a policy read their values with: places, times, and a problem for each value that is wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeVar

from flowops.common.number_plan import regions
from flowops.common.patterns import regex
from flowops.common.times import read_span
from flowops.common.zones import zone
from flowops.model.document import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from flowops.common.numbers import NumberInfo
    from flowops.model.call import Call
    from flowops.model.document import Document, Path, Place, Value

#: The code of problems with a policy.
CODE = "policy"

_T = TypeVar("_T")


class PolicyReader:
    """A policy as it is written, with the places of everything in it; collects what is wrong."""

    def __init__(self, document: Document) -> None:
        self.problems: list[Problem] = []
        self._document = document

    def place(self, at: Path) -> Place:
        """Return where the last key of a path is; of an item in a list, where the item begins."""
        return self._document.place(at) if isinstance(at[-1], int) else self._document.key_place(at)

    def add_problem(self, at: Path, message: str, hint: str | None = None) -> None:
        """Add a problem with the value at a path."""
        name = next(str(step) for step in reversed(at) if isinstance(step, str))
        self.problems.append(Problem(self._document.place(at), None, f"{name}: {message}", CODE, hint))

    def read(self, at: Path, value: str, read: Callable[[str], _T]) -> _T | None:
        """Return what a reader makes of a value; None, with a problem added, when it raises ValueError."""
        try:
            return read(value)
        except ValueError as error:
            self.add_problem(at, f"'{value[:40]}' {error}")
            return None

    def span(self, at: Path, holder: Mapping[str, Value], name: str) -> timedelta | None:
        """Return a span of time under a key, None when there is none."""
        return self.read((*at, name), holder[name], read_span) if name in holder else None

    def countries(self, at: Path, value: list[str]) -> frozenset[str]:
        """Return country codes; add a problem for each that does not exist."""
        for index, code in enumerate(value):
            if code not in regions():
                hint = "it is GB" if code == "UK" else "write two capital letters of ISO 3166-1, such as GB"
                self.add_problem((*at, index), f"'{code[:10]}' is not a country with phone numbers", hint)
        return frozenset(value)


_DAY = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?")


def zone_names(call: Call, callee: NumberInfo) -> tuple[str, ...]:
    """Return the zones that a callee may be in: the call's own word, else what the number says."""
    own = call.terms.timezone
    return (own,) if isinstance(own, str) else callee.zones


def read_moment(text: str, zones: Sequence[tzinfo], *, end: bool) -> datetime:
    """Return a moment in UTC: ISO 8601 with an offset, without one (the zones' wall clocks decide), or a whole day.

    Of several zones the strictest counts: for the `end` of something the earliest, else the latest. A whole
    day ends with its last second. Raises ValueError, also when a zone is needed and there is none.
    """
    try:
        local = _local(text, end=end)
        if local is None or local.tzinfo is not None:
            moments = [] if local is None else [local.astimezone(UTC)]
        elif zones:
            # Where a wall clock shows a time twice, the strict reading is the later one, or for an end the earlier one.
            # A time that it skips is read as if the clock had not been put forward, and a day begins after that.
            folds = (0,) if end else (0, 1)
            moments = [local.replace(tzinfo=each, fold=fold).astimezone(UTC) for each in zones for fold in folds]
        else:
            moments = None
    except (ValueError, OverflowError):
        moments = []
    if moments is None:
        raise ValueError("has no offset, and the time zone of the callee is not known: add one, or a timezone")
    if not moments:
        raise ValueError("is not a time: write 2026-12-01T09:00, 2026-12-01T09:00Z or 2026-12-01")
    return min(moments) if end else max(moments)


def _local(text: str, *, end: bool) -> datetime | None:
    """Return a moment as it is written, with an offset or without; None for any other text."""
    if _DAY.fullmatch(text):
        day = date.fromisoformat(text)
        return datetime.combine(day + timedelta(days=1) if end else day, time())
    return datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None


def moment_text(at: datetime, name: str | None = None) -> str:
    """Return ``Tue 2026-11-24 08:00 Europe/London``, or the same in UTC."""
    known = zone(name) if name else None
    return f"{at.astimezone(known or UTC):%a %Y-%m-%d %H:%M} {name if known else 'UTC'}"
