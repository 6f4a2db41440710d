"""The sandbox as an ASGI application: for any server, and for tests without a socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from flowops.errors import UsageError
from flowops.sandbox.exchange import Request
from flowops.sandbox.placing import BODY_LIMIT
from flowops.sandbox.service import Service
from flowops.sandbox.settings import FaultKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from flowops.sandbox.exchange import Reply
    from flowops.sandbox.journal import Journal
    from flowops.sandbox.settings import Settings

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Message, Receive, Send], Awaitable[None]]

#: An application has no hold of the connection, so it cannot break it.
ON_THE_WIRE = frozenset({FaultKind.DROP, FaultKind.STALL, FaultKind.HALF, FaultKind.RESET})


def application(settings: Settings, journal: Journal) -> Application:
    """The sandbox as an ASGI 3 application; no phone rings. UsageError for faults that need the socket."""
    impossible = sorted(fault.kind for fault in settings.faults if fault.kind in ON_THE_WIRE)
    if impossible:
        raise UsageError(
            f"an ASGI application cannot break its connection: {', '.join(impossible)}", hint="use `flowops sandbox`"
        )
    service = Service(settings, journal)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(service, receive, send)
        elif scope["type"] == "http":
            await _answer(service, scope, receive, send)

    return app


async def _live(service: Service, receive: Receive, send: Send) -> None:
    """Start and stop with the server."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await service.close()
    await send({"type": "lifespan.shutdown.complete"})


async def _answer(service: Service, scope: Message, receive: Receive, send: Send) -> None:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")[: BODY_LIMIT + 1 - len(body)]
        more = message.get("more_body", False)
    reply = await service.respond(_request(scope, bytes(body)))
    if reply.delay:
        await asyncio.sleep(reply.delay)
    await _send(reply, send, head=scope["method"] == "HEAD")


def _request(scope: Message, body: bytes) -> Request:
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("ascii").lower(), value.decode("utf-8", "surrogateescape")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return Request(scope["method"], scope["path"], scope["query_string"].decode("ascii"), headers, body)


async def _send(reply: Reply, send: Send, *, head: bool) -> None:
    headers = {**reply.headers, "Content-Length": str(len(reply.body))}
    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if head else reply.body})
