"""Replies, the calls they are about, their log, and what is drawn by chance: as values, before they are HTTP."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Self

from flowops.common.json import json_line
from flowops.common.safe_files import append_to
from flowops.errors import FlowopsError
from flowops.sandbox.settings import FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import TypeVar

    from flowops.model.document import Value
    from flowops.sandbox.settings import Settings, Span


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes out, and how.

    `fault` is for the connection: how the reply is spoiled on its way. `delay` is in seconds. `placed`
    is the call that was placed, with or without an answer that says so. `reference` is for the log.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    fault: FaultKind | None = None
    delay: float = 0.0
    placed: Placed | None = None
    reference: str | None = None


def json_reply(status: int, value: Value, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply with a JSON body."""
    body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, body)


class Refusal(Exception):
    """A request that is turned away: the status, what is wrong, and every single error if there are several."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[Mapping[str, str]] = (),
        *,
        headers: Mapping[str, str] | None = None,
        reference: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}
        self.reference = reference

    def reply(self) -> Reply:
        """Return the answer that says so, in the shape that gateways use: ``error``, and ``errors`` with paths."""
        value: dict[str, Value] = {"error": self.message}
        if self.errors:
            value["errors"] = list(self.errors)
        return replace(json_reply(self.status, value, self.headers), reference=self.reference)


@dataclass(frozen=True, slots=True)
class PlacedLeg:
    """One callee: the call that rings there, how it will end, and after how many seconds."""

    callee: str
    call_id: str
    code: int
    ring: float


@dataclass(frozen=True, slots=True)
class Placed:
    """One accepted request. `post` counts the posts of its reference from 1; `at` is in Unix seconds.

    `several` says whether the request had a list of callees, even of one.
    """

    reference: str
    post: int
    caller: str
    legs: tuple[PlacedLeg, ...]
    several: bool
    callback_url: str | None
    at: float


@dataclass(slots=True)
class Memory:
    """What a sandbox remembers between requests: nothing of it outlives the process.

    `posts` counts the well-formed requests of each reference, `asked` says when a page of records was
    last given out.
    """

    posts: Counter[str] = field(default_factory=Counter)
    placed: list[Placed] = field(default_factory=list)
    asked: dict[tuple[str, str, int], float] = field(default_factory=dict)


if TYPE_CHECKING:
    T = TypeVar("T")


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


class Journal:
    """A file that lines are added to; each is on its way to the disk before the answer leaves."""

    def __init__(self, file: Path | None) -> None:
        if file is None:
            self._lines = None
            return
        try:
            self._lines = append_to(file, Path.cwd())
        except OSError as error:
            raise FlowopsError(f"the log '{file}' cannot be written: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lines is not None:
            self._lines.close()

    def write(self, event: str, now: float, **facts: Value) -> None:
        """Write one line: what happened, when, and the facts of it."""
        if self._lines is not None:
            time = datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds")
            self._lines.write(json_line({"event": event, "time": time, **facts}) + "\n")
