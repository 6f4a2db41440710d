"""Replies, the calls they are about, and what a sandbox remembers: as values, before they are HTTP."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model.document import Value
    from flowops.sandbox.settings import FaultKind


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
