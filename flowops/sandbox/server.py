"""The sandbox on a port of this machine: inside another program's loop, or as a program of its own."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.common.addresses import is_loopback
from flowops.errors import UsageError
from flowops.httpd import Limits, Response, WireFault, catch_signals, open_listener, serving, url_of
from flowops.sandbox.callbacks import Notifier
from flowops.sandbox.exchange import Journal, Memory
from flowops.sandbox.handler import BODY_LIMIT, VOICE_BASE, handle
from flowops.sandbox.settings import FaultKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from flowops.httpd import Body, Request
    from flowops.sandbox.settings import Settings


#: At its end a sandbox waits for nobody. A run may have a thousand requests under way.
LIMITS = Limits(grace_seconds=0, connections=2_000, per_source=1_500)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that listens: `url` is what an environment's ``api`` would be, `token` is what it takes."""

    url: str
    token: str


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[Sandbox]:
    """Run a sandbox in this loop for as long as the context lasts.

    Raises UsageError for a host that is not the loopback, FlowopsError when the port or the log cannot be
    had. At the end, callbacks that are due are still sent; calls that still ring are forgotten.
    """
    if not is_loopback(settings.host):
        raise UsageError(
            f"the sandbox cannot listen on '{settings.host}'",
            hint="it is for this machine only: use 127.0.0.1, ::1 or localhost",
        )
    # A name could stand for several addresses, each with a port of its own.
    host = "127.0.0.1" if settings.host == "localhost" else settings.host
    with Journal(settings.log) as journal, open_listener(host, settings.port, who="the sandbox") as listener:
        service = Service(settings, journal)
        try:
            async with serving(listener, service.respond, LIMITS):
                yield Sandbox(f"{url_of(listener, host)}{VOICE_BASE}", settings.token)
        finally:
            await service.close()


def run(settings: Settings, ready: Callable[[Sandbox], None]) -> int:
    """Serve until SIGINT or SIGTERM comes, and return its number. `ready` is called once it listens."""
    return asyncio.run(_until_signal(settings, ready))


async def _until_signal(settings: Settings, ready: Callable[[Sandbox], None]) -> int:
    stopped = catch_signals()
    async with serve(settings) as sandbox:
        ready(sandbox)
        return await stopped


_ON_THE_WIRE = {
    FaultKind.DROP: WireFault.DROP,
    FaultKind.HALF: WireFault.HALF,
    FaultKind.RESET: WireFault.RESET,
    FaultKind.STALL: WireFault.STALL,
}


class Service:
    """One sandbox; it remembers the calls that were placed for as long as it lives."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._memory = Memory()
        self._notifier = Notifier(settings, journal)

    async def respond(self, request: Request, body: Body) -> Response:
        """Answer a request; what came in is in the journal before the answer goes out."""
        content = await body.read(BODY_LIMIT)
        now = time.time()
        reply = handle(request, content, self._memory, self._settings, now=now)
        placed = reply.placed
        self._journal.write(
            "request",
            now,
            method=request.method,
            path=request.path,
            reference=reply.reference,
            status=reply.status,
            fault=reply.fault,
            callees=len(placed.legs) if placed else 0,
            call_ids=[leg.call_id for leg in placed.legs] if placed else [],
        )
        if placed is not None:
            await self._notifier.announce(placed, answered_in=reply.delay)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        fault = None if reply.fault is None else _ON_THE_WIRE.get(reply.fault)
        return Response(reply.status, reply.body, reply.headers, fault)

    async def close(self) -> None:
        """Send the callbacks that are due, and forget the others."""
        await self._notifier.close()
