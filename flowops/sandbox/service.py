"""What stands before the handler, whatever serves it: the clock, the memory, the journal, the callbacks."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from flowops.httpd import Response, WireFault
from flowops.sandbox.calls import Memory
from flowops.sandbox.handler import handle
from flowops.sandbox.notifier import Notifier
from flowops.sandbox.placing import BODY_LIMIT
from flowops.sandbox.settings import FaultKind

if TYPE_CHECKING:
    from flowops.httpd import Body, Request
    from flowops.sandbox.journal import Journal
    from flowops.sandbox.settings import Settings

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
