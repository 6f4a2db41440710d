"""Phrases that several formats share, and the line of a file that a problem is about. Nothing here is escaped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from flowops.common.masking import mask_any_number, mask_text, masked_but
from flowops.common.patterns import regex
from flowops.common.text import count, minute, second
from flowops.common.tuples import NamedTuple
from flowops.model.ledger import State
from flowops.model.plan import Action
from flowops.model.result import Outcome
from flowops.report.escape import clip, safe, width
from flowops.report.worddiff import Side, one_side, pieces
from flowops.report.worddiff import shown as whole_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flowops.model.document import Value
    from flowops.model.ledger import Entry, Leg
    from flowops.model.plan import Change, Shift
    from flowops.report.views.ledger import LedgerEvent
    from flowops.report.views.plan import Group

#: Said on every use of the sandbox.
NO_PHONE_RINGS = "simulated API, no phone rings"
#: The totals of a plan, in the order in which people read them.
PLANNED = {
    Action.PLACE: "to place",
    Action.RETRY: "to retry",
    Action.UNCHANGED: "unchanged",
    Action.CONFLICT: "in conflict",
    Action.IN_FLIGHT: "in flight",
    Action.IN_DOUBT: "in doubt",
    Action.DEFERRED: "deferred",
    Action.BLOCKED: "blocked",
    Action.GIVEN_UP: "given up",
    Action.MOVED: "moved",
    Action.CANCELLED: "cancelled",
    Action.INVALID: "invalid",
}
#: The totals of a run.
DONE = {
    Outcome.PLACED: "placed",
    Outcome.REJECTED: "rejected",
    Outcome.IN_DOUBT: "in doubt",
    Outcome.CONFLICT: "in conflict",
    Outcome.IN_FLIGHT: "in flight",
    Outcome.UNCHANGED: "unchanged",
    Outcome.NOT_ATTEMPTED: "not attempted",
    Outcome.DEFERRED: "deferred",
    Outcome.BLOCKED: "blocked",
    Outcome.GIVEN_UP: "given up",
    Outcome.MOVED: "moved",
    Outcome.CANCELLED: "cancelled",
}
#: What the API's result codes mean (the vendor's documentation of the callback), in the words of the report of a day.
CODES = {
    9: "not answered",
    10: "completed",
    11: "failed",
    12: "declined",
}
#: This many of the first totals are shown even when they are zero.
ALWAYS_TOLD = 3
#: How many callees of one call are named.
_SOME_CALLEES = 3

Kind = TypeVar("Kind", Action, Outcome)


def came_to(word: str) -> str:
    """Return the results of calls, as the report of a day says them."""
    return "not answered" if word == "no-answer" else word.replace("-", " ")


def phones(callees: Sequence[str]) -> str:
    """Return the callees of one call; of many, the first ones."""
    named = ", ".join(callees[:_SOME_CALLEES])
    more = len(callees) - _SOME_CALLEES
    return f"{named} and {more:,} more" if more > 0 else named


def heading(flows: Iterable[str], calls: int, scripts: int = 0) -> str:
    """Return what is called in one document: ``flow appointment-reminder  200 calls, 1 script``."""
    names = list(flows)
    flow = names[0] if len(names) == 1 else count(len(names), "flow")
    number = count(calls, "call")
    more = f", {count(scripts, 'script')}" if scripts else ""
    return f"{flow}  {number}{more}" if names else number


def left_out(group: Group) -> str:
    """Return ``197 more to place, 3 unchanged``; empty when everything is shown."""
    if not group.hidden:
        return ""
    some = {call.action for call in group.shown}
    names: Iterable[tuple[Action | Shift, str]] = [(group.shift, "")] if group.shift else PLANNED.items()
    parts = [
        f"{group.hidden[action]:,} {'more ' if action in some else ''}{name}".rstrip()
        for action, name in names
        if group.hidden[action]
    ]
    return ", ".join(parts)


def change(difference: Change) -> tuple[str, str]:
    """Return the two sides of a masked difference; of long texts only the words that differ and some around them."""
    found = pieces(difference.before, difference.after)
    before, after = (clip("".join(piece.text for piece in one_side(found, side))) for side in (Side.BEFORE, Side.AFTER))
    return before, after


def path(pointer: str) -> str:
    """Return a JSON Pointer as people read it."""
    return pointer.removeprefix("/")


def shown(value: Value) -> str:
    """Return a JSON value as it is shown: text in quotes, nothing as ``(absent)``, long ones cut."""
    return clip(whole_value(value))


def people(number: int) -> str:
    """Return ``1 person``, ``10,000 people``: one for each phone number."""
    return count(number, "person", "people")


def samples(references: Sequence[str], total: int) -> str:
    """Return ``in 1,200 calls: reminder-1, reminder-2, …``."""
    more = ", …" if total > len(references) else ""
    return f"in {count(total, 'call')}: {', '.join(clip(reference, 64) for reference in references)}{more}"


def state(entry: Entry) -> str:
    """Return the state of a call, and whether its run has ended."""
    if entry.state is State.IN_FLIGHT and not entry.live:
        return "in flight, run ended"
    return state_word(entry.state)


def state_word(state: State | None) -> str:
    """Return a state as people read it; None is that of a call that the ledger does not know."""
    return "not in the ledger" if state is None else state.value.replace("-", " ")


def code(number: int) -> str:
    """Return what one of the API's result codes means."""
    return f"{CODES.get(number, 'unknown code')} ({number})"


def leg_outcome(leg: Leg) -> str:
    """Return how a callee's call ended, in the API's own words where the code is not known; empty where it has not."""
    if leg.error is not None:
        return f"refused: {mask_text(leg.error)}"
    if leg.code is None:
        return ""
    known = leg.code in CODES or not leg.description
    first = code(leg.code) if known else f"{mask_text(leg.description or '')} ({leg.code})"
    return first if leg.later is None else f"{first}; contradicted later: {code(leg.later)}"


def outcomes_of(legs: Sequence[Leg]) -> str:
    """Return how the calls of several callees ended: ``2 of 3 refused: No route; answered (10)``."""
    found = Counter(outcome for leg in legs if (outcome := leg_outcome(leg)))
    parts = (f"{n} of {len(legs)} " * (n < len(legs)) + outcome for outcome, n in sorted(found.items()))
    return "; ".join(parts)


def event(happened: LedgerEvent) -> str:
    """Return ``12  2026-11-23T09:00:00Z  claimed, now in-flight  by ci on runner-1 at 1a2b3c4``."""
    text = f"{happened.serial}  {second(happened.at)}  {happened.event_type.value}"
    if happened.state is not None:
        text += f", now {state_word(happened.state)}"
    if happened.actor is not None:
        actor = happened.actor
        text += f"  by {actor.who} on {actor.host}"
        text += f" in {actor.job}" if actor.job else ""
        text += f" at {actor.commit}" if actor.commit else ""
        text += f", override {actor.override}" if actor.override else ""
    data: Mapping[str, Value] = happened.data or {}
    legs = data.get("legs") or []
    codes = [leg["code"] for leg in legs if isinstance(leg, dict) and isinstance(leg.get("code"), int)]
    if codes:
        text += f" ({', '.join(map(code, codes))})"
    detail = data.get("detail") or data.get("reason")
    return f"{text}: {mask_text(clip(str(detail)))}" if detail else text


def next_run(at: str) -> str:
    """Return what is said of the time at which the next run is needed."""
    return f"The next run is needed at {minute(at)}: then the first of the deferred calls may be placed."


#: How much of a long line is shown on each side of the place, in characters.
BEFORE, AFTER = 40, 60
#: How much further a phone number may reach that is cut by the window: it is masked whole, then cut.
MARGIN = 60
_TAB = 4
#: What may be a phone number in a message, however wrong it is.
_NUMBER = regex(r"\+?[0-9][0-9 ().-]{4,}[0-9]")


class Excerpt(NamedTuple):
    """A line made safe, and how many columns of it are left of the caret."""

    text: str
    caret: int


def excerpt(source: str, column: int, message: str) -> Excerpt:
    """Return the part of a source line around a column (from 1), numbers masked except those the message tells."""
    source = source.rstrip("\r\n")
    at = min(max(column - 1, 0), len(source))
    first, last = max(0, at - BEFORE - MARGIN), at + AFTER + MARGIN
    piece = source[first:last]
    left, right = _masked_apart(piece, at - first, _NUMBER.findall(message))
    if first or len(left) > BEFORE:
        left = f"…{left[-BEFORE:]}"
    if last < len(source) or len(right) > AFTER:
        right = f"{right[:AFTER]}…"
    left, right = (safe(part.replace("\t", " " * _TAB)) for part in (left, right))
    indent = len(left) - len(left.lstrip()) if not left.startswith("…") else 0
    return Excerpt((left + right)[indent:].rstrip(), width(left) - indent)


def _masked_apart(text: str, at: int, kept: list[str]) -> tuple[str, str]:
    """Return a masked text in two parts, split at a position, or before the whole number if that is inside of one."""
    whole = masked_but(text, kept, mask_any_number)
    for start in range(at, max(at - MARGIN, 0), -1):
        left = masked_but(text[:start], kept, mask_any_number)
        if left + masked_but(text[start:], kept, mask_any_number) == whole:
            return left, whole[len(left) :]
    return "", whole
