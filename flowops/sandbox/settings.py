"""What the sandbox is set to do, and how that is written on a command line.

Everything is as quiet as can be unless it says otherwise. The readers are pure, and raise UsageError for nonsense.
"""

from __future__ import annotations

import math
import re
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from flowops.common.numbers import is_e164
from flowops.common.patterns import regex
from flowops.common.times import read_span
from flowops.errors import UsageError
from flowops.model.call import split_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


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
        """Return whether a phone would ring although the answer does not say so."""
        return self in (FaultKind.DROP, FaultKind.STALL, FaultKind.HALF, FaultKind.OTHER_REFERENCE)


#: One line a fault, for help texts.
FAULTS = {
    FaultKind.DROP: "placed; the connection is closed without an answer",
    FaultKind.STALL: "placed; the answer never comes",
    FaultKind.HALF: "placed; the connection is closed in the middle of the answer",
    FaultKind.OTHER_REFERENCE: "placed; the answer is that of another call",
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
class CallbackFaults:
    """How the callbacks misbehave: each a share of them, 0 to 1.

    `duplicate`: sent twice. `contradicting`: followed by one with another code, that of success where the first had
    none. `late`: so late that others overtake it. `early`: before the answer to the request. `lost`: never sent.
    `separate`: a request with several callees gets a body for each, instead of one body with an array.
    """

    duplicate: float = 0.0
    late: float = 0.0
    early: float = 0.0
    lost: float = 0.0
    separate: float = 0.0
    contradicting: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about one sandbox.

    `outcomes` maps a result code to its share (they add up to 1); `numbers` gives a number its own codes, for the first
    attempt of a call and those behind it, of which the last stands for all others; None has the API refuse it. `ring`
    is the time until a call finishes, `latency` until a request is answered. `retry_after` is the Retry-After of a
    throttled request, in seconds; `records_pause` is how long the same page of Call Detail Records may not be asked for
    again (the API's is 300 s).
    The same seed and the same requests give the same answers. `log` gets a JSON line a request.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str = field(default_factory=lambda: str(uuid.uuid4()), repr=False)
    seed: int = 0
    outcomes: Mapping[int, float] = field(default_factory=lambda: {SUCCESS: 1.0})
    numbers: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict, repr=False)
    ring: Span = field(default_factory=Span)
    latency: Span = field(default_factory=Span)
    faults: tuple[Fault, ...] = ()
    retry_after: int = 1
    callbacks: CallbackFaults = field(default_factory=CallbackFaults)
    records_pause: float = 300.0
    log: Path | None = None


#: Written instead of a result code for a number that the API refuses.
REFUSED = "refused"

_SHARE = regex(r"([0-9]+(?:\.[0-9]+)?)(%?)")
_FAULT = regex(r"(?P<kind>[a-z-]+)(?:=(?P<amount>[^:]*))?(?::(?P<references>.+))?", re.DOTALL)
_FIRST = regex(r"([1-9][0-9]{0,5})x")


def parse_time(text: str) -> float:
    """Return the seconds of ``50ms``, ``1.5s``, ``5m`` or ``1h``."""
    try:
        return read_span(text, zero=True).total_seconds()
    except ValueError as error:
        raise UsageError(f"'{text}' {error}") from None


def parse_span(text: str) -> Span:
    """Read ``50ms``, or a range such as ``1s..5s``."""
    low, dots, high = text.partition("..")
    span = Span(parse_time(low), parse_time(high if dots else low))
    if span.low > span.high:
        raise UsageError(f"'{text}' ends before it begins")
    return span


def parse_share(text: str) -> float:
    """Read ``0.05`` or ``5%``: from 0 to 1."""
    found = _SHARE.fullmatch(text)
    share = float(found[1]) / (100 if found[2] else 1) if found else math.nan
    if not 0 <= share <= 1:
        raise UsageError(f"'{text}' is not a share", hint="write 0.05 or 5%")
    return share


def parse_outcomes(text: str) -> dict[int, float]:
    """Read ``10=0.8,9=0.1,12=0.1``: how many calls end with which result code; the shares add up to 1."""
    outcomes: dict[int, float] = {}
    for name, share in _pairs(text):
        code = _code(name)
        if code in outcomes:
            raise UsageError(f"outcome {code} is given twice")
        outcomes[code] = parse_share(share)
    total = math.fsum(outcomes.values())
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise UsageError(f"the shares of the outcomes add up to {total:g}, not to 1")
    return outcomes


def parse_numbers(texts: Iterable[str]) -> dict[str, tuple[int | None, ...]]:
    """Read ``+442079460018=12`` each: a number and the result code of its calls, or ``refused``, which gives None.

    ``+442079460018=9,9,10`` has one for each attempt of a call.
    """
    numbers: dict[str, tuple[int | None, ...]] = {}
    for text in texts:
        number, _, codes = text.partition("=")
        if not is_e164(number):
            raise UsageError(f"'{text}' does not begin with a number", hint="write +442079460018=12")
        numbers[number] = tuple(
            None if code == REFUSED else _code(code, f", nor '{REFUSED}'") for code in codes.split(",")
        )
    return numbers


def code_of(settings: Settings, callee: str, reference: str) -> int | None:
    """Return the code that a number has of its own for an attempt, None where it is refused.

    Raises KeyError for a number that has none.
    """
    codes = settings.numbers[callee]
    return codes[min(split_reference(reference)[1], len(codes)) - 1]


def parse_fault(text: str) -> Fault:
    """Read ``drop=0.05``, ``reset:ref-*``, ``throttle=2x:ref-*``: a kind, how often, and for which references.

    How often is a share of the requests, or the first so many posts of each reference; all of them when
    it is left out.
    """
    found = _FAULT.fullmatch(text)
    if found is None or found["kind"] not in FAULTS:
        raise UsageError(f"'{text}' is not a fault", hint=f"the kinds are {', '.join(FAULTS)}")
    kind, amount, references = FaultKind(found["kind"]), found["amount"], found["references"] or "*"
    if amount is None:
        return Fault(kind, references=references)
    first = _FIRST.fullmatch(amount)
    if first is not None:
        return Fault(kind, first=int(first[1]), references=references)
    return Fault(kind, parse_share(amount), references=references)


def parse_callbacks(text: str) -> CallbackFaults:
    """Read ``duplicate=0.2,late=10%``: which shares of the callbacks misbehave in which way; empty is none."""
    shares: dict[str, float] = {}
    if not text:
        return CallbackFaults()
    known = tuple(CallbackFaults.__dataclass_fields__)
    for name, share in _pairs(text):
        if name not in known:
            raise UsageError(f"callbacks have no habit '{name}'", hint=f"there are {', '.join(known)}")
        if name in shares:
            raise UsageError(f"'{name}' is given twice")
        shares[name] = parse_share(share)
    return CallbackFaults(**shares)


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not (name and equals):
            raise UsageError(f"'{part}' is not of the form name=share", hint="write 10=0.8,9=0.2")
        yield name, value


def _code(text: str, other: str = "") -> int:
    if not (text.isascii() and text.isdigit() and int(text) in OUTCOMES):
        raise UsageError(f"'{text}' is not a result code{other}", hint=f"the codes are {', '.join(map(str, OUTCOMES))}")
    return int(text)
