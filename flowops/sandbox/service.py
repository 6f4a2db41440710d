"""What stands before the handler, whatever serves it: the clock, the memory, the journal, the callbacks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowops.sandbox.calls import Memory
from flowops.sandbox.handler import handle
from flowops.sandbox.notifier import Notifier

if TYPE_CHECKING:
    from flowops.sandbox.exchange import Reply, Request
    from flowops.sandbox.journal import Journal
    from flowops.sandbox.settings import Settings


class Service:
    """One sandbox; it remembers the calls that were placed for as long as it lives."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._memory = Memory()
        self._notifier = Notifier(settings, journal)

    async def respond(self, request: Request) -> Reply:
        """The reply to a request; what came in is in the journal before it goes out."""
        now = time.time()
        reply = handle(request, self._memory, self._settings, now=now)
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
        return reply

    async def close(self) -> None:
        """Send the callbacks that are due, and forget the others."""
        await self._notifier.close()
