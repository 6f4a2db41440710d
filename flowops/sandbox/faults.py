"""Which requests meet a fault, and the answers of those faults that are answers."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from flowops.sandbox.chance import draw, pick
from flowops.sandbox.exchange import Reply, json_reply
from flowops.sandbox.settings import FaultKind

if TYPE_CHECKING:
    from flowops.sandbox.settings import Settings

_PAGE = b"<!doctype html><title>Sign in</title><p>Please sign in to use this network.</p>"


def fault_of(settings: Settings, reference: str, post: int) -> FaultKind | None:
    """The fault that this post of a reference meets, if any.

    Faults by count come first, in the order of the settings; those by share exclude each other, so that
    shares of 0.1 and 0.2 spoil 30 of 100 requests. Another post of a reference is drawn for anew.
    """
    fitting = [fault for fault in settings.faults if fnmatchcase(reference, fault.references)]
    for fault in fitting:
        if fault.first is not None and post <= fault.first:
            return fault.kind
    shares = ((fault.kind, fault.share) for fault in fitting if fault.first is None)
    return pick(shares, draw(settings.seed, "fault", reference, post))


def spoiled(kind: FaultKind, settings: Settings, path: str) -> Reply:
    """The reply of a fault that places nothing."""
    match kind:
        case FaultKind.THROTTLE:
            return json_reply(429, {"error": "too many requests"}, {"Retry-After": str(settings.retry_after)})
        case FaultKind.REDIRECT:
            return Reply(307, {"Location": path}, b"")
        case FaultKind.HTML:
            return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, _PAGE)
        case FaultKind.RESET:
            return Reply(500, {}, b"", fault=kind)
        case _:
            return json_reply(500, {"error": "internal server error"})
