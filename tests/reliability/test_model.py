"""Any sequence of plans, runs, crashes, evidence of known and unknown calls and operators' words, and a dictionary.

The planner, `flowops.apply` and the store on SQLite are the real ones. The API is a fake that keeps a log, and from
that log alone the model knows what the ledger has to say.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.operators import operate, resolve
from support.plans import plan_of, sends_of
from support.values import call

from flowops.apply.control import ShutdownRequest, Timing
from flowops.apply.options import RunOptions
from flowops.apply.run import apply
from flowops.ledger.open import init_ledger, open_ledger
from flowops.ledger.operations import ImportedCall
from flowops.ledger.operators import Accept, Cancel, UndoCancel
from flowops.model.ledger import Actor, EventType, Leg, State
from flowops.model.plan import Action
from flowops.model.result import Outcome, Verdict
from flowops.plan.canonical import fingerprint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from flowops.ledger.store import Store
    from flowops.model.document import Value
    from flowops.model.plan import Plan
    from flowops.model.result import Result

ENVIRONMENT = "production"
#: The calls of the files; two of them ring two phones.
CALLEES = {
    "a": ("+442079460001",),
    "b": ("+442079460002",),
    "c": ("+442079460003", "+12125550143"),
    "d": ("+442079460004", "+442079460005"),
}
REFERENCES = sorted(CALLEES)
#: The states in which an operator may say that a call was placed all the same.
MAY_BE_CALLED = (None, State.REJECTED, State.CANCELLED)
QUICK = Timing(backoff=0.0, first_look=0.0, last_look=0.0)
#: Where commits cost nothing.
MEMORY = Path("/dev/shm")


class Crash(BaseException):
    """The process is gone."""


class Way(Enum):
    """How the API meets a request: what the run hears of it, and whether phones ring."""

    ACCEPT = (EventType.ACCEPTED, True)
    REFUSE = (EventType.REFUSED, False)
    FORBID = (EventType.UNAUTHORIZED, False)
    THROTTLE = (EventType.THROTTLED, False)
    UNSENT = (EventType.UNSENT, False)
    SILENT = (EventType.UNCLEAR, True)
    BROKEN = (EventType.UNCLEAR, False)
    CRASH_BEFORE = (None, False)
    CRASH_BEHIND = (None, True)

    @property
    def event_type(self) -> EventType | None:
        return self.value[0]

    @property
    def rings(self) -> bool:
        return self.value[1]


def is_crash(error: BaseException) -> bool:
    """Whether it is a crash; a group of tasks hands that of one of them on as a group."""
    return isinstance(error, Crash) or (isinstance(error, BaseExceptionGroup) and error.split(Crash)[1] is None)


class LoggingApi:
    """Meets one request after the other in the given ways, and accepts what comes after them."""

    def __init__(self, ways: list[Way]) -> None:
        self._ways = iter(ways)
        self.log: list[tuple[str, Way]] = []

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[LoggingApi]:
        yield self

    async def place(self, body: Mapping[str, Value]) -> Verdict:
        reference, way = body["instruction-id"], next(self._ways, Way.ACCEPT)
        self.log.append((reference, way))
        if way.event_type is None:
            raise Crash
        legs = tuple(Leg(callee, call_id) for callee, call_id in ids(reference)) if way is Way.ACCEPT else ()
        return Verdict(way.event_type, legs, detail=way.name, stop=way is Way.FORBID, retry_after=0.0)


def ids(reference: str) -> Iterator[tuple[str, str]]:
    """The callees of a call with the call-ids that the API gives them."""
    return ((callee, f"{reference}-{callee}") for callee in CALLEES[reference])


@dataclass
class Known:
    """What the ledger has to know of one call. `patient` is the variable as it was when the call was claimed."""

    state: State | None = None
    patient: str | None = None
    #: The callees of which anything was heard, and those whose call is known to have ended.
    heard: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    #: Whether the ledger knows which callees there are: not of an import, and not behind a purge.
    whole: bool = True
    #: What a cancelled call was before.
    before: State | None = None
    #: Whether there is a row of it that has no state, and whether what its row says was purged.
    counts: bool = False
    purged: bool = False


@dataclass
class Told:
    """What the API and the operator have to say of one call."""

    risks: int = 0
    rang: bool = False
    words: int = 0
    #: Whether the operator's word came behind the last time that phones rang.
    denied: bool = False


class Ledgers(RuleBasedStateMachine):
    """One ledger, and everything that anybody may do with it."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        init_ledger("sqlite:///ledger.db", ENVIRONMENT, root=self.root)
        self.patients = dict.fromkeys(REFERENCES, "Ann")
        self.known = {reference: Known() for reference in REFERENCES}
        self.told = {reference: Told() for reference in REFERENCES}

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @contextmanager
    def store(self, **options: Any) -> Iterator[Store]:
        store = self.open(**options)
        try:
            yield store
        finally:
            store.close()

    def open(self, **options: Any) -> Store:
        return open_ledger("sqlite:///ledger.db", ENVIRONMENT, actor=Actor("ada", "host"), root=self.root, **options)

    def plan_with(self, store: Store) -> Plan:
        calls = [call(name, *CALLEES[name], patient=self.patients[name]) for name in REFERENCES]
        return plan_of(calls, environment=ENVIRONMENT, revision=None, ledger=store)

    @rule(reference=st.sampled_from(REFERENCES), patient=st.sampled_from(["Ann", "Bob"]))
    def edit(self, reference: str, patient: str) -> None:
        """Somebody changes a file."""
        self.patients[reference] = patient

    @rule()
    def plan(self) -> None:
        with self.store(readonly=True) as store:
            plan = self.plan_with(store)
        assert {item.call.reference_id: item.action for item in plan.calls} == self.expected_actions()

    def expected_actions(self) -> dict[str, Action]:
        return {reference: self.expected_action(reference) for reference in REFERENCES}

    def expected_action(self, reference: str) -> Action:
        known = self.known[reference]
        match known.state:
            case None:
                return Action.PLACE
            case State.REJECTED:
                return Action.RETRY
            case State.IN_FLIGHT | State.IN_DOUBT:
                return Action.IN_DOUBT
            case State.CANCELLED:
                return Action.CANCELLED
        return Action.CONFLICT if self.is_edited(reference) else Action.UNCHANGED

    def is_edited(self, reference: str) -> bool:
        return self.known[reference].patient not in (None, self.patients[reference])

    @rule(ways=st.lists(st.sampled_from(Way), max_size=6), concurrency=st.sampled_from([1, 1, 3]))
    def apply(self, ways: list[Way], concurrency: int) -> None:
        """Run, whatever the API does; a run that crashes closes nothing."""
        store = self.open()
        plan = self.plan_with(store)
        actions = {item.call.reference_id: item.action for item in plan.calls}
        assert actions == self.expected_actions()
        api = LoggingApi(ways)
        try:
            result = run(plan, api, store, concurrency)
        except BaseException as ended:
            if not is_crash(ended):
                raise
            die(store)
            self.swept()
            self.follow(api.log)
            # Of several workers, others may have claimed a call without having sent it.
            with self.store(readonly=True) as reader:
                for reference, entry in reader.look_up(REFERENCES).items():
                    if entry.state is State.IN_FLIGHT and actions[reference].sends:
                        self.claimed(reference, State.IN_FLIGHT)
            return
        store.close()
        self.swept()
        self.follow(api.log)
        self.compare(result)

    def swept(self) -> None:
        """A run begins with the calls that crashed ones have left in flight."""
        for known in self.known.values():
            if known.state is State.IN_FLIGHT:
                known.state = State.IN_DOUBT

    def follow(self, log: list[tuple[str, Way]]) -> None:
        """What the ledger has to know behind these requests."""
        for reference, way in log:
            told = self.told[reference]
            told.risks += way.event_type in (EventType.ACCEPTED, EventType.UNCLEAR, None)
            if way.rings:
                told.rang, told.denied = True, False
            match way.event_type:
                case EventType.ACCEPTED:
                    self.claimed(reference, State.PLACED)
                case EventType.REFUSED:
                    self.claimed(reference, State.REJECTED)
                case EventType.UNCLEAR:
                    self.claimed(reference, State.IN_DOUBT)
                case None:
                    self.claimed(reference, State.IN_FLIGHT)
                case _ if self.known[reference].state is None:
                    self.known[reference] = Known(counts=True)

    def claimed(self, reference: str, state: State) -> None:
        self.known[reference] = Known(state, self.patients[reference])

    def compare(self, result: Result) -> None:
        """A result says of every call what the ledger says."""
        outcomes = {made.reference_id: made.outcome for made in result.calls}
        for reference, known in self.known.items():
            match known.state:
                case State.PLACED | State.FINISHED if self.is_edited(reference):
                    assert outcomes[reference] is Outcome.CONFLICT
                case State.PLACED | State.FINISHED:
                    assert outcomes[reference] in (Outcome.PLACED, Outcome.UNCHANGED)
                case State.IN_DOUBT:
                    assert outcomes[reference] is Outcome.IN_DOUBT
                case State.REJECTED:
                    assert outcomes[reference] in (Outcome.REJECTED, Outcome.NOT_ATTEMPTED)
                case State.CANCELLED:
                    assert outcomes[reference] is Outcome.CANCELLED
                case None:
                    assert outcomes[reference] is Outcome.NOT_ATTEMPTED

    @precondition(lambda self: any(told.rang for told in self.told.values()))
    @rule(data=st.data(), code=st.sampled_from([9, 10, 12]))
    def callback(self, data: st.DataObject, code: int) -> None:
        """The API tells how a call ended, that of one callee; now, later, or again."""
        reference, callee, call_id = self.draw_one_that_rang(data)
        with self.store() as store:
            assert store.called_back({reference: [Leg(callee, call_id, code=code)]})[reference] is not None
        self.prove(reference, callee, ended=True)

    @precondition(lambda self: any(told.rang for told in self.told.values()))
    @rule(data=st.data(), code=st.sampled_from([None, 10]))
    def record(self, data: st.DataObject, code: int | None) -> None:
        """A Call Detail Record of one callee."""
        reference, callee, call_id = self.draw_one_that_rang(data)
        with self.store() as store:
            assert store.recorded({reference: [Leg(callee, call_id, code=code)]})[reference] is not None
        self.prove(reference, callee, ended=code is not None)

    def draw_one_that_rang(self, data: st.DataObject) -> tuple[str, str, str]:
        reference = data.draw(st.sampled_from([name for name, told in self.told.items() if told.rang]))
        callee, call_id = data.draw(st.sampled_from(list(ids(reference))))
        return reference, callee, call_id

    def prove(self, reference: str, callee: str, *, ended: bool) -> None:
        """A proof that a call was placed always counts, and once."""
        known = self.known[reference]
        known.heard.add(callee)
        if ended:
            known.ended.add(callee)
        all_ended = known.ended >= (set(CALLEES[reference]) if known.whole else known.heard)
        if known.state is not State.FINISHED:
            known.state = State.FINISHED if all_ended else State.PLACED

    @rule(reference=st.sampled_from(REFERENCES), placed=st.booleans())
    def resolve(self, reference: str, placed: bool) -> None:
        """An operator's word: on a call in doubt, and that one was placed also where nobody knows of it."""
        known, told = self.known[reference], self.told[reference]
        allowed = known.state in (State.IN_FLIGHT, State.IN_DOUBT) or (placed and known.state in MAY_BE_CALLED)
        with self.store() as store:
            said = resolve(store, reference, placed=placed)
        assert (said == ("placed" if placed else "rejected")) == allowed
        if not allowed:
            return
        if known.state is None:
            known = self.known[reference] = Known(None, whole=False)
        known.state = State.PLACED if placed else State.REJECTED
        if not placed:
            told.words += 1
            told.denied = True

    @rule(reference=st.sampled_from(REFERENCES), state=st.sampled_from([State.PLACED, State.FINISHED, State.IN_DOUBT]))
    def adopt(self, reference: str, state: State) -> None:
        """A call that another program has placed."""
        with self.store() as store:
            imported = store.import_calls([ImportedCall(reference, state)])
        known = self.known[reference]
        if known.state in (None, State.REJECTED) or (known.state is State.CANCELLED and state is not State.IN_DOUBT):
            assert imported.added == [reference]
            self.known[reference] = Known(state, whole=False)
        else:
            assert list(imported.present) == [reference]

    @precondition(lambda self: any(known.state is None for known in self.known.values()))
    @rule(data=st.data(), way=st.sampled_from(["callback", "record"]))
    def hear_of_an_unknown_call(self, data: st.DataObject, way: str) -> None:
        """Evidence of a call that was placed when this ledger was another one."""
        reference = data.draw(st.sampled_from([name for name, known in self.known.items() if known.state is None]))
        callee, call_id = next(ids(reference))
        legs = [Leg(callee, call_id, code=10)]
        with self.store() as store:
            if way == "callback":
                store.called_back({reference: legs})
            else:
                assert store.recorded({reference: legs}) == {reference: None}
                store.recorded({reference: legs}, unknown=State.IN_DOUBT)
        state = State.FINISHED if way == "callback" else State.IN_DOUBT
        self.known[reference] = Known(state, heard={callee}, ended={callee}, whole=False)
        self.told[reference].rang, self.told[reference].denied = True, False

    @rule(reference=st.sampled_from(REFERENCES))
    def cancel(self, reference: str) -> None:
        """A call is never to be placed: where nobody knows that it was."""
        known = self.known[reference]
        allowed = known.state in (None, State.REJECTED, State.IN_FLIGHT, State.IN_DOUBT)
        with self.store() as store:
            assert operate(store, Cancel(list), reference).changed == allowed
        if allowed:
            known.before = State.IN_DOUBT if known.state is State.IN_FLIGHT else known.state
            known.state, known.counts = State.CANCELLED, True

    @rule(reference=st.sampled_from(REFERENCES))
    def undo(self, reference: str) -> None:
        """That is taken back, and the call is what it was."""
        known = self.known[reference]
        allowed = known.state is State.CANCELLED
        with self.store() as store:
            assert operate(store, UndoCancel(), reference).changed == allowed
        if allowed:
            known.state = known.before

    @rule(reference=st.sampled_from(REFERENCES))
    def accept(self, reference: str) -> None:
        """What the files say of a placed call was meant."""
        known = self.known[reference]
        allowed = known.state in (State.PLACED, State.FINISHED) and self.is_edited(reference)
        made = call(reference, *CALLEES[reference], patient=self.patients[reference])
        with self.store() as store:
            assert operate(store, Accept({reference: fingerprint(made.body)}), reference).changed == allowed
        if allowed:
            known.patient = self.patients[reference]

    @rule()
    def purge(self) -> None:
        with self.store() as store:
            store.purge(datetime.now(UTC) + timedelta(days=1))
        for known in self.known.values():
            if known.state not in (State.IN_FLIGHT, State.IN_DOUBT):
                known.patient, known.whole = None, False
                known.heard, known.ended = set(), set()
                known.purged = known.purged or known.counts or known.state is not None

    @invariant()
    def what_is_in_the_ledger_is_what_happened(self) -> None:
        with self.store(readonly=True) as store:
            assert store.verify() is None
            entries = store.look_up(REFERENCES)
        states = {name: entries[name].state if name in entries else None for name in REFERENCES}
        assert states == {name: known.state for name, known in self.known.items()}

    @invariant()
    def no_call_was_risked_twice_without_a_word(self) -> None:
        for reference, told in self.told.items():
            assert told.risks <= 1 + told.words, reference
            if told.rang and not told.denied:
                assert self.known[reference].state not in (None, State.REJECTED), reference


def run(plan: Plan, api: LoggingApi, store: Store, concurrency: int) -> Result:
    return asyncio.run(
        apply(
            plan,
            sends_of(plan),
            RunOptions(lambda _call: None, lambda _result: None, concurrency, timing=QUICK),
            api=api,
            ledger=store,
            shutdown=ShutdownRequest(),
        )
    )


def die(store: Store) -> None:
    """What the end of a process does: its files close and its locks go, nothing is written."""
    leases = store._database._leases
    for descriptor in leases._held.values():
        os.close(descriptor)
    leases._held.clear()
    store._database.close()


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(max_examples=10, stateful_step_count=20, suppress_health_check=list(HealthCheck))


@pytest.mark.long
class TestLedgersForLong(Ledgers.TestCase):
    settings = settings(max_examples=400, stateful_step_count=40, suppress_health_check=list(HealthCheck))
