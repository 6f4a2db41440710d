"""What a call set says of its rows, and what every source of rows makes: batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.model import Batch, Place, Problem, RowPlace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model import Document, Value

#: The code of problems with rows.
ROWS = "rows"
FOR_EACH = "for-each"
MATRIX = "matrix"
PARQUET = ".parquet"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How text is kept: None for what nobody has declared. `quote` may be ``none``.

    `declarable` is whether somebody could, so that a hint may say so.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    declarable: bool = True

    @property
    def declared(self) -> list[str]:
        """The names of the options that are given."""
        return [name for name in ("encoding", "delimiter", "quote") if getattr(self, name) is not None]


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file, by its name from the document's directory."""

    name: str
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Query:
    """SQL over files, which are in `dialect`, or over the database that an environment calls `source`."""

    sql: str
    source: str | None
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Matrix:
    """Lists of values by name: a row for each combination."""

    axes: Mapping[str, Sequence[Value]]


def data_of(document: Document) -> DataFile | Query | Matrix:
    """What the rows of a CallSet, which fits its schema, are made of."""
    if MATRIX in document.value:
        return Matrix(document.value[MATRIX])
    written = document.value[FOR_EACH]
    if isinstance(written, str):
        return DataFile(written, Dialect())
    dialect = Dialect(written.get("encoding"), written.get("delimiter"), written.get("quote"))
    if "sql" in written:
        return Query(written["sql"], written.get("source"), dialect)
    return DataFile(written["file"], dialect)


#: How many rows a batch has at most, and how much of a file, in bytes, is read for one before it is handed on.
BATCH_ROWS = 1000
BATCH_SIZE = 1024 * 1024


class BatchBuilder:
    """A batch in the making; `number` is that of the last row, good or bad."""

    def __init__(self, file: str, number: int) -> None:
        self.number = number
        self._file = file
        self._rows: list[dict[str, Value]] = []
        self._numbers: list[int] = []
        self._lines: list[int] = []
        self._problems: list[tuple[int, Problem]] = []

    def row(self, values: dict[str, Value], line: int) -> None:
        """The next row."""
        self.number += 1
        self._rows.append(values)
        self._numbers.append(self.number)
        self._lines.append(line)

    def bad_row(self, message: str, line: int, column: int = 1) -> None:
        """The next row, which is none."""
        self.number += 1
        place = RowPlace(self._file, self.number, line)
        self.problem(Problem(Place(self._file, line, column), place, message, ROWS))

    def problem(self, problem: Problem) -> None:
        """Something wrong with the file behind the last row."""
        self._problems.append((len(self._rows), problem))

    def __len__(self) -> int:
        return len(self._rows) + len(self._problems)

    def batch(self) -> Batch:
        """What has been gathered."""
        return Batch(self._file, self._rows, self._numbers, self._lines, self._problems)
