"""The life of one call in a run: a turn, a claim, one request, a record; again only if nothing was sent."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flowops.apply.attempt import STALE, Attempt, Findings, unclear
from flowops.apply.group import ClaimsAhead
from flowops.apply.outcome import held_back, may_follow, record_of, sent, unsent
from flowops.common.times import now
from flowops.errors import LedgerError
from flowops.model.claims import Claim
from flowops.model.ledger import EventType
from flowops.model.plan import Decision, Guard
from flowops.model.result import CallResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from flowops.apply.control import CircuitBreaker, ShutdownRequest
    from flowops.apply.group import GroupCommit
    from flowops.apply.options import Api, Feed, RunOptions, Sender
    from flowops.model.call import Call
    from flowops.model.claims import Later, Written
    from flowops.model.document import Value

_log = logging.getLogger(__name__)

CALLBACK_URL = "callback-url"
#: Two pauses that end so close to each other, in seconds, are one; a shorter one is not worth a word.
_SAME_PAUSE = 1.0
#: Seconds within which calls that are throttled tell the ledger of one pause.
_SAME_ANSWERS = 0.1
#: Who claims is woken when the calls of so many parts of the connections may be claimed: for each one costs more.
_STEPS = 8

Told = TypeVar("Told")


class Connections:
    """What the connections of a run share, and what they do until the run ends.

    One task claims calls, ahead of those that send. What is claimed waits for a connection in a stock; each connection
    has a task, which sends one call of it after the other. What the ledger answers is heard as it comes.
    """

    def __init__(
        self, options: RunOptions, commit: GroupCommit, breaker: CircuitBreaker, shutdown: ShutdownRequest
    ) -> None:
        self.found = Findings()
        self._options = options
        self.commit = commit
        self._ahead = ClaimsAhead(options.concurrency, options.rate)
        #: How many calls are being placed, from before their claims to their results, or to the API's yes.
        self._open = 0
        #: Whether the last call has been taken.
        self._all_taken = False
        #: Until when the API has asked to wait, by this process's clock.
        self._paused_until = float("-inf")
        #: Until when the ledger lets all runs wait, as far as this one has told it.
        self._told_until = float("-inf")
        self.breaker = breaker
        #: What is claimed and waits for a connection, and what waits for its slot before.
        self._stock: deque[Attempt] = deque()
        self._slots: dict[Attempt, asyncio.TimerHandle] = {}
        #: The connections that wait for a call, the one that was used last behind the others.
        self._idle: list[asyncio.Future[Attempt | None]] = []
        #: Wakes who claims, once so many more may be claimed.
        self._room: asyncio.Future[None] | None = None
        self._step = max(1, options.concurrency // _STEPS)
        #: The calls that wait before they are claimed again, and pauses that are on their way into the ledger.
        self._waits: set[asyncio.Task[None]] = set()
        #: In the order in which they began.
        self._sends: dict[asyncio.Task[None], None] = {}
        #: How many phones a call rings that rings more than one.
        self._several: dict[str, int] = {}
        self._shutdown = shutdown
        shutdown.when_aborted(self._give_up)

    def close(self) -> None:
        """Hear of no signal any more: a long-lived process has one run after the other."""
        self._shutdown.forget(self._give_up)
        self.breaker.close()

    async def work(self, api: Api, calls: Feed, size: int) -> None:
        """Place `size` calls in their order, as many at once as there are connections, until all are or the run ends.

        Some more are claimed ahead, so that connections do not wait for the disk. Never raises: a failure ends the
        claiming of all, so that what is in flight is still recorded.
        """
        ending = asyncio.create_task(self._end_at_once(), name="flowops-end")
        try:
            async with AsyncExitStack() as stack:
                connections = min(self._options.concurrency, size)
                senders = [await stack.enter_async_context(api.sender()) for _ in range(connections)]
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._claim_all(calls))
                    for sender in senders:
                        tasks.create_task(self._serve(sender))
        except Exception as error:
            self._ended(error)
        except BaseException:  # somebody cancels the run: what waits ends by itself
            self.breaker.trip("the run was cancelled")
            raise
        finally:
            self._put_all_back()
            ending.cancel()

    async def settle(self) -> None:
        """Wait for every answer that is on its way into the ledger, and for what follows from it."""
        while self._waits or self.commit.is_busy:
            if self._waits:
                await asyncio.wait(self._waits)
            await self.commit.drained()

    def done(self, result: CallResult) -> None:
        """Keep a result and report it."""
        if self._several:
            result = result._replace(phones=self._several.pop(result.reference_id, 1))
        self.found.results[result.reference_id] = result
        if _log.isEnabledFor(logging.DEBUG):
            about = {"reference": result.reference_id, "outcome": result.outcome.value, "attempts": result.attempts}
            _log.debug("%(reference)s: %(outcome)s (requests: %(attempts)d)", about)
        self._tell(self._options.progress, result)

    # Before the claim.

    async def _claim_all(self, calls: Feed) -> None:
        """Claim one call after the other, as soon as it may be."""
        try:
            while not self.breaker.is_open:
                if self._may_be_claimed <= 0:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room
                    continue
                planned = await calls.next()
                if planned is None:
                    break
                attempt = Attempt(planned, self._body(planned.call))
                if planned.phones > 1:
                    self._several[planned.reference_id] = planned.phones
                self._open += 1
                await self._claim(attempt)
        except Exception as error:
            self._ended(error)
        finally:
            self._all_taken = True
            self._look_whether_all_is_done()

    @property
    def _may_be_claimed(self) -> int:
        """Return how many more calls than now may be on connections or claimed ahead; less than 0 for fewer."""
        return self._options.concurrency + self._ahead.most - self._open

    async def _claim(self, attempt: Attempt) -> None:
        """Ask whether a call may be placed, and claim it."""
        planned = attempt.planned
        try:
            found = None if self.breaker.is_open else await self._options.check(planned)
        except Exception as error:
            self._ended(error)
            self._leave(attempt)
            return
        if self.breaker.is_open:
            self._leave(attempt)
        elif isinstance(found, Decision):
            self._finish(held_back(planned, found, attempt.tries))
        else:
            attempt.began = now()
            claim = Claim(planned.call, planned.fingerprint, found, planned.campaign)
            self.commit.post(claim, partial(self._claimed, attempt))

    def _body(self, call: Call) -> Mapping[str, Value]:
        """Return the body to send: the call's own, and our callback address where it has none."""
        url = self._options.callback_url(call)
        return call.body if url is None or CALLBACK_URL in call.body else {**call.body, CALLBACK_URL: url}

    def _claimed(self, attempt: Attempt, claim: Written | Exception) -> None:
        """Hear of a claim: it is on disk, or why not."""
        planned = attempt.planned
        if isinstance(claim, Exception):
            self._ended(claim)
            self._leave(attempt)
        elif claim.done:
            self._tell(self._options.claimed, planned.reference_id)
            self._wait_for_slot(attempt, claim.slot)
        elif self._ends_the_run(claim):
            self._leave(attempt)
        elif claim.later is not None:
            self._begin_waiting(attempt, self._come_later(attempt, claim.later))
        elif claim.decision is not None:
            self._finish(held_back(planned, claim.decision, attempt.tries))
        else:
            self._several.pop(planned.reference_id, None)
            self.found.elsewhere.append(planned.reference_id)
            self._tell(self._options.elsewhere, planned.reference_id)
            self._close()

    def _ends_the_run(self, claim: Written) -> bool:
        """End the claiming where no claim of this run, or of any, is taken; return whether that is so."""
        if claim.lost is not None:
            self.breaker.trip(claim.lost)
        elif claim.stopped is not None:
            self.breaker.halt(Guard("stop", claim.stopped))
        else:
            return False
        return True

    def _begin_waiting(self, attempt: Attempt, waiting: Coroutine[Any, Any, None]) -> None:
        """Let a call wait in a task of its own before it is claimed again, unless the claiming has ended."""
        if self.breaker.is_open:
            waiting.close()
            self._leave(attempt)
        else:
            self._begin(waiting)

    def _begin(self, waiting: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(waiting)
        self._waits.add(task)
        task.add_done_callback(self._waits.discard)

    async def _come_later(self, attempt: Attempt, later: Later) -> None:
        """Claim a call again after a while."""
        if later.is_pause:
            self._tell_pause(later.seconds)
        await self.breaker.sleep(later.seconds)
        await self._claim(attempt)

    # Between claim and request.

    def _wait_for_slot(self, attempt: Attempt, slot: float | None) -> None:
        """Put a call that is claimed into the stock once it may be sent. One that is late goes at once."""
        if self.breaker.is_open:
            self._put_back(attempt)
        elif slot is not None and (delay := slot - now()) > 0.0:
            loop = asyncio.get_running_loop()
            self._slots[attempt] = loop.call_later(delay, self._slot_comes, attempt, slot)
        elif self._idle:
            self._idle.pop().set_result(attempt)
        else:
            self._stock.append(attempt)
            self._look_at_stock()

    def _slot_comes(self, attempt: Attempt, slot: float) -> None:
        del self._slots[attempt]
        self._wait_for_slot(attempt, slot)

    async def _next(self) -> Attempt | None:
        """Wait for a call that may be sent at once; None when there will be none."""
        while not self.breaker.is_open:
            if self._stock and self._paused_until > now():
                await self.breaker.sleep(self._paused_until - now())
            elif self._stock:
                attempt = self._stock.popleft()
                self._look_at_stock()
                return attempt
            elif self._all_taken and not self._open:
                break
            else:
                waiting: asyncio.Future[Attempt | None] = asyncio.get_running_loop().create_future()
                self._idle.append(waiting)
                found = await waiting
                if found is None or self._may_be_sent(found):
                    return found
        return None

    def _may_be_sent(self, attempt: Attempt) -> bool:
        """Return whether a call can go over the connection that has just got it; else it waits on, or is put back."""
        if self.breaker.is_open:
            self._put_back(attempt)
        elif self._paused_until > now():
            later = (at for at, other in enumerate(self._stock) if other.began > attempt.began)
            self._stock.insert(next(later, len(self._stock)), attempt)
        else:
            return True
        return False

    def _look_at_stock(self) -> None:
        """While there is enough for the connections, what is written may wait for company."""
        if self._options.rate is not None:
            return
        if self._ahead.is_enough(len(self._stock)):
            self.commit.urgent.clear()
        else:
            self.commit.urgent.set()

    async def _end_at_once(self) -> None:
        """Let the connections go that wait for a call, and put back what waits for one, when the claiming ends."""
        await self.breaker.opened()
        self._put_all_back()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _put_all_back(self) -> None:
        """Put back what is claimed and was not sent; no connection waits for it any more."""
        for timer in self._slots.values():
            timer.cancel()
        left = [*self._stock, *self._slots]
        self._stock.clear()
        self._slots.clear()
        self._wake_all()
        self.commit.urgent.set()
        for attempt in left:
            self._put_back(attempt)

    def _wake_all(self) -> None:
        while self._idle:
            waiting = self._idle.pop()
            if not waiting.done():  # its connection may have been cancelled
                waiting.set_result(None)

    def _put_back(self, attempt: Attempt) -> None:
        """Undo a claim that is on disk when the run has ended: nothing was sent for it."""
        self._record(attempt, Verdict(EventType.UNSENT, detail=attempt.last or self.breaker.reason))

    # The request.

    async def _serve(self, sender: Sender) -> None:
        """Send one call after the other over a connection."""
        try:
            while (attempt := await self._next()) is not None:
                try:
                    await self._send(sender, attempt)
                except Exception as error:  # a defect, perhaps behind the request
                    self.fail(error)
                    self.found.unrecorded[attempt.reference_id] = (unclear(error), attempt.tries)
                    self._close()
        except Exception as error:
            self._ended(error)

    async def _send(self, sender: Sender, attempt: Attempt) -> None:
        """Send the request of a call that is claimed, and have the ledger record what became of it."""
        began = now()
        if began - attempt.began > self._options.timing.stale:
            attempt.taken_back += 1
            self._record(attempt, STALE)
            return
        verdict = await self._sent(sender, attempt.body)
        attempt.tries += 1
        # Both before another call goes over this connection.
        self.breaker.count(verdict, final=attempt.tries >= self._options.attempts_cap)
        if verdict.event_type is EventType.THROTTLED:
            self._throttled(self._options.timing.pause(verdict, attempt.tries))
        if verdict.event_type is not EventType.ACCEPTED:
            self._record(attempt, verdict)
            return
        self._ahead.learn(now() - began)
        if verdict.detail is not None:
            self._record(attempt, verdict)
            return
        # While it is recorded the next call may be claimed: in the same commit.
        self.commit.post(record_of(attempt.reference_id, verdict), partial(self._recorded_meanwhile, attempt, verdict))
        self._close()

    async def _sent(self, sender: Sender, body: Mapping[str, Value]) -> Verdict:
        """Return the verdict on one request. A second signal, or a defect in the sender, leaves it in doubt."""
        this = asyncio.current_task()
        assert this is not None, "calls are placed in tasks"
        self._sends[this] = None
        try:
            return await sender.place(body)
        except asyncio.CancelledError as error:
            if this in self._sends and not this.cancelling():  # nobody has cancelled it: a defect in the sender
                self.fail(RuntimeError("the sender was cancelled"))
                return unclear(error)
            if this in self._sends or this.uncancel() > 0:
                raise
            return Verdict(EventType.UNCLEAR, detail="given up by a second signal; the call may have been placed")
        except Exception as error:
            self.fail(error)
            return unclear(error)
        finally:
            self._sends.pop(this, None)

    def _throttled(self, pause: float) -> None:
        """Let every connection wait as the API asks, or end the claiming where it asks for too long."""
        if pause > self._options.timing.longest_pause:
            self.breaker.trip(f"the API asks to wait {pause:.0f} s; run apply again then")
            return
        self._tell_pause(pause)
        if now() + pause > self._told_until + _SAME_ANSWERS:  # one word for those that are throttled together
            self._told_until = now() + pause
            self._begin(self._pause_all(pause))

    async def _pause_all(self, pause: float) -> None:
        """Let the claims of all runs wait."""
        try:
            await self.commit.call(partial(self.commit.ledger.pause, pause))
        except Exception as error:
            self._ended(error)

    def _tell_pause(self, seconds: float) -> None:
        """Keep and tell a pause that the API has asked for; one that is known already is told once."""
        until = now() + seconds
        if seconds >= _SAME_PAUSE and until > self._paused_until + _SAME_PAUSE:
            _log.warning("the API asks to wait: nothing is sent for %(seconds).0f s", {"seconds": seconds})
            self._tell(self._options.paused, seconds)
        self._paused_until = max(self._paused_until, until)

    # Behind the request.

    def _record(self, attempt: Attempt, verdict: Verdict) -> None:
        """Record a verdict; what follows from it is seen when that is on disk."""
        self.commit.post(record_of(attempt.reference_id, verdict), partial(self._recorded, attempt, verdict))

    def _recorded(self, attempt: Attempt, verdict: Verdict, written: Written | Exception) -> None:
        """Hear of the record of a call that may be tried again; if that failed, it is kept for the end of the run."""
        reference_id, tries = attempt.reference_id, attempt.tries
        if isinstance(written, Exception):
            self.found.unrecorded[reference_id] = (verdict, tries)
            self._ended(written)
            self._close()
        elif not may_follow(verdict, written):
            self._finish(sent(reference_id, verdict, tries, written))
        else:
            attempt.last = verdict.detail or verdict.event_type
            if self.breaker.is_open or tries >= self._options.attempts_cap or attempt.was_never_in_time:
                self._finish(unsent(attempt.planned, attempt.last, tries))
            else:
                again = self._claim(attempt) if verdict is STALE else self._try_again(attempt, verdict)
                self._begin_waiting(attempt, again)

    def _recorded_meanwhile(self, attempt: Attempt, verdict: Verdict, written: Written | Exception) -> None:
        """Hear of the record of a call that was placed, while its connection went on."""
        if isinstance(written, Exception):
            self.found.unrecorded[attempt.reference_id] = (verdict, attempt.tries)
            self._ended(written)
        else:
            self.done(sent(attempt.reference_id, verdict, attempt.tries, written))

    async def _try_again(self, attempt: Attempt, verdict: Verdict) -> None:
        """Wait, and claim a call again of which nothing was sent. Behind a 429 it is the ledger that makes it wait."""
        if verdict.event_type is not EventType.THROTTLED:
            await self.breaker.sleep(self._options.timing.pause(verdict, attempt.tries))
        await self._claim(attempt)

    def _leave(self, attempt: Attempt) -> None:
        """Let a call be that is not claimed, since the run has ended; where it was tried, that is told."""
        if attempt.tries:
            self._finish(unsent(attempt.planned, attempt.last, attempt.tries))
        else:
            self._close()

    def _finish(self, result: CallResult) -> None:
        self.done(result)
        self._close()

    def _close(self) -> None:
        """Let another call have the place of one that is not open any more."""
        self._open -= 1
        if self._room is not None and not self._room.done() and self._may_be_claimed >= self._step:
            self._room.set_result(None)
        self._look_whether_all_is_done()

    def _look_whether_all_is_done(self) -> None:
        """Wake the connections that wait for a call, once there will be none."""
        if self._all_taken and not self._open:
            self._wake_all()

    def _tell(self, tell: Callable[[Told], None], told: Told) -> None:
        """Report something; a terminal that is gone ends the claiming, nothing else."""
        try:
            tell(told)
        except Exception as error:
            self.fail(error)

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
