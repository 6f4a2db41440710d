"""Windows, pages and pauses of the Call Detail Records, and the client that asks."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.api.address import Secret
from flowops.api.cdr import LONGEST, PAUSE, CallDetailRecords, Page, Query, Wait, conversations, windows
from flowops.api.classify import Answer, Failure
from flowops.errors import ApiError
from flowops.model.project import Connection

ACCOUNT = "5f0c9f7e-0000-4000-8000-2b6d1c7e2f10"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TOKEN = Secret("3f2a6c1e-0000-4000-8000-5b9d1c7e2f10")


class Memory:
    """What must not be asked again yet."""

    def __init__(self) -> None:
        self.until: dict[str, datetime] = {}

    def throttled_until(self, key: str) -> datetime | None:
        return self.until.get(key)

    def set_throttle(self, key: str, until: datetime) -> None:
        self.until[key] = until


class Records:
    """Answers with the records of a list, a page at a time; or with what it is told."""

    def __init__(self, count: int = 0, *answers: Any, headers: bool = True, most: int = 10_000) -> None:
        self.count = count
        self.answers = list(answers)
        self.headers = headers
        self.most = most
        self.asked: list[Query] = []

    async def fetch(self, query: Query) -> Any:
        self.asked.append(query)
        if self.answers:
            return self.answers.pop(0)
        items = [{"reference": f"r-{number}"} for number in range(self.count)][query.skip : query.skip + query.take]
        told = {"skip": query.skip, "take": query.take, "total": self.count}
        headers = {f"x-cm-pagination-{name}": str(value) for name, value in told.items()} if self.headers else {}
        return Answer(200, headers, json.dumps(items[: self.most]).encode())


def ask(
    records: Records, memory: Memory | None = None, since: timedelta = DAY, take: int = 10_000, steps: int = 99
) -> Any:
    async def main() -> Any:
        found = []
        pages = conversations(
            records, ACCOUNT, NOW - since, NOW, throttle=memory or Memory(), clock=lambda: NOW, take=take
        )
        async for step in pages:
            found.append(step)
            if len(found) == steps:
                break
        await pages.aclose()
        return found

    return asyncio.run(main())


def references(found: list[Any]) -> list[str]:
    return [record.reference_id for page in found if isinstance(page, Page) for record in page.records]


@pytest.mark.parametrize("headers", [True, False])
@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (9, 1), (11, 2), (25, 3)])
def test_every_page_of_a_window_is_asked_for(count, pages, headers):
    records = Records(count, headers=headers)
    found = ask(records, take=10)
    assert references(found) == [f"r-{number}" for number in range(count)]
    assert [query.skip for query in records.asked] == [10 * page for page in range(pages)]


def test_a_page_that_is_shorter_than_asked_for_does_not_end_the_window():
    records = Records(25, most=4)
    assert references(ask(records, take=10)) == [f"r-{number}" for number in range(25)]


def test_an_empty_page_ends_a_window_whatever_the_total_says():
    empty = Answer(200, {"x-cm-pagination-total": "99999999"}, b"[]")
    assert len(ask(Records(0, empty))) == 1


def test_a_long_time_is_asked_for_a_week_at_a_time():
    records = Records(1)
    ask(records, since=17 * DAY)
    assert [(NOW - query.start, query.end - query.start) for query in records.asked] == [
        (17 * DAY, 7 * DAY),
        (10 * DAY, 7 * DAY),
        (3 * DAY, 3 * DAY),
    ]


@given(
    since=st.integers(1_600_000_000_000_000, 1_900_000_000_000_000).map(
        lambda us: datetime.fromtimestamp(us / 1e6, UTC)
    ),
    length=st.timedeltas(min_value=timedelta(0), max_value=90 * DAY),
)
def test_windows_cover_the_time_without_a_gap(since, length):
    found = list(windows(since, since + length))
    assert all(start < end <= start + LONGEST for start, end in found)
    assert all(one[1] == two[0] for one, two in pairwise(found))
    if length:
        assert found[0][0] <= since
        assert found[-1][1] >= since + length
        assert found[-1][1] - (since + length) < timedelta(seconds=1)


def test_the_same_page_is_not_asked_for_twice_in_five_minutes():
    memory, records = Memory(), Records(1)
    ask(records, memory)
    assert ask(records, memory, steps=2) == [Wait(NOW + PAUSE), Wait(NOW + PAUSE)]
    assert len(records.asked) == 1


def test_after_the_wait_the_page_is_asked_for():
    memory, records = Memory(), Records(1)
    memory.until[Query(ACCOUNT, NOW - DAY, NOW, 0, 10_000).throttle_key] = NOW
    assert references(ask(records, memory)) == ["r-0"]


@pytest.mark.parametrize(
    ("header", "pause"),
    [({"retry-after": "90"}, timedelta(seconds=90)), ({}, PAUSE), ({"retry-after": "soon"}, PAUSE)],
)
def test_a_429_is_waited_for_and_remembered(header, pause):
    memory, records = Memory(), Records(1, Answer(429, header, b""))
    assert ask(records, memory, steps=1) == [Wait(NOW + pause)]
    assert list(memory.until.values()) == [NOW + pause]


@pytest.mark.parametrize(
    ("came", "message"),
    [
        (Failure(begun=False, reason="Connection refused"), "Connection refused"),
        (Failure(begun=False, reason="x", proxy_status=407), "the proxy answered 407"),
        (Answer(401, {}, b""), "the API answered 401"),
        (Answer(403, {}, b""), "the API answered 403"),
        (Answer(404, {}, b""), "the API answered 404"),
        (Answer(400, {}, b""), "the API answered 400"),
        (Answer(302, {}, b""), "the API answered 302"),
        (Answer(503, {}, b""), "the API answered 503"),
        (Answer(204, {}, b""), "the API answered 204"),
        (Answer(200, {}, b"", cut="no whole answer within 30 s"), "but no whole answer within 30 s"),
        (Answer(200, {}, b"<html>"), "the answer is not readable"),
        (Answer(200, {}, b"{}"), "there are no records in it"),
        (Answer(200, {"x-cm-pagination-skip": "10"}, b"[]"), "another page"),
    ],
)
def test_what_is_no_page_ends_the_question(came, message):
    with pytest.raises(ApiError, match=f"the Call Detail Records cannot be read: .*{message}"):
        ask(Records(0, came))


# The client.


def fetch(serving: Any, script: Any, query: Query | None = None) -> Any:
    query = query or Query(ACCOUNT, NOW - DAY, NOW, 20, 10)

    async def main() -> Any:
        async with serving(script) as server:
            connection = Connection(answer_timeout=5.0)
            async with CallDetailRecords.opened(server.address, TOKEN, connection, backoff=0.0) as records:
                return await records.fetch(query), server

    return asyncio.run(main())


def test_a_page_is_asked_for_with_the_token_and_times_in_utc(serving):
    async def script(peer):
        await peer.request()
        await peer.answer(b'[{"reference": "a"}]', "200 OK", "X-CM-Pagination-Total: 21", "X-CM-Pagination-Skip: 20")

    answer, server = fetch(serving, script)
    assert (answer.status, answer.body) == (200, b'[{"reference": "a"}]')
    assert (answer.headers["x-cm-pagination-total"], answer.headers["x-cm-pagination-skip"]) == ("21", "20")
    [[first, *headers]] = server.heads
    times = "from=2026-11-19T12%3A00%3A00Z&to=2026-11-20T12%3A00%3A00Z"
    assert first == f"GET /cdrapi/v1/{ACCOUNT}/conversations?{times}&skip=20&take=10 HTTP/1.1"
    assert f"X-CM-PRODUCTTOKEN: {TOKEN.reveal()}" in headers
    assert not [header for header in headers if header.lower().startswith(("content-length", "content-type"))]


def test_a_question_may_be_asked_again(serving):
    async def script(peer):
        await peer.request()
        if len(peer.server.requests) == 1:
            peer.reset()
        elif len(peer.server.requests) == 2:
            await peer.answer(b"", "502 Bad Gateway")
        else:
            await peer.answer(b"[]")

    answer, server = fetch(serving, script)
    assert (answer.status, len(server.requests)) == (200, 3)


@pytest.mark.parametrize(("status", "requests"), [("429 Too Many Requests", 1), ("404 Not Found", 1), ("500 Oops", 3)])
def test_only_a_broken_answer_is_asked_for_again(serving, status, requests):
    async def script(peer):
        while True:
            await peer.request()
            await peer.answer(b"", status)

    answer, server = fetch(serving, script)
    assert (answer.status, len(server.requests)) == (int(status[:3]), requests)


@pytest.mark.parametrize("account", ["", "a/b", "..", "a?b", "a b", "x" * 65])
def test_an_account_that_would_change_the_address_is_refused(serving, account):
    async def script(peer):
        await peer.request()

    with pytest.raises(ApiError, match="account"):
        fetch(serving, script, Query(account, NOW - DAY, NOW, 0, 10))
