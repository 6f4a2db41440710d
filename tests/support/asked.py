"""Runs that ask at every step: of the ledger, the policy, the API. Whoever answers says what happens, and when."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import ExitStack, asynccontextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from unittest import mock

from flowops.apply.control import ShutdownRequest, Timing
from flowops.apply.options import RunOptions
from flowops.apply.run import apply
from flowops.model.ledger import EventType, Leg
from flowops.model.result import Verdict
from support.plans import sends_of
from support.virtual import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence

    from flowops.ledger.store import Store
    from flowops.model.document import Value
    from flowops.model.plan import Plan

#: The call as it is called first, as it is called later, and whom it rings.
OLD, NEW, CALLEE = "old", "new", "+442079460001"

#: No waits, and no second look at what another run has in flight.
TIMING = Timing(backoff=0.0, first_look=0.0, last_look=0.0, patience=0.0)


class Way(Enum):
    """How the API meets a request: what the run hears, whether the request arrives, and whether a phone rings."""

    ACCEPTED = (EventType.ACCEPTED, True, True)
    REFUSED = (EventType.REFUSED, True, False)
    LOST = (EventType.UNCLEAR, True, True)
    BROKEN = (EventType.UNCLEAR, True, False)
    UNSENT = (EventType.UNSENT, False, False)
    THROTTLED = (EventType.THROTTLED, False, False)
    FORBIDDEN = (EventType.FORBIDDEN, False, False)
    UNAUTHORIZED = (EventType.UNAUTHORIZED, False, False)

    def __init__(self, event_type: EventType, arrives: bool, rings: bool) -> None:
        self.event_type = event_type
        self.arrives = arrives
        self.rings = rings

    def verdict(self, reference: str) -> Verdict:
        """What a run makes of the answer."""
        legs = (Leg(CALLEE, f"id-{reference}"),) if self is Way.ACCEPTED else ()
        detail = None if self is Way.ACCEPTED else self.name
        return Verdict(self.event_type, legs, detail, stop=self is Way.UNAUTHORIZED, retry_after=0.0)


#: What makes a difference to the ledger: the others leave a call as it was, as one that was not sent does.
WAYS = (Way.ACCEPTED, Way.REFUSED, Way.LOST, Way.BROKEN, Way.UNSENT)


class Post(NamedTuple):
    """A request that has arrived at the API; `heard` says whether the run has the answer."""

    reference: str
    way: Way
    run: str
    heard: bool = False

    @property
    def is_a_risk(self) -> bool:
        """Whether nobody may send it again: it was not proven that nothing was placed."""
        return not (self.way is Way.REFUSED and self.heard)


class Question(NamedTuple):
    """What a run asks next: of the ledger, of the policy or of the API; or how it ended."""

    what: str
    about: Any = None


class _Asking:
    """One `apply` that goes on as long as its questions are answered: a ledger, a policy and an API to it."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self._answers = deque(answers)
        self._loop = VirtualLoop()
        self._loop.thread = self._on_a_thread
        self.question: Question | None = None

    def run(self, plan: Plan) -> Question:
        """What it asks behind the answers."""
        options = RunOptions(
            lambda _call: None, lambda _result: None, 1, check=self._check, attempts_cap=2, timing=TIMING
        )
        whole = apply(plan, sends_of(plan), options, api=self, ledger=self, shutdown=ShutdownRequest())
        with ExitStack() as patched:
            for module in ("connections", "run"):
                patched.enter_context(mock.patch(f"flowops.apply.{module}.now", self._loop.time))
            task = self._loop.create_task(whole)
            task.add_done_callback(lambda _task: self._loop.stop())
            self._loop.run_forever()
            if task.done():
                self.question = Question("end", task.result())
            self._end()
        assert self.question is not None
        return self.question

    def _end(self) -> None:
        """Let nothing go on; what was asked meanwhile is nobody's question."""
        question = self.question
        self._loop.set_exception_handler(lambda _loop, _context: None)
        waiting = asyncio.all_tasks(self._loop)
        for task in waiting:
            task.cancel()
        for _ in range(20):  # what ends it takes some turns
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
        self._loop.close()
        self.question = question

    async def _ask(self, what: str, about: Any) -> Any:
        if not self._answers:
            self.question = Question(what, about)
            self._loop.stop()
            return await self._loop.create_future()
        answer, frozen = self._answers.popleft()
        self._loop._virtual.now += frozen
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def _on_a_thread(self, method: Callable[[], tuple[str, Any]]) -> Any:
        return await self._ask(*method())

    async def _check(self, planned: Any) -> Any:
        return await self._ask("check", planned)

    # What it takes for its ledger.

    def sweep(self) -> tuple[str, Any]:
        return "sweep", None

    def write(self, writes: Sequence[Any], *, rate: float | None = None) -> tuple[str, Any]:
        return "write", writes

    def look_up(self, references: Sequence[str]) -> tuple[str, Any]:
        return "look_up", references

    def pause(self, seconds: float) -> tuple[str, Any]:
        """Ask for a pause of all runs: nothing of it is about the call."""
        return "pause", seconds

    # What it takes for the API.

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[Self]:
        yield self

    async def place(self, body: Mapping[str, Value]) -> Verdict:
        reference = body["instruction-id"]
        way = await self._ask("send", reference)
        if way.arrives:
            await self._ask("hear", (reference, way))
        return way.verdict(reference)


class Runs:
    """What runs ask: the same behind the same answers, so each is asked once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Question] = {}

    def question(self, runner: Runner) -> Question:
        """What a runner's `apply` asks next."""
        assert runner.plan is not None
        key = (planned_calls(runner), runner.heard)
        if key not in self._known:
            self._known[key] = _Asking(runner.answers).run(runner.plan)
        return self._known[key]


class Runner(NamedTuple):
    """One process after the other that applies the files; `new` says whether these name the call as it is called later.

    `answers` is what the run has been told, each with how long it stood still behind that, in seconds; `heard` is the
    same in words. `store` is the run's ledger, `runs` how often it may still begin.
    """

    name: str
    runs: int
    new: bool = False
    plan: Plan | None = None
    store: Store | None = None
    answers: tuple[tuple[Any, float], ...] = ()
    heard: tuple[Hashable, ...] = ()
    moves: bool = False
    died: bool = False
    fresh: bool = True


def planned_calls(runner: Runner) -> Hashable:
    """What a runner's plan says of the call."""
    planned = runner.plan.references() if runner.plan is not None else ()
    return tuple((each.reference_id, each.action, each.max_attempts) for each in planned)


def told(runner: Runner, answer: Any, heard: Hashable, frozen: float = 0.0) -> Runner:
    """A runner behind an answer, and behind a time in which it stood still."""
    return runner._replace(answers=(*runner.answers, (answer, frozen)), heard=(*runner.heard, heard))
