"""What a call set says of its rows, read to values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model import Document, Value

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
