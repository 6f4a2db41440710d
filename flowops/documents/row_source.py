"""What a call set says of its rows, and what every source of rows makes: batches."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from flowops.common.masking import mask_quoted
from flowops.common.names import did_you_mean
from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple
from flowops.documents.files import Unreadable, decode
from flowops.documents.reader import BYTES_A_ROW, ROWS_AGAIN
from flowops.model.document import Batch, Place, Problem, RowPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.documents.hashed import HashedStream
    from flowops.documents.reader import Reader
    from flowops.model.document import Document, Value

    #: What gives the addresses of databases, by their names.
    Sources = Mapping[str, Callable[[], str]]

#: The code of problems with rows.
ROWS = "rows"
FOR_EACH = "for-each"
MATRIX = "matrix"
PARQUET = ".parquet"


class Dialect(NamedTuple):
    """How text is kept: None for what nobody has declared. `quote` may be ``none``.

    `declarable` is whether somebody could, so that a hint may say so.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    declarable: bool = True

    @property
    def declared(self) -> list[str]:
        """Return the names of the options that are given."""
        return [name for name in ("encoding", "delimiter", "quote") if getattr(self, name) is not None]


class DataFile(NamedTuple):
    """A file, by its name from the document's directory."""

    name: str
    dialect: Dialect


class Query(NamedTuple):
    """SQL over files, which are in `dialect`, or over the database that an environment calls `source`."""

    sql: str
    source: str | None
    dialect: Dialect


class Matrix(NamedTuple):
    """Lists of values by name: a row for each combination."""

    axes: Mapping[str, Sequence[Value]]


def data_of(document: Document) -> DataFile | Query | Matrix:
    """Return what the rows of a CallSet, which fits its schema, are made of."""
    if MATRIX in document.value:
        return Matrix(document.value[MATRIX])
    written = document.value[FOR_EACH]
    if isinstance(written, str):
        return DataFile(written, Dialect())
    dialect = Dialect(written.get("encoding"), written.get("delimiter"), written.get("quote"))
    if "sql" in written:
        return Query(written["sql"], written.get("source"), dialect)
    return DataFile(written["file"], dialect)


#: How many rows a batch has at most (what is made of so many stays in a processor's cache), and how much of a file, in
#: bytes, is read for one before it is handed on.
BATCH_ROWS = 250
BATCH_SIZE = 1024 * 1024


def batches_of(file: str, rows: Iterable[dict[str, Value]]) -> Iterator[Batch]:
    """Yield rows in batches, numbered from 1; `file` is how messages call where they are from."""
    left, number = iter(rows), 1
    while some := list(islice(left, BATCH_ROWS)):
        yield Batch(file, some, range(number, number + len(some)), None)
        number += len(some)


class BatchBuilder:
    """A batch in the making; `number` is that of the last row, good or bad."""

    def __init__(self, file: str, number: int) -> None:
        self.number = number
        self.file = file
        self._rows: list[dict[str, Value]] = []
        self._numbers: list[int] = []
        self._lines: list[int] = []
        self._problems: list[tuple[int, Problem]] = []

    def row(self, values: dict[str, Value], line: int) -> None:
        """Add the next row."""
        self.number += 1
        self._rows.append(values)
        self._numbers.append(self.number)
        self._lines.append(line)

    def bad_row(self, message: str, line: int, column: int = 1, hint: str | None = None) -> None:
        """Add the next row, which is none."""
        self.number += 1
        place = RowPlace(self.file, self.number, line)
        self.problem(Problem(Place(self.file, line, column), place, message, ROWS, hint))

    def problem(self, problem: Problem) -> None:
        """Add something that is wrong with the file behind the last row."""
        self._problems.append((len(self._rows), problem))

    def __len__(self) -> int:
        return len(self._rows) + len(self._problems)

    def batch(self) -> Batch:
        """Return what has been put into it."""
        return Batch(self.file, self._rows, self._numbers, self._lines, self._problems)


class RowsError(Exception):
    """Says why there are no rows, or no more; `row` counts from 1, `problems` are those of a file that was read."""

    def __init__(
        self, message: str, hint: str | None = None, row: int | None = None, problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.row = row
        self.problems = tuple(problems)


class QueryError(RowsError):
    """Says what is wrong with a query."""


class RowSource(ABC):
    """Gives the rows of a call set, as often as somebody asks, and the same each time.

    A kind of rows is a class like this in a module of its own, and a line in `flowops.documents.rows.SOURCES`; that of
    a plug-in is a `FileRows` by the suffix of files, or a `QueryRows` by the scheme of addresses.
    """

    #: What of a `Dialect` may be declared of a file of this kind.
    options: ClassVar[frozenset[str]] = frozenset()
    #: Whether rows are kept for another reading, since asking again may give others.
    kept: ClassVar[bool] = False
    #: The field that says what the rows are, where problems with all of them are placed.
    field: ClassVar[str] = FOR_EACH
    #: What stands in front of what is wrong with a query.
    prefix: ClassVar[str] = ""

    def __init__(self, reader: Reader, document: Document, sources: Sources | None = None) -> None:
        self.reader = reader
        self.document = document
        #: What gives the addresses of databases that may be asked, by their names; None where none may be.
        self.sources = sources

    @property
    @abstractmethod
    def shown(self) -> str:
        """Return how messages call where the rows are from."""

    @abstractmethod
    def read(self) -> Iterator[Batch]:
        """Yield the rows, up to `BATCH_ROWS` at a time. Raises RowsError behind those that there were."""

    def count(self) -> int | None:
        """Return about how many rows there are, or None where nobody can tell; 0 if they cannot be read."""
        return None

    def is_counted(self) -> bool:
        """Return whether nobody has written the rows one by one: a command takes only so many of those."""
        return True

    def batches(self) -> Iterator[Batch]:
        """Yield the rows, and at their end what is wrong with all of them."""
        try:
            yield from self._counted(self._keep() if self.kept else self.read())
        except RowsError as error:
            yield Batch(self.shown, [], (), None, [(0, each) for each in error.problems or (self._problem(error),)])

    def _counted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield rows: of those that nobody has written row by row only while there may be more of them.

        Each walk ends where the first one did. Raises RowsError.
        """
        if not self.reader.has_walked(self.document) and not self.is_counted():
            self.reader.spare_rows_of(self.document)
        given = 0
        self._spend(given)
        for batch in batches:
            given += len(batch.rows)
            self._spend(given)
            yield batch

    def _spend(self, given: int) -> None:
        """Take the first rows. Raises RowsError where there are too many of all call sets."""
        if not self.reader.spend_rows_of(self.document, given):
            of_whom = "those of matrices and queries, and of files that are read again"
            most = f"{ROWS_AGAIN:,} together, and one for each {BYTES_A_ROW} bytes of data"
            message = f"there are too many rows: {of_whom}, may be {most}"
            raise RowsError(
                message,
                "name fewer documents, write the rows into a file for one call set, give tests their own",
            )

    def _keep(self) -> Iterator[Batch]:
        """Yield rows that are read for the first time, from then on those of the first time, and what ended them."""
        # Most rows are not kept, and temporary files take long to be imported.
        from flowops.documents.snapshots import Snapshot

        snapshots = self.reader.snapshots
        known = snapshots.get(self.document.source_map)
        if known is not None:
            yield from known.batches()
        else:
            known = Snapshot()
            try:
                yield from known.keep(self.read())
            except RowsError as error:
                known.error = error
            snapshots[self.document.source_map] = known
        if known.error is not None:
            raise known.error

    def _problem(self, error: RowsError) -> Problem:
        row = None if error.row is None else RowPlace(self.shown, error.row, None)
        prefix = self.prefix if isinstance(error, QueryError) else ""
        message = f"{self.field}: {prefix}{error.message}"
        return Problem(self.document.place((self.field,)), row, message, ROWS, error.hint)


_ADDRESS = regex(r"[A-Za-z][A-Za-z0-9+.-]*://")


def missing_hint(reader: Reader, folder: Path, name: str) -> str | None:
    """Return what may help where a document names a file that is not there; `folder` is that of the document."""
    if _ADDRESS.match(name):
        return "rows are read from files: download it, and name the file"
    files = reader.files
    written = name.replace("\\", "/")
    above = [each for each in folder.parents if each.is_relative_to(files.root)]
    for start in (folder, reader.absolute(Path()), *above):
        path = Path(os.path.normpath(start / written))
        if path.is_relative_to(files.root) and files.kind(path) == "file":
            return f"names start at the document's folder: {mask_quoted(os.path.relpath(path, folder))} is there"
    if any(wildcard in name for wildcard in "*?["):
        return "name one file: there are no wildcards"
    path = Path(os.path.normpath(folder / written))
    try:
        beside = files.entries(path.parent) if path.is_relative_to(files.root) else []
    except Unreadable:
        return None
    return did_you_mean(path.name, sorted(entry.name for entry in beside if not entry.is_directory))


class FileRows(RowSource):
    """The rows of one file."""

    def is_counted(self) -> bool:
        """Return whether the file is read again, for another call set."""
        is_again = self.reader.has_opened(self.path)
        if is_again:
            self.reader.spend_bytes(self.path)
        return is_again

    @property
    def data(self) -> DataFile:
        """Return what the document says of the file."""
        data = data_of(self.document)
        assert isinstance(data, DataFile)
        return data

    @property
    def path(self) -> Path:
        """Return where the file is; its name starts at the directory of the document."""
        return Path(os.path.normpath(self.folder / self.data.name))

    @property
    def folder(self) -> Path:
        """Return the directory of the document."""
        return self.reader.path(self.document).parent

    @property
    def shown(self) -> str:
        """Return how messages call the file."""
        return self.reader.shown(self.path)

    def open(self) -> HashedStream:
        """Return the file, opened to be read once to its end. Raises RowsError when it cannot be opened."""
        try:
            return self.reader.open(self.path)
        except Unreadable as error:
            name = self.data.name
            hint = missing_hint(self.reader, self.folder, name) if error.missing else None
            raise RowsError(f"{mask_quoted(name)} {error}", hint) from None

    def read_text(self, most: int = 16 * 1024 * 1024) -> str:
        """Return all of a small file, which is UTF-8. Raises RowsError, also where it has more bytes than `most`."""
        data = b""
        with self.open() as stream:
            while piece := stream.read(BATCH_SIZE):
                data += piece
                if len(data) > most:
                    raise RowsError(f"{mask_quoted(self.data.name)} is larger than {most:,} bytes")
        text = decode(self.shown, data)
        if isinstance(text, Problem):
            raise RowsError(text.message, text.hint, problems=(text,))
        return text


class QueryRows(RowSource):
    """The rows of a query, which may be others each time that somebody asks."""

    kept = True
    prefix = "sql: "

    @property
    def address(self) -> str:
        """Return the address of the database to ask, with what it says of TLS.

        Raises RowsError where there is no such database, or none may be asked, and FlowopsError where its address is
        not there.
        """
        name, sources = self.query.source, self.sources
        assert name is not None, "a query that names no database is about files"
        if sources is None:
            raise RowsError(f"source {mask_quoted(name)} needs the network")
        if name not in sources:
            hint = did_you_mean(name, sources) or "name it under sources, in the environment's own part"
            raise RowsError(f"this environment has no source {mask_quoted(name)}", hint)
        return sources[name]()

    @property
    def query(self) -> Query:
        """Return what the document asks for."""
        query = data_of(self.document)
        assert isinstance(query, Query)
        return query

    @property
    def shown(self) -> str:
        """Return how messages call the query."""
        return f"the query at {self.document.file}:{self.document.key_place((FOR_EACH,)).line}"
