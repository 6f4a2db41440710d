"""Rows of any kind, one by one and in batches."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.plain_csv import Told, plain_rows

from flowops.documents import rows, text_rows
from flowops.documents.data_lines import MAX_ROW
from flowops.documents.row_source import FileRows, RowSource
from flowops.documents.rows import read_batches, read_data, read_rows
from flowops.model.document import Batch, Place, Problem, Row, RowPlace

if TYPE_CHECKING:
    from collections.abc import Iterator


class WordRows(FileRows):
    """A row for each word of a file."""

    def read(self) -> Iterator[Batch]:
        with self.reader.files.open(self.path) as stream:
            words = stream.read().decode().split()
        yield Batch(self.shown, [{"word": word} for word in words], range(1, len(words) + 1), None)


@pytest.mark.parametrize("kind", rows.SOURCES)
def test_every_kind_of_rows_is_there(kind: str) -> None:
    assert issubclass(rows._class(kind), RowSource)


def test_another_kind_is_a_class_and_a_line(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_rows, "WordRows", WordRows, raising=False)
    monkeypatch.setitem(rows.SOURCES, ".txt", "text_rows:WordRows")
    tree.write({"data/a.txt": "Ann Bob"})
    document = tree.document("apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/a.txt\n")
    assert [row.values for row in rows.read_rows(tree.reader, document)] == [{"word": "Ann"}, {"word": "Bob"}]
    assert rows.count_lines(tree.reader, document) is None


def test_what_is_no_kind_of_file_is_told_with_those_that_are(tree: Any) -> None:
    document = tree.document("apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/matrix\n")
    (problem,) = rows.read_rows(tree.reader, document)
    suffixes = [kind for kind in rows.SOURCES if kind.startswith(".")]
    known = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
    assert problem.message == f"for-each: '../data/matrix' is not a {known} file"
    assert {".csv", ".jsonl", ".parquet"} <= {*suffixes}
    assert rows.count_lines(tree.reader, document) == 0


class Dribble(io.BytesIO):
    """A file that comes a few bytes at a time, so that what is read at once ends anywhere."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.size)


def told(found: Row | Problem) -> Told:
    if isinstance(found, Row):
        return found.place.number, found.place.line or 0, found.values
    return found.row and found.row.number, found.place.line, found.message


def same(fast: list[Told], plain: list[Told]) -> None:
    assert len(fast) == len(plain)
    for ours, theirs in zip(fast, plain, strict=True):
        assert ours[:2] == theirs[:2]
        assert ours[2] == theirs[2] or (isinstance(theirs[2], str) and str(ours[2]).startswith(theirs[2]))


csv_like = st.lists(
    st.sampled_from(["1,2\n", "1,2\r\n", '"x",y\n', '"a\nb",""\n', '"\r\n\n",q\n', "\n", "1\n", "é,ß\n", '"x"x,1\n'])
    | st.text(alphabet='a,"\n\r é\u2028\x0b\x85', max_size=6),
    max_size=8,
).map("".join)


@given(csv_like, csv_like, st.integers(1, 40), st.sampled_from([1, 1, 1, 300]), st.booleans())
def test_csv_by_batches_is_csv_row_by_row(one: str, two: str, size: int, times: int, bad: bool) -> None:
    data = ("a,b\n" + one + "3,4\n" * (times * 7) + two).encode() + b"5,6\n\xff,7\n" * bad
    fast = [told(found) for found in read_data("f.csv", Dribble(data, size if times == 1 else 64 * 1024))]
    same(fast, list(plain_rows(data.replace(b"\r\n", b"\n"))))


def batches(name: str, data: str | bytes, tree: Any) -> list[Batch]:
    tree.write({f"data/{name}": data})
    document = tree.document(f"apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/{name}\n")
    found = list(read_batches(tree.reader, document))
    assert [each for batch in found for each in batch] == list(read_rows(tree.reader, document))
    return found


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_batch_has_at_most_a_thousand_rows(tree: Any, name: str) -> None:
    row, head = ("{}\n", "a,b\n") if name == "a.csv" else ('{{"a": {0}}}\n', "")
    row = "{0},{0}\n" if name == "a.csv" else row
    found = batches(name, head + "".join(row.format(n) for n in range(2500)), tree)
    assert sum(len(batch.rows) for batch in found) == 2500
    assert max(len(batch.rows) for batch in found) <= 1000
    assert [number for batch in found for number in batch.numbers] == list(range(1, 2501))
    assert {batch.file for batch in found} == {f"data/{name}"}


def test_problems_stand_between_the_rows_they_were_met_between(tree: Any) -> None:
    (batch,) = batches("a.csv", "a,b\n1,2\n3\n\n4,5\n6,7,8\n", tree)
    assert batch.rows == [{"a": "1", "b": "2"}, {"a": "4", "b": "5"}]
    assert (list(batch.numbers), list(batch.lines or ())) == ([1, 3], [2, 5])
    assert [(at, problem.row) for at, problem in batch.problems] == [
        (1, RowPlace("data/a.csv", 2, 3)),
        (2, RowPlace("data/a.csv", 4, 6)),
    ]


def test_long_rows_make_short_batches(tree: Any) -> None:
    long = "x" * 100_000
    found = batches("a.csv", "a\n" + f"{long}\n" * 300, tree)
    assert max(sum(len(row["a"]) for row in batch.rows) for batch in found) < 8 * MAX_ROW
    found = batches("a.jsonl", f'{{"a": "{long}"}}\n' * 300, tree)
    assert max(sum(len(row["a"]) for row in batch.rows) for batch in found) < 8 * MAX_ROW


def test_after_a_hundred_problems_nothing_more_is_read(tree: Any) -> None:
    found = batches("a.csv", "a,b\n" + "1,2\n1\n" * 3000, tree)
    problems = [problem for batch in found for _, problem in batch.problems]
    assert len(problems) == 101
    assert problems[-1] == Problem(
        Place("data/a.csv", 201), None, "the rest of the rows has not been read, after 100 problems", "rows"
    )
    assert sum(len(batch.rows) for batch in found) == 100
