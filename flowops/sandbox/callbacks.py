"""The callbacks of placed calls: which a call causes and when (pure), and sending them to this machine only."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from flowops.common.addresses import is_loopback
from flowops.model.call import INSTRUCTION_ID
from flowops.sandbox.exchange import rng, within
from flowops.sandbox.settings import OUTCOMES, SUCCESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import httpx

    from flowops.model.document import Value
    from flowops.sandbox.exchange import Journal, Placed, PlacedLeg
    from flowops.sandbox.settings import Settings


#: How much longer than the longest ring a late callback takes, and at least how long, in seconds.
_LATE, _LATE_AT_LEAST = 3.0, 0.2


#: What contradicts a code: success all others, and it is contradicted by a call that was not answered.
_CONTRADICTED = {SUCCESS: 9}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to a callback address, `delay` seconds behind the answer, or before it if `early`."""

    body: bytes
    delay: float
    early: bool = False


def deliveries(placed: Placed, settings: Settings) -> Iterator[Delivery]:
    """Yield the callbacks of a placed call, in the order in which they were planned."""
    faults = settings.callbacks

    def happens(share: float, what: str, number: int) -> bool:
        return rng(settings.seed, what, placed.reference, placed.post, number) < share

    for number, (legs, several) in enumerate(_bodies(placed, apart=happens(faults.separate, "separate", 0))):
        if happens(faults.lost, "lost", number):
            continue
        events = [_event(placed, leg) for leg in legs]
        body = json.dumps(events if several else events[0], ensure_ascii=False).encode()
        delay = max(leg.ring for leg in legs)
        if happens(faults.late, "late", number):
            delay += max(settings.ring.high * _LATE, _LATE_AT_LEAST)
        yield Delivery(body, delay, early=happens(faults.early, "early", number))
        if happens(faults.duplicate, "duplicate", number):
            again = rng(settings.seed, "again", placed.reference, placed.post, number)
            yield Delivery(body, delay + within(settings.ring, again))
        if happens(faults.contradicting, "contradicting", number):
            events = [_event(placed, replace(leg, code=_CONTRADICTED.get(leg.code, SUCCESS))) for leg in legs]
            body = json.dumps(events if several else events[0], ensure_ascii=False).encode()
            yield Delivery(body, delay + max(settings.ring.high, _LATE_AT_LEAST))


def _bodies(placed: Placed, *, apart: bool) -> Iterator[tuple[Sequence[PlacedLeg], bool]]:
    """Yield the legs that share a body, and whether it is an array."""
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


#: How many callbacks are under way at once, and how long one may take, in seconds.
_AT_ONCE = 16
_PATIENCE = 10.0
#: Seconds that an idle connection is used again for: receivers close theirs after 2 s at the earliest.
_IDLE = 1.5


class Notifier:
    """The callbacks of one sandbox. What became of each is written to the journal, never raised."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._client: httpx.AsyncClient | None = None
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._numbers = count()
        self._ringing: dict[int, tuple[asyncio.TimerHandle, Placed, Delivery]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def announce(self, placed: Placed, *, answered_in: float) -> None:
        """Take on the callbacks of a call; those that come early have been sent when this returns.

        The others count from the answer, which leaves after `answered_in` seconds.
        """
        if placed.callback_url is None:
            return
        loop = asyncio.get_running_loop()
        for delivery in deliveries(placed, self._settings):
            if delivery.early:
                await self._send(placed, placed.callback_url, delivery)
            else:
                number = next(self._numbers)
                timer = loop.call_later(answered_in + delivery.delay, self._finish, number)
                self._ringing[number] = (timer, placed, delivery)

    async def close(self) -> None:
        """Let the callbacks that are due go out, and forget the calls that still ring."""
        now = asyncio.get_running_loop().time()
        for number, (timer, placed, _) in list(self._ringing.items()):
            timer.cancel()
            if timer.when() <= now:
                self._finish(number)
            else:
                self._write(placed, "not sent: the sandbox stopped while the call was ringing")
        await asyncio.gather(*self._sending)
        if self._client is not None:
            await self._client.aclose()

    def _finish(self, number: int) -> None:
        """Send the callback of a call that has ended."""
        _, placed, delivery = self._ringing.pop(number)
        assert placed.callback_url is not None
        task = asyncio.create_task(self._send(placed, placed.callback_url, delivery))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, placed: Placed, url: str, delivery: Delivery) -> None:
        # Only a sandbox that sends callbacks needs it, and it takes a while to be imported.
        import httpx

        if self._client is None:
            limits = httpx.Limits(max_connections=_AT_ONCE, keepalive_expiry=_IDLE)
            self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=_PATIENCE, limits=limits)
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL:
            self._write(placed, "not sent: the callback-url is not an address")
            return
        if not is_loopback(address.host):
            self._write(placed, "not sent: the callback-url is not on this machine's loopback")
            return
        try:
            async with self._places:
                answer = await self._client.post(
                    address, content=delivery.body, headers={"Content-Type": "application/json"}
                )
        except (httpx.HTTPError, OSError) as error:
            # The text of the error may hold the address, and with it a token.
            self._write(placed, f"not delivered: {type(error).__name__}")
        else:
            self._write(placed, "delivered", answer.status_code)

    def _write(self, placed: Placed, outcome: str, status: int | None = None) -> None:
        self._journal.write("callback", time.time(), reference=placed.reference, outcome=outcome, status=status)
