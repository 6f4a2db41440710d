"""GET conversations: the Call Detail Records of the calls that a sandbox has placed.

As documented: at most one week, paging headers, successful calls only, and a pause of five minutes
before the same page may be asked for again. How a record's fields are called is not documented; here
they have the names that the API's callbacks use.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from flowops.model.call import INSTRUCTION_ID
from flowops.sandbox.exchange import Refusal, Reply, json_reply
from flowops.sandbox.settings import OUTCOMES, SUCCESS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.httpd import Request
    from flowops.model.document import Value
    from flowops.sandbox.exchange import Memory, Placed, PlacedLeg
    from flowops.sandbox.settings import Settings

LONGEST = timedelta(weeks=1)
MOST = 10_000


def list_records(request: Request, account: str, memory: Memory, settings: Settings, now: float) -> Reply:
    """Return a page of the records of a period. Raise Refusal when the question is wrong or comes too soon."""
    query = parse_qs(request.query, keep_blank_values=True)
    start, end = _time(query, "from"), _time(query, "to")
    if not timedelta() <= end - start <= LONGEST:
        raise Refusal(400, "'to' must not be before 'from', nor more than one week after it")
    skip = _count(query, "skip", 0, least=0)
    take = _count(query, "take", MOST, least=1)
    if take > MOST:
        raise Refusal(400, f"'take' is at most {MOST}")
    # The older of the two documented rules, and the stricter one: the end and the size of the page do not count.
    page = (account, start.isoformat(), skip)
    wait = memory.asked.get(page, -math.inf) + settings.records_pause - now
    if wait > 0:
        raise Refusal(429, "this page was asked for a moment ago", headers={"Retry-After": str(math.ceil(wait))})
    memory.asked[page] = now
    found = [
        (placed, leg)
        for placed in memory.placed
        if start.timestamp() <= placed.at <= end.timestamp()
        for leg in placed.legs
        if leg.code == SUCCESS and placed.at + leg.ring <= now
    ]
    headers = {
        "X-CM-Pagination-Skip": str(skip),
        "X-CM-Pagination-Take": str(take),
        "X-CM-Pagination-Total": str(len(found)),
    }
    return json_reply(200, [_record(placed, leg) for placed, leg in found[skip : skip + take]], headers)


def _record(placed: Placed, leg: PlacedLeg) -> dict[str, Value]:
    return {
        "call-id": leg.call_id,
        INSTRUCTION_ID: placed.reference,
        "caller": placed.caller,
        "callee": leg.callee,
        "start": _text(placed.at),
        "end": _text(placed.at + leg.ring),
        "result": {"code": leg.code, "description": OUTCOMES[leg.code]},
    }


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _only(query: Mapping[str, list[str]], name: str) -> str | None:
    values = query.get(name, [])
    if len(values) > 1:
        raise Refusal(400, f"'{name}' is given more than once")
    return values[0] if values else None


def _time(query: Mapping[str, list[str]], name: str) -> datetime:
    """Return a time of the query, in UTC; one without an offset is taken as UTC, as the documentation says."""
    text = _only(query, name)
    if text is None:
        raise Refusal(400, f"'{name}' is missing")
    try:
        # A plus sign that was not encoded arrives as a blank.
        time = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal(400, f"'{name}' is not a time such as 2026-03-02T00:00:00Z") from None


def _count(query: Mapping[str, list[str]], name: str, default: int, *, least: int) -> int:
    text = _only(query, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(1 << 31)) and int(text) >= least):
        raise Refusal(400, f"'{name}' must be a whole number, {least} or more")
    return int(text)
