"""Campaigns in the ledger: which there are, what each holds, sealed, and whose turn it is.

A call of a campaign is claimed as any other is. That its campaign is placed, and not paused, is asked in the claim's
own transaction; so is, of a call that some `apply` claims, whether it waits in a campaign.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger.chains import chains_among
from flowops.ledger.database import iso, now
from flowops.ledger.pseudonyms import clean
from flowops.ledger.seal import write
from flowops.ledger.transaction import CHUNK
from flowops.model.call import split_reference
from flowops.model.campaign import BatchTurn, Campaign, CampaignProgress, CampaignState, CanarySettings, Left, Wait
from flowops.model.claims import Claim
from flowops.model.ledger import State
from flowops.model.plan import Action, Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from flowops.ledger.database import Connection, Database
    from flowops.model.claims import Record
    from flowops.model.document import Value
    from flowops.model.ledger import Actor


#: How many batches are written in one transaction, and how many calls are deleted in one.
WRITTEN_AT_ONCE, DELETED_AT_ONCE = 20, 20_000
#: How many events are looked through at once for calls that have finished.
EVENTS_AT_ONCE = 10_000
#: Behind every time.
NEVER = "9999"


class SealedCalls(NamedTuple):
    """Some calls on their way into a campaign: their reference-ids, how many phones they ring, and all else, sealed.

    `said` are short keyed hashes of what the files say of each.
    """

    references: Sequence[str]
    said: Sequence[int]
    phones: int
    sealed: bytes


class WaitingCall(NamedTuple):
    """A call that waits in a campaign: why it is left to that, and a short keyed hash of what the files said of it."""

    why: str
    said: int


class SealedBatch(NamedTuple):
    """A batch of a campaign: which turn it is, how many calls it has, and these, sealed."""

    turn: int
    calls: int
    sealed: bytes


class Told(NamedTuple):
    """What was told of calls up to the event of a number.

    `attempts` are those that have finished and may be tried again, by their first attempts: which attempt that was.
    `placeable` are those of which an operator has said that they were not placed, or are to be placed after all.
    """

    serial: int
    attempts: Mapping[str, int]
    placeable: frozenset[str]


class _Heard:
    """What was heard of the calls of a batch: when the first is due again, and how many chains have ended."""

    def __init__(self, turn: int, due_at: str, is_done: bool, again_at: str | None, waiting: str | None) -> None:
        self.turn = turn
        self.due_at = due_at
        self.is_done = bool(is_done)
        self.again_at = again_at
        self.soonest = NEVER
        self.ended = 0
        self._waiting: Mapping[str, int] = json.loads(waiting) if waiting is not None else {}

    def hear(self, due_at: str | None) -> None:
        """Take one call, which is due again then, or has ended."""
        if due_at is None:
            self.ended += 1
        else:
            self.soonest = min(self.soonest, due_at)

    @property
    def waits_still(self) -> dict[str, int]:
        """Return what is left of what its calls waited for: none of those that have ended waits for an outcome."""
        left = {**self._waiting, Wait.OUTCOME.value: self._waiting.get(Wait.OUTCOME, 0) - self.ended}
        return {why: number for why, number in left.items() if number > 0}


class Campaigns:
    """The campaigns of one ledger. Every method raises `LedgerError` when the database does not answer."""

    def __init__(self, database: Database, number: int, actor: Actor) -> None:
        self._database = database
        self._number = number
        self._actor = actor

    def hand_over(
        self, new: Campaign, batches: Iterable[SealedCalls], approved: Callable[[], Campaign], run: str
    ) -> Campaign:
        """Write a campaign and all of its batches; it exists for others only when that is done.

        Whatever a `run` has written that does not live any more, others undo.

        `approved` gives the same campaign when there are no more batches, with its digest, settings and canary: what is
        known once its plan is made. Raises LedgerError, and leaves nothing, where a call waits in another campaign.
        Whatever else the `batches` raise leaves nothing either.
        """
        ledger, database = self._number, self._database
        first = {
            "ledger": ledger,
            "id": new.id,
            "name": new.name,
            "at": new.created_at,
            "starts_at": new.starts_at,
            "who": new.who,
            "host": new.host,
            "commit": new.commit,
            "run": run,
        }
        write(database, ledger, lambda it: it.run("insert_campaign", **first))
        calls = phones = number = 0
        try:
            for some in _together(batches):
                self._insert(new, number, some)
                number += len(some)
                calls += sum(len(batch.references) for batch in some)
                phones += sum(batch.phones for batch in some)
            made = approved()._replace(state=CampaignState.RUNNING, calls=calls, phones=phones, batches=number)
            known = {
                "ledger": ledger,
                "campaign": made.id,
                "digest": made.digest,
                "settings": json.dumps(dict(made.settings)),
                "canary": None if made.canary is None else json.dumps(made.canary),
                "calls": calls,
                "phones": phones,
                "batches": number,
                "run": run,
            }
            has_begun = write(database, ledger, lambda it: it.run("begin_campaign", **known)) > 0
        except BaseException:
            self.delete(new.id)
            raise
        if not has_begun:
            self.delete(new.id)
            raise LedgerError(
                "this run was suspended so long that others took it for dead; nothing was handed over",
                hint="plan again",
            )
        return made

    def _insert(self, campaign: Campaign, first: int, batches: Sequence[SealedCalls]) -> None:
        """Write some batches, numbered from `first` on."""
        given = {"ledger": self._number, "campaign": campaign.id}
        sealed = [
            {
                **given,
                "number": number,
                "due_at": campaign.starts_at,
                "calls": len(batch.references),
                "sealed": batch.sealed,
            }
            for number, batch in enumerate(batches, first)
        ]
        rows = [
            (reference, number, said)
            for number, batch in enumerate(batches, first)
            for reference, said in zip(batch.references, batch.said, strict=True)
        ]

        def work(connection: Connection) -> int:
            connection.run_many("insert_batch", sealed)
            return connection.run("insert_scheduled", **given, rows=json.dumps(rows))

        if write(self._database, self._number, work) != len(rows):
            raise LedgerError(
                "some of these calls were handed over meanwhile, in another campaign; nothing was handed over",
                hint="plan again",
            )

    def all(self) -> list[Campaign]:
        """Return all campaigns, the newest first."""
        return [_campaign(row) for row in self._database.read(lambda it: it.all("campaigns", ledger=self._number))]

    def find(self, campaign: str) -> Campaign | None:
        """Return the campaign of an id, or the newest one of a name."""
        row = self._database.read(lambda it: it.first("campaign", ledger=self._number, campaign=campaign))
        return None if row is None else _campaign(row)

    def exist(self) -> bool:
        """Return whether there is one that is not over."""
        return bool(self._database.read(lambda it: it.value("has_campaigns", ledger=self._number)))

    def of(self, references: Collection[str]) -> dict[str, WaitingCall]:
        """Return the calls of these that wait in a campaign, by the references of their first attempts."""
        found = self._database.read(lambda it: _scheduled(it, self._number, references))
        return {name: WaitingCall(_left_to(each.name, each.campaign), each.said) for name, each in found.items()}

    def set(self, campaign: str, state: CampaignState, why: str | None = None) -> bool:
        """Pause a campaign, let it go on, or end it; return whether it was not over. What ended needs nothing more."""
        return self._set(campaign, state, why, lambda _connection: True)

    def finish(self, campaign: str) -> bool:
        """End a campaign of which no batch is left; return whether it has ended."""
        given = {"ledger": self._number, "campaign": campaign}
        return self._set(
            campaign, CampaignState.FINISHED, None, lambda it: it.value("next_of_batches", **given) is None
        )

    def _set(self, campaign: str, state: CampaignState, why: str | None, may: Callable[[Connection], bool]) -> bool:
        """Set the state of a campaign that is not over, if it `may` be set at that moment; return whether it was."""
        given = {"ledger": self._number, "campaign": campaign}
        # Before the transaction, which keeps others from writing: a million calls take a while to be counted.
        totals = json.dumps(_totals(self.progress(campaign))) if state.is_over else None
        ended_at = now() if state.is_over else None

        def work(connection: Connection) -> bool:
            values = {"state": str(state), "why": clean(why), "ended_at": ended_at, "totals": totals}
            return may(connection) and connection.run("set_campaign", **given, **values) > 0

        done = write(self._database, self._number, work)
        if done and state.is_over:
            self._forget_calls(campaign)
        return done

    def _forget_calls(self, campaign: str) -> None:
        """Delete which calls are in a campaign, some at a time."""
        given = {"ledger": self._number, "campaign": campaign, "limit": DELETED_AT_ONCE}
        while write(self._database, self._number, lambda it: it.run("delete_scheduled", **given)) == DELETED_AT_ONCE:
            pass

    def progress(self, campaign: str) -> CampaignProgress:
        """Return how far a campaign is that is not over."""
        given = {"ledger": self._number, "campaign": campaign}
        return self._database.read(lambda connection: _progress_of(connection, given))

    def references(self, campaign: str) -> list[str]:
        """Return the calls of a campaign that is not over, by their first attempts."""
        given = {"ledger": self._number, "campaign": campaign}
        return [reference for (reference,) in self._database.read(lambda it: it.all("scheduled", **given))]

    def answered(self, campaign: str) -> tuple[int, int]:
        """Return how many phones of a campaign that is not over the API has refused, and for how many it answered.

        All attempts of a call count.
        """
        given = {"ledger": self._number, "campaign": campaign}
        refused = answered = 0
        for name, phones, refused_callees in self._database.read(lambda it: it.all("count_answered", **given)):
            state = State(name) if name else None
            if state is State.REJECTED or (state is not None and state.is_placed):
                answered += int(phones)
                refused += int(phones if state is State.REJECTED else refused_callees)
        return refused, answered

    def left(self) -> dict[str, Left]:
        """Return what is left of the campaigns that workers have to go through, by their ids."""
        rows = self._database.read(lambda it: it.all("left_of_campaigns", ledger=self._number))
        return {campaign: Left(batches, due_at) for campaign, batches, due_at in rows}

    def waiting(self) -> dict[str, dict[Wait, int]]:
        """Return what the calls of campaigns that are not over wait for, by the ids of these."""
        return self._database.read(lambda it: _waiting_of(it, self._number))

    def open_batches(self) -> list[BatchTurn]:
        """Return the batches that workers have to go through, those that are due first in front."""
        rows = self._database.read(lambda it: it.all("open_batches", ledger=self._number))
        return [BatchTurn(*row) for row in rows]

    def sealed(self, campaign: str, number: int) -> SealedBatch | None:
        """Return a batch as it is kept."""
        given = {"ledger": self._number, "campaign": campaign, "number": number}
        row = self._database.read(lambda it: it.first("sealed_batch", **given))
        return None if row is None else SealedBatch(row[0], row[1], bytes(row[2]))

    def advance(
        self, turn: BatchTurn, due: datetime | None, waiting: Mapping[Wait, int] | None = None
    ) -> BatchTurn | None:
        """End a turn of a batch, which is due again then, or is done; None when somebody else has ended it.

        `waiting` says what its calls wait for.
        """
        batch = {"ledger": self._number, "campaign": turn.campaign, "number": turn.number}
        set_to = {"done_at": now() if due is None else None, "waiting": json.dumps(waiting) if waiting else None}

        def work(connection: Connection) -> BatchTurn | None:
            again_at = connection.value("again_at", **batch)
            due_at = turn.due_at if due is None else min(iso(due), again_at or NEVER)
            ended = connection.run("advance_batch", **batch, turn=turn.turn, due_at=due_at, **set_to)
            return turn._replace(turn=turn.turn + 1, due_at=due_at) if ended else None

        return write(self._database, self._number, work)

    def told(self) -> Told | None:
        """Return what was told of calls since `hear` that may make them due, some at a time; None behind the last.

        None as well where no campaign is placed.
        """
        return self._database.read(lambda connection: _told(connection, self._number))

    def hear(self, serial: int, due: Mapping[str, datetime], ended: Collection[str] = ()) -> list[BatchTurn]:
        """Have the batches of calls looked at when these are due, also those that are done; return their next turns.

        So is a batch, at once, when all have `ended` whose outcomes it waits for, and it waits for nothing else. One
        that somebody goes through at this moment is looked at again. It is known then which calls have finished up to
        the event of a number.
        """
        at, wanted = now(), {reference: iso(when) for reference, when in due.items()}

        def work(connection: Connection) -> list[BatchTurn]:
            connection.run("hear_campaigns", ledger=self._number, serial=serial)
            return list(self._brought_forward(connection, wanted, ended, at))

        return write(self._database, self._number, work)

    def _brought_forward(
        self, connection: Connection, wanted: Mapping[str, str], ended: Collection[str], at: str
    ) -> Iterator[BatchTurn]:
        """Bring the batches of calls forward to when these want to be looked at; yield the turns of others than now."""
        heard: dict[tuple[str, int], _Heard] = {}
        references = [*wanted, *ended]
        for start in range(0, len(references), CHUNK):
            some = references[start : start + CHUNK]
            for reference, campaign, number, *found in connection.all(
                "batches_of", ledger=self._number, references=some
            ):
                batch = heard.setdefault((campaign, number), _Heard(*found))
                batch.hear(wanted.get(reference))
        for (campaign, number), batch in heard.items():
            given = {"ledger": self._number, "campaign": campaign, "number": number}
            is_over = batch.ended > 0 and not batch.waits_still
            when = at if is_over else batch.soonest
            if batch.is_done:
                if batch.soonest < NEVER and connection.run(
                    "reopen_batch", **given, turn=batch.turn, due_at=batch.soonest
                ):
                    yield BatchTurn(campaign, number, batch.turn + 1, batch.soonest)
            elif batch.due_at <= at:
                again_at = at if batch.ended else batch.soonest
                connection.run("set_again_at", **given, at=min(again_at, batch.again_at or NEVER))
            elif when < batch.due_at:
                connection.run("bring_forward_batch", **given, turn=batch.turn, due_at=when)
                yield BatchTurn(campaign, number, batch.turn + 1, when)
            elif batch.ended:
                connection.run("set_waiting", **given, waiting=json.dumps(batch.waits_still))

    def hasten(self, campaigns: Sequence[str], at: datetime, before: datetime) -> None:
        """Have the batches of campaigns looked at `at` a time that would be later, `before` another time."""
        given = {"ledger": self._number, "campaigns": list(campaigns), "at": iso(at), "before": iso(before)}
        write(self._database, self._number, lambda it: it.run("hasten_batches", **given))

    def end_canary(self, campaign: str) -> bool:
        """Let the other calls of a campaign follow the first ones; return whether nobody else has."""
        given = {"ledger": self._number, "campaign": campaign}
        return write(self._database, self._number, lambda it: it.run("end_canary", **given)) > 0

    def purge(self, ended_before: datetime) -> list[str]:
        """Delete campaigns that ended before a time; return which."""
        given = {"ledger": self._number, "before": iso(ended_before)}
        found = [campaign for (campaign,) in self._database.read(lambda it: it.all("ended_campaigns", **given))]
        for campaign in found:
            self.delete(campaign)
        return found

    def undo_unfinished(self) -> None:
        """Delete what runs have left that ended while they handed a campaign over."""
        given = {"ledger": self._number}

        def work(connection: Connection) -> list[tuple[str, str]]:
            found = connection.all("unfinished_campaigns", **given)
            alive = self._database.alive(connection, sorted({run for _, run in found if run})) if found else ()
            return [(campaign, run) for campaign, run in found if run not in alive]

        for campaign, run in self._database.read(work):
            lost = {**given, "campaign": campaign, "run": run}
            if write(self._database, self._number, lambda it, lost=lost: it.run("disown_campaign", **lost)):  # type: ignore[misc]
                self.delete(campaign)

    def delete(self, campaign: str) -> None:
        """Delete a campaign and all that it holds; what was placed stays in the ledger."""
        given = {"ledger": self._number, "campaign": campaign}
        self._forget_calls(campaign)

        def work(connection: Connection) -> None:
            connection.run("delete_batches", **given)
            connection.run("delete_campaign", **given)

        write(self._database, self._number, work)


def _told(connection: Connection, ledger: int) -> Told | None:
    heard, last = connection.first("heard_of_campaigns", ledger=ledger) or (None, 0)
    if heard is None or heard >= last:
        return None
    until = min(last, heard + EVENTS_AT_ONCE)
    rows = connection.all("told_between", ledger=ledger, heard=heard, until=until)
    finished = [reference for reference, has_finished in rows if has_finished]
    attempts: dict[str, int] = {}
    for reference, (root, most) in chains_among(connection, ledger, finished).items():
        attempt = 1 if reference == root else split_reference(reference)[1]
        if attempt < most:
            attempts[root] = max(attempt, attempts.get(root, 1))
    # The name of an attempt may be that of a call of its own, too.
    freed = {reference for reference, has_finished in rows if not has_finished}
    return Told(until, attempts, frozenset({*freed, *map(_root, freed)}))


def _together(batches: Iterable[SealedCalls]) -> Iterator[list[SealedCalls]]:
    """Yield batches, as many at once as are written in one transaction."""
    rest = iter(batches)
    while some := list(islice(rest, WRITTEN_AT_ONCE)):
        yield some


def held_by_campaigns(
    connection: Connection, ledger: int, writes: Sequence[Claim | Record], *, are_any: bool
) -> dict[int, Decision]:
    """Return what keeps claims from being taken, by their places, because of the campaigns that their calls are in.

    A call of a campaign is claimed while that is placed; any other call while it is in none. `are_any` says whether
    there is a campaign that is not over.
    """
    if not are_any:
        claims = [at for at, write in enumerate(writes) if isinstance(write, Claim) and write.campaign is not None]
        return dict.fromkeys(claims, _deferred("its campaign is over"))
    roots = {at: _root(write.call.reference_id) for at, write in enumerate(writes) if isinstance(write, Claim)}
    known = _scheduled(connection, ledger, set(roots.values()))
    held: dict[int, Decision] = {}
    for at, root in roots.items():
        write = writes[at]
        assert isinstance(write, Claim)
        found = known.get(root)
        if found is None:
            if write.campaign is not None:
                held[at] = _deferred("its campaign is over")
        elif write.campaign != found.campaign:
            held[at] = _deferred(_left_to(found.name, found.campaign))
        elif found.state != CampaignState.RUNNING:
            held[at] = _deferred(f"campaign {found.name} is {found.state}")
    return held


class _Scheduled(NamedTuple):
    """A call of a campaign that is not over: the campaign's id, name and state, and what the files said."""

    campaign: str
    name: str
    state: str
    said: int


def _scheduled(connection: Connection, ledger: int, references: Collection[str]) -> dict[str, _Scheduled]:
    """Return those of some calls that are in a campaign, by their references."""
    names, found = list(references), {}
    for start in range(0, len(names), CHUNK):
        for reference, *rest in connection.all(
            "scheduled_among", ledger=ledger, references=names[start : start + CHUNK]
        ):
            found[reference] = _Scheduled(*rest)
    return found


def _root(reference: str) -> str:
    return split_reference(reference)[0]


def _left_to(name: str, campaign: str) -> str:
    return f"it waits in campaign {name}: flowops campaign show {campaign}"


def _deferred(why: str) -> Decision:
    return Decision(Action.DEFERRED, reasons=(why,))


def _progress_of(connection: Connection, given: Mapping[str, Value]) -> CampaignProgress:
    counts = {State(name) if name else None: number for name, number in connection.all("count_scheduled", **given)}
    waiting = _waiting_of(connection, int(given["ledger"])).get(str(given["campaign"]), {})
    return CampaignProgress(counts, connection.value("next_of_batches", **given), waiting)


def _waiting_of(connection: Connection, ledger: int) -> dict[str, dict[Wait, int]]:
    found: dict[str, dict[Wait, int]] = {}
    for campaign, state, number, canary, calls, waiting in connection.all("waiting", ledger=ledger):
        reasons: Mapping[Wait, int] = {Wait.WORKER: calls}
        if waiting is not None:
            reasons = {Wait(name): each for name, each in json.loads(waiting).items()}
        if state == CampaignState.PAUSED:
            reasons = {Wait.PAUSED: sum(reasons.values())}
        elif canary is not None and number > 0:
            reasons = {Wait.CANARY: calls}
        counted = found.setdefault(campaign, {})
        for reason, each in reasons.items():
            counted[reason] = counted.get(reason, 0) + each
    return found


def _totals(progress: CampaignProgress) -> Value:
    """Return how far a campaign is when it is over, as JSON."""
    return [[state and str(state), number] for state, number in progress.counts.items()]


def _read_totals(text: str) -> CampaignProgress:
    counts = {State(state) if state else None: number for state, number in json.loads(text)}
    return CampaignProgress(counts, None, {})


def _campaign(row: Sequence[Any]) -> Campaign:
    id_, name, state, *rest, settings, calls, phones, batches, canary, totals = row
    judged_by = None if canary is None else CanarySettings(*json.loads(canary))
    return Campaign._make(
        (
            *(id_, name, CampaignState(state), *rest, json.loads(settings), calls, phones, batches, judged_by),
            None if totals is None else _read_totals(totals),
        )
    )
