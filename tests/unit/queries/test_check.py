from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from flowops.queries.check import FUNCTIONS, tables
from flowops.queries.limits import QueryRefused

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize(
    ("sql", "files"),
    [
        ("select 1 order by 1", []),
        ("from 'a.csv' order by all", ["a.csv"]),
        ('select * from "../x y.PARQUET" order by 1', ["../x y.PARQUET"]),
        ("select * from 'a.csv' a left join 'b.jsonl' b using (id) order by id", ["a.csv", "b.jsonl"]),
        ("with c as (select id from 'a.csv') select * from c where id in (select id from 'b.csv') order by 1", None),
        ("select a from 'a.csv' union all by name select b from 'b.csv' order by 1 limit 3 offset 1", None),
        ("select distinct on (a) a from 'a.csv' order by a desc nulls last", ["a.csv"]),
        ("select count(*) n, sum(x) filter (where y) from 'a.csv' group by rollup (z) having n > 1 order by 1", None),
        ("select row_number() over (partition by a order by b) from 'a.csv' qualify 1 = 1 order by 1", None),
        ("select lead(x ignore nulls) over w from 'a.csv' window w as (order by x rows 1 preceding) order by 1", None),
        ("select case when a then b else c end, coalesce(a, b), nullif(a, b), a is null from 'a.csv' order by 1", None),
        ("select a::int, try_cast(b as date), interval 1 day, extract(year from c) from 'a.csv' order by 1", None),
        ("select [x + 1 for x in l if x > 1], {'a': 1}, l[1:2], s.a.b, m['k'] from 'a.csv' order by 1", None),
        (
            "select list_transform(l, lambda x: x || '!'), j->>'$.a', a ~ 'b', a ilike 'c%' from 'a.csv' order by 1",
            None,
        ),
        ("select * exclude (a) replace (b as c), columns('d.*') from 'a.csv' order by 1", ["a.csv"]),
        ("from (pivot 'a.csv' on b in ('x') using sum(c)) order by 1", ["a.csv"]),
        ("from (unpivot 'a.csv' on b, c) order by 1", ["a.csv"]),
        ("select * from (values (1), (2)) v(x), unnest([1]) u(y), lateral (select x) order by 1", []),
        ("select exists (select 1 from 'a.csv'), a = any (select b from 'b.csv') from 'c.csv' order by 1", None),
    ],
)
def test_what_a_query_may_say(connection: duckdb.DuckDBPyConnection, sql: str, files: list[str] | None) -> None:
    found = tables(connection, sql)
    assert files is None or found == files


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select 1", "the query says nothing of the order of its rows"),
        ("select * from (select 1 order by 1)", "the query says nothing of the order of its rows"),
        ("selec 1", "this is not SQL: syntax error at or near"),
        ("", "a query is one SELECT"),
        ("select 1 order by 1; select 2 order by 1", "a query is one SELECT"),
        ("copy (select 1) to '/tmp/x'", "a query is one SELECT"),
        ("attach 'x.db'", "a query is one SELECT"),
        ("install httpfs", "a query is one SELECT"),
        ("load httpfs", "a query is one SELECT"),
        ("pragma database_list", "a query is one SELECT"),
        ("set threads = 4", "a query is one SELECT"),
        ("call pragma_version()", "a query is one SELECT"),
        ("create table x as select 1", "a query is one SELECT"),
        ("insert into x select 1", "a query is one SELECT"),
        ("explain analyze select 1", "a query is one SELECT"),
        ("select * from read_text('/etc/passwd') order by 1", "read_text() cannot be used as a table"),
        ("select * from read_csv('a.csv') order by 1", "read_csv() cannot be used as a table"),
        ("select * from glob('/*') order by 1", "glob() cannot be used as a table"),
        ("select * from query('select 1') order by 1", "query() cannot be used as a table"),
        ("select * from query_table('x') order by 1", "query_table() cannot be used as a table"),
        ("select * from range(1000000000000) order by 1", "range() cannot be used as a table"),
        ("select * from duckdb_settings() order by 1", "duckdb_settings() cannot be used as a table"),
        ("select * from 'https://example.org/x' order by 1", "there is no table 'https://example.org/x'"),
        ("select * from information_schema.tables order by 1", "a table has one name"),
        ('select * from main."a.csv" order by 1', "a table has one name"),
        ("select * from t order by 1", "there is no table 't'"),
        ("select random() order by 1", "there is no function random()"),
        ("select a from 'a.csv' order by random()", "there is no function random()"),
        ("select main.random() order by 1", "main.random() has to be called by its own name alone"),
        ("select now() order by 1", "there is no function now()"),
        ("select uuid() order by 1", "there is no function uuid()"),
        ("select age(timestamp '2026-01-01') order by 1", "there is no function age()"),
        ("select current_date order by 1", "current_date is not the same each time"),
        ("select CURRENT_TIMESTAMP order by 1", "CURRENT_TIMESTAMP is not the same each time"),
        ("select getenv('HOME') order by 1", "there is no function getenv()"),
        ("select current_setting('TimeZone') order by 1", "there is no function current_setting()"),
        ("select getvariable('x') order by 1", "there is no function getvariable()"),
        ("select json_execute_serialized_sql('x') order by 1", "there is no function json_execute_serialized_sql()"),
        ("select sleep_ms(1000) order by 1", "there is no function sleep_ms()"),
        ("select $1 order by 1", "there is nothing that could be given for a parameter"),
        ("select * from 'a.csv' tablesample 10% order by 1", "a sample is another one each time"),
        (
            "with recursive r as (select 1 union all select 1 from r) from r order by 1",
            "a query cannot have a recursive",
        ),
        ("select * from (describe 'a.csv') order by 1", "a query cannot have SHOW and DESCRIBE"),
        ("select list(x order by random()) from 'a.csv' order by 1", "there is no function random()"),
        ("select 1 order by 1 limit (select random())", "there is no function random()"),
        ("with c as (select uuid()) from c order by 1", "there is no function uuid()"),
        ("select list_transform([1], lambda x: random()) order by 1", "there is no function random()"),
        ("select sum(1) over (order by now()) order by 1", "there is no function now()"),
        # What takes the name of another function as a text would be a way around the list.
        *(
            (f"select {name}([1, 2], 'reservoir_quantile', 0.5) order by 1", f"there is no function {name.lower()}()")
            for name in ("list_aggregate", "list_aggr", "array_aggregate", "array_aggr", "aggregate", "LIST_AGGREGATE")
        ),
        ("select [1].list_aggregate('approx_quantile') order by 1", "there is no function list_aggregate()"),
        ("select approx_count_distinct(1) order by 1", "there is no function approx_count_distinct()"),
        (
            "select a from 'a.csv' qualify approx_quantile(a, 0.5) over () > 1 order by 1",
            "there is no function approx_",
        ),
        ("select sum(a) filter (where random() > 0.5) from 'a.csv' order by 1", "there is no function random()"),
        ("pivot 'a.csv' on a using approx_count_distinct(b) order by all", "a query is one SELECT"),
    ],
)
def test_what_a_query_may_not_say(connection: duckdb.DuckDBPyConnection, sql: str, message: str) -> None:
    with pytest.raises(QueryRefused) as raised:
        tables(connection, sql)
    assert message in raised.value.message


def test_functions_are_those_that_duckdb_calls_consistent(connection: duckdb.DuckDBPyConnection) -> None:
    """Of those that it does not: the ones that only look at the time zone, which is fixed."""
    doubtful = "select distinct function_name from duckdb_functions() where stability = 'VOLATILE'"
    assert not FUNCTIONS & {name for (name,) in connection.execute(doubtful).fetchall()}
    known = {name for (name,) in connection.execute("select distinct function_name from duckdb_functions()").fetchall()}
    assert FUNCTIONS - known == set()


@pytest.mark.parametrize("text", ["({})", "1 + {}", "not {}", "[{}]", "case when {} then 1 end"])
def test_a_query_that_is_too_deep_is_refused(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    before, _, behind = text.partition("{}")
    depth = 20_000
    with pytest.raises(QueryRefused, match="this is not SQL"):
        tables(connection, f"select {before * depth}1{behind * depth} order by 1")
