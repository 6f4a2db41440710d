"""Whoever walks the rows again has the same, or is told which files changed."""

from __future__ import annotations

import errno
import tempfile
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pytest
from support.parquet import write_parquet

from flowops.documents import snapshots as snapshots_module
from flowops.documents import sql_rows
from flowops.documents.reader import ROWS_AGAIN
from flowops.documents.rows import read_batches, read_rows
from flowops.documents.snapshots import Snapshot
from flowops.errors import FlowopsError
from flowops.model.document import Batch, Document, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

VALUES = {
    "text": "é\ud800",
    "whole": 2**80,
    "part": 0.1,
    "yes": True,
    "nothing": None,
    "list": [1, "1", {"a": []}],
}


@pytest.fixture
def call_set(tree: Any) -> Any:
    def make(each: str) -> Document:
        document: Document = tree.document(f"apiVersion: flowops/v1\nkind: CallSet\nfor-each: {each}\n")
        return document

    return make


def batches(count: int, size: int = 2) -> Iterator[Batch]:
    for number in range(count):
        first = number * size + 1
        rows = [{"n": each, **VALUES} for each in range(first, first + size)]
        yield Batch("the query at a.yaml:1", rows, range(first, first + size), None)


def said(batches: Iterable[Batch]) -> list[object]:
    return [(each.file, each.rows, each.numbers, each.lines, each.problems) for each in batches]


def test_rows_are_given_again_with_their_types_and_numbers() -> None:
    snapshot = Snapshot()
    first = said(snapshot.keep(batches(3)))
    assert first == said(batches(3))
    assert said(snapshot.batches()) == first
    assert said(snapshot.batches()) == first


def test_two_may_walk_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots_module, "IN_MEMORY", 10)
    snapshot = Snapshot()
    first = said(snapshot.keep(batches(5)))
    both = zip(*zip_longest(snapshot.batches(), snapshot.batches()), strict=True)
    assert [said(each) for each in both] == [first, first]


def test_rows_in_a_file_have_no_name_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(snapshots_module, "IN_MEMORY", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    snapshot = Snapshot()
    first = said(snapshot.keep(batches(5)))
    assert snapshot._file._rolled
    assert list(tmp_path.iterdir()) == []
    assert said(snapshot.batches()) == first


def test_no_room_for_rows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = Snapshot()

    def full(_data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(snapshot._file, "write", full)
    with pytest.raises(FlowopsError, match=r"the rows of the query at a.yaml:1 cannot be kept in .*: no space left"):
        list(snapshot.keep(batches(1)))


@pytest.mark.parametrize(
    "each", ["../data/a.parquet", "{sql: from 'a.csv' order by id}", "{sql: from '../data/a.parquet' order by id}"]
)
def test_what_the_process_gave_is_not_asked_for_again(
    each: str, call_set: Any, tree: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"calls/a.csv": "id,name\n1,Ann\n2,Bob\n"})
    (tree.root / "data").mkdir()
    write_parquet(tree.root / "data/a.parquet", "select i as id from range(2500) t(i)")
    document = call_set(each)
    first = list(read_batches(tree.reader, document))
    assert sum(len(batch.rows) for batch in first) in (2, 2500)

    def gone(*_: object) -> Iterator[Batch]:
        yield pytest.fail("asked again")

    monkeypatch.setattr(sql_rows, "answered", gone)
    assert said(read_batches(tree.reader, document)) == said(first)
    assert said(read_batches(tree.reader, document.with_value(dict(document.value)))) == said(first)


def test_rows_that_were_not_read_to_their_end_are_asked_for_again(call_set: Any, tree: Any) -> None:
    document = call_set('{sql: "select unnest(range(2500)) as id order by id"}')
    assert len(next(read_batches(tree.reader, document)).rows) == 1000
    assert tree.reader.snapshots == {}
    assert sum(isinstance(row, Row) for row in read_rows(tree.reader, document)) == 2500
    assert len(tree.reader.snapshots) == 1


def test_a_query_that_fails_is_not_asked_again(call_set: Any, tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    document = call_set('{sql: "select unnest(range(20000)) as id order by id"}')
    first = list(read_batches(tree.reader, document))
    assert [sum(len(batch.rows) for batch in first), len(first[-1].problems)] == [10_000, 1]
    monkeypatch.setattr(sql_rows, "answered", lambda *_: pytest.fail("asked again"))
    assert said(read_batches(tree.reader, document)) == said(first)


def test_a_walk_ends_where_the_one_before_had_as_many_rows_as_there_may_be(tree: Any) -> None:
    text = 'apiVersion: flowops/v1\nkind: CallSet\nfor-each: {sql: "select unnest(range(7000)) as id order by id"}\n'
    documents = [tree.document(text, name) for name in ("calls/a.yaml", "calls/b.yaml")]
    tree.reader.spend_rows(ROWS_AGAIN - 5_000)
    walks: Any = [[said(read_batches(tree.reader, each)) for each in documents] for _ in range(2)]
    assert walks[0] == walks[1]
    assert [sum(len(rows) for _, rows, *_ in each) for each in walks[0]] == [5_000, 0]


@pytest.mark.parametrize(
    ("name", "each"),
    [
        ("data/a.csv", "../data/a.csv"),
        ("data/a.csv", "{file: ../data/a.csv, encoding: utf-16}"),
        ("data/a.jsonl", "../data/a.jsonl"),
        ("data/a.csv", "{sql: from '../data/a.csv' order by id}"),
        ("data/a.parquet", "{sql: from '../data/a.parquet' order by id}"),
    ],
)
def test_a_data_file_that_is_not_what_it_was_is_named(name: str, each: str, call_set: Any, tree: Any) -> None:
    contents: dict[str, str | bytes] = {"data/a.csv": "id\n1\n", "data/a.jsonl": '{"id": 1}\n'}
    if "utf-16" in each:
        contents["data/a.csv"] = "id\n1\n".encode("utf-16")
    tree.write(contents)
    write_parquet(tree.root / "data/a.parquet", "select 1 as id")
    document = call_set(each)
    before = (tree.root / name).read_bytes()
    assert len(list(read_rows(tree.reader, document))) == 1
    assert tree.reader.changed_files() == []
    tree.write({name: before})
    assert tree.reader.changed_files() == []
    tree.write({name: before[:-1] + b" "})
    assert tree.reader.changed_files() == [name]
    (tree.root / name).unlink()
    assert tree.reader.changed_files() == [name]
    tree.write({name: before})
    assert tree.reader.changed_files() == []


def test_a_document_that_is_not_what_it_was_is_named(call_set: Any, tree: Any) -> None:
    document = call_set("../data/a.csv")
    tree.write({"calls/two.yaml": "kind: nothing\n", "calls/three.yaml": b"\xff"})
    tree.reader.read(tree.root / "calls/two.yaml")
    tree.reader.read(tree.root / "calls/three.yaml")
    assert tree.reader.changed_files() == []
    tree.write({"calls/one.yaml": f"\ufeff{document.text}"})
    assert tree.reader.changed_files() == []
    tree.write({"calls/one.yaml": f"{document.text} "})
    (tree.root / "calls/two.yaml").unlink()
    assert tree.reader.changed_files() == ["calls/one.yaml", "calls/two.yaml"]


def test_a_file_that_changed_between_two_walks_is_named(call_set: Any, tree: Any) -> None:
    document = call_set("../data/a.csv")
    for content in ("id\n1\n", "id\n2\n", "id\n1\n"):
        tree.write({"data/a.csv": content})
        list(read_rows(tree.reader, document))
    assert tree.reader.changed_files() == ["data/a.csv"]


def test_nobody_is_told_of_a_file_that_was_not_read_to_its_end(call_set: Any, tree: Any) -> None:
    tree.write({"data/a.csv": "id\n" + "1\n" * 200_000})
    next(read_batches(tree.reader, call_set("../data/a.csv")))
    tree.write({"data/a.csv": "id\n"})
    assert tree.reader.changed_files() == []
