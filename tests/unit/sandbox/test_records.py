"""Call Detail Records, as far as the vendor documents them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

PATH = "/cdrapi/v1/account-1/conversations"
ADA, BOB = "+442079460018", "+12125550143"


def day(api, days: float = 0.0) -> str:
    return (datetime.fromtimestamp(api.now, UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def records(api, start: float = -1, end: float = 1, more: str = ""):
    return api.ask(method="GET", path=PATH, query=f"from={day(api, start)}&to={day(api, end)}{more}")


def test_a_record_carries_the_reference_of_its_call(sandbox, instruction):
    api = sandbox()
    call_id = json.loads(api.ask(instruction("a")).body)["call-id"]
    reply = records(api)
    (record,) = json.loads(reply.body)
    assert (record["instruction-id"], record["call-id"]) == ("a", call_id)
    assert reply.headers["X-CM-Pagination-Total"] == "1"


def test_only_successful_calls_have_a_record(sandbox, instruction):
    api = sandbox(numbers={BOB: (9,)})
    api.ask(instruction("a", callee=None, callees=[ADA, BOB]))
    assert [record["callee"] for record in json.loads(records(api).body)] == [ADA]


def test_a_call_has_no_record_while_it_rings(sandbox, instruction):
    from flowops.sandbox.settings import Span

    api = sandbox(ring=Span(5, 5), records_pause=0)
    api.ask(instruction("a"))
    assert json.loads(records(api).body) == []
    api.now += 5
    assert len(json.loads(records(api).body)) == 1


def test_records_come_in_pages(sandbox, instruction):
    api = sandbox()
    for number in range(5):
        api.ask(instruction(f"r{number}"))
    pages = [records(api, more=f"&skip={skip}&take=2") for skip in (0, 2, 4)]
    assert [record["instruction-id"] for page in pages for record in json.loads(page.body)] == [
        f"r{number}" for number in range(5)
    ]
    assert pages[1].headers["X-CM-Pagination-Skip"] == "2"
    assert pages[1].headers["X-CM-Pagination-Take"] == "2"
    assert pages[1].headers["X-CM-Pagination-Total"] == "5"


def test_only_calls_of_the_period_are_listed(sandbox, instruction):
    api = sandbox(records_pause=0)
    api.ask(instruction("a"))
    assert json.loads(records(api, start=-2, end=-1).body) == []


def test_the_same_page_may_be_asked_for_every_five_minutes(sandbox):
    api = sandbox()
    start = day(api, -1)

    def ask(end: float, skip: int = 0):
        return api.ask(method="GET", path=PATH, query=f"from={start}&to={day(api, end)}&skip={skip}")

    assert ask(0).status == 200
    api.now += 100
    again = ask(1)
    assert (again.status, again.headers["Retry-After"]) == (429, "200")
    assert ask(1, skip=1).status == 200
    api.now += 200
    assert ask(1).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "from=2026-03-02T00:00:00Z",
        "from=yesterday&to=2026-03-02T00:00:00Z",
        "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
        "from=2026-03-02T00:00:00Z&to=2026-03-09T00:00:01Z",
        "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&take=0",
        "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&take=10001",
        "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&skip=-1",
        "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&skip=1&skip=2",
        "from=0001-01-01T00:00:00%2B23:59&to=2026-03-03T00:00:00Z",
        "from=9999-12-31T00:00:00Z&to=9999-12-31T00:00:00Z&skip=%EF%BC%91",
    ],
)
def test_a_question_that_the_api_does_not_take_is_a_bad_request(sandbox, query):
    assert sandbox().ask(method="GET", path=PATH, query=query).status == 400


@pytest.mark.parametrize(
    "time", ["2026-03-02T00:00:00Z", "2026-03-02T00:00:00", "2026-03-02", "2026-03-02T01:00+01:00"]
)
def test_times_are_in_utc_unless_they_say_otherwise(sandbox, time):
    assert sandbox().ask(method="GET", path=PATH, query=f"from={time}&to=2026-03-09T00:00:00Z").status == 200


def test_the_end_of_all_time_is_no_trouble(sandbox):
    assert sandbox().ask(method="GET", path=PATH, query="from=9999-12-30&to=9999-12-31").status == 200


def test_records_need_the_token_too(sandbox):
    assert sandbox().ask(method="GET", path=PATH, x_cm_producttoken="no").status == 401
    assert sandbox().ask(method="POST", path=PATH).status == 405
