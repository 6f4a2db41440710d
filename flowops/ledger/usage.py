"""What is asked of a ledger before a claim: whether runs may claim, and how often and when phones were called."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.ledger.changes import PERIOD, period
from flowops.ledger.database import iso
from flowops.ledger.legs import stored_callees
from flowops.ledger.transaction import CHUNK, parsed
from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowops.ledger.database import Connection
    from flowops.model.claims import Labelled

MAY_HAVE_RUNG = [str(state) for state in State if state.may_have_rung]
_UNSETTLED = [str(state) for state in State if state.is_unsettled]
#: What is said of a ledger that does not hold what a witness has seen.
OLDER_COPY = "this is an older copy of the ledger"


class Standing(NamedTuple):
    """What is so of a ledger for all runs: why none of them may claim a call, and when its next phone may ring.

    `has_blocks` says whether a number is blocked, `has_campaigns` whether calls wait in a campaign.
    """

    stopped: str | None
    next_slot: float
    paused_until: float
    has_blocks: bool
    has_campaigns: bool


def standing(connection: Connection, ledger: int) -> Standing:
    """Return whether runs may claim a call: the environment may be stopped, or its ledger an older copy."""
    found = connection.first("open_stop", ledger=ledger) or (None, None, None, None, None, 0.0, 0.0, False, False)
    at, who, host, reason, suspicion, next_slot, paused_until, *waiting = found
    why = suspicion and f"{OLDER_COPY}: {suspicion}"
    if at is not None:
        why = f"stopped at {at} by {who} on {host}: {reason}"
    return Standing(why, next_slot, paused_until, *map(bool, waiting))


def stopped(connection: Connection, ledger: int) -> str | None:
    """Return why no run may claim a call; None where they may."""
    return standing(connection, ledger).stopped


def claimed_since(connection: Connection, ledger: int, since: datetime) -> int:
    """Return how many phones were claimed since a time and may have rung."""
    begin = iso(since)
    # Nearly everywhere a day begins with such a period: then nothing is read but the counts.
    whole = since + timedelta(seconds=-since.timestamp() % PERIOD.total_seconds())
    given = {"ledger": ledger, "since": begin, "whole": period(iso(whole)), "states": MAY_HAVE_RUNG}
    return int(connection.value("count_claimed_since", **given))


def has_claimed_since(connection: Connection, ledger: int, since: datetime) -> bool:
    """Return whether any call was claimed since a time."""
    return bool(connection.value("has_claimed_since", ledger=ledger, since=iso(since)))


def labelled_since(connection: Connection, ledger: int, asked: Labelled) -> int:
    """Return how many phones the calls ring that were claimed with a label since a time, whatever became of them."""
    assert not {"%", "_"}.intersection(asked.name + asked.value), "a hook's name has none of SQL's wildcards"
    label = f"{json.dumps(asked.name)}:{json.dumps(asked.value)}"
    given = {"ledger": ledger, "since": iso(asked.since), "labelled": f'%"labels":{{%{label}%'}
    return int(connection.value("count_labelled_since", **given))


def rung_since(
    connection: Connection, ledger: int, callees: Collection[str], since: datetime
) -> dict[str, list[datetime]]:
    """Return when each of these callees (pseudonyms) may have been called since a time; none that was not."""
    found: dict[str, list[datetime]] = {}
    begin = iso(since)
    rung = chain(_answered(connection, ledger, list(callees)), _unanswered(connection, ledger))
    for callee, claimed_at in rung:
        if claimed_at >= begin and callee in callees:
            found.setdefault(callee, []).append(datetime.fromisoformat(claimed_at))
    return found


def _answered(connection: Connection, ledger: int, callees: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the callees of calls of which something has been told, and when they were claimed."""
    for start in range(0, len(callees), CHUNK):
        some = callees[start : start + CHUNK]
        for row in connection.all("callees_answered", ledger=ledger, callees=some, states=MAY_HAVE_RUNG):
            callee, claimed_at = row
            yield callee, claimed_at


def _unanswered(connection: Connection, ledger: int) -> Iterator[tuple[str, str]]:
    """Yield the callees of calls of which nothing has been told yet, and when they were claimed."""
    for body, claimed_at in connection.all("bodies_unanswered", ledger=ledger, states=_UNSETTLED):
        for leg in stored_callees(parsed(body, connection.name)):
            if leg.callee is not None:
                yield leg.callee, claimed_at
