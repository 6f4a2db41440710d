"""Rows that a plug-in gives: they are looked at before anybody else has them, and nothing but them comes out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import unquote, urlsplit

from flowops.common.budget import MAX_TEXT, json_size
from flowops.common.json import unsendable
from flowops.common.plugins import copied, failure, without_values
from flowops.documents.data_lines import MAX_ROW
from flowops.documents.row_source import BATCH_ROWS, FileRows, QueryRows, RowsError, RowSource
from flowops.errors import FlowopsError
from flowops.model.document import Batch
from flowops.queries.limits import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model.document import Problem, Value

#: A row has no more columns than this, and none with a longer name.
MAX_COLUMNS, MAX_NAME = 1_000, 256
_VALUES = frozenset((str, int, float, bool, type(None), list, dict))


class ForeignRows(RowSource):
    """The rows of a plug-in's source, which are kept: nobody knows whether it would give the same again."""

    kept = True
    source: ClassVar[type[RowSource]]
    origin: ClassVar[str]

    def read(self) -> Iterator[Batch]:
        """Yield the rows. Raises RowsError, also for whatever the plug-in raises besides."""
        number = 0
        try:
            for given in self.source(self.reader, self.document, self.sources).read():
                rows = self._looked_at(given, number)
                yield from self._numbered(rows, number)
                number += len(rows)
                self._refuse([problem for _, problem in given.problems])
        except RowsError as error:
            hint = None if error.hint is None else without_values(error.hint, self._secrets())
            message = without_values(error.message, self._secrets())
            raise RowsError(message, hint, error.row, error.problems) from None
        except FlowopsError:
            raise
        except (Exception, SystemExit) as error:
            raise RowsError(f"the plug-in {self.origin} {failure(error)}", row=number + 1) from None

    def _secrets(self) -> list[str]:
        """Return what no message may repeat."""
        return []

    def _refuse(self, problems: Sequence[Problem]) -> None:
        """Raise RowsError where something is wrong among the rows of a batch: nothing behind it is taken."""
        if problems:
            raise RowsError(f"the plug-in {self.origin} refuses it", problems=problems)

    def _looked_at(self, given: object, before: int) -> list[dict[str, Value]]:
        """Return copies of the rows of what should be a batch. Raises RowsError where something is no row."""
        if type(given) is not Batch or not isinstance(given.rows, list):
            raise RowsError(f"the plug-in {self.origin} has given something else than a batch of rows")
        if before + len(given.rows) > MAX_ROWS:
            raise RowsError(f"there are more than {MAX_ROWS:,} rows")
        for number, row in enumerate(given.rows, before + 1):
            reason = _wrong(row)
            if reason is not None:
                raise RowsError(f"the plug-in {self.origin} has given a row that {reason}", row=number)
        return [copied(row) for row in given.rows]

    def _numbered(self, rows: list[dict[str, Value]], before: int) -> Iterator[Batch]:
        """Yield rows in batches of the usual size, numbered behind those before them."""
        for start in range(0, len(rows), BATCH_ROWS):
            some = rows[start : start + BATCH_ROWS]
            first = before + start + 1
            yield Batch(self.shown, some, range(first, first + len(some)), None)


class ForeignFileRows(ForeignRows, FileRows):
    """The rows that a plug-in makes of a file."""

    def is_counted(self) -> bool:
        """Return True: nobody knows how many rows a plug-in makes of a file."""
        return True


class ForeignQueryRows(ForeignRows, QueryRows):
    """The rows that a plug-in asks a database for, whose address the operator has listed."""

    def is_counted(self) -> bool:
        """Return False: the operator has said that the database is asked, and its rows are somebody's."""
        return False

    def _secrets(self) -> list[str]:
        """Return the address, and the password in it, as it is written and as it is meant."""
        password = urlsplit(self.address).password or self.address
        return [self.address, password, unquote(password)]


def foreign_source(source: type[RowSource], origin: str) -> type[RowSource]:
    """Return a plug-in's source as the registry has it."""
    base = ForeignQueryRows if issubclass(source, QueryRows) else ForeignFileRows
    return type(base.__name__, (base,), {"source": source, "origin": origin, "options": source.options})


def _wrong(row: object) -> str | None:
    """Return why something is no row, in words without a value."""
    if type(row) is not dict:
        return f"is {type(row).__name__[:40]}, and no dict"
    if len(row) > MAX_COLUMNS:
        return f"has more than {MAX_COLUMNS:,} columns"
    for number, (name, value) in enumerate(row.items(), 1):
        if type(name) is not str or not name.strip() or len(name) > MAX_NAME:
            return "has a column whose name is not text, empty, or very long"
        if type(value) not in _VALUES:
            return f"has {type(value).__name__[:40]} in column {number}, which is no value of JSON"
        if type(value) is str and len(value) > MAX_TEXT:
            return f"has more than {MAX_TEXT:,} characters in column {number}"
    if json_size(row, MAX_ROW) > MAX_ROW:
        return f"is longer than {MAX_ROW:,} bytes"
    reason = next((why for _, why, _ in unsendable(row)), None)
    return None if reason is None else f"holds something that {reason}"
