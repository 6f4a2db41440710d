"""The calls that a sandbox has placed, and what else it remembers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


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
