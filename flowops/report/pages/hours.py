"""When the calls of a plan would be sent, as bars."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from flowops.report.pages.page import Bar, bars, cut

if TYPE_CHECKING:
    from flowops.report.hours import Hour, Hours

#: Hours that have a bar of their own: two days.
MOST = 48


def hours(view: Hours) -> str:
    """The hours in which something would be sent; nothing where nothing would be."""
    return bars("Calls, by hour", cut([_bar(row) for row in view.rows], MOST, "later"), _legend(view))


def _bar(hour: Hour) -> Bar:
    untimed = "at once" if hour.placed else "later"
    name = untimed if hour.start is None else f"{hour.start:%a %Y-%m-%d %H:%M}"
    some = f"{hour.deferred:,} deferred" if hour.deferred else ""
    return Bar(name, hour.placed + hour.deferred, some if hour.placed else "deferred")


def _legend(view: Hours) -> str:
    """What the bars are: whose clock, and what they take for granted."""
    if view.timing is None:
        start = "what would be placed goes out at once, whenever that is: this form of a plan tells no time of its own"
    else:
        at, rate = view.timing
        start = f"the calls to place go out from {at.astimezone(UTC):%H:%M} on, the time of this plan, {_pace(rate)}"
    deferred = "; a deferred call waits for its opening, and for an apply then" if _any_deferred(view) else ""
    return f"In UTC: {start}{deferred}."


def _pace(rate: float | None) -> str:
    if rate is None:
        return "all in one go: the environment sets no rate"
    hourly = rate * 3_600
    return f"at the environment's rate of {f'{hourly:,.0f}' if hourly >= 10 else f'{hourly:.2g}'} an hour"


def _any_deferred(view: Hours) -> bool:
    return any(row.deferred for row in view.rows)
