"""The embedded API without its sockets: a request and what the sandbox remembers give a reply.

Only `memory` changes; the time is handed in, and all chance follows from the seed. So the same requests
in the same order get the same replies.

POST FlowBuilder places calls. GET conversations lists the Call Detail Records of the calls that were placed, as
documented: at most one week, paging headers, successful calls only, and a pause of five minutes before the same page
may be asked for again. How a record's fields are called is not documented; here they have the names that the API's
callbacks use.
"""

from __future__ import annotations

import hmac
import json
import math
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from flowops.common.json import NotJson, read_json
from flowops.common.patterns import regex
from flowops.model.call import INSTRUCTION_ID
from flowops.sandbox.exchange import Placed, PlacedLeg, Refusal, Reply, fault_of, json_reply, pick, rng, spoiled, within
from flowops.sandbox.settings import OUTCOMES, SUCCESS, FaultKind, code_of
from flowops.schema.check import check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.httpd import Request
    from flowops.model.document import Value
    from flowops.sandbox.exchange import Memory
    from flowops.sandbox.settings import Settings

#: What is before ``/FlowBuilder`` in the API's address (vendor documentation).
VOICE_BASE = "/voiceapi/v2"
PLACE_PATH = f"{VOICE_BASE}/FlowBuilder"
TOKEN_HEADER = "x-cm-producttoken"  # noqa: S105 the name of the header

_RECORDS_PATH = regex(r"/cdrapi/v1/([^/]+)/conversations")


def handle(request: Request, content: bytes, memory: Memory, settings: Settings, *, now: float) -> Reply:
    """Return the reply to a request and its body. `now` is in Unix seconds."""
    try:
        return _route(request, content, memory, settings, now)
    except Refusal as refusal:
        return refusal.reply()


def _route(request: Request, content: bytes, memory: Memory, settings: Settings, now: float) -> Reply:
    if request.path == PLACE_PATH:
        _admit(request, settings, "POST")
        return place(request, content, memory, settings, now)
    records = _RECORDS_PATH.fullmatch(request.path)
    if records is not None:
        _admit(request, settings, "GET")
        return list_records(request, records[1], memory, settings, now)
    raise Refusal(404, f"there is nothing here; calls are posted to {PLACE_PATH}")


def _admit(request: Request, settings: Settings, method: str) -> None:
    """Turn away other methods, and requests without the token."""
    if request.method != method:
        raise Refusal(405, f"only {method} is understood here", headers={"Allow": method})
    given = request.headers.get(TOKEN_HEADER, "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), settings.token.encode()):
        raise Refusal(401, "the product token is missing or wrong")


#: The longest body that is read, in bytes. Nobody says what the API's limit is.
BODY_LIMIT = 1 << 20

#: Call-ids are made from this, so that a run can be replayed.
_CALL_IDS = uuid.UUID("5b1c3c0e-7a55-4bb0-8a0b-2f3e3a1f8d6c")
_REFUSED = "No route to this destination"


def place(request: Request, content: bytes, memory: Memory, settings: Settings, now: float) -> Reply:
    """Place the calls of a request, unless a fault forbids it; Refusal when the request is wrong."""
    body = _read(request, content)
    reference: str = body[INSTRUCTION_ID]
    memory.posts[reference] += 1
    post = memory.posts[reference]
    fault = fault_of(settings, reference, post)
    delay = within(settings.latency, rng(settings.seed, "latency", reference, post))
    if fault is not None and not fault.places and fault is not FaultKind.REFUSE:
        return replace(spoiled(fault, settings, request.path), delay=delay, reference=reference)
    callees: Sequence[str] = body.get("callees") or [body["callee"]]
    refused = set(callees) if fault is FaultKind.REFUSE else _refused(reference, callees, settings)
    placed = Placed(
        reference=reference,
        post=post,
        caller=body["caller"],
        legs=tuple(_leg(settings, reference, callee, post) for callee in callees if callee not in refused),
        several=bool(body.get("callees")),
        callback_url=body.get("callback-url"),
        at=now,
    )
    if placed.legs:
        memory.placed.append(placed)
    named = f"{reference}-other" if fault is FaultKind.OTHER_REFERENCE else reference
    events = _events(placed, callees, named)
    reply = json_reply(200, events if placed.several else events[0])
    return replace(reply, fault=fault, delay=delay, placed=placed if placed.legs else None, reference=reference)


def _read(request: Request, content: bytes) -> dict[str, Value]:
    """Return the body, if it is one that the API would take. Raise Refusal otherwise."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "the body must be application/json")
    if len(content) > BODY_LIMIT:
        raise Refusal(413, f"the body is longer than {BODY_LIMIT:,} bytes")
    try:
        body = read_json(content)
    except NotJson as error:
        raise Refusal(400, f"the body is not JSON: {error.message}") from None
    errors = check("request", body)
    if errors:
        reference = body.get(INSTRUCTION_ID) if isinstance(body, dict) else None
        raise Refusal(
            400,
            errors[0].message if len(errors) == 1 else f"{errors[0].message} (and {len(errors) - 1} more)",
            [{"path": "".join(f"/{step}" for step in error.path), "message": error.text} for error in errors],
            reference=reference if isinstance(reference, str) else None,
        )
    accepted: dict[str, Value] = body
    return accepted


def _refused(reference: str, callees: Sequence[str], settings: Settings) -> set[str]:
    named = [callee for callee in callees if callee in settings.numbers]
    return {callee for callee in named if code_of(settings, callee, reference) is None}


def _leg(settings: Settings, reference: str, callee: str, post: int) -> PlacedLeg:
    """Decide how this callee's call goes: it follows from seed, reference and callee, whichever post it is."""
    code = code_of(settings, callee, reference) if callee in settings.numbers else None
    if code is None:
        code = pick(settings.outcomes.items(), rng(settings.seed, "outcome", reference, callee)) or SUCCESS
    call_id = str(uuid.uuid5(_CALL_IDS, json.dumps([reference, callee, post])))
    return PlacedLeg(callee, call_id, code, within(settings.ring, rng(settings.seed, "ring", reference, callee)))


def _events(placed: Placed, callees: Sequence[str], reference: str) -> list[dict[str, Value]]:
    """Return one ``call-queued`` event a callee, in the order of the request."""
    call_ids = {leg.callee: leg.call_id for leg in placed.legs}
    events: list[dict[str, Value]] = []
    for callee in callees:
        event: dict[str, Value] = {
            "type": "call-queued",
            "call-id": call_ids.get(callee),
            INSTRUCTION_ID: reference,
            "caller": placed.caller,
            "callee": callee,
            "success": callee in call_ids,
        }
        if callee not in call_ids:
            del event["call-id"]
            event["error"] = _REFUSED
        events.append(event)
    return events


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
    return json_reply(200, [_record_of(placed, leg) for placed, leg in found[skip : skip + take]], headers)


def _record_of(placed: Placed, leg: PlacedLeg) -> dict[str, Value]:
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
