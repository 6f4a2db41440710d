"""Which callbacks a placed call causes, with what body and when: pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.model import INSTRUCTION_ID
from flowops.sandbox.chance import draw, within
from flowops.sandbox.settings import OUTCOMES, SUCCESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model import Value
    from flowops.sandbox.calls import Placed, PlacedLeg
    from flowops.sandbox.settings import Settings

#: How much longer than the longest ring a late callback takes, and at least how long, in seconds.
_LATE, _LATE_AT_LEAST = 3.0, 0.2


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to a callback address, `delay` seconds behind the answer, or before it if `early`."""

    body: bytes
    delay: float
    early: bool = False


def deliveries(placed: Placed, settings: Settings) -> Iterator[Delivery]:
    """The callbacks of a placed call, in the order in which they were planned."""
    habits = settings.callbacks

    def happens(share: float, what: str, number: int) -> bool:
        return draw(settings.seed, what, placed.reference, placed.post, number) < share

    for number, (legs, several) in enumerate(_bodies(placed, apart=happens(habits.separate, "separate", 0))):
        if happens(habits.lost, "lost", number):
            continue
        events = [_event(placed, leg) for leg in legs]
        body = json.dumps(events if several else events[0], ensure_ascii=False).encode()
        delay = max(leg.ring for leg in legs)
        if happens(habits.late, "late", number):
            delay += max(settings.ring.high * _LATE, _LATE_AT_LEAST)
        yield Delivery(body, delay, early=happens(habits.early, "early", number))
        if happens(habits.duplicate, "duplicate", number):
            again = draw(settings.seed, "again", placed.reference, placed.post, number)
            yield Delivery(body, delay + within(settings.ring, again))


def _bodies(placed: Placed, *, apart: bool) -> Iterator[tuple[Sequence[PlacedLeg], bool]]:
    """The legs that share a body, and whether it is an array."""
    if not placed.several or apart:
        for leg in placed.legs:
            yield (leg,), False
    else:
        yield placed.legs, True


def _event(placed: Placed, leg: PlacedLeg) -> dict[str, Value]:
    return {
        "type": "call-finished",
        "call-id": leg.call_id,
        INSTRUCTION_ID: placed.reference,
        "caller": placed.caller,
        "callee": leg.callee,
        "result": {
            "code": leg.code,
            "description": OUTCOMES[leg.code],
            "sip-disconnect-code": "BYE" if leg.code == SUCCESS else "CANCEL",
            "sip-disconnect-reason": "",
        },
    }
