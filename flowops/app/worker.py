"""A worker: it places what is due of campaigns until it is told to stop, and takes over from workers that are gone."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shlex
import time
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.app.access import address_of, guards_of, open_for
from flowops.app.apply import addresses_of_callbacks, api_of
from flowops.app.callback_server import callbacks_at, receiver
from flowops.app.campaigns import judge, seal_of
from flowops.app.load import load_project
from flowops.app.notify import DONE, FAILED, GUARD, IN_DOUBT, PATIENT, SOON, STOPPED, Notifier
from flowops.app.policy_run import ClaimCheck, facts_of
from flowops.app.secrets import token_of
from flowops.app.services import LOOK, Monitor, Pauses, sleep
from flowops.app.turns import OUTCOME, Rulings, Turns, bring_forward
from flowops.apply.control import Halt, ShutdownRequest, with_signals
from flowops.apply.options import RunOptions
from flowops.apply.placer import Placer
from flowops.campaigns.engine import Job
from flowops.common import addresses
from flowops.common.addresses import is_postgres, sqlite_file
from flowops.common.exit_codes import ExitCode
from flowops.common.safe_files import PRIVATE_FILE
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.httpd import open_listener, serving, url_of
from flowops.ledger.files import FOREIGN, JOURNAL, beside, check_own, create_private
from flowops.model.campaign import BatchTurn, CampaignState
from flowops.model.ledger import State
from flowops.model.project import settings_of
from flowops.policy.evaluate import tripped
from flowops.policy.policy import Policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from flowops.app.callback_server import Callbacks
    from flowops.app.load import Workspace
    from flowops.app.observer import Observer
    from flowops.campaigns.engine import Engine
    from flowops.ledger.store import Store
    from flowops.model.campaign import Campaign, Left
    from flowops.model.claims import Condition
    from flowops.model.ledger import Checkpoint
    from flowops.model.plan import Decision, PlannedCall
    from flowops.model.project import Environment

_log = logging.getLogger(__name__)
#: How many batches a worker goes through at once, at least, and for how many connections one more: the engine hands out
#: others once a second only, and until then the connections need calls.
SLOTS, CONNECTIONS_A_SLOT = 12, 4
#: Seconds for which the configuration, the policy and its lists hold before they are read again.
FRESH = 15.0
#: What is counted of campaigns takes at most this part of the time: one in so many.
SPARING = 20.0
#: Seconds between two searches for batches whose jobs were lost.
AUDIT = 300.0
#: Seconds for which nothing is due when a worker closes its engine, and between two looks until something is.
RESTFUL, RESTING = 120.0, 2.0
#: Seconds by which the clocks of a worker and the database may differ.
MOST_AHEAD = 5.0
#: Seconds that a worker which stops waits for the turns that it has in hand.
PATIENCE = 60.0


class WorkerOptions(NamedTuple):
    """The options of a worker: `once` places what is due and ends; `concurrency` is the environment's if not given.

    `listen` is a host and a port at which it receives callbacks, too, and says how it is.
    """

    environment: str
    once: bool = False
    concurrency: int | None = None
    listen: tuple[str, int] | None = None


def run(options: WorkerOptions, observer: Observer) -> int:
    """Place what is due of an environment's campaigns until a signal comes; return its number, 0 without one.

    Raises UsageError, LedgerError and ApiError for what keeps it from beginning.
    """
    workspace = load_project(options.environment)
    if not workspace.environment.sandboxed:
        token_of(workspace.project, workspace.environment)
    # Whatever is wrong with the ledger or the key is told before a file is made beside it.
    with open_for(workspace.project, workspace.environment, readonly=True) as ledger:
        seal_of(workspace.project, workspace.environment, ledger)
    return asyncio.run(_until_signal(options, workspace, observer))


async def _until_signal(options: WorkerOptions, workspace: Workspace, observer: Observer) -> int:
    """Begin one run after the other, until a signal comes, or nothing is due."""
    shutdown, pauses = ShutdownRequest(), Pauses()
    monitor = Monitor(workspace.environment.name, workspace.environment.rate)
    notifier = Notifier(workspace.project, workspace.environment, SOON if options.once else PATIENT)
    shutdown.when_requested(notifier.close)
    with with_signals(shutdown), _alone(workspace):
        observer.report(f"working for {workspace.environment.name}; stop it with Ctrl-C or SIGTERM")
        async with _listening(options, workspace, monitor, observer) as callbacks:
            is_first = True
            while True:
                began = time.monotonic()
                try:
                    failure = await _run(options, workspace, shutdown, observer, monitor, callbacks, notifier)
                except LedgerError as error:
                    # What keeps a worker from beginning is told at once; one that has begun waits for its ledger.
                    if options.once or (is_first and time.monotonic() - began < LOOK):
                        raise
                    failure = error.message
                finally:
                    monitor.end()
                is_first = False
                if shutdown.signal is not None or (failure is None and options.once):
                    return shutdown.signal or ExitCode.DONE
                if failure is None:  # nothing was due for a while
                    continue
                observer.report(f"the run has ended: {failure}")
                notifier.tell(
                    {FAILED}, "a worker's run has ended early", f"see: flowops doctor --env {notifier.env}", once="run"
                )
                if options.once:
                    return ExitCode.API
                pause = pauses.behind(time.monotonic() - began)
                observer.report(f"another one begins in {pause:.0f} s")
                await sleep(shutdown, pause, monitor.looked)


async def _run(
    options: WorkerOptions,
    workspace: Workspace,
    shutdown: ShutdownRequest,
    observer: Observer,
    monitor: Monitor,
    callbacks: Callbacks | None,
    notifier: Notifier,
) -> str | None:
    """Work with one run of the ledger; return what has ended it early, None where nothing has."""
    project, environment = workspace.project, workspace.environment
    with open_for(project, environment, places=True, observer=observer) as ledger, notifier.watching(ledger):
        _check_clock(ledger)
        ledger.begin()
        _log.info("run %(run)s", {"run": ledger.run})
        async with api_of(project, environment) as api:
            worker = _Worker(options, workspace, ledger, observer, monitor, notifier)
            placing = RunOptions(
                addresses_of_callbacks(project, environment, callbacks, ledger.id),
                monitor.done,
                concurrency=_connections(options, environment),
                rate=environment.rate,
                check=worker.check,
            )
            placer = Placer(placing, api=api, ledger=ledger, shutdown=shutdown)
            monitor.begin(ledger, receiver(environment, callbacks.keys, ledger) if callbacks is not None else None)
            return await worker.work(placer, shutdown)


def _connections(options: WorkerOptions, environment: Environment) -> int:
    return options.concurrency or environment.concurrency


def _check_clock(ledger: Store) -> None:
    """Raise LedgerError where this machine's clock is not the database's: it says when windows open."""
    ahead = ledger.clock_difference()
    if abs(ahead) > MOST_AHEAD:
        raise LedgerError(
            f"the clock of this machine is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's",
            hint="set the clocks of both by the network (NTP): by them calls ring within their windows",
        )


@asynccontextmanager
async def _listening(
    options: WorkerOptions, workspace: Workspace, monitor: Monitor, observer: Observer
) -> AsyncIterator[Callbacks | None]:
    """Answer over HTTP for as long as the block lasts, where that is asked for; give what callbacks are signed with.

    The embedded API has nobody else to call back. None where the environment has no callbacks, or nobody listens.
    """
    if options.listen is None:
        yield None
        return
    environment, host = workspace.environment, options.listen[0]
    with open_listener(*options.listen) as listener:
        url = url_of(listener, host)
        callbacks = callbacks_at(url, workspace.project, environment)
        async with serving(listener, monitor):
            observer.report(f"listening on {url}")
            yield callbacks


class _Worker:
    """One run of a worker."""

    def __init__(
        self,
        options: WorkerOptions,
        workspace: Workspace,
        ledger: Store,
        observer: Observer,
        monitor: Monitor,
        notifier: Notifier,
    ) -> None:
        self._options = options
        self._notifier = notifier
        self._ledger = ledger
        self._observer = observer
        self._monitor = monitor
        self._address = address_of(workspace.project, workspace.environment)
        self._root = workspace.project.root
        self._seal = seal_of(workspace.project, workspace.environment, ledger)
        self._connections = _connections(options, workspace.environment)
        settings = workspace.environment.workers
        self._keep = settings.keep if settings is not None else timedelta()
        self._in_hand = 0
        self._failed: Exception | None = None
        self._known: frozenset[str] = frozenset()
        self._audited_at = float("-inf")
        #: How far the ledger went when campaigns were judged last, when they are judged again at the earliest.
        self._judged: Checkpoint | None = None
        self._judge_at = float("-inf")
        self._told: set[str] = set()
        self._read_at = float("-inf")
        self._read()

    async def work(self, placer: Placer, shutdown: ShutdownRequest) -> str | None:
        """Take turns until a signal comes, the run has to end, or nothing is due for a while; return what ended it.

        The engine looks at its tables all the time, so there is none while nothing is due.
        """
        if not self._options.once:
            await self._rest(shutdown)
        if shutdown.signal is not None:
            return None
        loop = asyncio.get_running_loop()
        turns = Turns(self._ledger, self._seal, self.rulings, placer.place, self._tell, self._pause)
        engine = await asyncio.to_thread(self._open_engine)

        async def take(job: Job) -> None:
            self._in_hand += 1
            try:
                after = await turns.take(job)
                self._monitor.took_turn()
                if after is not None:
                    await asyncio.to_thread(engine.enqueue, [(_job(after), _seconds_to(after.due_at))])
            except Exception as error:  # a turn that fails ends the run: another one begins with what the ledger says
                self._failed = self._failed or error
            finally:
                self._in_hand -= 1

        def handle(job: Job) -> None:
            asyncio.run_coroutine_threadsafe(take(job), loop).result()

        if self._options.once:
            await asyncio.to_thread(self._hasten)
        slots = max(SLOTS, self._connections // CONNECTIONS_A_SLOT)
        await asyncio.to_thread(engine.start, handle, slots)
        running = asyncio.create_task(placer.run(), name="flowops-run")
        try:
            while not running.done() and shutdown.signal is None and self._failed is None:
                rest = await asyncio.to_thread(self._look_after, engine)
                if (
                    rest > 0.0
                    and not self._in_hand
                    and (self._options.once or not await asyncio.to_thread(self._is_needed))
                ):
                    break
                await asyncio.wait([running], timeout=LOOK)
        finally:
            placer.close()
            await asyncio.wait([running])
            await asyncio.to_thread(engine.stop, PATIENCE if self._in_hand else 0.0)
        running.result()
        if placer.unauthorized:
            await asyncio.to_thread(self._pause_all, f"the token was not accepted: {placer.failure}")
        if self._failed is not None:
            raise self._failed
        return placer.failure

    def _pause_all(self, why: str) -> None:
        """Pause all campaigns of the environment, which have one token: to ask again and again helps nobody."""
        for campaign in self._running():
            resume = f"flowops campaign resume {campaign.id} --env {shlex.quote(self._options.environment)}"
            self._pause(campaign, why, f"; once it is right: {resume}")

    def _pause(self, campaign: Campaign, why: str, remedy: str = "") -> None:
        """Pause a campaign, and tell everybody."""
        self._ledger.campaigns.set(campaign.id, CampaignState.PAUSED, why)
        self._tell(f"campaign {campaign.name} is paused: {why}{remedy}")
        self._notify_paused(campaign)

    async def _rest(self, shutdown: ShutdownRequest) -> None:
        """Wait until something is due soon, or a campaign has to be judged, or a signal comes."""
        while not await asyncio.to_thread(self._has_become_needed):
            _log.debug("nothing is due; the next look is in %(seconds).0f s", {"seconds": RESTING})
            await sleep(shutdown, RESTING, self._monitor.looked)
            if shutdown.signal is not None:
                return

    def _has_become_needed(self) -> bool:
        bring_forward(self._ledger)  # what that brings forward gets its jobs when there is an engine
        return self._is_needed()

    def _is_needed(self) -> bool:
        running, left = self._running(), self._ledger.campaigns.left()
        return any(each.id not in left or _seconds_to(left[each.id].due_at) <= RESTFUL for each in running)

    def _running(self) -> list[Campaign]:
        return [each for each in self._ledger.campaigns.all() if each.state is CampaignState.RUNNING]

    def rulings(self) -> Rulings:
        """Return what decides about calls, read again where that was long ago."""
        if time.monotonic() - self._read_at > FRESH:
            self._read()
        return self._rulings

    async def check(self, planned: PlannedCall) -> Decision | Condition | None:
        """Return why a call may not be placed now, or what its claim depends on."""
        return await self._check(planned)

    def _read(self) -> None:
        workspace = load_project(self._options.environment)
        at, policy = clock(), workspace.policy or Policy()
        facts = facts_of(workspace, self._ledger, at, None)
        guards = (*guards_of(self._ledger), *tripped(policy, facts, at))
        settings = settings_of(workspace.project, workspace.environment)
        self._rulings = Rulings(settings, policy, facts, guards)
        self._check = ClaimCheck(policy, facts, Halt(), clock)
        self._read_at = time.monotonic()
        for guard in guards:
            self._tell(f"nothing is placed: {guard.reason}")
            event = STOPPED if guard.name == "stop" else GUARD
            self._notifier.tell({event}, f"workers place nothing: {guard.name}", once=guard.name)

    def _tell(self, text: str) -> None:
        """Tell something once."""
        if text not in self._told:
            self._told.add(text)
            _log.warning("%(why)s", {"why": text})
            self._observer.report(text)

    def _open_engine(self) -> Engine:
        from flowops.campaigns.dbos import DbosEngine

        if is_postgres(self._address.url):
            given = addresses.parameters(self._address.url)
            return DbosEngine(self._ledger.run, lambda: addresses.connect(given))
        file = beside(Path(sqlite_file(self._address.url)), ".work")
        check_own([file, *(beside(file, suffix) for suffix in (JOURNAL, *FOREIGN))], self._root)
        create_private(file)
        return DbosEngine(self._ledger.run, file)

    def _hasten(self) -> None:
        """Have those batches looked at now that would be within the time between two looks for outcomes."""
        now = clock()
        self._ledger.campaigns.hasten([each.id for each in self._running()], now, now + OUTCOME)

    def _look_after(self, engine: Engine) -> float:
        """Take over from workers that are gone, see what has ended, find batches that nobody has in hand.

        Return for how many seconds nothing is due.
        """
        self._monitor.looked()
        ledger, campaigns = self._ledger, self._ledger.campaigns
        engine.take_over(ledger.alive)
        engine.enqueue([(_job(turn), _seconds_to(turn.due_at)) for turn in bring_forward(ledger)])
        running, left = self._running(), campaigns.left()
        self._judge(running, left)
        now = frozenset(left)
        if now != self._known or time.monotonic() - self._audited_at > AUDIT:
            known = engine.known()
            for turn in campaigns.open_batches():
                if _job(turn) not in known:
                    self._give_job(engine, turn)
            campaigns.undo_unfinished()
            for gone in {*(self._known - now), *campaigns.purge(clock() - self._keep)}:
                engine.drop(gone)
            self._known, self._audited_at = now, time.monotonic()
        return min((_seconds_to(each.due_at) for each in left.values()), default=inf)

    def _judge(self, running: Sequence[Campaign], left: Mapping[str, Left]) -> None:
        """Judge the campaigns that are placed: those with nothing left, and all of them where something has happened.

        What counts a campaign's calls takes its time with a million of them, so it is asked for the more seldom.
        """
        began, policy = time.monotonic(), self.rulings().policy
        at = self._ledger.checkpoint() if policy.stop_on and began > self._judge_at else self._judged
        for campaign in running:
            if campaign.id not in left or campaign.canary is not None or at != self._judged:
                became = judge(self._ledger, campaign, self._seal, policy)
                if became is not None:
                    _log.info("campaign %(campaign)s is %(state)s", {"campaign": campaign.id, "state": became.value})
                if became is CampaignState.PAUSED:
                    self._notify_paused(campaign)
                elif became is CampaignState.FINISHED:
                    self._notify_finished(campaign)
        if at != self._judged:
            self._judged, self._judge_at = at, time.monotonic() + SPARING * (time.monotonic() - began)

    def _notify_paused(self, campaign: Campaign) -> None:
        """Tell that a campaign is paused, by a guard or because something differs from what was approved."""
        self._notifier.tell({GUARD}, f"campaign {campaign.id} is paused", self._see(campaign))

    def _notify_finished(self, campaign: Campaign) -> None:
        """Tell what a campaign came to that has finished."""
        over = self._ledger.campaigns.find(campaign.id)
        counts = over.totals.counts if over is not None and over.totals is not None else {}
        found = {FAILED: counts.get(State.REJECTED), IN_DOUBT: counts.get(State.IN_DOUBT)}
        events = {event for event, number in found.items() if number} or {DONE}
        words = ((number, "not placed" if state is None else state.value) for state, number in counts.items())
        totals = ", ".join(f"{number:,} {word.replace('-', ' ')}" for number, word in words if number)
        self._notifier.tell(events, f"campaign {campaign.id} has finished: {totals}", self._see(campaign))

    def _see(self, campaign: Campaign) -> str:
        return f"see: flowops campaign show {campaign.id} --env {self._notifier.env}"

    def _give_job(self, engine: Engine, turn: BatchTurn) -> None:
        """Give a batch that no job is about one of its next turn: that of this turn was lost, or has failed."""
        again = self._ledger.campaigns.advance(turn, datetime.fromisoformat(turn.due_at))
        if again is not None:
            engine.enqueue([(_job(again), _seconds_to(again.due_at))])


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """Be the only worker of an SQLite ledger. Raises LedgerError where there is another one."""
    url = address_of(workspace.project, workspace.environment).url
    if is_postgres(url):
        yield
        return
    file = beside(Path(sqlite_file(url)), ".worker")
    check_own([file], workspace.project.root)
    if workspace.environment.sandboxed:  # its ledger is made by the first run
        create_private(file)
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
    except OSError as error:
        raise LedgerError(f"{file}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LedgerError(
                "another worker works on this ledger already", hint="several workers share a ledger in PostgreSQL"
            ) from None
        yield
    finally:
        os.close(descriptor)


def _job(turn: BatchTurn) -> Job:
    return Job(turn.campaign, turn.number, turn.turn)


def _seconds_to(at: str) -> float:
    """Return how long it is until a time."""
    return (datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds()
