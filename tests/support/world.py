"""A world in which everything may go wrong, and everything that does follows from a seed.

Runs of the real `flowops.apply` share one real store, in memory. They are killed, frozen and signalled; the ledger
fails before and behind its commits; the API answers late, wrongly or not at all; callbacks come early, late, twice or
never; an operator settles what has been in doubt for a while, and people edit, rename, cancel and accept
(`support.people`). Nothing here is told what anybody has decided: the server counts what it receives.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from flowops.apply.control import ShutdownRequest
from flowops.apply.options import RunOptions
from flowops.apply.run import RunFailed, apply, move
from flowops.errors import LedgerError
from flowops.ledger import operations, records
from flowops.ledger.database import LEASE_LOST, Lease
from flowops.ledger.database import now as wall_clock
from flowops.ledger.history import Opened
from flowops.ledger.keys import GIVEN
from flowops.ledger.postgres import BEAT, LEASE, TO_SEND
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.ledger.spool import Spool
from flowops.ledger.sqlite import SqliteDatabase
from flowops.ledger.store import Store
from flowops.model.claims import Claim
from flowops.model.ledger import Actor, EventType, Leg, Owner, State
from flowops.model.plan import Action
from flowops.model.result import Verdict
from flowops.plan.decide import fingerprint_as
from support.people import CALLEE, People, names, occasion
from support.plans import plan_of, sends_of
from support.virtual import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
    from pathlib import Path

    from flowops.ledger.database import Connection
    from flowops.model.document import Value
    from flowops.model.result import Result

ENVIRONMENT, LEDGER, KEY = "production", "00000000-0000-0000-0000-000000000001", b"k" * 32
#: What a request meets, how often, what the run hears, and whether phones ring.
WAYS: tuple[tuple[str, int, EventType, bool], ...] = (
    ("accepted", 60, EventType.ACCEPTED, True),
    ("refused", 6, EventType.REFUSED, False),
    ("throttled", 6, EventType.THROTTLED, False),
    ("unsent", 6, EventType.UNSENT, False),
    ("answer lost", 8, EventType.UNCLEAR, True),
    ("request lost", 8, EventType.UNCLEAR, False),
)
_process: ContextVar[Process] = ContextVar("process")


class Leases(SqliteDatabase):
    """A database in memory; a lease lasts as long as the process, or as its session and its heartbeats."""

    def __init__(self, clock: Callable[[], float], *, heartbeats: bool) -> None:
        super().__init__(None, readonly=False)
        self._clock = clock
        self._heartbeats = heartbeats
        self._beats: dict[str, float] = {}
        self.sessions: set[str] = set()
        #: Hears of each lease that is taken.
        self.taken: Callable[[], None] = lambda: None
        self.fails: Callable[[], str | None] = lambda: None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        fault = self.fails()
        if fault == "before":
            raise LedgerError("the ledger fails before the commit")
        with super().writing() as connection:
            yield connection
        if fault == "behind":
            raise LedgerError("the ledger fails behind the commit")

    def take_lease(self, connection: Connection, run: str) -> None:
        self.sessions.add(run)
        self._beats[run] = self._clock()
        self.taken()

    def renew(self, run: str) -> None:
        """Renew a lease that has not ended, in a session that may be a new one."""
        self.sessions.add(run)
        if self._beating(run) and not self.read(partial(_has_ended, run)):
            self._beats[run] = self._clock()

    def lease(self, connection: Connection, run: str) -> Lease:
        if not self._heartbeats:
            return Lease(None, self._clock())
        if _has_ended(run, connection) or not self._beating(run):
            return Lease(LEASE_LOST, self._clock())
        if self._clock() - self._beats[run] > LEASE - TO_SEND:
            self._beats[run] = self._clock()
        return Lease(None, self._clock())

    def clock(self, connection: Connection) -> float:
        return self._clock()

    def alive(self, connection: Connection, named: Sequence[str]) -> set[str]:
        return {run for run in named if run in self.sessions and (not self._heartbeats or self._beating(run))}

    def may_be_running(self, connection: Connection, run: str) -> bool:
        return run in self.sessions or (self._heartbeats and self._beating(run))

    def _beating(self, run: str) -> bool:
        return self._clock() - self._beats.get(run, float("-inf")) < LEASE


def _has_ended(run: str, connection: Connection) -> bool:
    query = "SELECT 1 FROM flowops_runs WHERE run = ? AND ended_at IS NOT NULL"
    return connection.raw.execute(query, (run,)).fetchone() is not None


class Process:
    """One run's process: it may be frozen for a while, and it may be killed."""

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self.store = store
        self.shutdown = ShutdownRequest(lambda: asyncio.get_running_loop().time())
        self.killed = self.has_ended = False
        self.frozen_until = 0.0
        self._buried = asyncio.Event()

    async def gate(self) -> bool:
        """Go on only if the process does; whether it stood still here. A killed one waits until `bury`."""
        waited = False
        loop = asyncio.get_running_loop()
        while self.killed or loop.time() < self.frozen_until:
            waited = True
            if self.killed:
                await self._buried.wait()
                raise LedgerError("the process is gone")
            await asyncio.sleep(self.frozen_until - loop.time())
        return waited

    def bury(self) -> None:
        """Let the coroutines of a killed process end; what they do meanwhile reaches nobody."""
        self._buried.set()


@dataclass
class World:
    """Everything that is shared. `rang` counts by reference how often the server has made phones ring."""

    seed: int
    directory: Path
    references: Sequence[str]
    random: random.Random = field(init=False)
    loop: VirtualLoop = field(init=False)
    story: list[str] = field(default_factory=list)
    rang: Counter[str] = field(default_factory=Counter)
    #: Requests that left a process which stood still in the very moment of sending: nothing can hold these back.
    late: Counter[str] = field(default_factory=Counter)
    calm: bool = False
    #: Whether it is a run that uses the ledger right now.
    _writing: bool = False
    #: When each request left; the processes that were killed, by name, and what is left of them.
    sent: list[float] = field(default_factory=list)
    killed: dict[str, Process] = field(default_factory=dict)
    left_behind: list[asyncio.Future[Any]] = field(default_factory=list)
    _failures: list[BaseException] = field(default_factory=list)
    _hearts: set[asyncio.Future[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.loop = VirtualLoop()
        self.loop.thread = self._on_a_thread
        self.loop.set_exception_handler(self._notice)
        self.heartbeats = self.random.random() < 0.5
        self.rate = self.random.choice([None, None, 1.0, 20.0])
        self.database = Leases(self.loop.time, heartbeats=self.heartbeats)
        self.database.write(self._make)
        self.listener = self.new_store("listener")
        self.people = People(self)

    def _make(self, connection: Connection) -> None:
        records.upgrade(self.database, connection)
        records.insert(connection, Owner("", ENVIRONMENT), LEDGER, GIVEN, KEY)

    def tell(self, who: str, what: str) -> None:
        """A line of the story."""
        self.story.append(f"{self.loop.time():9.3f} {who}: {what}")

    def chance(self, share: float) -> bool:
        """Whether something goes wrong; nothing does in a calm world."""
        return not self.calm and self.random.random() < share

    def new_store(self, who: str) -> Store:
        spool = Spool(self.directory / "spool", self.directory)
        return Store(Opened(self.database, ENVIRONMENT, LEDGER, 1, Pseudonymizer(KEY), Actor(who, "host"), spool))

    def _notice(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What fails in a callback of the loop fails the test."""
        self._failures.append(context.get("exception") or RuntimeError(context["message"]))

    def live(self, history: Callable[[World], Coroutine[Any, Any, None]]) -> None:
        """Let a history happen; this world's clock is everybody's meanwhile."""
        with (
            mock.patch("flowops.apply.connections.now", self.loop.time),
            mock.patch("flowops.apply.run.now", self.loop.time),
            mock.patch("flowops.ledger.store.monotonic", self.loop.time),
            mock.patch.object(self.database, "fails", self._ledger_fails),
            asyncio.Runner(loop_factory=lambda: self.loop) as runner,
        ):
            runner.run(history(self))
        for failure in self._failures:
            raise failure

    def _ledger_fails(self) -> str | None:
        # Of what operators and callbacks write, nothing fails here: it would be tried again.
        if not self._writing or not self.chance(0.01):
            return None
        return self.random.choice(["before", "behind"])

    async def _on_a_thread(self, func: Callable[[], Any]) -> Any:
        process = _process.get()
        await self._go_on(process)
        self._writing = True
        try:
            answer = func()
        finally:
            self._writing = False
        # The worst moment is when a claim is durable and nobody in the process knows it yet.
        await self._go_on(process, freezes=0.15 if _claims(func) else 0.01)
        return answer

    async def _go_on(self, process: Process, *, freezes: float = 0.01) -> bool:
        """Between two steps of a process, where it may be killed or stand still; whether it has stood still."""
        await asyncio.sleep(self.random.choice([0.0, 0.001, 0.01, 0.1]) * self.random.random())
        if self.chance(0.005) and not process.killed:
            self.kill(process)
        elif self.chance(freezes):
            process.frozen_until = self.loop.time() + self.random.choice([0.5, 5.0, 40.0, 400.0, 400.0])
            self.tell(process.name, f"is frozen until {process.frozen_until:.3f}")
        return await process.gate()

    def kill(self, process: Process) -> None:
        """End a process; nothing of it goes on, and after a moment the database has noticed."""
        self.tell(process.name, "is killed")
        process.killed = True
        self.killed[process.name] = process
        self.loop.call_later(self.random.random(), self.database.sessions.discard, process.store.run)
        self.loop.call_later(1_000.0, process.bury)

    async def run(self, name: str) -> tuple[Process, Result | None]:
        """One whole `flowops apply`: opened, planned, applied, closed; None for a process that was killed."""
        process = Process(name, self.new_store(name))
        _process.set(process)
        self.database.taken = self._begin_to_beat
        self.tell(name, "starts")
        process.store.take_in_spool()
        plan = plan_of(self.people.calls(), environment=ENVIRONMENT, revision=None, ledger=process.store)
        troubles = asyncio.create_task(self._trouble(process))
        moves = [planned for planned in plan.calls if planned.action is Action.MOVED]
        try:
            moved = move([moves], process.store, fingerprint_as) if moves else {}
            result = await apply(
                plan,
                sends_of(plan),
                RunOptions(
                    callback_url=lambda _call: None,
                    progress=lambda result: self.tell(name, f"{result.reference_id} {result.outcome}"),
                    concurrency=self.random.choice([1, 2, 4]),
                    rate=self.rate,
                ),
                api=_Api(self, process),
                ledger=process.store,
                shutdown=process.shutdown,
                before=moved,
            )
        except RunFailed:
            if not process.killed:
                raise
        if process.killed:
            return process, None
        troubles.cancel()
        process.has_ended = True
        if process.store._known:
            run, at = process.store.run, wall_clock()
            self.database.write(lambda connection: operations.end_run(connection, run, at, 0, 0))
        self.database.sessions.discard(process.store.run)
        self.tell(name, "ends")
        return process, result

    def _begin_to_beat(self) -> None:
        process = _process.get()
        self._hearts.add(asyncio.ensure_future(self._beat(process)))

    async def _beat(self, process: Process) -> None:
        """Renew the lease of a process for as long as it lives; one that stands still does not."""
        while not (process.killed or process.has_ended):
            self.database.renew(process.store.run)
            await asyncio.sleep(max(BEAT, process.frozen_until - self.loop.time()))

    async def _trouble(self, process: Process) -> None:
        """What befalls a process while it runs, besides being killed or frozen."""
        while not (self.calm or process.killed):
            await asyncio.sleep(self.random.expovariate(0.1))
            match self.random.choices(["signal", "session"], [1, 20])[0]:
                case "signal":
                    self.tell(process.name, "gets a signal")
                    process.shutdown.request(15)
                case "session" if self.heartbeats:
                    self.tell(process.name, "loses its session")
                    self.database.sessions.discard(process.store.run)

    async def operate(self) -> None:
        """An operator, who looks again after half a minute before asking the vendor, and says what the vendor says."""
        before: set[str] = set()
        while not self.calm:
            await asyncio.sleep(self.random.uniform(30.0, 60.0))
            doubtful = [name for name, entry in self.entries().items() if entry.state is State.IN_DOUBT]
            for name in doubtful:
                if name in before:
                    self.people.resolve(name)  # its run may still send it
            before = set(doubtful)
            if self.chance(0.7):
                self.people.meddle()

    def entries(self) -> Mapping[str, Any]:
        """What the ledger says under every name that a call has or had."""
        return self.listener.look_up([name for first in self.references for name in names(first)])

    def rung(self) -> Counter[str]:
        """How often the phones of each occasion have rung, under whichever name."""
        return _of_occasions(self.rang)

    def too_late(self) -> Counter[str]:
        """How many of these requests left a process that stood still in the very moment of sending."""
        return _of_occasions(self.late)

    def ring(self, name: str, *, late: bool) -> None:
        """The server has read a request, and phones ring."""
        self.rang[name] += 1
        self.late[name] += late
        for _ in range(self.random.choice([0, 1, 1, 2])):
            self.loop.call_later(self.random.uniform(0.0, 60.0), self._call_back, name)

    def _call_back(self, name: str) -> None:
        written = self.listener.called_back({name: [Leg(CALLEE, f"id-{name}", code=10)]})[name]
        self.tell("callback", f"{name} {written.state if written else 'unknown'}")


def _of_occasions(counted: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, times in counted.items():
        found[occasion(name)] += times
    return found


def _claims(method: Callable[[], Any]) -> bool:
    """Whether this call of a ledger's method writes claims."""
    writes = method.args[0] if isinstance(method, partial) and isinstance(method.args[0], list) else []
    return any(isinstance(write, Claim) for write in writes)


class _Api:
    """The API as one process sees it."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[_Api]:
        yield self

    async def place(self, body: Mapping[str, Value]) -> Verdict:
        world, name = self._world, body["instruction-id"]
        late = await world._go_on(self._process)
        way, _, event_type, rings = world.random.choices(WAYS, [weight for _, weight, _, _ in WAYS])[0]
        if world.calm:
            way, _, event_type, rings = WAYS[0]
        world.tell(self._process.name, f"posts {name}: {way}")
        world.sent.append(world.loop.time())
        if rings:
            # On its way it is beyond the reach of whoever sent it.
            world.loop.call_later(world.random.random(), partial(world.ring, name, late=late))
        await asyncio.sleep(world.random.uniform(1.0, 3.0))
        await world._go_on(self._process)
        legs = (Leg(CALLEE, f"id-{name}"),) if event_type is EventType.ACCEPTED else ()
        return Verdict(event_type, legs, detail=way, retry_after=world.random.uniform(0.0, 3.0))
