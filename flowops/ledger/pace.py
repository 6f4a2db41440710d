"""The rate of an environment, over all runs that place in it: phones at even intervals, by the database's clock.

The ledger's row keeps when the next phone may ring, its next slot. A claim takes a slot for each of its phones in the
transaction that takes the call, so a call that another run has costs none, and a run that dies leaves none free but
those of the next second: nothing is claimed further ahead of its slot. What the API asks everybody to wait is kept
beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.claims import Later

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How far ahead of its slot a call is claimed at most, in seconds.
HORIZON = 1.0
#: How far ahead at least: a claim has to be on disk before its slot.
LEAD = 0.02
#: A request rings no more phones; so no slot that a run leaves behind is further ahead than these take.
MOST_PHONES = 100
#: A run that is asked to wait for longer ends, in seconds (`flowops.apply.control.Timing`).
LONGEST_PAUSE = 300.0


class Pace:
    """The slots that one transaction may take. `rate` is phones a second, None where there is no limit.

    It is `now` by the database's clock and `here` by this process's, in seconds; `next_slot` and `paused_until` are
    what the ledger keeps. What is further ahead than any run leaves it was kept before the clock was set back, and
    counts for nothing.
    """

    def __init__(self, now: float, here: float, next_slot: float, paused_until: float, rate: float | None) -> None:
        self._now, self._here = now, here
        self._pause = paused_until - now if paused_until - now <= LONGEST_PAUSE else 0.0
        self._interval = 1.0 / rate if rate is not None else None
        farthest = now + HORIZON + MOST_PHONES * (self._interval or 0.0)
        #: When the next phone may ring.
        self.next_slot = max(next_slot if next_slot <= farthest else now, now + LEAD)

    def answers(self, phones: Sequence[int]) -> list[Later | None]:
        """Return when claims that ring so many phones may come again; None for those that may be taken now."""
        if self._pause > 0.0:
            return [Later(self._pause, is_pause=True)] * len(phones)
        slot, answers = self.next_slot, list[Later | None]()
        for number in phones:
            ahead = slot - self._now
            # Whoever comes too early comes again halfway through the horizon, when others have gathered, too.
            answers.append(Later(ahead - HORIZON / 2) if ahead > HORIZON else None)
            slot += number * (self._interval or 0.0)
        return answers

    def take(self, phones: int) -> float | None:
        """Take the next slots for a claim; return when it may be sent, by this process's clock, None for at once."""
        if self._interval is None:
            return None
        slot = self.next_slot
        self.next_slot += phones * self._interval
        return self._here + slot - self._now
