"""The rows of a call set, one after the other: a file of a million rows takes no more memory than one of ten."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flowops.common import plugins
from flowops.common.masking import mask_quoted
from flowops.common.names import did_you_mean
from flowops.documents.row_source import FOR_EACH, MATRIX, ROWS, DataFile, Dialect, Matrix, Query, RowSource, data_of
from flowops.documents.text_rows import TEXTS, text_batches
from flowops.model.document import Batch, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.reader import Reader
    from flowops.documents.row_source import Sources
    from flowops.model.document import Document, Row

#: The kinds of rows: those of a file by its suffix, the others by the key that asks for them. A module is imported
#: when its rows are wanted: some of them need a lot that most commands do without. A plug-in adds a suffix, or
#: the scheme of the addresses of databases, and a class.
SOURCES: dict[str, str | type[RowSource]] = {
    ".csv": "text_rows:CsvRows",
    ".jsonl": "text_rows:JsonLinesRows",
    ".parquet": "sql_rows:ParquetRows",
    MATRIX: "matrix_rows:MatrixRows",
    "sql": "sql_rows:SqlRows",
    "source": "postgres_rows:PostgresRows",
}


def read_rows(reader: Reader, document: Document, sources: Sources | None = None) -> Iterator[Row | Problem]:
    """Yield the rows of a CallSet, and in their place what is wrong with a row or the file."""
    for batch in read_batches(reader, document, sources):
        yield from batch


def read_batches(reader: Reader, document: Document, sources: Sources | None = None) -> Iterator[Batch]:
    """Yield the rows of a CallSet in the order of its data, up to `BATCH_ROWS` at a time.

    A file's name starts at the document's directory. The problem with a row has its place in the data; one with
    the file or the query itself is placed at ``for-each``. `sources` give the addresses of the databases that may be
    asked; without, the network is not to be touched. Raises FlowopsError when one cannot be reached.

    Whoever reads once more, by the same reader, has the same rows: those of a query that has given all of them are
    kept (see `flowops.documents.snapshots`), files are read again, and `Reader.changed_files` names those that changed.
    """
    data = data_of(document)
    kind = _kind(data, sources)
    wrong = _wrong(kind, data)
    if wrong is not None:
        message, hint = wrong
        problem = Problem(document.place((FOR_EACH,)), None, f"for-each: {message}", ROWS, hint)
        yield Batch(document.file, [], (), None, [(0, problem)])
    else:
        yield from _class(kind)(reader, document, sources).batches()


def source_of(document: Document) -> str | None:
    """Return the database that a call set asks for its rows, by its name."""
    data = data_of(document)
    return data.source if isinstance(data, Query) else None


def count_lines(reader: Reader, document: Document) -> int | None:
    """Return about how many rows a CallSet has, or None where nobody can tell; 0 if they cannot be read."""
    kind = _kind(data_of(document))
    return _class(kind)(reader, document).count() if kind in SOURCES else 0


def read_data(file: str, stream: BinaryIO) -> Iterator[Row | Problem]:
    """Yield the rows of a CSV or JSONL file that is open already; `file` is its name, which says what it is."""
    if Path(file).suffix.lower() not in TEXTS:
        yield Problem(Place(file), message=f"{mask_quoted(file)} is neither a .csv nor a .jsonl file", code=ROWS)
        return
    for batch in text_batches(file, stream, Dialect(declarable=False)):
        yield from batch


def _kind(data: DataFile | Query | Matrix, sources: Sources | None = None) -> str:
    """Return the key in the registry of what rows are made of: that of a database is the scheme of its address where a
    plug-in asks such databases. Raises FlowopsError where the address is not there."""
    if isinstance(data, Matrix):
        return MATRIX
    if isinstance(data, Query):
        if data.source is None:
            return "sql"
        schemes = [plugin.name for plugin in plugins.loaded(plugins.SOURCES) if not plugin.name.startswith(".")]
        if not schemes or sources is None or data.source not in sources:
            return "source"
        scheme = sources[data.source]().partition("://")[0]
        return scheme if scheme in schemes else "source"
    return Path(data.name).suffix.lower()


def _class(kind: str) -> type[RowSource]:
    source = SOURCES[kind]
    if not isinstance(source, str):
        return source
    module, _, name = source.partition(":")
    found: type[RowSource] = getattr(import_module(f"flowops.documents.{module}"), name)
    return found


def _wrong(kind: str, data: DataFile | Query | Matrix) -> tuple[str, str | None] | None:
    """Return what is wrong with what is said of a file, and a hint; None where nothing is."""
    if not isinstance(data, DataFile):
        return None
    if kind not in SOURCES or not kind.startswith("."):
        suffixes = [each for each in SOURCES if each.startswith(".")]
        known = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        hint = plugins.how_to_load(plugins.SOURCES, kind) or did_you_mean(Path(data.name).suffix, suffixes)
        return f"{mask_quoted(data.name)} is not a {known} file", hint
    options = _class(kind).options
    of_csv = [name for name in data.dialect.declared if name != "encoding" and name not in options]
    if of_csv:
        return f"{' and '.join(of_csv)} can only be declared of a .csv file", None
    if data.dialect.encoding is not None and "encoding" not in options:
        return f"a {kind} file has no encoding to declare", None
    if data.dialect.delimiter is not None and data.dialect.delimiter == data.dialect.quote:
        return "delimiter and quote are the same character", None
    return None
