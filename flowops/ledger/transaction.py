"""One durable transaction: the ledger's row is locked, changes are decided, rows and events are written together."""

from __future__ import annotations

import json
import time
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from flowops.errors import LedgerError
from flowops.ledger.chain import EventBuilder
from flowops.ledger.changes import CallRow, Change, counts, decide, moved, phones_of
from flowops.ledger.database import PAUSE, RECONNECTS, Interrupted
from flowops.ledger.legs import StoredLeg
from flowops.ledger.seal import lock
from flowops.ledger.states import CANCELLED, FOLLOW_THE_CALL, IN_DOUBT, PROOFS, RENAMED, IllegalStep, claimable
from flowops.model.call import Attempts, attempt_reference, split_reference
from flowops.model.claims import Written
from flowops.model.ledger import Checkpoint, EventType, State
from flowops.model.plan import Action, Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowops.ledger.database import Connection, Database
    from flowops.model.document import Value
    from flowops.model.ledger import Actor

#: How many references go into one statement.
CHUNK = 1000


def rows_of(connection: Connection, ledger: int, references: Sequence[str]) -> list[CallRow]:
    """Return the rows of these references that exist."""
    found: list[CallRow] = []
    for start in range(0, len(references), CHUNK):
        some = list(references[start : start + CHUNK])
        raw = connection.all("calls", ledger=ledger, references=some)
        found += with_legs(connection, ledger, raw)
    return found


def current_rows_of(connection: Connection, ledger: int, references: Sequence[str]) -> dict[str, CallRow]:
    """Return the rows that stand for these references, which they name themselves or became.

    One that became a reference of which nothing is known any more but attempts has its own.
    """
    found = {row.reference_id: row for row in rows_of(connection, ledger, references)}
    while renamed := {name: str(row.renamed) for name, row in found.items() if row.state is RENAMED}:
        became = {row.reference_id: row for row in rows_of(connection, ledger, list(dict.fromkeys(renamed.values())))}
        followed = {
            name: became[new] for name, new in renamed.items() if new in became and became[new].state is not None
        }
        found |= followed
        if not followed:
            break
    return found


#: What is in an actor, as canonical JSON, that has labels; a quote inside a text is escaped there.
LABELLED = '"labels":'
#: Stands for the body of a call of which none is known, or none was asked for.
NO_BODY = "{}"


def with_legs(connection: Connection, ledger: int, raw: Sequence[tuple[Any, ...]]) -> list[CallRow]:
    """Return rows of the calls' table as values, with the legs that belong to them."""
    told = [reference for reference, state, *_ in raw if state is not None and state != State.IN_FLIGHT]
    legs = _legs_of(connection, ledger, told) if told else {}
    try:
        return [_row(row, legs.get(row[0], ())) for row in raw]
    except ValueError:  # of a state that there is not
        raise _not_ours(connection.name) from None


def _legs_of(connection: Connection, ledger: int, references: Sequence[str]) -> dict[str, tuple[StoredLeg, ...]]:
    rows = connection.all("legs", ledger=ledger, references=list(references))
    grouped = groupby(rows, key=lambda leg: leg[0])
    return {reference: tuple(StoredLeg(*leg[1:]) for leg in group) for reference, group in grouped}


def _row(raw: tuple[Any, ...], legs: tuple[StoredLeg, ...]) -> CallRow:
    reference_id, state, before_claim, *rest, purged, cancelled_from, refused, serial, at, body = raw
    states = State(state) if state else None, State(before_claim) if before_claim else None
    cancelled = State(cancelled_from) if cancelled_from else None
    return CallRow._make(
        (reference_id, *states, *rest, bool(purged), cancelled, refused, serial, at, body or NO_BODY, legs)
    )


def parsed(text: str, name: str) -> dict[str, Value]:
    """Return a JSON object out of the database."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _not_ours(name)
    return value


def attempts_of(claim: str | None, name: str) -> Attempts:
    """Return how often a call may be tried, by the details of its claim; `name` is the database's."""
    said = parsed(claim, name) if claim else {}
    return Attempts.kept(said.get("data", {}))


def _not_ours(name: str) -> LedgerError:
    return LedgerError(f"{name}: it holds text that flowops did not write", hint="run `flowops ledger verify`")


T = TypeVar("T")


def names_of(change: Change) -> Sequence[str]:
    """Return the references whose rows a change may touch."""
    return (change.reference_id,) if change.moved_from is None else (change.reference_id, change.moved_from)


def moved_to(
    reference_id: str, moved_from: str, at: str, actor: Actor, data: Mapping[str, Value] = MappingProxyType({})
) -> Change:
    """Return that a call goes on under a reference; `data` is kept with both of its events."""
    told = {**data, "from": moved_from}
    return Change(reference_id, EventType.MOVED, at, actor, data=told, moved_from=moved_from)


def _may_become_another(before: CallRow) -> bool:
    """Return whether a call that had this row under another reference may be claimed."""
    return before.state in (None, State.REJECTED, State.RENAMED)


def _is_placed(row: CallRow | None) -> bool:
    """Return whether the ledger knows of a call that it was placed."""
    return row is not None and row.state is not None and row.state.is_placed


_OPEN = {State.IN_FLIGHT: Action.IN_FLIGHT, State.IN_DOUBT: Action.IN_DOUBT}


def _occupied(before: CallRow) -> Decision:
    """Return why a call is not claimed that another reference stands for: it may have rung, or is to stay silent."""
    state = before.state
    assert state is not None
    action = _OPEN.get(state, Action.MOVED)
    return Decision(action, reasons=(f"{before.reference_id}, which it was moved from, is {state.value} now",))


_NOTHING: Mapping[str, CallRow] = MappingProxyType({})
#: States as plain texts: a driver looks longer at what is a member of an enumeration.
_TEXTS: Mapping[State | None, str | None] = {None: None, **{state: str(state) for state in State}}
#: The answers to changes that have happened, by the state behind them.
_DONE = {state: Written(done=True, state=state) for state in (None, *State)}
MOVED = EventType.MOVED


class Contended(Exception):
    """A row was changed by somebody who did not lock the ledger first; nothing was written."""


class Transaction:
    """Changes on their way into one ledger. What is decided is written when the transaction ends.

    Rows that are `known` from an earlier transaction are not read again: a change of one is only written if the row is
    still as it was then. `actor` (canonical JSON) is who is going to act, for the most part.
    """

    def __init__(
        self,
        database: Database,
        connection: Connection,
        ledger: int,
        known: Mapping[str, CallRow] = _NOTHING,
        actor: str = "",
    ) -> None:
        self.connection = connection
        self._database = database
        self.ledger = ledger
        checkpoint, number = lock(connection, ledger, actor)
        self._actors: dict[str, int] = {} if number is None else {actor: number}
        self._builder = EventBuilder(checkpoint, ledger, self._number_of_actor)
        self._before: dict[str, CallRow | None] = {}
        self._after: dict[str, CallRow] = {}
        self._known = known

    @property
    def checkpoint(self) -> Checkpoint:
        """Return how far the ledger goes, with the changes of this transaction."""
        return self._builder.checkpoint

    @property
    def changed(self) -> list[CallRow]:
        """Return the rows that this transaction leaves behind, where they are not what they were."""
        return [row for reference, row in self._after.items() if row is not self._before[reference]]

    def rows(self, references: Sequence[str]) -> dict[str, CallRow]:
        """Return the rows of these references as they are now, changes of this transaction included."""
        new = [reference for reference in dict.fromkeys(references) if reference not in self._before]
        unread = []
        for reference in new:
            row = self._before[reference] = self._known.get(reference)
            if row is None:
                unread.append(reference)
            else:
                self._after[reference] = row
        if unread:
            for row in rows_of(self.connection, self.ledger, unread):
                self._before[row.reference_id] = self._after[row.reference_id] = row
        return {reference: self._after[reference] for reference in references if reference in self._after}

    def current(self, references: Sequence[str]) -> dict[str, CallRow]:
        """Return the rows that stand for these references now: for one that is renamed, that of what it became."""
        found = self.rows(references)
        while renamed := {name: str(row.renamed) for name, row in found.items() if row.state is RENAMED}:
            became = self.rows(list(renamed.values()))
            followed = {name: became[new] for name, new in renamed.items() if new in became}
            found |= followed
            if not followed:  # imported, and what it became was not
                break
        return found

    def may_become_another(self, references: Sequence[str]) -> frozenset[str]:
        """Return those of some references that are given up once a call is claimed which had them before."""
        rows = self.rows(references)
        return frozenset(name for name in references if name not in rows or _may_become_another(rows[name]))

    def serial_before(self, reference_id: str) -> int:
        """Return the number of the last event, before this transaction, of what stands for a reference; 0 for none."""
        row = self.current([reference_id]).get(reference_id)
        before = self._before[row.reference_id] if row is not None else None
        return before.serial if before is not None else 0

    def make(self, changes: Sequence[Change]) -> list[Written]:
        """Decide changes one after the other; what cannot happen is answered, and changes nothing."""
        names = [change.reference_id for change in changes]
        # Few are: a change that renames a call is two events, and proof of an attempt, or of those before it, may be.
        several = [change for change in changes if change.moved_from is not None or "~" in change.reference_id]
        self.current([*names, *[change.moved_from for change in several if change.moved_from is not None]])
        proved = [earlier for change in several for earlier in self._attempts_before(change)]
        self._builder.expect(len(changes) + len(several) + 2 * len(proved))
        for earlier in proved:
            self._make(earlier)
        return [self._make(change) for change in changes]

    def _attempts_before(self, change: Change) -> list[Change]:
        """Return the proof of the attempts before one of which the ledger did not know: it was placed behind them.

        What was claimed here proves nothing of others: the claim of an attempt has looked at those before it, and a
        call that only has such a name is a call of its own.
        """
        root, attempt = split_reference(change.reference_id) if "~" in change.reference_id else ("", 1)
        row = self._after.get(change.reference_id)
        if attempt == 1 or change.event_type not in PROOFS or _is_placed(row) or (row is not None and row.claim):
            return []
        first = self.current([root]).get(root)
        if first is not None and first.claim and self._most_of(first.reference_id) < attempt:
            return []  # it was claimed to be tried less often
        names = [attempt_reference(root, number) for number in range(1, attempt)]
        rows = self.current(names)
        to = IN_DOUBT if change.to is IN_DOUBT else State.PLACED
        data = {"proved_by": change.reference_id}
        return [
            Change(name, EventType.RECORDED, change.at, change.actor, to=to, data=data)
            for name in names
            if not _is_placed(rows.get(name))
        ]

    def _make(self, change: Change) -> Written:
        row = self._after.get(change.reference_id)
        if (row is None or row.state is RENAMED) and change.event_type in FOLLOW_THE_CALL:
            change = self._followed(change)
            row = self._after.get(change.reference_id)
        before = self._after.get(change.moved_from) if change.moved_from is not None else None
        try:
            if change.event_type is MOVED:
                return self._move(change, row, before)
            if before is not None and not _may_become_another(before):
                return Written(done=False, state=before.state, decision=_occupied(before))
            after = decide(row, change, self._builder.serial + 1)
        except IllegalStep:
            return Written(done=False, state=row.state if row else None)
        if after is not row:
            self._put(change, row, after)
            if row is not None and row.state is CANCELLED and _is_placed(after):
                self._cancel_next(change)
        if change.moved_from is not None and (before is None or before.state is not RENAMED):
            self._bury(change, before)
        return _DONE[after.state]

    def _cancel_next(self, proof: Change) -> None:
        """Cancel the attempt behind a cancelled one of which there is proof now: that says nothing of the others."""
        root, attempt = split_reference(proof.reference_id)
        if attempt == 1:  # whoever has cancelled that has cancelled the second one with it
            return
        name = attempt_reference(root, attempt + 1)
        row = self.rows([name]).get(name)
        if attempt < self._most_of(root) and claimable(row.state if row else None):
            data = {"cancelled_with": proof.reference_id}
            change = Change(name, EventType.CANCELLED, proof.at, proof.actor, data=data)
            self._put(change, row, decide(row, change, self._builder.serial + 1))

    def _most_of(self, root: str) -> int:
        """Return how often a call may be tried, as was said when it was claimed."""
        found = self.connection.all("tried", ledger=self.ledger, references=[root])
        return max((attempts_of(claim, self.connection.name).most for *_, claim in found), default=1)

    def _followed(self, change: Change) -> Change:
        """Return a change as one of the call that stands for its reference now, which is not known or another one."""
        row = self.current([change.reference_id]).get(change.reference_id)
        name = self._attempt_of_renamed(change.reference_id) if row is None else row.reference_id
        if name == change.reference_id:
            return change
        return change._replace(reference_id=name, data={**change.data, "renamed_from": change.reference_id})

    def _attempt_of_renamed(self, reference: str) -> str:
        """Return what a reference is now that the ledger does not know, where it is an attempt of a renamed call."""
        root, attempt = split_reference(reference)
        row = self.current([root]).get(root) if attempt > 1 else None
        if row is None or row.reference_id == root:
            return reference
        name = attempt_reference(row.reference_id, attempt)
        self.rows([name])
        return name

    def _move(self, change: Change, row: CallRow | None, before: CallRow | None) -> Written:
        """Let a call that another reference had go on under its own. Raises `IllegalStep` where it cannot."""
        if before is None or before.state is None:
            raise IllegalStep(None, change.event_type)  # there is no call that could go on
        if before.state is RENAMED and before.renamed == change.reference_id and row is not None:
            return Written(done=True, state=row.state)  # somebody else has done it
        moved(row, before, change, 0)  # whether it can be: the old name is given up first
        self._bury(change, before)
        after = moved(row, before, change, self._builder.serial + 1)
        self._put(change, row, after)
        return Written(done=True, state=after.state)

    def _bury(self, change: Change, before: CallRow | None) -> None:
        """Write the tombstone of the reference that a call had before."""
        assert change.moved_from is not None
        told = {name: value for name, value in change.data.items() if name != "from"}
        data = {**told, "to": change.reference_id}
        buried = Change(change.moved_from, EventType.RENAMED, change.at, change.actor, change.run, data=data)
        self._put(buried, before, decide(before, buried, self._builder.serial + 1))

    def _put(self, change: Change, before: CallRow | None, after: CallRow) -> None:
        self._builder.add(change, before, after)
        self._after[change.reference_id] = after
        self._before.setdefault(change.reference_id, before)

    def flush(self) -> None:
        """Write what was decided. Raises `Contended` when a row is not what it was."""
        made: list[tuple[CallRow | None, CallRow, int]] = []
        new, settled, changed, legs, replaced = [], [], [], [], []
        for reference, row in self._after.items():
            before = self._before[reference]
            if row is before:
                continue
            phones = phones_of(row)
            made.append((before, row, phones))
            if before is None:
                new.append(self._values(row, phones))
            elif _is_settled(before, row):
                settled.append(self._answered(before, row))
            else:
                changed.append((before.serial, *self._values(row, phones)))
            if row.legs != (before.legs if before else ()):
                legs += [(self.ledger, reference, position, *leg) for position, leg in enumerate(row.legs)]
                if before and before.legs:
                    replaced.append(reference)
        if not made:
            return
        if replaced:
            self.connection.run("delete_legs", ledger=self.ledger, references=replaced)
        saved = self._database.save(
            self.connection,
            new=new,
            settled=settled,
            changed=changed,
            legs=legs,
            events=self._builder.events,
            counts=[(self.ledger, name, *count) for name, count in sorted(counts(made).items())],
            ledger=self.ledger,
            checkpoint=self.checkpoint,
        )
        if not saved:
            raise Contended

    def _number_of_actor(self, actor: str) -> int:
        """Return the number of an actor (canonical JSON), who gets one with the first event."""
        if actor in self._actors:
            return self._actors[actor]
        found: int | None = self.connection.value("actor", ledger=self.ledger, actor=actor)
        if found is None:
            sign = -1 if LABELLED in actor else 1
            self.connection.run("insert_actor", ledger=self.ledger, actor=actor, sign=sign)
            return self._number_of_actor(actor)
        return found

    def _values(self, row: CallRow, phones: int) -> tuple[Value, ...]:
        """Return a row of the table of calls."""
        states, cancelled_from = (_TEXTS[row.state], _TEXTS[row.before_claim]), _TEXTS[row.cancelled_from]
        counted = row.refused, row.serial, phones
        return (self.ledger, row.reference_id, *states, *row[_FINGERPRINT:_CANCELLED], cancelled_from, *counted)

    def _answered(self, before: CallRow, row: CallRow) -> tuple[Value, ...]:
        """Return what an answer changes of a row, behind what that is known by."""
        states = _TEXTS[row.state], _TEXTS[row.before_claim]
        return (before.serial, self.ledger, row.reference_id, *states, row.error, row.refused, row.serial)


def _is_settled(before: CallRow, row: CallRow) -> bool:
    """Return whether all that has changed of a row is what an answer changes: most changes are of this kind.

    Nothing else of it has to be written then, nor the indexes of it.
    """
    return before[_CLAIMED] == row[_CLAIMED] and before[_LATER] == row[_LATER] and before.body == row.body


_COLUMNS = CallRow._fields
#: The columns between what an answer changes.
_CLAIMED = slice(_COLUMNS.index("fingerprint"), _COLUMNS.index("error"))
_LATER = slice(_COLUMNS.index("claimed_at"), _COLUMNS.index("refused"))
#: Those between the states.
_FINGERPRINT, _CANCELLED = _COLUMNS.index("fingerprint"), _COLUMNS.index("cancelled_from")


def transact(
    database: Database,
    ledger: int,
    work: Callable[[Transaction], T],
    known: Mapping[str, CallRow] = _NOTHING,
    actor: str = "",
) -> T:
    """Do some work in one durable transaction; what it decided is on disk when this returns, or nothing is.

    The work is done again from the start when a row changed underneath, the connection was lost before the commit, or
    somebody else held a lock for too long.
    A connection lost during the commit is followed by a look whether the events are there. Rows that are `known` need
    not be read; `actor` (canonical JSON) is who acts, for the most part.
    """
    failures = 0
    while True:
        transaction = None
        try:
            with database.writing() as connection:
                transaction = Transaction(database, connection, ledger, known, actor)
                answer = work(transaction)
                transaction.flush()
        except Interrupted as lost:
            if lost.committing and transaction is not None and _arrived(database, ledger, transaction.checkpoint):
                return answer
            cause = lost.cause
        except Contended:
            if known:  # Somebody else has written: read what there is now, and decide again.
                known = _NOTHING
                continue
            cause = LedgerError(f"{database.name}: its rows change while they are written; nothing was written")
        else:
            return answer
        if failures == RECONNECTS:
            raise cause
        time.sleep(PAUSE * 2**failures)
        failures += 1


def _arrived(database: Database, ledger: int, checkpoint: Checkpoint) -> bool:
    """Return whether a commit whose answer was lost has happened. Raises `LedgerError` when it cannot be known."""
    for attempt in range(RECONNECTS + 1):
        try:
            with database.writing() as connection:
                # Waits until the server is done with the lost transaction, one way or the other.
                Transaction(database, connection, ledger)
                return bool(connection.value("event_hash", ledger=ledger, serial=checkpoint.serial) == checkpoint.head)
        except Interrupted as lost:
            if attempt == RECONNECTS:
                raise LedgerError(
                    f"{database.name}: the connection was lost during a write; whether it arrived cannot be known",
                    hint="what was claimed in it counts as in doubt once this run has ended",
                ) from lost
            time.sleep(5 * PAUSE * 2**attempt)
    raise AssertionError("unreachable")
