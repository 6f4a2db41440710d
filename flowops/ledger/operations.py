"""What is done to a ledger besides the writes of a run: calls are taken in and purged, runs stopped."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowops.common.json import read_json
from flowops.common.masking import is_masked, mask_written
from flowops.common.names import same_name
from flowops.common.numbers import Refusal, read
from flowops.common.tuples import NamedTuple
from flowops.ledger.chain import hash_of_details
from flowops.ledger.chains import tried
from flowops.ledger.changes import Change, phones_of
from flowops.ledger.database import iso
from flowops.ledger.legs import stored_callees
from flowops.ledger.pseudonyms import storable
from flowops.ledger.states import claimable
from flowops.ledger.transaction import CHUNK, names_of
from flowops.ledger.usage import claimed_since, labelled_since, rung_since, stopped
from flowops.model.call import MOST_ATTEMPTS, ONE_ATTEMPT, Attempts, read_call_id
from flowops.model.claims import Used, Written
from flowops.model.ledger import RUN_LOST, EventType, Leg, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Connection, Database
    from flowops.ledger.transaction import Transaction
    from flowops.model.claims import Condition
    from flowops.model.document import Value
    from flowops.model.ledger import Actor


#: No code, and no number of things, has more digits.
_DIGITS = 9


class ImportedCall(NamedTuple):
    """A call that another program placed, or another ledger knows.

    Without a fingerprint it is unchanged whatever its body says now: nobody can tell. `renamed` is the reference under
    which it was posted where that is another one, and of one that is renamed the reference that it became.
    `cancelled_from` is the state that a cancelled one had before, `error` what stood between it and being placed,
    `attempts` how often it was claimed, `refused` how many of its callees were refused among others, and `given_up`
    since when it is given up for its fingerprint (see `flowops.ledger.blocks`). `attempts_of_call` says of a
    first attempt how often the call may be tried; where nothing but the number is known, none is made here.
    """

    reference_id: str
    state: State = State.PLACED
    legs: tuple[Leg, ...] = ()
    placed_at: str | None = None
    fingerprint: str = ""
    renamed: str | None = None
    cancelled_from: State | None = None
    error: str | None = None
    attempts: int = 0
    refused: int = 0
    given_up: str | None = None
    attempts_of_call: Attempts = ONE_ATTEMPT
    labels: Mapping[str, str] = {}

    @property
    def rang_nobody_known(self) -> bool:
        """Return whether it may have rung a phone of which the number is not known, so that nobody can count it."""
        return self.state.may_have_rung and not (self.legs and all(leg.callee for leg in self.legs))


class Import:
    """What an import did: references that were added, and those that the ledger had, with their states."""

    def __init__(self) -> None:
        self.added: list[str] = []
        self.present: dict[str, State] = {}


#: What only a row of `ledger export --events` has.
_AUDITED = {"serial", "reference_id", "event", "hash"}


def imported_call(row: Mapping[str, Value]) -> ImportedCall:
    """Return a call from a row: of CSV, of JSON Lines, or of an export. Raises `ValueError` with the field in front.

    Keys, with ``-`` or ``_``: ``reference-id``; ``callee`` or ``callees``, ``call-id``, ``placed-at`` (ISO 8601 with an
    offset), ``state``, ``fingerprint``, ``renamed``, ``cancelled-from``, ``error``, ``attempts``, ``refused``,
    ``given-up`` (a time), ``attempt`` and ``max-attempts``, ``labels``; an export's ``legs`` and ``claimed_at``. Others
    are ignored.
    """
    if row.keys() >= _AUDITED:
        raise ValueError("hash: this is an event of the audit trail, and no call: export the ledger without --events")
    values = {key.replace("-", "_"): value for key, value in row.items() if value not in (None, "")}
    reference_id = values.get("reference_id")
    if not isinstance(reference_id, str):
        raise ValueError("reference-id: is missing")  # noqa: TRY004
    reference_id = same_name(reference_id)
    state = _state(values.get("state", State.PLACED))
    before = values.get("cancelled_from")
    return ImportedCall(
        reference_id=reference_id,
        state=state,
        legs=_legs(values),
        placed_at=_time("placed-at", values.get("placed_at") or values.get("claimed_at")),
        fingerprint=_text(values, "fingerprint") or "",
        renamed=_renamed(values),
        cancelled_from=_state(before) if before is not None and state is State.CANCELLED else None,
        error=_text(values, "error"),
        attempts=_count(values, "attempts"),
        refused=_count(values, "refused") if state.is_placed else 0,
        given_up=_time("given-up", values.get("given_up")) if state is State.REJECTED else None,
        attempts_of_call=_attempts(values),
        labels=_labels(values.get("labels")),
    )


def _attempts(values: Mapping[str, Value]) -> Attempts:
    """Return how often a call may be tried, as its first attempt says it; of the others it is not asked.

    Only the number: an export is shared, and whoever has it rings nobody again by it, since the ledger that it came
    from goes on with its calls. A ledger is moved as a copy.
    """
    most = _count(values, "max_attempts")
    if most > MOST_ATTEMPTS:
        raise ValueError(f"max-attempts: no call has more than {MOST_ATTEMPTS}")
    if most <= 1 or _count(values, "attempt") > 1:
        return ONE_ATTEMPT
    return Attempts.kept({"max_attempts": most})


def _labels(value: Value) -> dict[str, str]:
    """Return the labels of a call."""
    labels = {} if value is None else _object(value)
    if labels is None or not all(isinstance(text, str) for text in labels.values()):
        raise ValueError("labels: have to be an object of texts")
    return labels


def _object(value: Value) -> dict[str, Value] | None:
    """Return an object, in a cell it stands as JSON; nothing for nothing, and for what is none."""
    if isinstance(value, str):
        try:
            value = read_json(value)
        except ValueError:
            return None
    return dict(value) if isinstance(value, dict) else None


def _renamed(values: Mapping[str, Value]) -> str | None:
    """Return the other reference that a call has or had; one that is renamed has one."""
    renamed = _text(values, "renamed")
    if renamed is None and values.get("state") == State.RENAMED:
        raise ValueError("renamed: is missing, which says what the call became")
    return None if renamed is None else same_name(renamed)


def _state(text: Value) -> State:
    try:
        state = State(text)
    except ValueError:
        raise ValueError(f"state: {mask_written(str(text))} is none of {', '.join(State)}") from None
    # Whoever had it in flight is not going to tell this ledger.
    return State.IN_DOUBT if state is State.IN_FLIGHT else state


def _count(values: Mapping[str, Value], name: str) -> int:
    """Return a number of things; in a cell it stands as a text."""
    found = values.get(name, 0)
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) <= _DIGITS:
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 10**_DIGITS:
        raise ValueError(f"{name}: {mask_written(str(found))} is not a number of things")
    return found


def _time(name: str, text: Value) -> str | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f"{name}: {mask_written(str(text))} is not a time such as 2026-11-23T09:30:00Z")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _legs(values: Mapping[str, Value]) -> tuple[Leg, ...]:
    if "legs" in values:
        return tuple(_leg(leg) for leg in _list(values, "legs"))
    if isinstance(values.get("callees"), str):
        return _legs_of_cells(values)
    callees = _list(values, "callees") if "callees" in values else [values.get("callee")]
    call_id = values.get("call_id")
    if callees == [None] and call_id is None:
        return ()
    if call_id is not None and len(callees) > 1:
        raise ValueError("call-id: names one call, but there are several callees")
    return tuple(_leg({"callee": callee, "call_id": call_id}) for callee in callees)


def _legs_of_cells(values: Mapping[str, Value]) -> tuple[Leg, ...]:
    """Return legs from the cells of a CSV export, in each of which the values of all legs stand, with ``;`` between."""
    columns = {name: str(values.get(f"{name}s", "")).split(";") for name in ("callee", "call_id", "code")}
    count = len(columns["callee"])
    if any(len(cells) not in (1, count) for cells in columns.values()):
        raise ValueError("callees: there are not as many call_ids and codes as callees")
    legs = []
    for at in range(count):
        cells = {name: column[at].strip() if at < len(column) else "" for name, column in columns.items()}
        code = cells.pop("code")
        if code and not (code.isascii() and code.isdecimal() and len(code) <= _DIGITS):
            raise ValueError(f"codes: {mask_written(code)} is not a whole number")
        known = {name: text for name, text in cells.items() if text}
        legs.append(_leg({**known, "code": int(code)} if code else known))
    return tuple(legs)


def _leg(value: Value) -> Leg:
    if not isinstance(value, dict):
        raise ValueError("legs: each has to be an object")  # noqa: TRY004
    code = value.get("code")
    if code is not None and (not isinstance(code, int) or isinstance(code, bool)):
        raise ValueError(f"code: {mask_written(str(code))} is not a whole number")
    callee = _text(value, "callee")
    # What an export has masked says nothing of the number, and is shown again.
    shown = callee if callee is not None and is_masked(callee) else None
    return Leg(
        callee=None if callee is None or shown else _number(callee),
        call_id=_call_id(value.get("call_id"), callee),
        error=_text(value, "error"),
        code=code,
        description=_text(value, "description"),
        shown=shown,
    )


def _call_id(value: Value, callee: str | None) -> str | None:
    call_id = read_call_id(value, callee)
    if call_id is None and value is not None:
        raise ValueError(f"call-id: {mask_written(str(value))} is not usable: it has 1 to 128 visible ASCII characters")
    return call_id


def _number(callee: str) -> str:
    """Return a callee as calls to it are counted: in canonical E.164."""
    found = read(callee)
    if not isinstance(found, Refusal):
        return found
    hint = f": {found.hint}" if found.hint else ""
    raise ValueError(f"callee: {mask_written(callee)} {found.message}{hint}")


def _list(values: Mapping[str, Value], name: str) -> list[Value]:
    found = values[name]
    if not isinstance(found, list):
        raise ValueError(f"{name}: has to be a list")  # noqa: TRY004
    return found


def _text(values: Mapping[str, Value], name: str) -> str | None:
    found = values.get(name)
    if found is not None and not isinstance(found, str):
        raise ValueError(f"{name.replace('_', '-')}: {mask_written(str(found))} is not a text")
    return found


#: The states of calls that can be purged; a call without a state can be, too.
_SETTLED = [str(state) for state in State if not state.is_unsettled and state is not State.RENAMED]


def purge(transaction: Transaction, before: str, after: str, actor: Actor, at: str) -> tuple[int, str | None]:
    """Purge up to a thousand calls that nothing has happened to since a time, the next ones after a reference.

    Return how many that were, and the last of them; None where there are no more.

    Bodies, callees, call-ids, texts and fingerprints go, and from the events all details: who, where, why.
    """
    connection, ledger = transaction.connection, transaction.ledger
    given = {"ledger": ledger, "states": _SETTLED, "before": before, "after": after, "limit": CHUNK}
    found = connection.all("calls_to_purge", **given)
    references = [reference for (reference,) in found]
    # With those that became these: what was sent may have been sent under such a name.
    named = [name for (name,) in connection.all("names_of_calls", ledger=ledger, references=references)]
    made = transaction.make([Change(name, EventType.PURGED, at, actor) for name in named])
    purged = [name for name, written in zip(named, made, strict=True) if written.done]
    serials = [serial for (serial,) in connection.all("serials_of", ledger=ledger, references=purged)]
    for start in range(0, len(serials), CHUNK):
        some = serials[start : start + CHUNK]
        for serial, who, details, body in connection.all("details_to_forget", ledger=ledger, serials=some):
            kept = hash_of_details(who.encode(), details.encode(), (body or "").encode())
            connection.run("forget_details", ledger=ledger, serial=serial, details_hash=kept)
    # Of runs that ended before that time and left nothing open, it is forgotten who they were.
    connection.run("delete_runs", ledger=ledger, before=before)
    return len(set(references).intersection(purged)), references[-1] if references else None


def stop(connection: Connection, ledger: int, actor: Actor, reason: str, at: str) -> bool:
    """Stop an environment; False when it is stopped already."""
    if stopped(connection, ledger) is not None:
        return False
    connection.run(
        "insert_stop",
        id=uuid.uuid4().hex,
        ledger=ledger,
        at=at,
        who=actor.who,
        host=actor.host,
        reason=reason,
    )
    return True


def resume(connection: Connection, ledger: int, actor: Actor, at: str) -> bool:
    """Let runs claim again; False when nobody had stopped them."""
    return connection.run("resume", ledger=ledger, at=at, by=f"{actor.who} on {actor.host}") > 0


def make_conditionally(
    transaction: Transaction,
    changes: Sequence[Change],
    conditions: Sequence[Condition | None],
    pseudonymize: Callable[[str], str],
) -> list[Written]:
    """Make changes one after the other, but no claim whose condition has something against it."""
    usage = _Usage(transaction, [condition for condition in conditions if condition is not None], pseudonymize)
    transaction.rows([name for change in changes for name in names_of(change)])
    answers = []
    for change, condition in zip(changes, conditions, strict=True):
        before = transaction.rows([change.reference_id]).get(change.reference_id)
        state = before.state if before else None
        decision = condition.decide(usage.used(condition)) if condition is not None and claimable(state) else None
        if decision is not None:
            answers.append(Written(done=False, state=state, decision=decision))
            continue
        answers += transaction.make([change])
        after = transaction.rows([change.reference_id]).get(change.reference_id)
        usage.follow(before, after)
        if condition is not None and after is not before and after is not None:
            usage.follow_labelled(condition, after)
    return answers


class _Usage:
    """What has been used up of what conditions ask for: before a transaction, and within it so far."""

    def __init__(
        self,
        transaction: Transaction,
        conditions: Sequence[Condition],
        pseudonymize: Callable[[str], str],
    ) -> None:
        self._connection, self._ledger = connection, ledger = transaction.connection, transaction.ledger
        days = {day for condition in conditions for day in condition.days}
        self._claimed = {day: claimed_since(connection, ledger, day) for day in days}
        self._pseudonyms = {number: pseudonymize(number) for condition in conditions for number in condition.numbers}
        self._rung: dict[str, list[datetime]] = {callee: [] for callee in self._pseudonyms.values()}
        #: Of claims in this transaction only those are counted that hang on it: whoever has such a label asks for it.
        asked = {condition.labelled for condition in conditions if condition.labelled is not None}
        self._labelled = {each: labelled_since(connection, ledger, each) for each in asked}
        since = min((condition.since for condition in conditions if condition.since is not None), default=None)
        if since is not None:
            self._rung |= rung_since(connection, ledger, self._rung, since)

    def used(self, condition: Condition) -> Used:
        """Return the answer to what a condition asks."""
        rung = {number: tuple(sorted(self._rung[self._pseudonyms[number]])) for number in condition.numbers}
        claimed = {day: self._claimed[day] for day in condition.days}
        # Whoever has changed an attempt before has done so in a transaction of its own.
        before = condition.before
        labelled = 0 if condition.labelled is None else self._labelled[condition.labelled]
        return Used(claimed, rung, tried(self._connection, self._ledger, before) if before else {}, labelled)

    def follow_labelled(self, condition: Condition, row: CallRow) -> None:
        """Count a claim of this transaction for all that ask for its label."""
        if condition.labelled is not None:
            for asked in self._labelled:
                if asked[:2] == condition.labelled[:2]:
                    self._labelled[asked] += phones_of(row)

    def follow(self, before: CallRow | None, after: CallRow | None) -> None:
        """Count a change of this transaction."""
        if after is before:
            return
        for row, count in ((before, -1), (after, 1)):
            if row is None or not row.may_have_rung:
                continue
            for day in self._claimed:
                self._claimed[day] += count * phones_of(row) if row.claimed_at >= iso(day) else 0
            at = datetime.fromisoformat(row.claimed_at)
            for times in [self._rung[callee] for callee in _callees(row) if callee in self._rung]:
                if count > 0:
                    times.append(at)
                elif at in times:  # not one from before the time that is asked for
                    times.remove(at)


def _callees(row: CallRow) -> Iterator[str]:
    """Yield the pseudonyms of the callees that a call may have rung."""
    for leg in row.legs or stored_callees(json.loads(row.body)):
        if leg.callee is not None:
            yield leg.callee


def begin_run(connection: Connection, ledger: int, run: str, actor: Actor, at: str) -> None:
    """Make a run known whose lease is held already."""
    connection.run(
        "insert_run",
        run=run,
        ledger=ledger,
        who=storable(actor.who),
        host=storable(actor.host),
        job=storable(actor.job),
        commit=storable(actor.commit),
        at=at,
    )


def count_posts(connection: Connection, run: str, posts: int, refused: int) -> None:
    """Say how many requests of a run were answered so far, and how many of them refused."""
    connection.run("count_posts", run=run, posts=posts, refused=refused)


def end_run(connection: Connection, run: str, at: str, posts: int, refused: int) -> None:
    """Say that a run has ended by itself, see `count_posts`."""
    connection.run("end_run", run=run, at=at, posts=posts, refused=refused)


def running(database: Database, connection: Connection, ledger: int) -> str | None:
    """Return which run may still send a call or hear an answer, in words; None where no run may."""
    named = {run for (run,) in connection.all("open_runs", ledger=ledger)}
    named |= {run for _, run in connection.all("calls_in_flight", ledger=ledger) if run}
    living = next((run for run in sorted(named) if database.may_be_running(connection, run)), None)
    if living is None:
        return None
    who, host = connection.first("who_runs", run=living) or (None, None)
    return f"a run of {who or 'somebody'} on {host or 'some machine'} still lives"


def sweep(database: Database, transaction: Transaction, own: str, actor: Actor, at: str) -> list[str]:
    """Turn the in-flight calls of dead runs into in-doubt ones; their references."""
    connection, ledger = transaction.connection, transaction.ledger
    held = connection.all("calls_in_flight", ledger=ledger)
    still_open = {run for (run,) in connection.all("open_runs", ledger=ledger)}
    known = {run for _, run in held if run} | still_open | database.leases()
    known.discard(own)
    dead = known - database.alive(connection, sorted(known)) if known else set()
    lost = [reference for reference, run in held if run in dead]
    transaction.make([Change(reference, EventType.ABANDONED, at, actor, detail=RUN_LOST) for reference in lost])
    if dead:
        connection.run("end_open_runs", runs=sorted(dead), at=at)
        for run in dead:
            database.forget_lease(run)
    return lost
