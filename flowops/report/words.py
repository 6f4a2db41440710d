"""Small phrases that text and Markdown share. What they return is not escaped yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flowops.model import Action, Outcome
from flowops.report.escape import clip
from flowops.report.wording import Side, one_side, pieces
from flowops.report.wording import shown as whole_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model import Change, Value
    from flowops.report.difference import DifferenceView, Listed
    from flowops.report.view import Group

#: The totals of a plan, in the order in which people read them.
PLANNED = {
    Action.PLACE: "to place",
    Action.RETRY: "to retry",
    Action.UNCHANGED: "unchanged",
    Action.CONFLICT: "in conflict",
    Action.IN_DOUBT: "in doubt",
    Action.DEFERRED: "deferred",
    Action.BLOCKED: "blocked",
}
#: The totals of a run.
DONE = {
    Outcome.PLACED: "placed",
    Outcome.REJECTED: "rejected",
    Outcome.IN_DOUBT: "in doubt",
    Outcome.UNCHANGED: "unchanged",
    Outcome.NOT_ATTEMPTED: "not attempted",
    Outcome.DEFERRED: "deferred",
    Outcome.BLOCKED: "blocked",
}
#: So many of the first totals are told even when they are zero.
_ALWAYS_TOLD = 3
#: How many callees of one call are named.
_SOME_CALLEES = 3

Kind = TypeVar("Kind", Action, Outcome)


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 call``, ``1,200 calls``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def totals(counts: Mapping[Kind, int], names: Mapping[Kind, str]) -> str:
    """``3 to place, 0 to retry, 0 unchanged, 1 in conflict``: the first ones always, the others when there are any."""
    told = [
        f"{counts[kind]:,} {name}" for at, (kind, name) in enumerate(names.items()) if at < _ALWAYS_TOLD or counts[kind]
    ]
    return ", ".join(told)


def phones(callees: Sequence[str]) -> str:
    """The callees of one call; of many, the first ones."""
    named = ", ".join(callees[:_SOME_CALLEES])
    more = len(callees) - _SOME_CALLEES
    return f"{named} and {more:,} more" if more > 0 else named


def heading(group: Group) -> str:
    """What is called in one document: ``flow appointment-reminder  200 calls, 1 script``."""
    flows = list(group.flows)
    flow = flows[0] if len(flows) == 1 else count(len(flows), "flow")
    calls = count(group.counts.total(), "call")
    scripts = f", {count(len(group.scripts), 'script')}" if group.scripts else ""
    return f"{flow}  {calls}{scripts}" if flows else calls


def left_out(group: Group) -> str:
    """``197 more to place, 3 unchanged``; empty when everything is shown."""
    some = {call.action for call in group.shown}
    parts = [
        f"{group.hidden[action]:,} {'more ' if action in some else ''}{name}"
        for action, name in PLANNED.items()
        if group.hidden[action]
    ]
    return ", ".join(parts)


def change(difference: Change) -> tuple[str, str]:
    """The two sides of a masked difference; of long texts only the words that differ and some around them."""
    found = pieces(difference.before, difference.after)
    if len(found) == 1:
        return shown(difference.before), clip(found[0].text)
    before, after = (clip(one_side(found, side)) for side in (Side.BEFORE, Side.AFTER))
    whole = not any(piece.side is Side.BOTH for piece in found)
    return (before, after) if whole else (f'"{before}"', f'"{after}"')


def shown(value: Value) -> str:
    """A JSON value as it is told: text in quotes, nothing as ``(absent)``, long ones cut."""
    return clip(whole_value(value))


def compared(view: DifferenceView) -> str:
    """``the files as they are against main``, ``feature against main``."""
    return f"{view.head or 'the files as they are'} against {view.base}"


def shifts(view: DifferenceView) -> str:
    """``0 added, 1,200 changed, 0 removed, 40 unchanged``."""
    told = [f"{number:,} {shift}" for shift, number in view.counts.items()]
    return ", ".join([*told, f"{view.unchanged:,} unchanged"])


def people(number: int) -> str:
    """``1 person``, ``10,000 people``: one for each phone number."""
    return count(number, "person", "people")


def samples(references: Sequence[str], total: int) -> str:
    """``in 1,200 calls: reminder-1, reminder-2, …``."""
    more = ", …" if total > len(references) else ""
    return f"in {count(total, 'call')}: {', '.join(clip(reference, 64) for reference in references)}{more}"


def listed(calls: Listed) -> str:
    """``flow reminder  200 calls``."""
    flows = list(calls.flows)
    flow = flows[0] if len(flows) == 1 else count(len(flows), "flow")
    return f"{flow}  {count(calls.count, 'call')}"


def base_problems(number: int) -> str:
    """What is to be known of a base that is not valid."""
    return f"The base has {count(number, 'problem')}: calls that it could not render look like added ones."
