"""Parquet files and SQL over files, read through `flowops.queries`."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.git import Repository
from support.parquet import write_parquet

from flowops.documents.git import Revision, commit_of
from flowops.documents.reader import Reader
from flowops.documents.row_source import Dialect
from flowops.documents.rows import read_batches, read_rows
from flowops.documents.staging import Named, StagingDir
from flowops.errors import FlowopsError
from flowops.model.document import Place, Problem, Row, RowPlace

PEOPLE = "select i as id, 'Ann ' || i as name from range(1, 2501) t(i)"


@pytest.fixture
def rows(tree: Any) -> Any:
    """The rows of a ``for-each``: of a query when that has blanks, else of a file in ``data``."""

    def read(each: str, options: str = "", reader: Reader | None = None) -> list[Row | Problem]:
        tree.reader._sections.clear()
        value = f"../data/{each}" if " " not in each else f"\n  sql: |\n    {each}{options}"
        document = tree.document(f"apiVersion: flowops/v1\nkind: CallSet\nfor-each: {value}\n")
        return list(read_rows(reader or tree.reader, document))

    return read


@pytest.fixture
def said(rows: Any) -> Any:
    """The values of rows, and the messages of problems."""

    def read(each: str, options: str = "") -> list[Any]:
        return [found.values if isinstance(found, Row) else found.message for found in rows(each, options)]

    return read


def test_a_parquet_file_is_its_rows_in_their_order(rows: Any, tree: Any) -> None:
    write_parquet(tree.root / "data/a.parquet", f"{PEOPLE} order by i desc")
    found = rows("a.parquet")
    assert len(found) == 2500
    assert found[1] == Row({"id": 2499, "name": "Ann 2499"}, RowPlace("data/a.parquet", 2, None))


def test_values_are_those_of_json(said: Any, tree: Any) -> None:
    write_parquet(
        tree.root / "data/a.parquet",
        "select null::int as n, true as b, 1.50::decimal(9,2) as d, 1.5::double as f, date '2026-12-01' as day, "
        "timestamp '2026-12-01 10:00' as at, timestamptz '2026-12-01 10:00+01' as tz, time '10:00' as t, "
        "[date '2026-12-01'] as l, {'x': 1, 'y': [1.10::decimal(9,2)]} as s, map {'k': 1} as m, "
        "'7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10'::uuid as u, 9007199254740993 as h, "
        "'{\"a\": [1, null]}'::json as j, 'a'::enum('a') as e",
    )
    assert said("a.parquet") == [
        {
            "n": None,
            "b": True,
            "d": "1.50",
            "f": 1.5,
            "day": "2026-12-01",
            "at": "2026-12-01T10:00:00",
            "tz": "2026-12-01T09:00:00+00:00",
            "t": "10:00:00",
            "l": ["2026-12-01"],
            "s": {"x": 1, "y": ["1.10"]},
            "m": {"k": 1},
            "u": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
            "h": 9007199254740993,
            "j": {"a": [1, None]},
            "e": "a",
        }
    ]


@pytest.mark.parametrize(
    ("type_", "value"),
    [("BLOB", "'x'::blob"), ("BLOB", "[{'a': 'x'::blob}]"), ("INTERVAL", "interval 1 day"), ("JSON", "['1'::json]")],
)
def test_a_column_without_a_form_in_json_is_told_by_its_name(said: Any, type_: str, value: str) -> None:
    assert said(f"select {value} as odd order by 1") == [
        f"for-each: sql: the column 'odd' is of the type {type_}, which JSON has nothing for"
    ]


def test_a_value_without_a_form_in_json_is_told_with_its_column_and_row(rows: Any) -> None:
    *good, bad = rows(
        "select id, case when id > 1 then 'nan'::double end as odd from (values (1), (2)) v(id) order by 1"
    )
    # What goes wrong goes wrong for a batch: nothing of it is given.
    assert good == []
    assert (bad.message, str(bad.row)) == (
        "for-each: sql: the column 'odd' holds not a number, which JSON has nothing for",
        "row 2 of the query at calls/one.yaml:3",
    )


def test_a_query_joins_files_of_every_kind_from_the_documents_folder(rows: Any, tree: Any) -> None:
    write_parquet(tree.root / "data/a.parquet", PEOPLE)
    tree.write({"calls/b.csv": "id,phone\n7,+442079460007\n9,\n", "data/c.jsonl": '{"id": 7, "tags": ["x", 1]}\n'})
    found = rows(
        "select b.id, name, phone, tags, tags[2] is null as none from '../data/a.parquet' a join 'b.csv' b on "
        "b.id = a.id::text left join '../data/c.jsonl' c on c.id = a.id order by a.id desc"
    )
    assert [row.values for row in found] == [
        {"id": "9", "name": "Ann 9", "phone": "", "tags": None, "none": True},
        {"id": "7", "name": "Ann 7", "phone": "+442079460007", "tags": ["x", 1], "none": True},
    ]
    assert [row.place for row in found] == [RowPlace("the query at calls/one.yaml:3", n, None) for n in (1, 2)]


def test_text_is_read_by_flowops_and_never_guessed(said: Any, tree: Any) -> None:
    tree.write({"data/a.csv": 'd,n\n2026-12-01,007\n"line\nbreak, ""q""",\n', "data/b.jsonl": '{"d": "2026-12-01"}\n'})
    assert said("select * from '../data/a.csv' order by n desc") == [
        {"d": "2026-12-01", "n": "007"},
        {"d": 'line\nbreak, "q"', "n": ""},
    ]
    assert said("select d || '' as d from '../data/b.jsonl' order by 1") == [{"d": "2026-12-01"}]
    tree.write(
        {"data/c.jsonl": '{"a": 1, "b": true, "c": "x"}\n{"a": 1.5, "b": 1, "c": null, "d": 12345678901234567890}\n'}
    )
    assert said("select * from '../data/c.jsonl' order by a") == [
        {"a": 1.0, "b": True, "c": "x", "d": None},
        {"a": 1.5, "b": 1, "c": None, "d": 12345678901234567890},
    ]


def test_what_is_wrong_in_a_text_that_a_query_reads_is_told_with_its_place(rows: Any, tree: Any) -> None:
    tree.write({"data/a.csv": 'a,b\n1\n"2,\n', "data/b.jsonl": "", "data/c.csv": "a,b\n"})
    assert rows("select * from '../data/a.csv' order by 1") == [
        Problem(Place("data/a.csv", 2), message="the row has 1 field, and the header has 2", code="rows"),
        Problem(Place("data/a.csv", 3), message="a quote that opens in this row is never closed", code="rows"),
    ]
    assert [found.message for found in rows("select * from '../data/b.jsonl' order by 1")] == [
        "for-each: sql: '../data/b.jsonl' is empty, so that it has no columns"
    ]
    assert rows("select * from '../data/c.csv' order by 1") == []


def test_names_of_columns_may_be_anything_but_the_same(said: Any, tree: Any) -> None:
    tree.write({"data/a.csv": '"it\'s ""x""",1,ä b\nq,w,\n', "data/b.csv": "a,A\n1,2\n"})
    assert said("from '../data/a.csv' order by all") == [{'it\'s "x"': "q", "1": "w", "ä b": ""}]
    assert said("from '../data/b.csv' order by all") == [
        "for-each: sql: '../data/b.csv' has columns whose names differ in capitals only: to SQL they are the same"
    ]


def test_a_wide_header_makes_no_long_rows(tree: Any, tmp_path: Path) -> None:
    header = ",".join(f"{'x' * 900}{number}" for number in range(1000))
    tree.write({"data/a.csv": header + "\n" + ("," * 999 + "\n") * 10})
    staging = StagingDir(tree.reader, tmp_path)
    (file,) = staging.add(Named(["data/a.csv"], tree.root, Dialect())).values()
    assert Path(file["path"]).stat().st_size < 20 * len(header)


def test_a_text_that_is_too_large_is_refused(said: Any, tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowops.documents.staging.MAX_STAGED", 1000)
    tree.write({"data/a.csv": "a\n" + "x\n" * 1000})
    assert said("from '../data/a.csv' order by 1") == [
        "for-each: sql: '../data/a.csv' is too large for a query, with what is read besides"
    ]


def test_the_dialect_of_a_query_is_that_of_its_csv_files(said: Any, tree: Any) -> None:
    tree.write({"data/a.csv": "a;b\nJosé;2\n".encode("windows-1252")})
    options = '\n  encoding: windows-1252\n  delimiter: ";"'
    assert said("select * from '../data/a.csv' order by 1", options) == [{"a": "José", "b": "2"}]


def test_names_that_mean_something_to_duckdb_mean_nothing(said: Any, tree: Any) -> None:
    for name in ("a*.parquet", "[x].parquet", 'it\'s "x".parquet'):
        write_parquet(tree.root / "data/plain.parquet", "select 1 as a")
        (tree.root / "data/plain.parquet").rename(tree.root / "data" / name)
        quoted = name.replace("'", "''")
        assert said(f"select * from '../data/{quoted}' order by 1") == [{"a": 1}]
    assert said("select * from '../data/*.parquet' order by 1") == ["for-each: sql: '../data/*.parquet' does not exist"]


@pytest.mark.parametrize(
    "name", ["../../../../etc/passwd.csv", "/etc/passwd.csv", "link.csv", "link.parquet", "dir.csv"]
)
def test_files_outside_are_not_read(said: Any, tree: Any, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.csv").write_text("a\n1\n")
    (tree.root / "calls").mkdir()
    (tree.root / "calls/link.csv").symlink_to(outside / "x.csv")
    (tree.root / "calls/link.parquet").symlink_to(outside / "x.csv")
    (tree.root / "calls/dir.csv").mkdir()
    (problem,) = said(f"select * from '{name}' order by 1")
    assert any(word in problem for word in ("leads out of", "does not exist", "is a directory")), problem


def test_a_link_inside_is_followed(said: Any, tree: Any) -> None:
    write_parquet(tree.root / "data/a.parquet", "select 1 as a")
    (tree.root / "data/b.parquet").symlink_to("a.parquet")
    assert said("b.parquet") == [{"a": 1}]
    assert said("select * from '../data/b.parquet' order by 1") == [{"a": 1}]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 1000, b"\0" * 5000, b"a,b\n1,2\n"])
def test_what_is_no_parquet_is_told(said: Any, tree: Any, data: bytes) -> None:
    tree.write({"data/a.parquet": data})
    (problem,) = said("a.parquet")
    assert problem.startswith("for-each: ")
    assert "/flowops-" not in problem


def test_damaged_parquet_ends_with_a_message_or_its_rows(said: Any, tree: Any) -> None:
    write_parquet(tree.root / "data/a.parquet", PEOPLE)
    whole = (tree.root / "data/a.parquet").read_bytes()
    for at in range(4, len(whole), max(1, len(whole) // 12)):
        damaged = whole[:at] + bytes(255 - byte for byte in whole[at : at + 40]) + whole[at + 40 :]
        tree.write({"data/a.parquet": damaged})
        found = said("a.parquet")
        assert all(isinstance(each, dict) for each in found) or isinstance(found[-1], str)


def test_the_same_files_give_the_same_rows(rows: Any, tree: Any) -> None:
    write_parquet(tree.root / "data/a.parquet", "select i % 7 as g, i from range(5000) t(i)")
    query = (
        "select g, string_agg(i::text, ',') as ids, first(i) as f, row_number() over () as n "
        "from '../data/a.parquet' join (values (1), (3)) v(k) on k = g group by g order by 1"
    )
    assert rows(query) == rows(query)


def test_a_revision_in_git_gives_what_was_in_it(rows: Any, tree: Any) -> None:
    git = Repository(tree.root)
    write_parquet(tree.root / "data/a.parquet", "select 1 as a")
    tree.write({"data/b.csv": "a\n1\n"})
    git.git("add", "-A")
    git.git("commit", "-q", "-m", "one")
    (tree.root / "data/a.parquet").unlink()
    (tree.root / "data/b.csv").unlink()
    with Revision(tree.root, commit_of(tree.root, "HEAD")) as revision:
        reader = Reader(revision, tree.root)
        tree.write({"calls/one.yaml": ""})
        for each in ("../data/a.parquet", "\n  sql: select a::int as a from '../data/b.csv' order by 1"):
            document = tree.document(f"apiVersion: flowops/v1\nkind: CallSet\nfor-each: {each}\n")
            reader._paths[document.file] = tree.root / document.file
            tree.reader._sections.clear()
            (row,) = read_rows(reader, document)
            assert row.values == {"a": 1}


def test_a_reader_that_stops_early_leaves_nothing_behind(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(tree.root / "data/a.parquet", "select i from range(100000) t(i)")
    started: list[subprocess.Popen[bytes]] = []
    before = subprocess.Popen.__init__

    def noted(self: Any, *args: Any, **options: Any) -> None:
        before(self, *args, **options)
        started.append(self)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    document = tree.document("apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/a.parquet\n")
    found = read_batches(tree.reader, document)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert [process.returncode for process in started] == [-9]


def test_rows_take_no_more_memory_when_there_are_many(tree: Any) -> None:
    document = tree.document("apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/a.parquet\n")
    write_parquet(tree.root / "data/a.parquet", "select i, 'Ann ' || i as name from range(300000) t(i)")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(len(batch.rows) for batch in read_batches(tree.reader, document)) == 300_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("os.kill(os.getpid(), signal.SIGXCPU)", "it takes too much work for so little data"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "out of memory: the system ended the process that was reading"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", f"the process that was reading ended with signal {signal.SIGSEGV}"),
        ("os._exit(3)", "the process that was reading ended with exit code 3"),
        ("os.write(1, b'{')", "the process that was reading ended with exit code 0"),
    ],
)
def test_a_process_that_goes_away_is_told(
    said: Any, tree: Any, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    tree.write({"data/a.parquet": b""})
    command = [sys.executable, "-c", f"import os, signal; {code}"]
    monkeypatch.setattr("flowops.documents.sql_rows._COMMAND", command)
    assert said("a.parquet") == [f"for-each: {message}"]


def test_a_mistake_in_the_process_is_no_problem_of_the_user(
    said: Any, tree: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (
        "from flowops.queries import answer; answer.locked = None; from flowops.queries.__main__ import main; main()"
    )
    tree.write({"data/a.parquet": b""})
    monkeypatch.setattr("flowops.documents.sql_rows._COMMAND", [sys.executable, "-c", broken])
    with pytest.raises(FlowopsError, match="the query process failed: TypeError"):
        said("a.parquet")


def test_without_the_extra_it_is_said_what_to_install(said: Any, tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write({"data/a.parquet": b""})
    monkeypatch.setattr("flowops.documents.sql_rows.find_spec", lambda _name: None)
    assert said("a.parquet") == ["for-each: .parquet needs DuckDB, which is not installed"]
    assert said("select 1 order by 1") == ["for-each: sql: it needs DuckDB, which is not installed"]


def test_nothing_is_imported_from_where_the_command_runs(
    said: Any, tree: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tree.write({"duckdb.py": f"open({str(tmp_path / 'ran')!r}, 'w')", "json.py": "raise SystemExit"})
    monkeypatch.chdir(tree.root)
    assert said("select 1 as a order by 1") == [{"a": 1}]
    assert not (tmp_path / "ran").exists()
