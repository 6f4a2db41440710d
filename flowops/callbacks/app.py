"""Receive callbacks: authentic ones are in the ledger before they are answered.

===========================  ======  ==========================================================
what came                    answer  why
===========================  ======  ==========================================================
recorded, now or before      200     the ledger has it on disk, also of a call that it did not know
of another ledger's call     404     signed with our secret; a call that the files name is in doubt for it, unless this
                                     ledger has a call of that name, which has another call-id
forged                       404     the same words: nobody learns which calls exist
anything but POST            405
longer than 64 KiB           413
not whole within 10 s        408
not a callback of the call   400     nothing of it is kept, not even its authentic part
the ledger cannot take it    503     the API may send it again
===========================  ======  ==========================================================

``GET /healthz`` says whether the ledgers answer, ``GET /metrics`` counts. Neither gives away a secret, but they
are for the machine's own network: a proxy should pass on callbacks only.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from flowops.callbacks.body import Malformed, read_callback
from flowops.callbacks.token import Address, check_secret, read_address, verify
from flowops.common.called import install_command
from flowops.common.json import json_line
from flowops.common.metrics import CONTENT_TYPE, Metric, exposition, info
from flowops.common.version import __version__
from flowops.errors import FlowopsError, LedgerError
from flowops.httpd import BodyCutOff, BodyError, BodyTooSlow, text_response
from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from flowops.common.metrics import Values
    from flowops.httpd import Body, Request, Response
    from flowops.model.claims import Written
    from flowops.model.document import Value
    from flowops.model.ledger import Checkpoint, Leg

_log = logging.getLogger(__name__)
#: The longest body, in bytes.
BODY_LIMIT = 64 << 10
#: How many callbacks go into one transaction at the most.
_MOST_TOGETHER = 250
#: How many callbacks in a row have to fail by themselves, so that those behind them fail, too.
_ONE_BY_ONE = 2
#: How long a ledger may take to show that it is well, in seconds.
_HEALTH_PATIENCE = 5.0


class Outcome(StrEnum):
    """What became of one callback. A duplicate counts as recorded: it is, and the ledger keeps it once.

    Doubtful and foreign are those of another ledger's calls that our secret has signed: the files name the call, or
    they do not.
    """

    RECORDED = "recorded"
    DOUBTFUL = "doubtful"
    FOREIGN = "foreign"
    FORGED = "forged"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    TOO_SLOW = "too-slow"
    CUT_OFF = "cut-off"
    UNAVAILABLE = "unavailable"


_STATUS = {
    Outcome.RECORDED: 200,
    Outcome.DOUBTFUL: 404,
    Outcome.FOREIGN: 404,
    Outcome.FORGED: 404,
    Outcome.MALFORMED: 400,
    Outcome.TOO_LARGE: 413,
    Outcome.TOO_SLOW: 408,
    Outcome.CUT_OFF: 400,
    Outcome.UNAVAILABLE: 503,
}
_TEXT = {
    200: "received",
    400: "not a callback of this call",
    404: "not found",
    405: "only POST is understood here",
    408: "the body took too long",
    413: "the body is too long",
    503: "the ledger cannot take it now, send it again",
}


class CallbackLedger(Protocol):
    """What callbacks ask of a ledger. Used from several threads at once; errors are `LedgerError`."""

    def called_back(self, callbacks: Mapping[str, Sequence[Leg]]) -> Mapping[str, Written | None]:
        """Record which legs have finished, by reference; durable when it returns. None where one cannot be kept."""
        ...

    def called_back_elsewhere(self, reference_id: str, finished: Sequence[Leg], *, named: bool) -> State | None:
        """Record what is told of another ledger's call; return what that call is here, None where it is none of it."""
        ...

    def count(self) -> Mapping[State, int]:
        """Return how many calls are in each state."""
        ...

    def checkpoint(self) -> Checkpoint:
        """Return which ledger this is; quick, and a proof that it answers."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One environment that callbacks are received for.

    `secrets` are what its addresses are signed with, now and before. `names` says whether the files name a call.
    """

    environment: str
    secrets: tuple[str, ...] = field(repr=False)
    ledger: CallbackLedger
    ledger_id: str
    names: Callable[[str], bool] = lambda _reference: False


@dataclass(frozen=True, slots=True)
class _Handled:
    """What became of one request, for the answer, the count and the log."""

    outcome: Outcome
    address: Address | None = None
    legs: int = 0
    why: str | None = None


def to_stderr(line: str) -> None:
    """Print a line of the log where it goes unless somebody wants it elsewhere."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 a server's log is its own


def application(endpoints: Sequence[Endpoint], log: Callable[[str], None] = to_stderr) -> Receiver:
    """Return what receives the callbacks of these environments. Raise UsageError for a short secret.

    `log` gets a JSON line a callback, without tokens and numbers.
    """
    for endpoint in endpoints:
        for secret in endpoint.secrets:
            check_secret(secret)
    return Receiver(endpoints, log)


class _Writer:
    """Writes the callbacks of one ledger: those that come while a write is under way go together into the next.

    So a callback that is alone waits for nobody, and many cost the ledger one transaction.
    """

    def __init__(self, ledger: CallbackLedger) -> None:
        self._ledger = ledger
        self._waiting: deque[tuple[str, Sequence[Leg], asyncio.Future[None]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def write(self, reference: str, legs: Sequence[Leg]) -> None:
        """Write a callback down; it is on disk when this returns. Raises FlowopsError where it could not be."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((reference, legs, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="flowops-callbacks")
        await written

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write_some(self._next())
        finally:
            self._writing = None

    def _next(self) -> dict[str, tuple[Sequence[Leg], asyncio.Future[None]]]:
        """Take what waits, up to a second callback of one call: that one has its place behind the first."""
        some: dict[str, tuple[Sequence[Leg], asyncio.Future[None]]] = {}
        while self._waiting and len(some) < _MOST_TOGETHER and self._waiting[0][0] not in some:
            reference, legs, written = self._waiting.popleft()
            some[reference] = legs, written
        return some

    async def _write_some(self, some: Mapping[str, tuple[Sequence[Leg], asyncio.Future[None]]]) -> None:
        """Write them at once, or each by itself where that fails: one that cannot be written stops no other.

        Where two in a row fail by themselves it is the ledger: the others need not try it.
        """
        error = await self._written({reference: legs for reference, (legs, _) in some.items()})
        failed = 0
        for reference, (legs, written) in some.items():
            if error is not None and len(some) > 1 and failed < _ONE_BY_ONE:
                error_of_one = await self._written({reference: legs})
                failed = 0 if error_of_one is None else failed + 1
            else:
                error_of_one = error
            if written.done():  # whoever sent it has gone
                continue
            if error_of_one is None:
                written.set_result(None)
            else:
                written.set_exception(error_of_one)

    async def _written(self, callbacks: Mapping[str, Sequence[Leg]]) -> Exception | None:
        try:
            await asyncio.to_thread(self._ledger.called_back, callbacks)
        except Exception as error:  # whoever waits has to hear of it, whatever it is
            return error
        return None


def _record_foreign(endpoint: Endpoint, address: Address, legs: Sequence[Leg]) -> Outcome:
    """Write down what a callback of another ledger proves. Raises FlowopsError where ledger or files are unreadable."""
    named = endpoint.names(address.reference)
    state = endpoint.ledger.called_back_elsewhere(address.reference, legs, named=named)
    if state is None:
        return Outcome.FOREIGN
    return Outcome.DOUBTFUL if state is State.IN_DOUBT else Outcome.RECORDED


class Receiver:
    """Receives callbacks, and says how it is: a `flowops.httpd.Handler`."""

    def __init__(self, endpoints: Sequence[Endpoint], log: Callable[[str], None]) -> None:
        self._endpoints = endpoints
        self._log = log
        #: What became of callbacks; whoever receives for one run after the other puts the same one in again.
        self.counts: Counter[Outcome] = Counter()
        self._writers = {endpoint.ledger_id: _Writer(endpoint.ledger) for endpoint in endpoints}

    async def __call__(self, request: Request, body: Body) -> Response:
        """Answer one request."""
        reading = request.method in ("GET", "HEAD")
        match request.path:  # as it was sent: what a proxy keeps to itself is not had by writing it in another way
            case "/healthz" if reading:
                return await self._healthz()
            case "/metrics" if reading:
                return await metrics_response(self.metrics())
            case _ if request.method != "POST":
                return text_response(405, _TEXT[405], {"Allow": "POST"})
            case path:
                return await self._callback(unquote(path), body)

    async def _callback(self, path: str, body: Body) -> Response:
        handled = await self._handle(path, body)
        status = _STATUS[handled.outcome]
        self.counts[handled.outcome] += 1
        self._write(handled, status)
        if handled.outcome is Outcome.CUT_OFF:
            raise BodyCutOff
        return text_response(status, _TEXT[status])

    async def _handle(self, path: str, body: Body) -> _Handled:
        address = read_address(path)
        endpoint = self._verified(address)
        if address is None or endpoint is None:
            return _Handled(Outcome.FORGED)
        try:
            content = await body.read(BODY_LIMIT)
        except BodyError as error:
            return _ended_early(error, address)
        if len(content) > BODY_LIMIT:
            return _Handled(Outcome.TOO_LARGE, address)
        try:
            legs = read_callback(content, address.reference)
        except Malformed as error:
            return _Handled(Outcome.MALFORMED, address, why=str(error))
        try:
            outcome = await self._record(endpoint, address, legs)
        except FlowopsError as error:
            return _Handled(Outcome.UNAVAILABLE, address, len(legs), error.message)
        return _Handled(outcome, address, len(legs))

    async def _record(self, endpoint: Endpoint, address: Address, legs: Sequence[Leg]) -> Outcome:
        """Write an authentic callback into the ledger. Raises FlowopsError where it or the files cannot be read."""
        if address.ledger != endpoint.ledger_id:
            return await asyncio.to_thread(_record_foreign, endpoint, address, legs)
        await self._writers[endpoint.ledger_id].write(address.reference, legs)
        return Outcome.RECORDED

    def _verified(self, address: Address | None) -> Endpoint | None:
        """Return the environment whose secret has signed an address, None for a forged one; always do the same work."""
        claimed = address or Address("", "", "")
        signed = [
            endpoint
            for endpoint in self._endpoints
            if sum(verify(secret, *claimed) for secret in endpoint.secrets)  # all of them are looked at
        ]
        own = [endpoint for endpoint in signed if endpoint.ledger_id == claimed.ledger]
        return next(iter(own or signed), None)

    def _write(self, handled: _Handled, status: int) -> None:
        line: dict[str, Value] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": "callback",
            "outcome": handled.outcome,
            "status": status,
        }
        if handled.address is not None:
            line |= {"ledger": handled.address.ledger, "reference": handled.address.reference}
            line |= {"legs": handled.legs}
        if handled.why is not None:
            line["why"] = handled.why
        _log.debug("callback: %(outcome)s, answered with %(status)d", line)
        self._log(json_line(line))

    async def _healthz(self) -> Response:
        try:
            async with asyncio.timeout(_HEALTH_PATIENCE):
                for endpoint in self._endpoints:
                    await asyncio.to_thread(endpoint.ledger.checkpoint)
        except (LedgerError, TimeoutError):
            return text_response(503, "the ledger does not answer")
        return text_response(200, "ok")

    async def metrics(self) -> list[Metric]:
        """Return what came of callbacks, and how many calls the ledgers have in each state."""
        ledgers: dict[str, Mapping[State, int] | None] = {}
        for endpoint in self._endpoints:
            try:
                ledgers[endpoint.environment] = await asyncio.to_thread(endpoint.ledger.count)
            except LedgerError:
                ledgers[endpoint.environment] = None
        return metrics_of(self.counts, ledgers)


async def metrics_response(metrics: Awaitable[Iterable[Metric]]) -> Response:
    """Return numbers for Prometheus, or why there are none."""
    build = info("flowops_build_info", "The version of flowops that runs.", {"version": __version__})
    try:
        return text_response(200, exposition([build, *await metrics]).rstrip("\n"), kind=CONTENT_TYPE)
    except ImportError:
        return text_response(501, f"this needs the library of Prometheus: {install_command('prometheus_client')}")


def _ended_early(error: BodyError, address: Address) -> _Handled:
    match error:
        case BodyTooSlow():
            return _Handled(Outcome.TOO_SLOW, address)
        case BodyCutOff():
            return _Handled(Outcome.CUT_OFF, address)
        case _:
            return _Handled(Outcome.MALFORMED, address, why=str(error))


def metrics_of(outcomes: Mapping[Outcome, int], ledgers: Mapping[str, Mapping[State, int] | None]) -> list[Metric]:
    """Return what is counted of callbacks and ledgers.

    `ledgers` maps an environment to its calls by state, None when the ledger cannot be read.
    """
    calls: Values = {
        (name, state.value): count
        for name, counts in ledgers.items()
        if counts is not None
        for state, count in counts.items()
    }
    up: Values = {(name,): float(counts is not None) for name, counts in ledgers.items()}
    return [
        Metric(
            "flowops_callbacks_total",
            "Callbacks received, by what became of them.",
            ("outcome",),
            {(outcome.value,): outcomes.get(outcome, 0) for outcome in Outcome},
        ),
        Metric("flowops_ledger_up", "Whether the ledger could be read.", ("environment",), up),
        Metric("flowops_ledger_calls", "Calls in the ledger, by state.", ("environment", "state"), calls),
    ]
