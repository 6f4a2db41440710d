"""The receiver of callbacks, an ASGI application: authentic ones are in the ledger before they are answered.

===========================  ======  ==========================================================
what came                    answer  why
===========================  ======  ==========================================================
recorded, now or before      200     the ledger has it on disk
forged, or an unknown call   404     the same words for both: nobody learns which calls exist
anything but POST            405
longer than 64 KiB           413
not whole within 10 s        408
not a callback of the call   400     nothing of it is kept, not even its authentic part
the ledger cannot take it    503     the API may send it again
===========================  ======  ==========================================================

``GET /healthz`` says whether the ledgers answer, ``GET /metrics`` counts. Neither tells a secret, but they
are for the machine's own network: a proxy should pass on callbacks only.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from flowops.callbacks.body import Malformed, read_callback
from flowops.callbacks.metrics import CONTENT_TYPE, Outcome, exposition
from flowops.callbacks.token import Address, check_secret, read_address, verify
from flowops.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model import LedgerMark, Leg, State, Value, Written

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The longest body, in bytes, and how long it may take to arrive, in seconds.
BODY_LIMIT = 64 << 10
BODY_PATIENCE = 10.0
#: What is read of a longer body, so that its sender gets to read the answer.
_SKIP_LIMIT = 16 * BODY_LIMIT
#: How long a ledger may take to show that it is well, in seconds.
_HEALTH_PATIENCE = 5.0

_STATUS = {
    Outcome.RECORDED: 200,
    Outcome.UNKNOWN: 404,
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
#: Answers after which the connection is closed: the rest of the body may still be on its way.
_FINAL = frozenset({404, 405, 408, 413})


class CallbackLedger(Protocol):
    """What callbacks ask of a ledger. Used from several threads at once; errors are `LedgerError`."""

    def called_back(self, reference_id: str, finished: Sequence[Leg]) -> Written | None:
        """Record that these legs have finished; durable when it returns. None for a call it does not know."""
        ...

    def count(self) -> Mapping[State, int]:
        """How many calls are in each state."""
        ...

    def mark(self) -> LedgerMark:
        """Which ledger this is; quick, and a proof that it answers."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One environment that callbacks are received for: its secret and its ledger."""

    secret: str = field(repr=False)
    ledger: CallbackLedger


@dataclass(frozen=True, slots=True)
class _Handled:
    """What became of one request, for the answer, the count and the log."""

    outcome: Outcome
    address: Address | None = None
    legs: int = 0
    why: str | None = None


class _EndedEarly(Exception):
    """A body that did not arrive as it should have."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def to_stderr(line: str) -> None:
    """Where the log goes unless somebody wants it elsewhere."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 a server's log is its own


def application(endpoints: Mapping[str, Endpoint], log: Callable[[str], None] = to_stderr) -> Application:
    """An ASGI application that receives the callbacks of these environments, by name.

    `log` gets a JSON line a callback, without tokens and numbers. UsageError for a short secret.
    """
    for endpoint in endpoints.values():
        check_secret(endpoint.secret)
    return _Receiver(endpoints, log)


class _Receiver:
    def __init__(self, endpoints: Mapping[str, Endpoint], log: Callable[[str], None]) -> None:
        self._endpoints = endpoints
        self._log = log
        self._counts: Counter[Outcome] = Counter()
        # Stands for the secret of an environment that there is not: the answer must take as long.
        self._nobodys_secret = secrets.token_hex(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            msg = f"callbacks come by http, not by {scope['type']}"
            raise ValueError(msg)
        reading = scope["method"] in ("GET", "HEAD")
        match scope["path"]:
            case "/healthz" if reading:
                await self._healthz(send)
            case "/metrics" if reading:
                await self._metrics(send)
            case _ if scope["method"] != "POST":
                await _answer(send, 405, _TEXT[405], headers=[(b"allow", b"POST")])
            case path:
                await self._callback(path, receive, send)

    async def _callback(self, path: str, receive: Receive, send: Send) -> None:
        handled = await self._handle(path, receive)
        status = _STATUS[handled.outcome]
        self._counts[handled.outcome] += 1
        self._write(handled, status)
        if handled.outcome is not Outcome.CUT_OFF:
            await _answer(send, status, _TEXT[status])

    async def _handle(self, path: str, receive: Receive) -> _Handled:
        address = read_address(path)
        endpoint = self._verified(address)
        if address is None or endpoint is None:
            return _Handled(Outcome.FORGED)
        try:
            legs = read_callback(await _body(receive), address.reference)
        except _EndedEarly as ended:
            return _Handled(ended.outcome, address)
        except Malformed as error:
            return _Handled(Outcome.MALFORMED, address, why=str(error))
        try:
            written = await asyncio.to_thread(endpoint.ledger.called_back, address.reference, legs)
        except LedgerError as error:
            return _Handled(Outcome.UNAVAILABLE, address, len(legs), error.message)
        if written is None:
            return _Handled(Outcome.UNKNOWN, address, len(legs))
        return _Handled(Outcome.RECORDED, address, len(legs))

    def _verified(self, address: Address | None) -> Endpoint | None:
        """The environment that an address proves to be for, None for a forged one; always the same work."""
        claimed = address or Address("", "", "")
        endpoint = self._endpoints.get(claimed.environment)
        secret = endpoint.secret if endpoint else self._nobodys_secret
        return endpoint if verify(secret, claimed.environment, claimed.reference, claimed.token) else None

    def _write(self, handled: _Handled, status: int) -> None:
        line: dict[str, Value] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": "callback",
            "outcome": handled.outcome,
            "status": status,
        }
        if handled.address is not None:
            line |= {"environment": handled.address.environment, "reference": handled.address.reference}
            line |= {"legs": handled.legs}
        if handled.why is not None:
            line["why"] = handled.why
        self._log(json.dumps(line))

    async def _healthz(self, send: Send) -> None:
        try:
            async with asyncio.timeout(_HEALTH_PATIENCE):
                for endpoint in self._endpoints.values():
                    await asyncio.to_thread(endpoint.ledger.mark)
        except (LedgerError, TimeoutError):
            await _answer(send, 503, "the ledger does not answer")
        else:
            await _answer(send, 200, "ok")

    async def _metrics(self, send: Send) -> None:
        ledgers: dict[str, Mapping[State, int] | None] = {}
        for name, endpoint in self._endpoints.items():
            try:
                ledgers[name] = await asyncio.to_thread(endpoint.ledger.count)
            except LedgerError:
                ledgers[name] = None
        await _answer(send, 200, exposition(self._counts, ledgers).rstrip("\n"), content_type=CONTENT_TYPE)


async def _body(receive: Receive) -> bytes:
    """The whole body; _EndedEarly when it is too long, too slow, or its sender goes away."""
    body = bytearray()
    length = 0
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _EndedEarly(Outcome.CUT_OFF)
                chunk = message.get("body", b"")
                length += len(chunk)
                body += chunk[: BODY_LIMIT + 1 - len(body)]
                if length > _SKIP_LIMIT or not message.get("more_body", False):
                    break
    except TimeoutError:
        raise _EndedEarly(Outcome.TOO_LARGE if length > BODY_LIMIT else Outcome.TOO_SLOW) from None
    if length > BODY_LIMIT:
        raise _EndedEarly(Outcome.TOO_LARGE)
    return bytes(body)


async def _answer(
    send: Send,
    status: int,
    text: str,
    *,
    content_type: str = "text/plain; charset=utf-8",
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    body = f"{text}\n".encode()
    all_headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *headers,
        *([(b"connection", b"close")] if status in _FINAL else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
    await send({"type": "http.response.body", "body": body})
