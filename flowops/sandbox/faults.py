"""Random numbers and faults: the same seed and the same question give the same answer, in any order."""

from __future__ import annotations

import hashlib
import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from flowops.sandbox.exchange import Reply, json_reply
from flowops.sandbox.settings import FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from flowops.sandbox.settings import Span

    T = TypeVar("T")

    from flowops.sandbox.settings import Settings


def rng(seed: int, *question: str | int) -> float:
    """Return a number from 0 up to 1, never 1 itself, that follows from the seed and the question."""
    text = json.dumps([seed, *question])
    drawn = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    return (drawn >> 11) / (1 << 53)  # as many bits as a float holds, so that nothing rounds up to 1


def within(span: Span, drawn: float) -> float:
    """Return the time in a range that a drawn number stands for, in seconds."""
    return span.low + (span.high - span.low) * drawn


def pick(shares: Iterable[tuple[T, float]], drawn: float) -> T | None:
    """Return the choice whose share a drawn number falls into; None beyond them all."""
    reached = 0.0
    for choice, share in shares:
        reached += share
        if drawn < reached:
            return choice
    return None


_PAGE = b"<!doctype html><title>Sign in</title><p>Please sign in to use this network.</p>"


def fault_of(settings: Settings, reference: str, post: int) -> FaultKind | None:
    """Return the fault that this post of a reference meets, if any.

    Faults by count come first, in the order of the settings; those by share exclude each other, so that
    shares of 0.1 and 0.2 spoil 30 of 100 requests. Another post of a reference is drawn for again.
    """
    fitting = [fault for fault in settings.faults if fnmatchcase(reference, fault.references)]
    for fault in fitting:
        if fault.first is not None and post <= fault.first:
            return fault.kind
    shares = ((fault.kind, fault.share) for fault in fitting if fault.first is None)
    return pick(shares, rng(settings.seed, "fault", reference, post))


def spoiled(kind: FaultKind, settings: Settings, path: str) -> Reply:
    """Return the reply of a fault that places nothing."""
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
