"""Ask an address once, to see whether it can be reached, whether the token is taken, and what time it is there.

Nothing is placed and no phone rings: what is asked with the token are Call Detail Records.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flowops.api.address import cdr_address, check_address
from flowops.api.cdr import check_account, format_time
from flowops.api.client import TOKEN_HEADER, HttpClient, prepare_request, proxy_of, tls_context

if TYPE_CHECKING:
    from datetime import datetime

    from flowops.api.address import Secret
    from flowops.api.classify import Answer, Failure
    from flowops.model.project import Connection

#: Bytes of an answer that are read: nobody looks at its body.
LONGEST = 1 << 20
#: How far back records are asked for: no further than the API has to look up anyhow.
LATELY = timedelta(minutes=1)


async def probe(url: str, connection: Connection, token: Secret | None = None) -> Answer | Failure:
    """Ask for an address, once, with the token where one is given. Raise ApiError when it cannot be asked for."""
    proxy = proxy_of(connection, url)
    headers = {"Accept": "application/json"} | ({} if token is None else {TOKEN_HEADER: token.reveal()})
    async with HttpClient(connection, tls_context(connection, url, proxy), proxy) as http:
        return await http.exchange(prepare_request("GET", url, headers), limit=LONGEST)


def records_url(api: str, account: str | None, now: datetime) -> str:
    """Return the address of the last records of an account, of which one is asked for; without one, of them all.

    The time in it is another one each second, so that the API's throttle of equal requests is not met. Raise ApiError
    for what is no account.
    """
    base = cdr_address(check_address(api))
    if account is None:
        return base
    query = {"from": format_time(now - LATELY), "to": format_time(now), "skip": 0, "take": 1}
    return f"{base}/{check_account(account)}/conversations?{urlencode(query)}"


def clock_ahead(answer: Answer, now: datetime) -> timedelta | None:
    """Return how far our clock is ahead of the server's, as its Date says; None where it says none."""
    try:
        there = parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return now - (there if there.tzinfo is not None else there.replace(tzinfo=UTC))
