"""Place what requests to hooks ask for: the calls of the hook's document, each at most once, within the hook's limit.

A request is answered once the API has answered and the ledger has it on disk. Whoever goes away earlier, or whose
request is still being dealt with when the process is stopped, is not answered, and what is in flight is recorded all
the same: the same request again says what became of it, and rings nobody.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowops.app.access import open_for
from flowops.app.apply import addresses_of_callbacks, api_of
from flowops.app.hook_answers import (
    BY_ACTION,
    BY_OUTCOME,
    IN_DOUBT_NOW,
    KNOWN,
    LIMIT,
    MALFORMED,
    MISFIT,
    NOT_POST,
    PLACED,
    REJECTED,
    STATUSES,
    TOO_LARGE,
    TOO_SLOW,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNKNOWN,
    Answer,
    Refused,
    Status,
    response,
    worst,
)
from flowops.app.hook_calls import Ready, hooks_of, plan_request, read, workspace_of
from flowops.app.hook_documents import LABEL, secret_of
from flowops.app.notify import DONE, FAILED, GUARD, IN_DOUBT
from flowops.app.policy_run import ClaimCheck
from flowops.app.secrets import token_of
from flowops.app.services import Pauses, of_every_ledger, run_info, sleep
from flowops.apply.control import Halt
from flowops.apply.options import RunOptions
from flowops.apply.outcome import elsewhere, planned_only
from flowops.apply.placer import Placer
from flowops.callbacks.requests import BODY_LIMIT, Unreadable, bears, is_signed, read_body, signed_with, values_of
from flowops.common.json import json_line
from flowops.common.metrics import Metric
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.errors import FlowopsError, Invalid, LedgerError
from flowops.httpd import BodyCutOff, BodyError, BodyTooSlow
from flowops.model.claims import Condition, Labelled, Used
from flowops.model.plan import SENDING, Action, Decision
from flowops.model.result import CallResult, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowops.app.callback_server import Callbacks
    from flowops.app.load import Workspace
    from flowops.app.notify import Notifier
    from flowops.app.observer import Observer
    from flowops.apply.control import ShutdownRequest
    from flowops.common.metrics import Values
    from flowops.httpd import Body, Request, Response
    from flowops.ledger.store import Store
    from flowops.model.document import Value
    from flowops.model.plan import PlannedCall
    from flowops.model.project import Environment, Hook

PREFIX = "/hooks/"
#: Seconds for which the files, the policy and its lists hold before they are read again.
FRESH = 15.0
#: Seconds before the run behind one that had to end, at the most: alerts wait for it.
LONGEST_PAUSE = 30.0
#: How many requests are dealt with at once; further ones are asked to come again.
AT_ONCE = 64

#: What is told to people of the answers to requests.
_TOLD = {
    PLACED: (DONE, "a call was placed"),
    REJECTED: (FAILED, "the API refused a call"),
    IN_DOUBT_NOW: (IN_DOUBT, "a call is in doubt"),
    LIMIT: (GUARD, "its limit is reached, and a call was not placed"),
    UNAVAILABLE: (FAILED, "a call was not placed"),
}

_log = logging.getLogger(__name__)


class _Placing(NamedTuple):
    """A call that is being placed: what it says, by its fingerprint, and what becomes of it."""

    fingerprint: str
    task: asyncio.Task[CallResult | None]


class Hooks:
    """Answers requests to some hooks of an environment: a `flowops.httpd.Handler`.

    `ledger` is asked before anything is claimed; `log` gets a JSON line a request, without numbers and secrets.
    """

    def __init__(
        self,
        workspace: Workspace,
        names: Sequence[str],
        ledger: Store,
        observer: Observer,
        log: Callable[[str], None],
        notifier: Notifier,
    ) -> None:
        self._project = project = workspace.project
        self._environment: Environment = workspace.environment
        self._hooks = hooks_of(project, names)
        self._secrets = {name: secret_of(hook, project) for name, hook in self._hooks.items()}
        if not self._environment.sandboxed:
            token_of(project, self._environment)
        self._ledger = ledger
        self._observer = observer
        self._log = log
        self._notifier = notifier
        self._ready = read(workspace, ledger)
        #: Why nothing is placed with what was read last: the files are wrong since.
        self._unusable: str | None = None
        self._placer: Placer | None = None
        self._run_of: Store | None = None
        self._planning = asyncio.Lock()
        self._in_hand = 0
        #: The calls that are being placed, by their references: who asks for one again waits for the same answer.
        self._placing: dict[str, _Placing] = {}
        #: What kept the claims of calls, by their references, besides the policy.
        self._kept: dict[str, Status] = {}
        self._counts: Counter[tuple[str, Status]] = Counter()
        self._told: str | None = None

    @property
    def is_ready(self) -> bool:
        """Return whether a run is under way, so that calls can be placed."""
        return self._placer is not None

    async def __call__(self, request: Request, body: Body) -> Response:
        """Answer a request below ``/hooks/``."""
        hook = self._hooks.get(request.path.removeprefix(PREFIX))
        try:
            answer = Answer(UNKNOWN) if hook is None else await self._answer(hook, request, body)
        except Refused as refused:
            answer = refused.answer
        name = None if hook is None else hook.name
        self._counts[name or "", answer.status] += 1
        self._write(name, answer)
        if name is not None and answer.status in _TOLD:
            event, what = _TOLD[answer.status]
            # One that comes again and again says the same again and again.
            once = None if event == DONE else (name, event)
            see = f"see: flowops ledger list -l {LABEL}={name} --env {self._notifier.env}"
            self._notifier.tell({event}, f"hook {name}: {what}", see, once=once)
        return response(name, answer)

    async def keep_ready(self, shutdown: ShutdownRequest) -> None:
        """Read the files, the policy and its lists again and again; nothing is placed while they are wrong."""
        while shutdown.signal is None:
            await sleep(shutdown, FRESH, lambda: None)
            try:
                self._ready = await asyncio.to_thread(
                    lambda: read(workspace_of(self._environment.name, list(self._hooks)), self._ledger)
                )
                self._unusable = None
                self._tell(None)
                gc.unfreeze()  # what is read once stays as long as the process, and this is read again and again
            except FlowopsError as error:
                why = error.problems[0].message if isinstance(error, Invalid) else error.message
                self._unusable = "the project's files or lists cannot be used"
                self._tell(f"the files cannot be used, and no hook places anything: {why}")

    async def place(self, callbacks: Callbacks | None, shutdown: ShutdownRequest) -> None:
        """Begin one run of the ledger after the other, to place with, until a signal comes."""
        pauses = Pauses(LONGEST_PAUSE)
        while shutdown.signal is None:
            began = time.monotonic()
            try:
                failure = await self._run(callbacks, shutdown)
            except LedgerError as error:
                failure = error.message
            if shutdown.signal is None:
                pause = pauses.behind(time.monotonic() - began)
                self._tell(f"no hook places anything for {pause:.0f} s: {failure}")
                see = f"see: flowops doctor --env {self._notifier.env}"
                self._notifier.tell({FAILED}, "hooks cannot place calls for a while", see, once="run")
                await sleep(shutdown, pause, lambda: None)

    async def _run(self, callbacks: Callbacks | None, shutdown: ShutdownRequest) -> str | None:
        """Work with one run of the ledger; return what has ended it early, None where nothing has."""
        project, environment = self._project, self._environment
        with open_for(project, environment, places=True, observer=self._observer) as ledger:
            ledger.begin()
            _log.info("run %(run)s", {"run": ledger.run})
            async with api_of(project, environment) as api:
                options = RunOptions(
                    addresses_of_callbacks(project, environment, callbacks, ledger.id),
                    lambda _result: None,
                    concurrency=environment.concurrency,
                    rate=environment.rate,
                    check=self._check,
                )
                self._placer = placer = Placer(options, api=api, ledger=ledger, shutdown=shutdown)
                self._run_of = ledger
                shutdown.when_requested(placer.close)
                try:
                    await placer.run()
                finally:
                    shutdown.forget(placer.close)
                    self._placer = self._run_of = None
                return placer.failure

    def _tell(self, text: str | None) -> None:
        """Tell something once."""
        if text is not None and text != self._told:
            _log.warning("%(why)s", {"why": text})
            self._observer.report(f"warning: {text}")
        self._told = text

    def _write(self, hook: str | None, answer: Answer) -> None:
        line: dict[str, Value] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": "hook",
            "hook": hook,
            "outcome": answer.status.name,
            "status": answer.status.code,
            "references": [call.reference_id for call in answer.calls],
            "run": None if self._run_of is None else self._run_of.run,
        }
        _log.debug("hook %(hook)s: %(outcome)s, answered with %(status)d", line)
        self._log(json_line(line))

    async def _answer(self, hook: Hook, request: Request, body: Body) -> Answer:
        """Return the answer to a request. Raises Refused for one of which nothing is placed."""
        if request.method != "POST":
            return Answer(NOT_POST)
        content = await self._authentic(hook, request, body)
        if self._in_hand >= AT_ONCE:
            return Answer(UNAVAILABLE, why="too many requests at once", retry_after=1)
        self._in_hand += 1
        try:
            return await self._asked(hook, content)
        except LedgerError as error:
            return Answer(UNAVAILABLE, why=error.message)
        finally:
            self._in_hand -= 1

    async def _authentic(self, hook: Hook, request: Request, body: Body) -> bytes:
        """Return the body of a request that has proven that it may ring. Raises Refused."""
        secret = self._secrets[hook.name]
        bearing = bears(request.headers, secret)
        # Whoever bears a wrong secret, or nothing, is not read at all.
        if bearing is False or (bearing is None and not is_signed(request.headers)):
            raise Refused(Answer(UNAUTHORIZED))
        try:
            content = await body.read(BODY_LIMIT)
        except BodyCutOff:
            raise
        except BodyTooSlow:
            raise Refused(Answer(TOO_SLOW)) from None
        except BodyError:
            raise Refused(Answer(MALFORMED)) from None
        if len(content) > BODY_LIMIT:
            raise Refused(Answer(TOO_LARGE))
        if bearing is None and not signed_with(request.headers, content, secret):
            raise Refused(Answer(UNAUTHORIZED))
        return content

    async def _asked(self, hook: Hook, content: bytes) -> Answer:
        """Plan what a body asks for, and place it."""
        ready = self._usable()
        project = ready.workspace.project
        try:
            values, misfits = values_of(read_body(content), project.hooks[hook.name].variables)
        except Unreadable as error:
            return Answer(MALFORMED, why=str(error))
        if misfits:
            document = project.document
            assert document is not None, "only a project file has hooks"
            paths = (("hooks", hook.name, "vars", each.variable) for each in misfits)
            return Answer(MISFIT, misfits=list(zip(misfits, map(document.place, paths), strict=True)))
        async with self._planning:  # one at a time: each costs some milliseconds, and is held against the one before
            planned = await asyncio.to_thread(plan_request, ready, hook, values, self._ledger)
            planned = [self._beside_running(each) for each in planned]
            due = [each for each in planned if each.action in SENDING and each.reference_id not in self._placing]
            phones = sum(each.phones for each in due)
            if phones and await asyncio.to_thread(self._used, hook) + phones > hook.phones:
                return self._beyond_limit(hook)
            for each in due:
                self._start(each)
            same = [each.reference_id for each in planned if each.action is not Action.CONFLICT]
            running = {name: self._placing[name].task for name in same if name in self._placing}
        results = {name: await asyncio.shield(task) for name, task in running.items()}
        return await self._answered(hook, planned, results)

    def _beside_running(self, planned: PlannedCall) -> PlannedCall:
        """Return a call, in conflict where one of its name is being placed that says something else."""
        running = self._placing.get(planned.reference_id)
        if running is None or running.fingerprint == planned.fingerprint:
            return planned
        return planned._replace(action=Action.CONFLICT, reasons=("one of this name is being placed",), until=None)

    def _usable(self) -> Ready:
        """Return what decides about requests. Raises Refused while it cannot be read."""
        if self._unusable is not None:
            raise Refused(Answer(UNAVAILABLE, why=self._unusable, retry_after=round(FRESH)))
        return self._ready

    def _start(self, planned: PlannedCall) -> None:
        """Begin to place a call: that goes on, whoever waits for it. Raises Refused where no run is under way."""
        placer, name = self._placer, planned.reference_id
        if placer is None:
            raise Refused(Answer(UNAVAILABLE, why="no run is under way", retry_after=5))

        async def place() -> CallResult | None:
            return (await placer.place([planned]))[0]

        self._kept.pop(name, None)
        task = asyncio.create_task(place(), name="flowops-hook")
        self._placing[name] = _Placing(planned.fingerprint, task)
        task.add_done_callback(lambda _: self._placing.pop(name, None))

    def _used(self, hook: Hook) -> int:
        """Return how many phones a hook has rung, or was to ring, in the time that its limit looks back."""
        return self._ledger.labelled_since(_labelled(hook))

    async def _check(self, planned: PlannedCall) -> Decision | Condition | None:
        """Return why a call may not be placed now, or what its claim depends on: the policy, and the hook's limit."""
        ready, hook = self._ready, self._hooks[planned.labels[LABEL]]
        if self._unusable is not None:
            self._kept[planned.reference_id] = UNAVAILABLE
            return Decision(Action.DEFERRED, reasons=(self._unusable,))
        found = await ClaimCheck(ready.policy, ready.facts, Halt(), clock)(planned)
        if isinstance(found, Decision):
            return found
        condition = found or Condition(frozenset(), (), None, lambda _used: None)

        def decide(used: Used) -> Decision | None:
            if used.labelled + planned.phones > hook.phones:
                self._kept[planned.reference_id] = LIMIT
                return Decision(Action.DEFERRED, reasons=(LIMIT.text,))
            return condition.decide(used)

        return condition._replace(decide=decide, labelled=_labelled(hook))

    async def _answered(
        self, hook: Hook, planned: Sequence[PlannedCall], results: Mapping[str, CallResult | None]
    ) -> Answer:
        """Return the answer to a request whose calls came to these results; None where another run has one."""
        lost = [name for name, result in results.items() if result is None]
        entries = await asyncio.to_thread(self._ledger.look_up, lost) if lost else {}
        calls: list[CallResult] = []
        statuses: list[Status] = []
        for each in planned:
            name = each.reference_id
            result, status = results.get(name), BY_ACTION.get(each.action, KNOWN)
            if result is not None:
                status = self._status_of(result)
            elif name in entries:
                result = elsewhere(each, entries[name])
            elif name in results:
                result, status = CallResult(name, Outcome.NOT_ATTEMPTED, error=UNAVAILABLE.text), UNAVAILABLE
            calls.append(result or planned_only(each))
            statuses.append(status)
        status = worst(statuses)
        return Answer(status, calls, retry_after=_retry_after(hook) if status is LIMIT else None)

    def _status_of(self, result: CallResult) -> Status:
        """Return what a call that was to be placed now has come to."""
        kept = self._kept.pop(result.reference_id, None)
        if result.outcome is Outcome.DEFERRED and kept is not None:
            return kept
        return BY_OUTCOME.get(result.outcome, KNOWN)

    def _beyond_limit(self, hook: Hook) -> Answer:
        return Answer(LIMIT, why=f"the limit is {hook.limit}, in phones", retry_after=_retry_after(hook))

    async def metrics(self) -> list[Metric]:
        """Return what came of requests, and how much of its limit each hook has used."""
        counts: Values = {
            (name, status.name): float(self._counts[name, status])
            for name in ("", *self._hooks)
            for status in STATUSES
            if (status is UNKNOWN) == (name == "")
        }
        limits: Values = {(name,): float(hook.phones) for name, hook in self._hooks.items()}
        found = [
            Metric("flowops_hook_requests_total", "Requests to hooks, by outcome.", ("hook", "outcome"), counts),
            Metric("flowops_hook_limit_phones", "Phones that a hook may ring within its limit.", ("hook",), limits),
        ]
        found += [] if self._run_of is None else [run_info(self._run_of)]
        try:
            used: Values = {
                (name,): float(await asyncio.to_thread(self._used, hook)) for name, hook in self._hooks.items()
            }
            found += await asyncio.to_thread(lambda: list(of_every_ledger(self._ledger)))
        except LedgerError:
            return found
        told = "Phones that a hook has rung, or was to ring, in the time that its limit looks back."
        return [*found, Metric("flowops_hook_used_phones", told, ("hook",), used)]


def _labelled(hook: Hook) -> Labelled:
    return Labelled(LABEL, hook.name, clock() - hook.span)


def _retry_after(hook: Hook) -> int:
    """Return about how many seconds it takes until one more phone may ring."""
    return max(1, round(hook.span.total_seconds() / hook.phones))
