"""A ledger in memory with the contract's rules, an API that does as it is told, and plans to apply."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from support.plans import decided, sends_of
from support.values import document_at

from flowops.apply.control import ONE_REQUEST, ShutdownRequest, Timing
from flowops.apply.options import RunOptions
from flowops.apply.run import apply
from flowops.common.times import now
from flowops.ledger.pace import Pace
from flowops.model.call import FINGERPRINT, Call, Origin
from flowops.model.claims import Claim, Record, Written
from flowops.model.ledger import Checkpoint, Entry, EventType, Leg, State
from flowops.model.plan import Action, Plan, PlannedCall
from flowops.model.result import Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

DOCUMENT = document_at("calls.yaml", "Call")
QUICK = Timing(backoff=0.001, stale=15.0, longest_pause=5.0, first_look=0.001, last_look=0.01, patience=5.0)

#: What an event makes of a call in flight; None: as before the claim.
AFTER = {
    EventType.ACCEPTED: State.PLACED,
    EventType.REFUSED: State.REJECTED,
    EventType.UNAUTHORIZED: State.REJECTED,
    EventType.UNCLEAR: State.IN_DOUBT,
}


@dataclass
class Row:
    """A call in the ledger; `run` has claimed it, `before` is its state before that."""

    state: State
    fingerprint: str
    run: str
    before: Row | None = None
    legs: tuple[Leg, ...] = ()
    attempts: int = 1
    error: str | None = None


@dataclass
class Database:
    """What several runs share."""

    rows: dict[str, Row] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)
    next_slot: float = 0.0
    paused_until: float = 0.0


class FakeLedger:
    """One run's view of a database. `fails(writes)` may raise before a transaction, `late` after it."""

    def __init__(self, database: Database | None = None, run: str = "this") -> None:
        self.database = database or Database()
        self.run = run
        self.database.live.add(run)
        self.batches: list[list[Claim | Record]] = []
        self.log: list[tuple[str, str]] = []
        self.sweeps = 0
        #: Why this run can claim nothing more.
        self.lost: str | None = None
        self.threads: set[int] = set()
        self.fails: Callable[[Sequence[Claim | Record]], None] = lambda _writes: None
        self.late: Callable[[Sequence[Claim | Record]], None] = lambda _writes: None
        self.on_look: Callable[[], None] = lambda: None

    def checkpoint(self) -> Checkpoint:
        return Checkpoint("id", len(self.log), "head")

    def pseudonymize(self, call: Call) -> dict[str, Any]:
        return dict(call.body)

    def count(self) -> dict[State, int]:
        return {state: sum(row.state is state for row in self.database.rows.values()) for state in State}

    def look_up(self, reference_ids: Sequence[str]) -> dict[str, Entry]:
        self.on_look()
        rows = self.database.rows
        return {name: self._entry(name, rows[name]) for name in reference_ids if name in rows}

    def fingerprints(self, reference_ids: Sequence[str]) -> dict[str, str]:
        raise AssertionError("only a plan asks for fingerprints")

    def _entry(self, name: str, row: Row) -> Entry:
        live = row.state is State.IN_FLIGHT and row.run in self.database.live
        return Entry("test", name, row.state, row.fingerprint, {}, row.legs, row.attempts, live, row.error, "", "")

    def write(self, writes: Sequence[Claim | Record], *, rate: float | None = None) -> list[Written]:
        self.threads.add(threading.get_ident())
        self.batches.append(list(writes))
        self.fails(writes)
        with self.database.lock:
            answers = [
                self._paced(write, rate) if isinstance(write, Claim) else self._record(write) for write in writes
            ]
        self.late(writes)
        return answers

    def _paced(self, claim: Claim, rate: float | None) -> Written:
        """Claims in the slots of the rate, and none while the API has asked to wait."""
        database, here = self.database, now()
        pace = Pace(here, here, database.next_slot, database.paused_until, rate)
        [later] = pace.answers([len(claim.call.callees)])
        if later is not None:
            return Written(False, None, later=later)
        written = self._claim(claim)
        if written.done:
            written = written._replace(slot=pace.take(len(claim.call.callees)))
            database.next_slot = pace.next_slot
        return written

    def pause(self, seconds: float) -> None:
        self.database.paused_until = max(self.database.paused_until, now() + seconds)

    def _claim(self, claim: Claim) -> Written:
        rows, name = self.database.rows, claim.call.reference_id
        old = rows.get(name)
        if self.lost is not None:
            return Written(False, old and old.state, lost=self.lost)
        if old is not None and old.state is not State.REJECTED:
            return Written(False, old.state)
        rows[name] = Row(State.IN_FLIGHT, claim.fingerprint, self.run, before=old)
        self.log.append((name, "claimed"))
        return Written(True, State.IN_FLIGHT)

    def _record(self, record: Record) -> Written:
        rows, name = self.database.rows, record.reference_id
        row = rows.get(name)
        if row is None or row.run != self.run:
            return Written(False, None if row is None else row.state)
        self.log.append((name, record.event_type.value))
        if row.state is State.IN_DOUBT and record.event_type is EventType.ACCEPTED:
            row.state, row.legs = State.PLACED, record.legs
        elif row.state is State.IN_FLIGHT and record.event_type in AFTER:
            row.state, row.legs, row.error = AFTER[record.event_type], record.legs, record.detail
        elif row.state is State.IN_FLIGHT:
            if row.before is None:
                del rows[name]
                return Written(True, None)
            rows[name] = row = row.before
        else:
            return Written(False, row.state)
        return Written(True, row.state)

    def sweep(self) -> list[str]:
        self.sweeps += 1
        dead = [
            name
            for name, row in self.database.rows.items()
            if row.state is State.IN_FLIGHT and row.run not in self.database.live
        ]
        for name in dead:
            self.database.rows[name].state = State.IN_DOUBT
            self.database.rows[name].error = "the run that sent it ended before the answer"
        return dead


def accepted(body: Mapping[str, Any]) -> Verdict:
    return Verdict(EventType.ACCEPTED, (Leg(body["callee"], f"call-{body['instruction-id']}"),))


class FakeApi:
    """Answers each request with ``await script(body, attempt)``; `attempt` counts a reference's requests from 1."""

    def __init__(self, script: Any = None) -> None:
        self.script = script
        self.sent: list[dict[str, Any]] = []
        self.workers = 0
        self.in_flight = 0
        self.most_in_flight = 0

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[FakeApi]:
        self.workers += 1
        yield self

    async def place(self, body: Mapping[str, Any]) -> Verdict:
        self.sent.append(dict(body))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.script is None:
                await asyncio.sleep(0)
                return accepted(body)
            attempt = self.references.count(body["instruction-id"])
            return await self.script(body, attempt)
        finally:
            self.in_flight -= 1

    @property
    def references(self) -> list[str]:
        return [body["instruction-id"] for body in self.sent]


def planned(name: str, action: Action = Action.PLACE, fingerprint: str | None = None, **body: Any) -> PlannedCall:
    fields = {"instruction-id": name, "callee": "+442079460001", "caller": "+442079460000", **body}
    call = Call(name, fields, None, frozenset({("callee",)}), Origin(DOCUMENT, {}))
    return PlannedCall(
        call,
        fingerprint or FINGERPRINT + sha256(name.encode()).hexdigest(),
        action,
        reasons=("in flight in another run",),
    )


def plan_of(*calls: PlannedCall | str) -> Plan:
    made = tuple(planned(call) if isinstance(call, str) else call for call in calls)
    return Plan("test", "abc123", None, **decided(made), unnamed=0, digest="sha256:00")


@dataclass
class Given:
    """What a run is given, and what it told."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    api: FakeApi = field(default_factory=FakeApi)
    #: Two requests are two seconds apart.
    shutdown: ShutdownRequest = field(default_factory=lambda: ShutdownRequest(partial(next, count(0.0, ONE_REQUEST))))
    told: list[Any] = field(default_factory=list)
    timing: Timing = QUICK

    async def apply(self, plan: Plan, **more: Any) -> Any:
        rest = {name: more.pop(name) for name in ("halt", "before", "changed") if name in more}
        settings = {
            "concurrency": 4,
            "callback_url": lambda _call: None,
            "progress": self.told.append,
            "timing": self.timing,
            **more,
        }
        return await apply(
            plan,
            sends_of(plan),
            RunOptions(**settings),
            api=self.api,
            ledger=self.ledger,
            shutdown=self.shutdown,
            **rest,
        )

    def run(self, plan: Plan, **more: Any) -> Any:
        return asyncio.run(self.apply(plan, **more))

    def hurry(self, **changes: Any) -> None:
        self.timing = replace(self.timing, **changes)


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
def kit() -> Any:
    """The names above, for tests: files here cannot import each other."""

    class Kit:
        pass

    for name in ("Row", "Database", "FakeLedger", "FakeApi", "Given", "accepted", "planned", "plan_of"):
        setattr(Kit, name, staticmethod(globals()[name]))
    return Kit
