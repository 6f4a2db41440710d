"""How the sandbox's settings are written on a command line, read by pure functions; UsageError for nonsense."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from flowops.common.numbers import is_e164
from flowops.common.spans import read_span
from flowops.errors import UsageError
from flowops.sandbox.settings import FAULTS, OUTCOMES, CallbackHabits, Fault, FaultKind, Span

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What stands for a number that the API refuses, where a result code could stand.
REFUSED = "refused"

_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(%?)")
_FAULT = re.compile(r"(?P<kind>[a-z-]+)(?:=(?P<amount>[^:]*))?(?::(?P<references>.+))?", re.DOTALL)
_FIRST = re.compile(r"([1-9][0-9]{0,5})x")


def parse_time(text: str) -> float:
    """``50ms``, ``1.5s``, ``5m`` or ``1h``, in seconds."""
    try:
        return read_span(text, zero=True).total_seconds()
    except ValueError as error:
        raise UsageError(f"'{text}' {error}") from None


def parse_span(text: str) -> Span:
    """``50ms``, or a range such as ``1s..5s``."""
    low, dots, high = text.partition("..")
    span = Span(parse_time(low), parse_time(high if dots else low))
    if span.low > span.high:
        raise UsageError(f"'{text}' ends before it begins")
    return span


def parse_share(text: str) -> float:
    """``0.05`` or ``5%``: from 0 to 1."""
    found = _SHARE.fullmatch(text)
    share = float(found[1]) / (100 if found[2] else 1) if found else math.nan
    if not 0 <= share <= 1:
        raise UsageError(f"'{text}' is not a share", hint="write 0.05 or 5%")
    return share


def parse_outcomes(text: str) -> dict[int, float]:
    """``10=0.8,9=0.1,12=0.1``: how many calls end with which result code; the shares add up to 1."""
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


def parse_numbers(texts: Iterable[str]) -> dict[str, int | None]:
    """``+442079460018=12`` each: a number and the result code of its calls, or ``refused``, which gives None."""
    numbers: dict[str, int | None] = {}
    for text in texts:
        number, _, code = text.partition("=")
        if not is_e164(number):
            raise UsageError(f"'{text}' does not begin with a number", hint="write +442079460018=12")
        numbers[number] = None if code == REFUSED else _code(code, f", nor '{REFUSED}'")
    return numbers


def parse_fault(text: str) -> Fault:
    """``drop=0.05``, ``reset:ref-*``, ``throttle=2x:ref-*``: a kind, how often, and for which references.

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


def parse_callbacks(text: str) -> CallbackHabits:
    """``duplicate=0.2,late=10%``: which shares of the callbacks misbehave in which way."""
    habits: dict[str, float] = {}
    known = tuple(CallbackHabits.__dataclass_fields__)
    for name, share in _pairs(text):
        if name not in known:
            raise UsageError(f"callbacks have no habit '{name}'", hint=f"there are {', '.join(known)}")
        if name in habits:
            raise UsageError(f"'{name}' is given twice")
        habits[name] = parse_share(share)
    return CallbackHabits(**habits)


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
