"""The embedded API without its sockets: a request and what the sandbox remembers give a reply.

Only `memory` changes; the time is handed in, and all chance follows from the seed. So the same requests
in the same order get the same replies.
"""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING

from flowops.sandbox.exchange import Refusal, Reply
from flowops.sandbox.placing import place
from flowops.sandbox.records import list_records

if TYPE_CHECKING:
    from flowops.httpd import Request
    from flowops.sandbox.calls import Memory
    from flowops.sandbox.settings import Settings

#: What stands before ``/FlowBuilder`` in the API's address (vendor documentation).
VOICE_BASE = "/voiceapi/v2"
PLACE_PATH = f"{VOICE_BASE}/FlowBuilder"
TOKEN_HEADER = "x-cm-producttoken"  # noqa: S105 the name of the header

_RECORDS_PATH = re.compile(r"/cdrapi/v1/([^/]+)/conversations")


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
    """Turn away other methods, and whoever has not got the token."""
    if request.method != method:
        raise Refusal(405, f"only {method} is understood here", headers={"Allow": method})
    given = request.headers.get(TOKEN_HEADER, "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), settings.token.encode()):
        raise Refusal(401, "the product token is missing or wrong")
