"""What the ledger says of one call: the action that the plan has for it, and why; also of one with a new name."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.model.call import INSTRUCTION_ID, split_reference
from flowops.model.ledger import IN_FLIGHT_ELSEWHERE, RUN_LOST, State
from flowops.model.plan import ACCEPTED, REFUSED_EARLIER, Action, Decision, Guard
from flowops.plan.canonical import fingerprint as fingerprint_of
from flowops.plan.diff import diff

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from flowops.model.call import Call, CallBatch
    from flowops.model.claims import Ledger
    from flowops.model.document import Place, Value
    from flowops.model.ledger import Entry
    from flowops.model.plan import Change

#: The guard's name, by which an operator lifts it for a run.
NAME = "renamed"
_CALL_SET = "CallSet"


class _Suspect(NamedTuple):
    """A call that says what was placed under another reference; `place` is where its own is written."""

    place: Place
    reference: str
    template: str


class RenamedCalls:
    """Finds calls that would be placed, though all but their reference was placed before under another template.

    It is told of calls that the ledger does not know, a batch at a time. What the files still name, with all attempts,
    is another call.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        #: By the reference that was placed.
        self._suspects: dict[str, _Suspect] = {}

    def add(self, batch: CallBatch, indices: Sequence[int]) -> None:
        """Look at some calls of a batch."""
        if not indices:
            return
        first = batch.call(indices[0])
        if first.origin.document.kind != _CALL_SET:
            return
        bodies = [batch.bodies[index] for index in indices]
        place = first.origin.place(("reference-id",))
        for at, placed in self._ledger.placed_with_the_words_of(bodies, first.naming).items():
            suspect = _Suspect(place, batch.references[indices[at]], first.naming)
            self._suspects.setdefault(placed, suspect)

    def guards(self, named: Iterable[Collection[str]], environment: str) -> tuple[Guard, ...]:
        """Return a guard for each call set that was renamed; `named` are the references that files name, in parts."""
        suspects: dict[str, list[str]] = {}
        for name in self._suspects:
            for known in {name, split_reference(name)[0]}:
                suspects.setdefault(known, []).append(name)
        for references in named if suspects else ():
            for reference in references:
                for name in suspects.get(reference, ()):
                    self._suspects.pop(name, None)
        counts = Counter(suspect.place for suspect in self._suspects.values())
        first: dict[Place, tuple[str, _Suspect]] = {}
        for placed, suspect in self._suspects.items():
            first.setdefault(suspect.place, (placed, suspect))
        return tuple(_guard(*first[place], count, environment) for place, count in sorted(counts.items()))


def _guard(placed: str, suspect: _Suspect, count: int, environment: str) -> Guard:
    calls = "1 call was" if count == 1 else f"{count:,} calls were"
    reason = (
        f"{NAME} ({suspect.place.file}:{suspect.place.line}): {calls} placed with the same words to the same numbers "
        f"under references that no file names any more, such as {placed}, which is {suspect.reference} now. If these "
        f"are the same calls, say what they were called, next to reference-id: moved-from: …; if they are others: "
        f"flowops apply --env {shlex.quote(environment)} --override renamed --reason …"
    )
    return Guard(NAME, reason, suspect.place)


#: Said of a call whose outcome is open, and that was edited since.
EDITED = "the files now say something else than what was sent"


def decide(call: Call, fingerprint: str, entry: Entry, ledger: Ledger) -> Decision:
    # An imported entry and a purged one have no fingerprint: nobody knows what was sent, only that it was.
    edited = entry.fingerprint not in ("", fingerprint) and not _is_what_was_sent(call, entry)
    changes = diff(entry.body, _as_sent(call, entry, ledger)) if edited and entry.body else ()
    if entry.state is State.CANCELLED:
        return Decision(Action.CANCELLED, (), tuple(_cancelled(entry)))
    if entry.live:
        return Decision(Action.IN_FLIGHT, changes, tuple(in_flight(edited)))
    if entry.state.is_unsettled:
        return Decision(Action.IN_DOUBT, changes, tuple(doubts(entry, edited)))
    if entry.state is State.RENAMED:
        return Decision(Action.UNCHANGED, (), (f"it became {entry.renamed}, which replaces it now",))
    became = () if entry.reference_id == call.reference_id else (f"it is {entry.reference_id} now",)
    if entry.state is State.REJECTED:
        why = f"{REFUSED_EARLIER}: {entry.error or 'no reason was recorded'}"
        return Decision(Action.UNCHANGED if became else Action.RETRY, changes, (*became, why))
    if edited:
        return Decision(Action.CONFLICT, changes, (*became, *_conflict(entry, changes)))
    if entry.refused:
        return Decision(Action.UNCHANGED, (), (*became, _partly_refused(entry)), refused=entry.refused)
    if not entry.fingerprint:
        why = "what it said was purged from the ledger" if entry.purged else "imported into the ledger"
        return Decision(Action.UNCHANGED, (), (*became, f"{why}; it is {entry.state.value}"))
    return Decision(Action.UNCHANGED, (), became)


def _is_what_was_sent(call: Call, entry: Entry) -> bool:
    """Return whether a call is what was sent under another reference, but for that."""
    names = {entry.reference_id, entry.posted_as} - {call.reference_id}
    return any(entry.fingerprint == fingerprint_as(call, name) for name in names)


def _as_sent(call: Call, entry: Entry, ledger: Ledger) -> dict[str, Value]:
    """Return the body of a call with pseudonyms, under the reference of what was sent."""
    return {**ledger.pseudonymize(call), INSTRUCTION_ID: entry.body.get(INSTRUCTION_ID, entry.posted_as)}


def fingerprint_as(call: Call, reference: str) -> str:
    """Return the fingerprint that a call would have under another reference."""
    return fingerprint_of({**call.body, INSTRUCTION_ID: reference})


def decide_moved(call: Call, name: str, entry: Entry, ledger: Ledger, before: Decision) -> Decision:
    """Decide about a call that stands in the ledger under the `name` that it had before."""
    became = entry.renamed if entry.state is State.RENAMED else entry.reference_id
    if became == call.reference_id:
        return before
    if became != name:
        return before._replace(reasons=(*before.reasons, f"moved-from is ignored: {name} became {became} already"))
    edited = entry.fingerprint != "" and not _is_what_was_sent(call, entry)
    changes = diff(entry.body, _as_sent(call, entry, ledger)) if edited and entry.body else ()
    if entry.live:
        return Decision(Action.IN_FLIGHT, changes, tuple(in_flight(edited, f" as {name}")))
    if entry.state.is_unsettled:
        return Decision(Action.IN_DOUBT, changes, (f"as {name}", *doubts(entry, edited)))
    if entry.state is State.REJECTED:
        return Decision(Action.RETRY, (), (f"{REFUSED_EARLIER} as {name}: {entry.error or 'no reason was recorded'}",))
    if edited:
        return Decision(Action.CONFLICT, changes, (f"{entry.state.value} as {name}", *_conflict(entry, changes)))
    return Decision(Action.MOVED, (), (f"{entry.state.value} as {name}; nothing is posted",))


def _conflict(entry: Entry, changes: tuple[Change, ...]) -> Iterator[str]:
    yield f"edited after it was {entry.state.value}: give it a new reference-id"
    yield f"{ACCEPTED}: flowops ledger accept {_named(entry)} --reason …"
    if not entry.body:
        yield "imported without its body, so the fields that differ cannot be shown"
    elif not changes:
        yield "only the fingerprint differs, no field does"


def in_flight(edited: bool, under: str = "") -> Iterator[str]:
    yield f"{IN_FLIGHT_ELSEWHERE}{under}"
    if edited:
        yield EDITED


def doubts(entry: Entry, edited: bool) -> Iterator[str]:
    if entry.state is State.IN_DOUBT:
        yield entry.error or "the outcome of an earlier attempt is unknown"
    else:
        yield RUN_LOST
    if edited:
        yield EDITED
    yield f"settle it: flowops ledger resolve {_named(entry)} --reason … --placed, or --not-placed"


def _cancelled(entry: Entry) -> Iterator[str]:
    yield f"an operator has cancelled it; who and why: flowops ledger show {_named(entry)}"
    if entry.may_have_rung:
        yield "it may have rung: it was in doubt before"


def _partly_refused(entry: Entry) -> str:
    callees = "a callee" if entry.refused == 1 else f"{entry.refused} callees"
    return (
        f"placed, but {callees} among others refused: call them under a reference-id of their own, and say that it is "
        f"known: flowops ledger accept {_named(entry)} --reason …"
    )


def _named(entry: Entry) -> str:
    """Return a call as commands on the ledger name it."""
    return f"{shlex.quote(entry.reference_id)} --env {shlex.quote(entry.environment)}"
