"""What operators do to calls: many at once, shown first, in one durable transaction, with who, where and why on record.

An operation decides about each call by its row as it is in that very transaction. It is shown by doing it and taking it
back, so what is shown is what is done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from flowops.ledger.chains import chains_of, roots_among
from flowops.ledger.changes import Change
from flowops.ledger.legs import StoredLeg
from flowops.ledger.pseudonyms import clean, storable
from flowops.ledger.states import TRANSITIONS
from flowops.ledger.transaction import moved_to
from flowops.model.call import LONGEST_ROOT, attempt_reference
from flowops.model.ledger import RUN_LOST, EventType, OperatorStep, State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from flowops.ledger.chains import Chain
    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Database
    from flowops.ledger.pseudonyms import Pseudonymizer
    from flowops.ledger.reader import Reader
    from flowops.ledger.transaction import Transaction
    from flowops.model.document import Value
    from flowops.model.ledger import Actor


class Refused(ValueError):
    """An operation is not done to a call; the words say why, behind the call's reference."""


class OperatorTransaction:
    """One transaction of an operator: who they are, why they do it, and what they may not do to a run that lives."""

    def __init__(
        self,
        database: Database,
        transaction: Transaction,
        pseudonymizer: Callable[[], Pseudonymizer],
        actor: Actor,
        at: str,
        reason: str,
    ) -> None:
        self.transaction = transaction
        self._pseudonymizer = pseudonymizer
        self._database = database
        self._actor = actor
        self._at = at
        self._reason = clean(reason)
        self._running: dict[str, bool] = {}
        self._chains: dict[str, Chain] = {}
        self._roots: dict[str, str] = {}

    def read(self, references: Sequence[str]) -> None:
        """Read all calls at once that the operation looks at, and their attempts."""
        connection, ledger = self.transaction.connection, self.transaction.ledger
        self._roots |= roots_among(connection, ledger, references)
        self._chains |= chains_of(connection, ledger, references, self.transaction.current)

    def chain(self, reference_id: str) -> Chain | None:
        """Return the attempts of a call as they were when it was read; None of one that is not tried again."""
        return self._chains.get(reference_id)

    def root(self, reference_id: str) -> str | None:
        """Return the call's own name, where a reference is that of a further attempt."""
        return self._roots.get(reference_id)

    def row(self, reference_id: str) -> CallRow | None:
        """Return a call as it is now, with what was done to it in this transaction; under the name that it has now."""
        return self.transaction.current([reference_id]).get(reference_id)

    def fingerprint(self, row: CallRow) -> str:
        """Return the fingerprint of what is known to have been sent, or meant; an empty one where nothing is."""
        return self._pseudonymizer().unblind(row.fingerprint)

    def blind(self, fingerprint: str) -> str:
        """Return a fingerprint as the ledger keeps it."""
        return self._pseudonymizer().blind(fingerprint)

    def change(
        self,
        reference_id: str,
        event_type: EventType,
        *,
        legs: Sequence[StoredLeg] = (),
        to: State | None = None,
        fingerprint: str = "",
        **data: Value,
    ) -> Change:
        """Return something that the operator does to a call; `data` and the reason are kept with the event."""
        return Change(
            reference_id,
            event_type,
            self._at,
            self._actor,
            legs=tuple(legs),
            to=to,
            fingerprint=fingerprint,
            data={"reason": self._reason, **data},
        )

    def move(self, reference_id: str, moved_from: str) -> Change:
        """Return that a call goes on under a new reference."""
        return moved_to(reference_id, moved_from, self._at, self._actor, {"reason": self._reason})

    def abandon(self, row: CallRow) -> Change:
        """Return that the run which has a call in flight is dead. Raises `Refused` while it may be running."""
        self.refuse_while_running(row)
        return Change(row.reference_id, EventType.ABANDONED, self._at, self._actor, detail=RUN_LOST)

    def refuse_while_running(self, row: CallRow) -> None:
        """Raise `Refused` while the run that claimed a call may yet send it, or hear the answer."""
        if row.run is None:
            return
        if row.run not in self._running:
            self._running[row.run] = self._database.may_be_running(self.transaction.connection, row.run)
        if self._running[row.run]:
            raise Refused("the run that claimed it is still alive, and may yet send it or hear the answer")


class Operation(ABC):
    """One thing that operators do to calls. `name` is that of the command, `done` what it has done to a call then."""

    name: ClassVar[str]
    done: ClassVar[str]
    #: Whether it is done to a call with all of its attempts, whichever of them is named.
    whole_chains: ClassVar[bool] = True

    @property
    @abstractmethod
    def states(self) -> frozenset[State | None]:
        """Return the states of the calls that it is for: a pattern selects among these."""

    @property
    def sought(self) -> str:
        """Return which calls a pattern selects among, in words that follow "calls that are"."""
        return " or ".join(sorted(map(_named, self.states)))

    def names(self, references: Sequence[str]) -> Sequence[str]:
        """Return the references whose rows it looks at, so that they are read at once."""
        return references

    def candidates(self, ledger: Reader, within: str = "*") -> list[str]:  # noqa: ARG002 (they are few in most states)
        """Return the references of the calls that it is for; of many only those that a pattern fits."""
        return ledger.references([state for state in self.states if state is not None])

    @abstractmethod
    def changes(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> Sequence[Change]:
        """Return what it changes of a call, the last of which may not be possible; nothing when nothing is to be done.

        Raises `Refused` for a call that it is not done to.
        """

    def note(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> str | None:  # noqa: ARG002 (most say no more)
        """Return what a reader has to know of a call beside the states before and behind."""
        return None


def perform(
    operator: OperatorTransaction,
    operation: Operation,
    references: Sequence[str],
    shown: Mapping[str, OperatorStep] | None = None,
) -> list[OperatorStep]:
    """Do an operation to calls, one after the other; one that is not as it was when it was `shown` is left alone."""
    operator.read(operation.names(references))
    return [_perform(operator, operation, reference, (shown or {}).get(reference)) for reference in references]


def _perform(
    operator: OperatorTransaction, operation: Operation, reference: str, shown: OperatorStep | None
) -> OperatorStep:
    row = operator.row(reference)
    before = row.state if row else None
    try:
        _check(operator, reference, before, shown)
        changes = operation.changes(operator, reference, row)
    except Refused as refused:
        return OperatorStep(reference, before, before, refused=str(refused))
    note = operation.note(operator, reference, row)
    touched = {name: operator.row(name) for name in (reference, *(change.reference_id for change in changes))}
    if not all(written.done for written in operator.transaction.make(changes)):
        return OperatorStep(reference, before, before, refused=f"it is {_named(before)}")
    after = operator.row(reference)
    changed = any(operator.row(name) is not known for name, known in touched.items())
    return OperatorStep(reference, before, after.state if after else None, changed=changed, note=note)


def _check(operator: OperatorTransaction, reference: str, before: State | None, shown: OperatorStep | None) -> None:
    """Raise `Refused` for a call that anything has happened to since it was shown, and for a reference of no call."""
    if shown is not None and shown.serial != operator.transaction.serial_before(reference):
        raise Refused(f"it has changed since it was shown, and is {_named(before)} now")
    if before is None and storable(reference) != reference:
        raise Refused("is too long, or has a character that cannot be kept")


def _named(state: State | None) -> str:
    return state.value if state else "not in the ledger"


def states_before(events: Collection[EventType]) -> frozenset[State | None]:
    """Return the states from which one of some events leads anywhere."""
    return frozenset(state for state, event_type in TRANSITIONS if event_type in events)


class Resolve(Operation):
    """Settle calls in doubt: they were placed, or they were not, and say how placed ones have ended.

    `outcome` is a code of the API. `call_id` is what the API calls the one call; with an outcome it says of which
    callee that is.
    """

    name, done = "resolve", "resolved"
    whole_chains = False

    def __init__(self, *, placed: bool | None, outcome: int | None = None, call_id: str | None = None) -> None:
        self._placed = placed
        self._outcome = outcome
        self._call_id = storable(call_id)
        self._event_type = EventType.RESOLVED_NOT_PLACED if placed is False else EventType.RESOLVED_PLACED

    @property
    def states(self) -> frozenset[State | None]:
        """Return that of doubt, or of calls without an outcome. A call in flight is in doubt when its run is dead."""
        if self._placed is None:
            return frozenset({State.PLACED})
        return frozenset({State.IN_DOUBT, State.IN_FLIGHT})

    def changes(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> Sequence[Change]:
        """Return the operator's word; what may yet be contradicted is refused."""
        if self._placed is None or (self._outcome is not None and row is not None and row.state is State.PLACED):
            return [self._ended(operator, reference_id, row)]
        settled = self._settled(operator, reference_id, row)
        if self._outcome is None:
            return settled
        return [*settled, operator.change(reference_id, EventType.RESOLVED_OUTCOME, legs=[self._word()])]

    def _word(self) -> StoredLeg:
        return StoredLeg(None, None, call_id=self._call_id, code=self._outcome)

    def _ended(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> Change:
        state = row.state if row else None
        if row is None or state is not State.PLACED:
            hint = "" if state in (None, State.FINISHED) else ": say --placed too, if it was"
            raise Refused(f"it is {_named(state)}, and cannot be given an outcome{hint}")
        if self._call_id is not None and not any(leg.is_open and leg.call_id == self._call_id for leg in row.legs):
            raise Refused("none of its callees that are still open has this call-id")
        return operator.change(reference_id, EventType.RESOLVED_OUTCOME, legs=[self._word()])

    def _settled(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> list[Change]:
        named = [StoredLeg(None, None, call_id=self._call_id)] if self._call_id else []
        resolved = operator.change(reference_id, self._event_type, legs=named)
        state = row.state if row else None
        if row is None or state is None:
            if self._placed is False:
                raise Refused("the ledger has no such call")
            return [resolved]
        if (state, self._event_type) not in TRANSITIONS and state is not State.IN_FLIGHT:
            raise Refused(f"it is {state.value}, not in doubt: there is nothing to resolve")
        if state is State.IN_FLIGHT:
            return [operator.abandon(row), resolved]
        if self._placed is False:
            operator.refuse_while_running(row)
        return [resolved]


class Rename(Operation):
    """Let calls go on under other reference-ids, with all attempts. `pairs` are the new ones by the old ones."""

    name, done = "rename", "renamed"
    whole_chains = False  # an attempt is no call that could have a name of its own

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self._pairs = pairs

    @property
    def states(self) -> frozenset[State | None]:
        """Return those of calls that are settled."""
        return states_before({EventType.RENAMED}) - {None}

    def names(self, references: Sequence[str]) -> Sequence[str]:
        """Return the old names and the new ones."""
        return [*references, *(self._pairs[reference] for reference in references)]

    def changes(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> Sequence[Change]:
        """Return that the call goes on under its new name, which nothing else may have."""
        if row is None or row.state is None:
            raise Refused("the ledger has no such call")
        if row.reference_id != reference_id:
            raise Refused(f"it is {row.reference_id} now: rename that")
        if (root := operator.root(reference_id)) is not None:
            raise Refused(f"it is an attempt of {root}: rename that")
        new, chain = self._pairs[reference_id], operator.chain(reference_id)
        if (root := operator.root(new)) is not None:
            raise Refused(f"{new} is the name of an attempt of {root}")
        if chain is not None and len(new) > LONGEST_ROOT:
            raise Refused(f"the new name has {len(new)} characters; a call with attempts may have {LONGEST_ROOT}")
        rows = (row,) if chain is None else chain.rows
        return [self._move(operator, attempt_reference(new, at), each) for at, each in enumerate(rows, 1)]

    def _move(self, operator: OperatorTransaction, new: str, row: CallRow) -> Change:
        if row.state not in self.states:
            named = "it" if row.reference_id in self._pairs else row.reference_id
            raise Refused(f"{named} is {row.state}: settle it first")
        known = operator.row(new)
        if known is not None and known.reference_id == row.reference_id and new != row.reference_id:
            raise Refused(f"it was called {new} before, and an old name is never placed, nor taken, again")
        if known is not None and known.state is not None:
            raise Refused(f"the ledger has a call {new} already")
        return operator.move(new, row.reference_id)

    def note(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> str | None:  # noqa: ARG002 (whatever it is)
        """Return the new name."""
        chain = operator.chain(reference_id)
        attempts = f", with its {len(chain.rows)} attempts" if chain is not None and len(chain.rows) > 1 else ""
        return f"it is {self._pairs[reference_id]} from then on{attempts}"


class Accept(Operation):
    """Take what the files say now for what was meant, and a callee that was refused among others for known.

    `edits` are the calls whose files say something else than what was sent, with the fingerprints of that.
    """

    name, done = "accept", "accepted"

    def __init__(self, edits: Mapping[str, str]) -> None:
        self._edits = edits

    @property
    def states(self) -> frozenset[State | None]:
        """Return those of placed calls."""
        return frozenset(state for state in State if state.is_placed)

    @property
    def sought(self) -> str:
        """Return which calls a pattern selects among."""
        return "edited since they were placed, or placed with a callee refused,"

    def candidates(self, ledger: Reader, within: str = "*") -> list[str]:  # noqa: ARG002 (they are few)
        """Return those that were edited, or of which a callee was refused."""
        return sorted({*self._edits, *ledger.partly_refused()})

    def changes(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> Sequence[Change]:
        """Return the operator's word on a placed call, and on each of its attempts."""
        if row is None or row.state is None or not row.state.is_placed:
            raise Refused(f"it is {_named(row.state if row else None)}, and not placed: there is nothing to accept")
        chain = operator.chain(reference_id)
        for each in () if chain is None else chain.rows:
            if each.state is State.IN_FLIGHT:
                raise Refused(f"{each.reference_id} is in-flight: settle it first")
        further = () if chain is None else [each for each in chain.rows[1:] if each.state and each.state.is_placed]
        named = [(reference_id, row), *((each.reference_id, each) for each in further)]
        return [change for name, each in named for change in self._accepted(operator, name, each)]

    def _accepted(self, operator: OperatorTransaction, reference_id: str, row: CallRow) -> list[Change]:
        meant = self._edits.get(reference_id)
        edited = meant is not None and operator.fingerprint(row) not in ("", meant)
        if not (edited or row.refused):
            return []
        fingerprint = operator.blind(meant) if edited and meant is not None else ""
        return [operator.change(reference_id, EventType.EDIT_ACCEPTED, fingerprint=fingerprint)]

    def note(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> str | None:
        """Return what is accepted."""
        refused = f"callees refused: {row.refused}" if row is not None and row.refused else None
        chain = operator.chain(reference_id)
        names = (reference_id, *(() if chain is None else (each.reference_id for each in chain.rows[1:])))
        edited = "edited since it was sent" if any(name in self._edits for name in names) else None
        return "; ".join(filter(None, (edited, refused))) or None


class Cancel(Operation):
    """Say of calls that they are never to be placed, or never again; `named` gives the references of the files.

    Of a call with attempts that may have been placed, it is the next attempt that is cancelled: those that were made
    keep their state, and none follows.
    """

    name, done = "cancel", "cancelled"

    def __init__(self, named: Callable[[], Collection[str]]) -> None:
        self._named = named

    @property
    def states(self) -> frozenset[State | None]:
        """Return those of calls that were not placed, as far as anybody knows; None for those of the files.

        Calls of which another attempt may follow are looked at besides.
        """
        return frozenset({None, State.REJECTED, State.IN_DOUBT, State.IN_FLIGHT})

    def candidates(self, ledger: Reader, within: str = "*") -> list[str]:
        """Return those of the ledger, and those of the files that it does not know."""
        return sorted({*super().candidates(ledger), *ledger.unknown(self._named()), *ledger.open_chains(within)})

    def changes(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> Sequence[Change]:
        """Return the operator's word; a run that lives may yet send a call in flight, or hear of one in doubt."""
        chain = operator.chain(reference_id)
        if chain is None:
            return self._cancelled(operator, reference_id, row)
        last, further = chain.rows[-1], chain.next
        if last.state is State.CANCELLED:
            return []
        stays = last.state is not None and last.state.is_placed and further is not None
        cancelled = [] if stays else self._cancelled(operator, last.reference_id, last)
        # Evidence may yet come of the last one: no other follows it.
        return [*cancelled, *([operator.change(further, EventType.CANCELLED)] if further is not None else [])]

    def _cancelled(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> list[Change]:
        cancelled = operator.change(reference_id, EventType.CANCELLED)
        state = row.state if row else None
        if row is None or state is None or state is State.REJECTED:
            return [cancelled]
        if state is State.CANCELLED:
            return []
        if state.is_placed:
            raise Refused(f"it is {state.value}: nobody can take that back")
        if state is State.IN_FLIGHT:
            return [operator.abandon(row), cancelled]
        operator.refuse_while_running(row)
        return [cancelled]

    def note(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> str | None:
        """Return that a call in doubt may have rung, and which attempt is not made."""
        chain = operator.chain(reference_id)
        if chain is not None and (chain.is_open or len(chain.rows) > 1):
            made = "1 attempt was" if len(chain.rows) == 1 else f"{len(chain.rows)} attempts were"
            return f"{made} made, and no other follows"
        return "it may have rung" if row is not None and row.state is not None and row.may_have_rung else None


class UndoCancel(Operation):
    """Take back that calls were cancelled, or what is left of their attempts: each is exactly what it was before."""

    name, done = "undo", "given back"

    @property
    def states(self) -> frozenset[State | None]:
        """Return that of cancelled calls."""
        return frozenset({State.CANCELLED})

    def changes(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> Sequence[Change]:
        """Return the operator's word."""
        chain = operator.chain(reference_id)
        rows = chain.rows if chain is not None else (row,) if row is not None else ()
        cancelled = [each for each in rows if each.state is State.CANCELLED]
        if not cancelled:
            raise Refused(f"it is {_named(row.state if row else None)}, not cancelled")
        return [operator.change(each.reference_id, EventType.CANCEL_UNDONE) for each in cancelled]

    def note(self, operator: OperatorTransaction, reference_id: str, row: CallRow | None) -> str | None:
        """Return that only the state of a call is left to give back, and not what it said."""
        chain = operator.chain(reference_id)
        rows = chain.rows if chain is not None else (row,) if row is not None else ()
        is_purged = any(each.purged and each.state is State.CANCELLED for each in rows)
        return "what it said was purged from the ledger" if is_purged else None
