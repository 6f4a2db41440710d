"""The life of one call in a run: a turn, a claim, one request, a record; again only if nothing was sent."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from flowops.apply.control import Timing
from flowops.apply.group import ClaimsAhead
from flowops.apply.outcome import held_back, may_follow, record_of, sent, unsent
from flowops.common.times import now
from flowops.errors import LedgerError
from flowops.model.claims import Claim
from flowops.model.ledger import EventType
from flowops.model.plan import Decision, Guard
from flowops.model.result import CallResult, Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from flowops.apply.control import CircuitBreaker, ShutdownRequest
    from flowops.apply.group import GroupCommit
    from flowops.model.call import Call
    from flowops.model.claims import Condition, Later, Written
    from flowops.model.document import Value
    from flowops.model.plan import PlannedCall

_log = logging.getLogger(__name__)

CALLBACK_URL = "callback-url"
#: Two pauses that end so close to each other, in seconds, are one; a shorter one is not worth a word.
_SAME_PAUSE = 1.0


class Sender(Protocol):
    """Sends one request after the other."""

    async def place(self, body: Mapping[str, Value]) -> Verdict:
        """Send a body, once; return what became of it."""
        ...


class Api(Protocol):
    """What apply asks of an API; `flowops.api.client.FlowBuilder` is one."""

    def sender(self) -> AbstractAsyncContextManager[Sender]:
        """Open a sender, which sends one request at a time."""
        ...


def _not_told(_told: object) -> None:
    return None


async def _no_check(_planned: PlannedCall) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How the calls of a run are placed.

    `callback_url` gives the address for a call that has none of its own. `progress` gets each result. `concurrency`
    requests are under way at once; `rate` is phones a second, None means no limit. `check` is asked right before
    each claim: why a call may not be placed after all, or on which condition it may be claimed. `attempts_cap` is how
    often one call is tried, as long as nothing was sent. `claimed` gets the reference of each call that is about to be
    sent, `elsewhere` that of each call that another run had claimed first, `paused` the seconds that the API asks
    everybody to wait.
    """

    callback_url: Callable[[Call], str | None]
    progress: Callable[[CallResult], None]
    concurrency: int
    rate: float | None = None
    check: Callable[[PlannedCall], Awaitable[Decision | Condition | None]] = _no_check
    attempts_cap: int = 3
    timing: Timing = field(default_factory=Timing)
    claimed: Callable[[str], None] = _not_told
    elsewhere: Callable[[str], None] = _not_told
    paused: Callable[[float], None] = _not_told


@dataclass(slots=True)
class Findings:
    """What the connections of a run have found out.

    `elsewhere` are the references of calls that another run had claimed first. `unrecorded` maps a reference to its
    call's verdict and attempts when the ledger could not record them. `errors` are exceptions that nobody expects.
    """

    results: dict[str, CallResult] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    unrecorded: dict[str, tuple[Verdict, int]] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)


class Feed:
    """Hands the calls of a run to its connections. They come a batch at a time, each made when it is asked for."""

    def __init__(self, batches: AsyncIterator[Sequence[PlannedCall]]) -> None:
        self._batches = batches
        self._ready: deque[PlannedCall] = deque()
        self._turn = asyncio.Lock()

    async def next(self) -> PlannedCall | None:
        """Return the next call, None behind the last."""
        while not self._ready:
            async with self._turn:
                if self._ready:
                    break
                batch = await anext(self._batches, None)
                if batch is None:
                    return None
                self._ready.extend(batch)
        return self._ready.popleft()


async def one_by_one(batches: Iterable[Sequence[PlannedCall]]) -> AsyncIterator[Sequence[PlannedCall]]:
    """Yield batches; in front of each, answers and signals get their turn: many in a row may have nothing to send."""
    for batch in batches:
        yield batch
        await asyncio.sleep(0)


class Connections:
    """What the connections of a run share, and what they do until the run ends."""

    def __init__(
        self, options: RunOptions, commit: GroupCommit, breaker: CircuitBreaker, shutdown: ShutdownRequest
    ) -> None:
        self.found = Findings()
        self._options = options
        self.commit = commit
        self._ahead = ClaimsAhead(options.concurrency, options.rate)
        #: How many tasks place calls, and how many there may be at most: no more than there are calls.
        self._workers = self._most_workers = 0
        #: Until when the API has asked to wait, by this process's clock.
        self._paused_until = float("-inf")
        self.breaker = breaker
        #: None wakes a call that waits for a connection and will not get one: the claiming has ended.
        self._senders: asyncio.LifoQueue[Sender | None] = asyncio.LifoQueue()
        #: In the order in which they began.
        self._sends: dict[asyncio.Task[None], None] = {}
        #: How many phones a call rings that rings more than one.
        self._several: dict[str, int] = {}
        self._unread: set[asyncio.Future[Written]] = set()
        self._begin_work: Callable[[], object] = lambda: None
        shutdown.when_aborted(self._give_up)

    async def work(self, api: Api, calls: Feed, size: int) -> None:
        """Place `size` calls in their order, as many at once as there are connections, until all are or the run ends.

        Some more are claimed ahead, so that connections do not wait for the disk. Never raises: a failure ends the
        claiming of all, so that what is in flight is still recorded.
        """
        self._most_workers = size
        waking = asyncio.create_task(self._wake_at_the_end(), name="flowops-wake")
        try:
            async with AsyncExitStack() as stack:
                for _ in range(min(self._options.concurrency, size)):
                    self._senders.put_nowait(await stack.enter_async_context(api.sender()))
                async with asyncio.TaskGroup() as tasks:
                    self._begin_work = lambda: tasks.create_task(self._work(calls))
                    self._add_workers()
        except Exception as error:
            self._ended(error)
        finally:
            waking.cancel()

    @property
    def _missing_workers(self) -> int:
        """Return how many more calls than now may be on connections or claimed ahead; less than 0 for fewer."""
        return min(self._options.concurrency + self._ahead.most, self._most_workers) - self._workers

    def _add_workers(self) -> None:
        for _ in range(self._missing_workers):
            self._workers += 1
            self._begin_work()

    async def _work(self, calls: Feed) -> None:
        """Place one call after the other, of those that all workers share, while that many workers are needed."""
        try:
            while not self.breaker.is_open and self._missing_workers >= 0:
                planned = await calls.next()
                if planned is None:
                    self._most_workers = 0
                    break
                result = await self._place(planned)
                if result is not None:
                    self.done(result)
        except Exception as error:
            self._ended(error)
        finally:
            self._workers -= 1

    async def settle(self) -> None:
        """Wait for every answer that is on its way into the ledger."""
        while self._unread:
            await asyncio.wait(self._unread)

    def done(self, result: CallResult) -> None:
        """Keep a result and report it; a terminal that is gone ends the claiming, nothing else."""
        result = result._replace(phones=self._several.pop(result.reference_id, 1))
        self.found.results[result.reference_id] = result
        if _log.isEnabledFor(logging.DEBUG):
            about = {"reference": result.reference_id, "outcome": result.outcome.value, "attempts": result.attempts}
            _log.debug("%(reference)s: %(outcome)s (requests: %(attempts)d)", about)
        try:
            self._options.progress(result)
        except Exception as error:
            self.fail(error)

    async def _place(self, planned: PlannedCall) -> CallResult | None:
        """Place a call. Return None when its turn did not come, another run has it, or its record is being written."""
        call, options = planned.call, self._options
        body = self._body(call)
        attempts, last = 0, ""
        if planned.phones > 1:
            self._several[planned.reference_id] = planned.phones
        while not self.breaker.is_open:
            found = await options.check(planned)
            if isinstance(found, Decision):
                return held_back(planned, found, attempts)
            began = now()
            claim = await self.commit.submit(Claim(call, planned.fingerprint, found, planned.campaign))
            if self._ends_the_run(claim):
                return None
            if claim.later is not None:
                await self._come_later(claim.later)
                continue
            if claim.decision is not None:
                return held_back(planned, claim.decision, attempts)
            if not claim.done:
                self.found.elsewhere.append(planned.reference_id)
                options.elsewhere(planned.reference_id)
                return None
            options.claimed(planned.reference_id)
            await self._slot_comes(claim.slot)
            verdict = await self._send(body, began, final=attempts + 1 >= options.attempts_cap)
            if verdict is None:
                return await self._put_back(planned, attempts, last)
            attempts += 1
            if verdict.event_type is EventType.ACCEPTED and verdict.detail is None:
                self._record_meanwhile(call.reference_id, verdict, attempts)
                return None
            written = await self._record(call.reference_id, verdict, attempts)
            if not may_follow(verdict, written):
                return sent(call.reference_id, verdict, attempts, written)
            last = verdict.detail or verdict.event_type
            if attempts >= options.attempts_cap or not await self._wait_before_again(verdict, attempts):
                break
        return unsent(planned, last, attempts) if attempts else None

    def _body(self, call: Call) -> Mapping[str, Value]:
        """Return the body to send: the call's own, and our callback address where it has none."""
        url = self._options.callback_url(call)
        return call.body if url is None or CALLBACK_URL in call.body else {**call.body, CALLBACK_URL: url}

    def _ends_the_run(self, claim: Written) -> bool:
        """End the claiming where no claim of this run, or of any, is taken; return whether that is so."""
        if claim.lost is not None:
            self.breaker.trip(claim.lost)
        elif claim.stopped is not None:
            self.breaker.halt(Guard("stop", claim.stopped))
        else:
            return False
        return True

    async def _come_later(self, later: Later) -> None:
        """Wait before a claim is tried again, or until the claiming has ended."""
        if later.is_pause:
            self._tell_pause(later.seconds)
        await self.breaker.sleep(later.seconds)

    async def _slot_comes(self, slot: float | None) -> None:
        """Wait until what is claimed may be sent, or until the claiming has ended. One that is late goes at once."""
        while (delay := max(slot or 0.0, self._paused_until) - now()) > 0.0:
            if not await self.breaker.sleep(delay):
                return

    def _tell_pause(self, seconds: float) -> None:
        """Keep and tell a pause that the API has asked for; one that is known already is told once."""
        until = now() + seconds
        if seconds >= _SAME_PAUSE and until > self._paused_until + _SAME_PAUSE:
            _log.warning("the API asks to wait: nothing is sent for %(seconds).0f s", {"seconds": seconds})
            self._options.paused(seconds)
        self._paused_until = max(self._paused_until, until)

    async def _send(self, body: Mapping[str, Value], began: float, *, final: bool) -> Verdict | None:
        """Send one request, whose claim began at a time; return None when the claiming has ended before it left.

        The sender that was used last goes first: its connection is the freshest.
        """
        sender = await self._free_sender()
        if sender is None:
            return None
        try:
            if now() - began > self._options.timing.stale:
                verdict = Verdict(EventType.UNSENT, detail="the process stood still after the claim; nothing was sent")
            else:
                verdict = await self._sent(sender, body)
            # Both before another call goes over this connection.
            self._count(verdict, final=final)
            pause = self._options.timing.backoff if verdict.retry_after is None else verdict.retry_after
            if verdict.event_type is EventType.THROTTLED and pause <= self._options.timing.longest_pause:
                self._tell_pause(pause)
            return verdict
        finally:
            self._senders.put_nowait(sender)

    async def _free_sender(self) -> Sender | None:
        """Wait for a connection that is free while nothing has to wait; None when the claiming has ended before."""
        while not self.breaker.is_open:
            self._wait_for_connection(1)
            try:
                sender = await self._senders.get()
            finally:
                self._wait_for_connection(-1)
            if sender is None:
                break
            if not self.breaker.is_open and self._paused_until <= now():
                return sender
            self._senders.put_nowait(sender)
            await self._slot_comes(None)
        return None

    async def _wake_at_the_end(self) -> None:
        """Let the calls go that wait for a connection when the claiming ends: they are put back at once."""
        await self.breaker.opened()
        for _ in range(self._ahead.waiting):
            self._senders.put_nowait(None)

    def _wait_for_connection(self, more: int) -> None:
        """Count the claimed calls that wait for a connection: while there are enough, what is written may wait."""
        self._ahead.waiting += more
        if self._options.rate is not None:
            return
        if self._ahead.is_enough:
            self.commit.urgent.clear()
        else:
            self.commit.urgent.set()

    async def _sent(self, sender: Sender, body: Mapping[str, Value]) -> Verdict:
        """Return the verdict on one request. A second signal, or a defect in the sender, leaves it in doubt."""
        this = asyncio.current_task()
        assert this is not None, "calls are placed in tasks"
        self._sends[this] = None
        began = now()
        try:
            verdict = await sender.place(body)
        except asyncio.CancelledError:
            if this in self._sends or this.uncancel() > 0:
                raise
            return Verdict(EventType.UNCLEAR, detail="given up by a second signal; the call may have been placed")
        except Exception as error:
            self.fail(error)
            detail = f"flowops failed while sending ({type(error).__name__}); the call may have been placed"
            return Verdict(EventType.UNCLEAR, detail=detail)
        finally:
            self._sends.pop(this, None)
        if verdict.event_type is EventType.ACCEPTED:
            self._ahead.learn(now() - began)
            self._add_workers()
        return verdict

    async def _record(self, reference_id: str, verdict: Verdict, attempts: int) -> Written:
        """Record a verdict; if that fails, it is kept for the end of the run."""
        try:
            return await self.commit.submit(record_of(reference_id, verdict))
        except Exception:
            self.found.unrecorded[reference_id] = (verdict, attempts)
            raise

    def _record_meanwhile(self, reference_id: str, verdict: Verdict, attempts: int) -> None:
        """Record a call that was placed while its connection goes on: in one commit with its next claim."""
        answer = self.commit.post(record_of(reference_id, verdict))
        self._unread.add(answer)

        def read(_answer: asyncio.Future[Written]) -> None:
            self._unread.discard(answer)
            try:
                self.done(sent(reference_id, verdict, attempts, answer.result()))
            except Exception as error:
                self.found.unrecorded[reference_id] = (verdict, attempts)
                self._ended(error)

        answer.add_done_callback(read)

    async def _put_back(self, planned: PlannedCall, attempts: int, last: str) -> CallResult:
        """Undo a claim that became durable after the run had ended: nothing was sent for it."""
        verdict = Verdict(EventType.UNSENT, detail=last or self.breaker.reason)
        written = await self._record(planned.call.reference_id, verdict, attempts)
        if may_follow(verdict, written):
            return unsent(planned, last or self.breaker.reason, attempts)
        return sent(planned.call.reference_id, verdict, attempts, written)

    async def _wait_before_again(self, verdict: Verdict, attempts: int) -> bool:
        """Wait before the next attempt; return False when there is none. A 429 makes every connection wait."""
        backoff = self._options.timing.backoff * 2.0 ** (attempts - 1)
        if verdict.event_type is EventType.THROTTLED:
            pause = backoff if verdict.retry_after is None else verdict.retry_after
            if pause > self._options.timing.longest_pause:
                self.breaker.trip(f"the API asks to wait {pause:.0f} s; run apply again then")
                return False
            self._tell_pause(pause)
            await self.commit.call(partial(self.commit.ledger.pause, pause))
            return True
        return await self.breaker.sleep(backoff)

    def _count(self, verdict: Verdict, *, final: bool) -> None:
        """Let the breaker count how the call went."""
        detail = verdict.detail or verdict.event_type
        if verdict.stop:
            self.breaker.unauthorized |= verdict.event_type is EventType.UNAUTHORIZED
            self.breaker.trip(detail)
        elif verdict.event_type is EventType.UNCLEAR:
            self.breaker.count_doubtful(detail)
        elif verdict.event_type is EventType.FORBIDDEN:
            self.breaker.count_forbidden(detail)
        elif not verdict.again:
            self.breaker.count_answered()
        elif final:
            self.breaker.count_unplaced(detail)

    def _ended(self, error: Exception) -> None:
        """End the claiming of all connections because of what ended one."""
        if isinstance(error, LedgerError):
            self.breaker.trip(format_error(error))
        else:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """End the claiming because of something unexpected, and keep the error for the end."""
        self.found.errors.append(error)
        self.breaker.trip(f"flowops failed: {type(error).__name__}")

    def _give_up(self) -> None:
        """Cancel every request whose answer is still awaited; who is no longer among them has been given up."""
        given_up = list(self._sends)
        self._sends.clear()
        for task in given_up:
            task.cancel()


def format_error(error: LedgerError) -> str:
    """Return a ledger's failure in one line, with what can be done about it."""
    return error.message if error.hint is None else f"{error.message} ({error.hint})"
