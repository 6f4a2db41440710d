"""Small phrases that text and Markdown share. What they return is not escaped yet."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeVar

from flowops.model import ABSENT, Action, Outcome
from flowops.report.escape import clip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model import Change, Value
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
#: Words that stay on each side of a difference inside a long text.
_CONTEXT = 3
#: Texts shorter than this are shown whole.
_LONG = 60

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
    """The two sides of a difference; of long texts only the words that differ and some around them."""
    before, after = difference.before, difference.after
    if isinstance(before, str) and isinstance(after, str) and max(len(before), len(after)) > _LONG:
        before, after = _differing_words(before, after)
    old, new = shown(before), shown(after)
    return old, new if new != old else f"{new} (another value behind the mask)"


def shown(value: Value) -> str:
    """A JSON value as it is told: text in quotes, nothing as ``(absent)``."""
    return "(absent)" if value is ABSENT else clip(json.dumps(value, ensure_ascii=False))


def _differing_words(before: str, after: str) -> tuple[str, str]:
    old, new = re.findall(r"\s*\S+|\s+", before), re.findall(r"\s*\S+|\s+", after)
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    tail = 0
    while tail < min(len(old), len(new)) - same and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    first, last = max(0, same - _CONTEXT), max(0, tail - _CONTEXT)
    return tuple(  # type: ignore[return-value]
        ("… " if first else "") + "".join(words[first : len(words) - last]).lstrip() + (" …" if last else "")
        for words in (old, new)
    )
