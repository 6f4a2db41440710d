"""What the sandbox is told to do; everything is as quiet as can be unless it says otherwise."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Said on every use.
BANNER = "This is the sandbox: no phone rings, whatever it answers."

#: The result codes of a finished call, and how the sandbox puts them (vendor documentation).
OUTCOMES = {
    9: "Cancelled, not answered in time",
    10: "Finished successfully",
    11: "Failed, the call could not be made",
    12: "Rejected by the callee or the callee's operator",
}
SUCCESS = 10


@dataclass(frozen=True, slots=True)
class Span:
    """A range of seconds to draw from; a fixed time when both ends are the same."""

    low: float = 0.0
    high: float = 0.0


class FaultKind(StrEnum):
    """What can go wrong with one request. `places` says whether the calls are placed all the same."""

    DROP = "drop"
    STALL = "stall"
    HALF = "half"
    OTHER_REFERENCE = "other-reference"
    RESET = "reset"
    ERROR = "error"
    THROTTLE = "throttle"
    REDIRECT = "redirect"
    HTML = "html"
    REFUSE = "refuse"

    @property
    def places(self) -> bool:
        """Whether a phone would ring although the answer does not say so."""
        return self in (FaultKind.DROP, FaultKind.STALL, FaultKind.HALF, FaultKind.OTHER_REFERENCE)


#: One line a fault, for help texts.
FAULTS = {
    FaultKind.DROP: "placed; the connection is closed without an answer",
    FaultKind.STALL: "placed; the answer never comes",
    FaultKind.HALF: "placed; the connection is closed in the middle of the answer",
    FaultKind.OTHER_REFERENCE: "placed; the answer speaks of another call",
    FaultKind.RESET: "not placed; the connection is reset",
    FaultKind.ERROR: "not placed; 500",
    FaultKind.THROTTLE: "not placed; 429 with Retry-After",
    FaultKind.REDIRECT: "not placed; 307 to the same address",
    FaultKind.HTML: "not placed; 200 with a page for people, as from a captive portal",
    FaultKind.REFUSE: "not placed; 200 with success: false",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that meets a share of the requests whose reference fits a glob.

    With `first`, it meets the first so many posts of each such reference instead, and no later ones.
    """

    kind: FaultKind
    share: float = 1.0
    first: int | None = None
    references: str = "*"


@dataclass(frozen=True, slots=True)
class CallbackHabits:
    """How the callbacks misbehave: each a share of them, 0 to 1.

    `duplicate`: sent twice. `late`: so late that others overtake it. `early`: before the answer to the
    request. `lost`: never sent. `separate`: a request with several callees gets a body for each,
    instead of one body with an array.
    """

    duplicate: float = 0.0
    late: float = 0.0
    early: float = 0.0
    lost: float = 0.0
    separate: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about one sandbox.

    `outcomes` maps a result code to its share (they add up to 1); `numbers` gives a number its own code,
    or None to have the API refuse it. `ring` is the time until a call finishes, `latency` until a request
    is answered. `retry_after` is what a throttled request is told, in seconds; `records_pause` is how
    long the same page of Call Detail Records may not be asked for again (the API's is 300 s).
    The same seed and the same requests give the same answers. `log` gets a JSON line a request.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str = field(default_factory=lambda: str(uuid.uuid4()), repr=False)
    seed: int = 0
    outcomes: Mapping[int, float] = field(default_factory=lambda: {SUCCESS: 1.0})
    numbers: Mapping[str, int | None] = field(default_factory=dict, repr=False)
    ring: Span = field(default_factory=Span)
    latency: Span = field(default_factory=Span)
    faults: tuple[Fault, ...] = ()
    retry_after: int = 1
    callbacks: CallbackHabits = field(default_factory=CallbackHabits)
    records_pause: float = 300.0
    log: Path | None = None
