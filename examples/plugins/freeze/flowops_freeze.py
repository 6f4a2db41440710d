"""A rule of a policy: days on which calls wait, all of them or those of a label.

policy:
  freeze:
    - {from: 2026-12-24, to: 2026-12-26, timezone: Europe/London, labels: {campaign: reminders}}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flowops.plugins import Defer, Rule, Setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.plugins import CallContext, Finding, PolicyReader

_DAY = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "patternErrorMessage": "not a day: 2026-12-24"}


@dataclass(frozen=True, slots=True)
class Freeze(Setting, Rule):
    """Calls wait from the beginning of one day to the end of another."""

    begin: datetime
    end: datetime
    labels: dict[str, str]
    place: object
    key: ClassVar[str] = "freeze"
    name: ClassVar[str] = "freeze"
    #: The calendar says today what it will say tomorrow.
    foreseeable: ClassVar[bool] = True
    schema: ClassVar[dict[str, object]] = {
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "description": "Days on which calls wait.",
        "examples": [[{"from": "2026-12-24", "to": "2026-12-26", "timezone": "Europe/London"}]],
        "items": {
            "type": "object",
            "required": ["from", "to"],
            "properties": {
                "from": {**_DAY, "description": "The first day."},
                "to": {**_DAY, "description": "The last day."},
                "timezone": {"type": "string", "default": "UTC", "description": "Where these days begin and end."},
                "labels": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "description": "Which calls wait; without it all of them.",
                },
            },
            "additionalProperties": False,
        },
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: tuple[str | int, ...], value: list[dict[str, str]]) -> Iterator[Setting]:
        """Yield a rule for each span of days; a day or a zone that does not exist is a problem at its place."""
        for index, written in enumerate(value):
            here = (*at, index)
            first = reader.read((*here, "from"), written["from"], _day)
            last = reader.read((*here, "to"), written["to"], _day)
            zone = (
                reader.read((*here, "timezone"), written["timezone"], _zone) if "timezone" in written else _zone("UTC")
            )
            if first is None or last is None or zone is None:
                continue
            if last < first:
                reader.add_problem((*here, "to"), "is before the first day")
                continue
            begin = datetime.combine(first, time(), zone)
            end = datetime.combine(last + timedelta(days=1), time(), zone)
            yield cls(begin, end, dict(written.get("labels", {})), reader.place(here))

    def evaluate(self, context: CallContext) -> Finding:
        """Defer to the end of the last day."""
        is_meant = self.labels.items() <= context.call.labels.items()
        return Defer(self.end, "calls wait on these days") if is_meant and self.begin <= context.at < self.end else None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day of the calendar") from None


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone: write one such as Europe/London") from None
