"""The rows of a call set, one after the other: a file of a million rows takes no more memory than one of ten."""

from __future__ import annotations

import os
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flowops.common.names import did_you_mean
from flowops.common.text import quoted
from flowops.documents.files import Unreadable
from flowops.documents.matrix_rows import MAX_COMBINATIONS, matrix_batches, size
from flowops.documents.row_source import FOR_EACH, MATRIX, PARQUET, ROWS, DataFile, Dialect, Matrix, Query, data_of
from flowops.documents.text_rows import MAX_ROW, TEXTS, text_batches
from flowops.model import Batch, Document, Place, Problem, Row, RowPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowops.documents.reader import Reader

    #: What gives the addresses of databases, by their names.
    Sources = Mapping[str, Callable[[], str]]

#: How many pieces, each as long as the longest row, are counted at most.
_COUNTED = 1024


def read_rows(reader: Reader, document: Document, sources: Sources | None = None) -> Iterator[Row | Problem]:
    """The rows of a CallSet, and in their place what is wrong with a row or the file: `read_batches`, one by one."""
    for batch in read_batches(reader, document, sources):
        yield from batch


def read_batches(reader: Reader, document: Document, sources: Sources | None = None) -> Iterator[Batch]:
    """The rows of a CallSet in the order of its data, up to a thousand at a time.

    A file's name starts at the document's directory. The problem with a row has its place in the data; one with
    the file or the query itself is placed at ``for-each``. `sources` give the addresses of the databases that may be
    asked; without, the network is not to be touched. Raises FlowopsError when one cannot be reached.

    Whoever reads once more, by the same reader, has the same rows: those of a query that has given all of them are
    kept (see `flowops.documents.snapshots`), files are read again, and `Reader.changed_files` names those that changed.
    """
    match data_of(document):
        case Matrix() as matrix:
            yield from _matrix(matrix, document)
        case Query(source=str(name)) as query:
            yield from _source(reader, name, query, document, sources)
        case Query() as query:
            base = reader.path(document).parent
            yield from _asked(reader, document, _shown(document), query.sql, base, query.dialect)
        case DataFile() as file:
            yield from _file(reader, document, file)


def source_of(document: Document) -> str | None:
    """The database that a call set asks for its rows, by its name."""
    data = data_of(document)
    return data.source if isinstance(data, Query) else None


def count_lines(reader: Reader, document: Document) -> int | None:
    """How many lines the data of a CallSet has, for a progress bar; None where it has no lines, 0 if it cannot be read.

    Counting ends where reading will: in front of a row that is too long. It ends after a GiB, too: rows take longer.
    """
    data = data_of(document)
    if isinstance(data, Matrix):
        return size(data)
    if isinstance(data, Query) or Path(data.name).suffix.lower() == PARQUET:
        return None
    try:
        with reader.files.open(_path(reader, document, data)) as stream:
            chunks = islice(iter(lambda: stream.read(MAX_ROW), b""), _COUNTED)
            return sum(takewhile(bool, (chunk.count(b"\n") for chunk in chunks)))
    except (Unreadable, OSError):
        return 0  # reading the rows says why


def read_data(file: str, stream: BinaryIO) -> Iterator[Row | Problem]:
    """The rows of a CSV or JSONL file that is open already; `file` is its name, which says what it is."""
    if Path(file).suffix.lower() not in TEXTS:
        yield Problem(Place(file), message=f"{quoted(file)} is neither a .csv nor a .jsonl file", code=ROWS)
        return
    for batch in text_batches(file, stream, Dialect(declarable=False)):
        yield from batch


def _matrix(matrix: Matrix, document: Document) -> Iterator[Batch]:
    if size(matrix) > MAX_COMBINATIONS:
        message = f"matrix: there are {size(matrix):,} combinations, more than {MAX_COMBINATIONS:,}"
        hint = "write them into a file, and name it with for-each"
        yield _only(document.file, Problem(document.place((MATRIX,)), message=message, code=ROWS, hint=hint))
        return
    yield from matrix_batches(matrix, f"the matrix at {document.file}:{document.key_place((MATRIX,)).line}")


def _file(reader: Reader, document: Document, data: DataFile) -> Iterator[Batch]:
    path = _path(reader, document, data)
    shown = reader.shown(path)
    wrong = _wrong(data)
    if wrong is not None:
        yield _only(shown, _problem(document, *wrong))
    elif path.suffix.lower() == PARQUET:
        yield from _asked(reader, document, shown, None, path, data.dialect)
    else:
        try:
            stream = reader.open(path)
        except Unreadable as error:
            yield _only(shown, _problem(document, f"{quoted(data.name)} {error}"))
            return
        with stream:
            yield from text_batches(shown, stream, data.dialect)


def _wrong(data: DataFile) -> tuple[str, str | None] | None:
    """What is wrong with what is said of a file, and a hint."""
    suffix = Path(data.name).suffix
    known = (*TEXTS, PARQUET)
    if suffix.lower() not in known:
        return f"{quoted(data.name)} is not a .csv, .jsonl or .parquet file", did_you_mean(suffix, known)
    of_csv = [name for name in data.dialect.declared if name != "encoding"]
    if of_csv and suffix.lower() != ".csv":
        return f"{' and '.join(of_csv)} can only be declared of a .csv file", None
    if data.dialect.encoding is not None and suffix.lower() == PARQUET:
        return "a .parquet file has no encoding to declare", None
    if data.dialect.delimiter is not None and data.dialect.delimiter == data.dialect.quote:
        return "delimiter and quote are the same character", None
    return None


def _asked(
    reader: Reader, document: Document, shown: str, sql: str | None, path: Path, dialect: Dialect
) -> Iterator[Batch]:
    """The rows of a query, whose files start at a path, or of the one file there."""
    # Starting a process takes modules that most commands do without.
    from flowops.documents.sql_rows import QueryError, QueryRequest, answered

    if sql is None:
        request = QueryRequest(None, [path.name], path.parent, dialect)
    else:
        request = QueryRequest(sql, (), path, dialect)
    try:
        yield from _kept(reader, document, answered(reader, request, shown))
    except QueryError as error:
        row = None if error.row is None else RowPlace(shown, error.row, None)
        message = error.message if sql is None else f"sql: {error.message}"
        told = _problem(document, message, error.hint, row)
        yield Batch(shown, [], (), None, [(0, problem) for problem in error.problems or (told,)])


def _source(reader: Reader, name: str, query: Query, document: Document, sources: Sources | None) -> Iterator[Batch]:
    from flowops.documents.sql_rows import QueryError

    shown = _shown(document)
    if query.dialect.declared:
        yield _only(shown, _problem(document, f"{' and '.join(query.dialect.declared)} cannot be declared of a source"))
    elif sources is None:
        yield _only(shown, _problem(document, f"source {quoted(name)} needs the network"))
    elif name not in sources:
        hint = did_you_mean(name, sources) or "name it under sources, in the environment's own part"
        yield _only(shown, _problem(document, f"this environment has no source {quoted(name)}", hint))
    else:
        try:
            yield from _kept(reader, document, _fresh(sources[name], query, shown))
        except QueryError as error:
            row = None if error.row is None else RowPlace(shown, error.row, None)
            yield _only(shown, _problem(document, f"sql: {error.message}", error.hint, row))


def _fresh(address: Callable[[], str], query: Query, shown: str) -> Iterator[Batch]:
    """Ask a database; its address is looked up only then."""
    from flowops.documents.postgres_rows import source_batches

    yield from source_batches(address(), query, shown)


def _kept(reader: Reader, document: Document, asked: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the rows of a query: asked for the first time, those of the first time from then on."""
    from flowops.documents.snapshots import Snapshot

    known = reader.snapshots.get(document.source_map)
    if known is not None:
        yield from known.batches()
        return
    snapshot = Snapshot()
    yield from snapshot.keep(asked)
    reader.snapshots[document.source_map] = snapshot


def _path(reader: Reader, document: Document, data: DataFile) -> Path:
    return Path(os.path.normpath(reader.path(document).parent / data.name))


def _shown(document: Document) -> str:
    """How messages call the query of a document."""
    return f"the query at {document.file}:{document.key_place((FOR_EACH,)).line}"


def _only(shown: str, problem: Problem) -> Batch:
    return Batch(shown, [], (), None, [(0, problem)])


def _problem(document: Document, message: str, hint: str | None = None, row: RowPlace | None = None) -> Problem:
    return Problem(document.place((FOR_EACH,)), row, f"for-each: {message}", ROWS, hint)
