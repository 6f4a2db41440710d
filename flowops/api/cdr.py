"""Ask the API: for Call Detail Records within its rules, a week at a time, page by page, and whether it can be reached.

`conversations` is pure but for what it is handed: it asks through a `Fetch` (`CallDetailRecords` is one, over the
network; its GET requests may be sent again) and remembers through a `Throttle`.

Nothing is placed and no phone rings: what is asked with the token are Call Detail Records.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from flowops.api.address import cdr_address, check_address, check_token
from flowops.api.classify import FORBIDDEN, THROTTLED, UNAUTHORIZED, Answer, Failure, safe_text, seconds_to_wait
from flowops.api.client import TOKEN_HEADER, HttpClient, prepare_request, proxy_of, tls_context
from flowops.api.records import items_of, read_record
from flowops.common.json import read_json
from flowops.common.patterns import regex
from flowops.errors import ApiError
from flowops.model.project import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from flowops.api.address import Secret
    from flowops.api.records import CallRecord

#: The longest time between ``from`` and ``to``, and the most records of one page (vendor documentation).
LONGEST = timedelta(weeks=1)
MOST = 10_000
#: The same page may be asked for once in this time (vendor documentation).
PAUSE = timedelta(minutes=5)

_COUNT = regex(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Query:
    """One page of one window of one account; times are in UTC, to the second."""

    account: str
    start: datetime
    end: datetime
    skip: int
    take: int

    @property
    def throttle_key(self) -> str:
        """Return what the API counts requests by: the older, stricter one of two documented rules implies the newer."""
        return f"cdr {self.account} {format_time(self.start)} {self.skip}"


@dataclass(frozen=True, slots=True)
class Page:
    """The records of one page that carry a reference; `items` counts all. `total` is the window's, if it was given."""

    query: Query
    records: tuple[CallRecord, ...]
    items: int
    total: int | None

    @property
    def next(self) -> Query | None:
        """Return the page behind this one in the same window, None when there is none."""
        query, reached = self.query, self.query.skip + self.items
        more = self.items >= query.take if self.total is None else reached < self.total
        return Query(query.account, query.start, query.end, reached, query.take) if self.items and more else None


@dataclass(frozen=True, slots=True)
class Wait:
    """The next page may not be asked for before this time."""

    until: datetime


class Fetch(Protocol):
    """Asks the API for one page; `CallDetailRecords` is one."""

    async def fetch(self, query: Query) -> Answer | Failure:
        """Return the answer, or why there is none."""
        ...


class Throttle(Protocol):
    """Remembers, for every run on this account, what must not be asked again yet; the ledger is one."""

    def throttled_until(self, key: str) -> datetime | None:
        """Return the time before which this must not be asked again, if any."""
        ...

    def set_throttle(self, key: str, until: datetime) -> None:
        """Remember that time."""
        ...


async def conversations(
    fetch: Fetch,
    account: str,
    since: datetime,
    until: datetime,
    *,
    throttle: Throttle,
    clock: Callable[[], datetime],
    take: int = MOST,
) -> AsyncIterator[Page | Wait]:
    """Yield every page of the account's records between two times (aware, `since` before `until`).

    A `Wait` comes instead of a page that may not be asked for yet: the caller waits that long and goes
    on, or gives up. Raises ApiError when the API cannot be used.
    """
    for start, end in windows(since, until):
        query: Query | None = Query(account, start, end, 0, take)
        while query is not None:
            blocked = throttle.throttled_until(query.throttle_key)
            if blocked is not None and blocked > clock():
                yield Wait(blocked)
                continue
            received = await fetch.fetch(query)
            found = read_page(query, received, clock())
            throttle.set_throttle(query.throttle_key, found.until if isinstance(found, Wait) else clock() + PAUSE)
            yield found
            if isinstance(found, Page):
                query = found.next


def windows(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the time between two times in pieces of at most a week, widened to whole seconds, in UTC."""
    start = since.astimezone(UTC).replace(microsecond=0)
    last = until.astimezone(UTC)
    last = last if not last.microsecond else last.replace(microsecond=0) + timedelta(seconds=1)
    while start < last:
        end = min(start + LONGEST, last)
        yield start, end
        start = end


def format_time(time: datetime) -> str:
    """Return a time as the API is asked with it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_page(query: Query, received: Answer | Failure, now: datetime) -> Page | Wait:
    """Return an answer as a page, or as a time to wait for. Raise ApiError for anything else."""
    what = "the Call Detail Records cannot be read"
    if isinstance(received, Failure):
        status = (
            f"the proxy answered {received.proxy_status}"
            if received.proxy_status is not None
            else safe_text(received.reason)
        )
        raise ApiError(f"{what}: {status}")
    if received.status == THROTTLED:
        seconds = seconds_to_wait(received.headers.get("retry-after"), now.timestamp())
        return Wait(now + (PAUSE if seconds is None else timedelta(seconds=seconds)))
    if received.status in {*UNAUTHORIZED, FORBIDDEN}:
        raise ApiError(f"{what}: the API answered {received.status}", hint="is the product token allowed to read them?")
    if received.status == 404:
        raise ApiError(f"{what}: the API answered 404", hint="is this the voice account's id?")
    if received.status != 200 or received.cut is not None:
        raise ApiError(
            f"{what}: the API answered {received.status}{f', but {safe_text(received.cut)}' if received.cut else ''}"
        )
    if _count(received, "skip", query.skip) != query.skip:
        raise ApiError(f"{what}: the API answered with another page than it was asked for")
    try:
        items = items_of(read_json(received.body, half_characters=True))
    except ValueError as error:
        raise ApiError(f"{what}: the answer is not readable: {safe_text(str(error))}") from None
    records = tuple(record for record in map(read_record, items) if record is not None)
    return Page(query, records, len(items), _count(received, "total", None))


def _count(answer: Answer, name: str, default: int | None) -> int | None:
    """Return a number of the paging headers; the default when it is missing or no number."""
    text = answer.headers.get(f"x-cm-pagination-{name}", "").strip()
    return int(text) if _COUNT.fullmatch(text) else default


#: The longest page that is read, in bytes: ten thousand records of 6 KB.
LONGEST_PAGE = 64 << 20
#: How often a page is asked for when the network or the server fails, and seconds before the second time.
ATTEMPTS = 3
BACKOFF = 1.0

_ACCOUNT = regex(r"[A-Za-z0-9_-]{1,64}")


def check_account(account: str) -> str:
    """Return a voice account's id, if it can stand in an address. Raise ApiError otherwise."""
    if not _ACCOUNT.fullmatch(account):
        raise ApiError("the voice account's id must be letters, digits and hyphens")
    return account


class CallDetailRecords:
    """A `Fetch` over the network. Use `opened`."""

    def __init__(self, http: HttpClient, base: str, token: Secret, backoff: float) -> None:
        self._http = http
        self._base = base
        self._token = token
        self._backoff = backoff

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, api: str, token: Secret, connection: Connection | None = None, *, backoff: float = BACKOFF
    ) -> AsyncIterator[CallDetailRecords]:
        """Open the records API beside a Voice API address. Raise ApiError when something given cannot be used."""
        connection = connection or Connection()
        base = cdr_address(check_address(api))
        proxy = proxy_of(connection, base)
        async with HttpClient(connection, tls_context(connection, base, proxy), proxy) as http:
            yield cls(http, base, check_token(token), backoff)

    async def fetch(self, query: Query) -> Answer | Failure:
        """Return one page; ask again when no answer came, or a 5xx."""
        check_account(query.account)
        times = {"from": format_time(query.start), "to": format_time(query.end)}
        url = (
            f"{self._base}/{query.account}/conversations?{urlencode({**times, 'skip': query.skip, 'take': query.take})}"
        )
        headers = {TOKEN_HEADER: self._token.reveal(), "Accept": "application/json"}
        request = prepare_request("GET", url, headers)
        for attempt in range(1, ATTEMPTS + 1):
            received = await self._http.exchange(request, limit=LONGEST_PAGE)
            failed = isinstance(received, Failure) or received.cut is not None or received.status >= 500
            if not failed or attempt == ATTEMPTS:
                break
            await asyncio.sleep(self._backoff * 2.0 ** (attempt - 1))
        return received


#: Bytes of an answer that are read: nobody looks at its body.
_LONGEST_PROBED = 1 << 20
#: How far back records are asked for: no further than the API has to look up anyhow.
LATELY = timedelta(minutes=1)


async def probe(url: str, connection: Connection, token: Secret | None = None) -> Answer | Failure:
    """Ask for an address, once, with the token where one is given. Raise ApiError when it cannot be asked for."""
    proxy = proxy_of(connection, url)
    headers = {"Accept": "application/json"} | ({} if token is None else {TOKEN_HEADER: token.reveal()})
    async with HttpClient(connection, tls_context(connection, url, proxy), proxy) as http:
        return await http.exchange(prepare_request("GET", url, headers), limit=_LONGEST_PROBED)


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
