"""The kinds of rows are a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flowops.documents import rows, text_rows
from flowops.documents.row_source import FileRows, RowSource
from flowops.model.document import Batch

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
    assert problem.message == "for-each: '../data/matrix' is not a .csv, .jsonl or .parquet file"
    assert rows.count_lines(tree.reader, document) == 0
