"""What an API answers to a run, and what a run came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowops.model.ledger import EventType
from flowops.model.result import Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowops.model.result import Outcome, Result

UNSENT = Verdict(EventType.UNSENT, detail="Connection refused")
UNCLEAR = Verdict(EventType.UNCLEAR, detail="no whole answer within 30 s; the call may have been placed")
REFUSED = Verdict(EventType.REFUSED, detail="the API answered 400 Bad Request")
UNAUTHORIZED = Verdict(EventType.UNAUTHORIZED, detail="the API answered 401 Unauthorized", stop=True)


def always(verdict: Verdict) -> Callable[[Any, int], Awaitable[Verdict]]:
    """Return what answers every request in one way."""

    async def script(body: Any, attempt: int) -> Verdict:
        return verdict

    return script


def outcomes(result: Result) -> dict[str, Outcome]:
    """Return what became of each call, by its reference."""
    return {call.reference_id: call.outcome for call in result.calls}
