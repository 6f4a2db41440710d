"""Files to documents: each file is read once, and its text kept for the messages."""

from __future__ import annotations

import logging
import os
from contextlib import AbstractContextManager, ExitStack, contextmanager
from enum import StrEnum
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from flowops.common.masking import mask_quoted
from flowops.common.names import did_you_mean
from flowops.common.tuples import NamedTuple
from flowops.documents.excerpts import Excerpts
from flowops.documents.files import Unreadable, decode
from flowops.documents.foreign import foreign
from flowops.documents.yaml import Parsed, parse
from flowops.documents.yaml_builder import Budget
from flowops.model.document import API_VERSION, Document, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flowops.documents.files import Files
    from flowops.documents.hashed import HashedStream
    from flowops.documents.snapshots import Snapshot
    from flowops.model.document import SourceMap, Value

T = TypeVar("T")

#: The code of problems with a document's header.
HEADER = "header"


class Kind(StrEnum):
    """The kinds of documents."""

    PROJECT = "Project"
    FLOW = "Flow"
    CALL = "Call"
    CALL_SET = "CallSet"
    TEST = "Test"


_KINDS = {str(kind): kind for kind in Kind}


def read_header(file: str, parsed: Parsed) -> tuple[Kind | None, list[Problem]]:
    """Return the kind of a document, if it has one that is known, and what is wrong with its header."""
    value = parsed.value
    if type(value) is dict and value.get("apiVersion") == API_VERSION and (known := _kind(value.get("kind"))):
        return known, []
    problems: list[Problem] = []

    def note(key: str, message: str, hint: str | None = None) -> None:
        found = parsed.source_map.at((key,))
        problems.append(Problem(Place(file, found.line, found.column), message=message, code=HEADER, hint=hint))

    if not isinstance(value, dict):
        note("", f"a document has to be a mapping, with 'apiVersion: {API_VERSION}' and a 'kind'")
        return None, problems
    version = value.get("apiVersion")
    if "apiVersion" not in value:
        note("", f"apiVersion: missing; every document begins with 'apiVersion: {API_VERSION}'")
    elif version != API_VERSION:
        message = (
            f"apiVersion: {mask_quoted(version)} is not a version that this flowops reads, which is '{API_VERSION}'"
        )
        note("apiVersion", message)
    kind = value.get("kind")
    names = ", ".join(Kind)
    if "kind" not in value:
        note("", f"kind: missing; a document is one of {names}")
    elif _kind(kind) is None:
        note("kind", f"kind: {mask_quoted(kind)} is not one of {names}", did_you_mean(kind, Kind))
    return _kind(kind), problems


def _kind(value: Value) -> Kind | None:
    return _KINDS.get(value) if type(value) is str else None


_log = logging.getLogger(__name__)
#: How many values one file may hold, and all files together, with everything that aliases repeat.
MAX_VALUES = 250_000
MAX_VALUES_IN_ALL = 3_000_000
#: How large all files may be together: their texts are kept.
MAX_BYTES_IN_ALL = 96 * 1024 * 1024
#: How many rows there may be of what nobody has written row by row (a matrix, a query over files, a file that another
#: call set has read), how many bytes of data there are for each one more, and how many count for one when read again.
ROWS_AGAIN, BYTES_A_ROW, BYTES_AGAIN = 50_000, 2, 256
#: How many files are fetched before the first of them is looked at, and how large they may be together.
_AHEAD = 32
_AHEAD_BYTES = 1 << 20
#: After so many documents with problems nobody reads what is wrong with the others.
MAX_BROKEN = 1_000


def _sensitive_names(value: Value) -> set[str]:
    """Return the variables that a Flow document marks as sensitive."""
    variables = value.get("variables") if isinstance(value, dict) and value.get("kind") == Kind.FLOW else None
    if not isinstance(variables, dict):
        return set()
    return {name for name, schema in variables.items() if isinstance(schema, dict) and schema.get("x-sensitive")}


class Section(NamedTuple):
    """One document of a file, or what is known of it: `document` is None when there are problems."""

    file: str
    parsed: Parsed
    kind: Kind | None
    document: Document | None
    problems: tuple[Problem, ...]

    @classmethod
    def unread(cls, problem: Problem) -> Section:
        """Return what stands for documents that have not been looked at."""
        return cls(problem.place.file, Parsed.broken(problem), None, None, (problem,))

    @property
    def place(self) -> Place:
        """Return where it begins."""
        return self.parsed.place(self.file)


class Walk(ExitStack):
    """A walk over rows: what its sources share is made when the first of them needs it, and closed at its end."""

    def __init__(self) -> None:
        super().__init__()
        self._shared: dict[object, object] = {}

    def share(self, kind: type[T], make: Callable[[], AbstractContextManager[T]]) -> T:
        """Return the one of its kind, made if there is none."""
        if kind not in self._shared:
            self._shared[kind] = self.enter_context(make())
        return cast("T", self._shared[kind])


class Reader:
    """Reads documents from a tree of files; `cwd` is what the names in messages start at."""

    def __init__(self, files: Files, cwd: Path) -> None:
        self.files = files
        self._cwd = cwd
        self._below_cwd = str(cwd).rstrip("/") + "/"
        self._sections: dict[str, list[Section]] = {}
        self._texts: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._logs = _log.isEnabledFor(logging.DEBUG)
        self._values_left = MAX_VALUES_IN_ALL
        self._bytes_left = MAX_BYTES_IN_ALL
        self._rows_left: float = ROWS_AGAIN
        self._opened: set[Path] = set()
        #: How many rows of each call set have been taken; no end where they do not count.
        self._taken: dict[SourceMap, float] = {}
        #: Seconds of the processor that queries over files have taken.
        self.query_seconds = 0.0
        #: The walk over the rows, if there is one.
        self.walk: Walk | None = None
        self._digests: dict[Path, bytes] = {}
        self._sizes: dict[Path, int] = {}
        self._changed: set[Path] = set()
        #: The names of variables that some flow marks as sensitive, whatever else is wrong with it.
        self._sensitive: set[str] = set()
        #: What files are made of, and their lines once one has been asked for: by then all have been read.
        self._parsed: dict[str, list[Parsed]] = {}
        self._excerpts: dict[str, Excerpts] = {}
        #: The rows of queries that have been read to their end, by the documents that ask for them.
        self.snapshots: dict[SourceMap, Snapshot] = {}

    def absolute(self, path: Path) -> Path:
        """Return a path as the user gave it, made absolute and normalised."""
        return Path(os.path.normpath(self._cwd / path))

    def shown(self, path: Path | str) -> str:
        """Return a file's name in messages, in plans and in results.

        Relative for a file below the current directory, or, with ``..``, for a file of the tree that the
        current directory is in too; absolute for any other.
        """
        name = str(path)
        if name.startswith(self._below_cwd):
            name = name[len(self._below_cwd) :]
        elif self._cwd.is_relative_to(self.files.root):
            name = os.path.relpath(path, self._cwd)
        # A name on the disk may hold bytes that are not UTF-8, which could not be printed.
        return name if name.isascii() else name.encode(errors="backslashreplace").decode()

    def path(self, document: Document) -> Path:
        """Return the file that a document was read from."""
        return Path(self._paths[document.file])

    def excerpt(self, place: Place) -> str | None:
        """Return the line at a place in a YAML file that was read; None for any other. Data rows are never shown."""
        text = self._texts.get(place.file)
        if text is None:
            return None
        found = self._excerpts.get(place.file)
        if found is None:
            documents = self._parsed.get(place.file, ())
            found = self._excerpts[place.file] = Excerpts(text, documents, frozenset(self._sensitive))
        return found.line(place.line)

    def read(self, path: Path) -> list[Section]:
        """Return the documents of a file, each with what is wrong with it. Never raises for what is in the file."""
        return next(self.read_all([str(path)]))[1]

    def read_all(self, paths: Iterable[str]) -> Iterator[tuple[str, list[Section]]]:
        """Yield files with their documents, see `read`; they are named by texts, which takes a tenth of making paths.

        Small files are fetched some at a time: between two that are parsed, going to the disk takes thrice as long.
        """
        waiting = iter(paths)
        while fetched := self._fetch(waiting):
            for path, data in fetched:
                if data is not None:
                    self._sections[path] = self._sections_of(path, data)
                yield path, self._sections[path]

    @contextmanager
    def walking(self) -> Iterator[None]:
        """Let the queries of a walk over rows share what each of them needs. A walk inside of another is part of it."""
        if self.walk is not None:
            yield
            return
        try:
            with Walk() as self.walk:
                yield
        finally:
            self.walk = None

    def spend_rows(self, count: float) -> bool:
        """Take rows that nobody has written row by row; return whether there may be so many."""
        self._rows_left -= count
        return self._rows_left >= 0

    def spend_rows_of(self, document: Document, count: int) -> bool:
        """Take the first rows of a call set, as far as no earlier walk has taken them; return whether there may be so
        many: of one that may have none not even the first is asked for."""
        taken = self._taken.get(document.source_map)
        if taken is not None and count <= taken:
            return True
        if not self.spend_rows(count - (taken or 0)):
            return False
        self._taken[document.source_map] = count
        return True

    def spare_rows_of(self, document: Document) -> None:
        """Let the rows of a call set count for nothing: somebody has written them."""
        self._taken[document.source_map] = inf

    def spend_bytes(self, path: Path) -> None:
        """Take the bytes of a data file that is read once more."""
        self._rows_left -= self._sizes.get(path, 0) // BYTES_AGAIN

    def has_opened(self, path: Path) -> bool:
        """Return whether a data file has been read before, if only in part."""
        return path in self._opened

    def has_walked(self, document: Document) -> bool:
        """Return whether rows of a call set have been taken before: then they are no others."""
        return document.source_map in self._taken

    def walk_again(self) -> None:
        """Count the rows of all call sets again, for another question about them."""
        self._taken.clear()

    def open(self, path: Path) -> HashedStream:
        """Open a data file, whose hash is remembered when it has been read to its end. Raises Unreadable."""
        # Most commands read no data, and hashing takes long to be imported.
        from flowops.documents.hashed import HashedStream

        self._opened.add(path)
        return HashedStream(self.files.open(path), partial(self._remember, path))

    def local(self, path: Path) -> Path | None:
        """Return where a data file is on the disk, and remember its hash; see `Files.local`."""
        self._opened.add(path)
        real = self.files.local(path)
        if real is not None:
            self._remember(path, self._digest(path), real.stat().st_size)
        return real

    def changed_files(self) -> list[str]:
        """Return the names of the files that are not what they were when they were read; each is read once more.

        A file counts that was read more than once and was not the same each time.
        """
        changed = {self.shown(path) for path in self._sections if self._has_other_text(path)}
        others = {path for path, digest in self._digests.items() if self._has_other_digest(path, digest)}
        return sorted(changed.union(map(self.shown, others | self._changed)))

    def keep(self, file: str, data: bytes) -> str | Problem:
        """Return the text of a file, kept for excerpts under the name that messages have for it."""
        trouble = foreign(data)
        if trouble is not None:
            return Problem(Place(file), message=f"the file {trouble.message}", code="file", hint=trouble.hint)
        text = decode(file, data)
        if isinstance(text, str):
            self._texts[file] = text
        return text

    def parse(self, file: str, data: bytes) -> list[Parsed]:
        """Parse any YAML, with no header asked for."""
        text = self.keep(file, data)
        if isinstance(text, Problem):
            return [Parsed.broken(text)]
        if self._values_left >= MAX_VALUES:
            allowed, exceeded = MAX_VALUES, f"the file holds more than {MAX_VALUES:,} values, with what aliases repeat"
        else:
            allowed, exceeded = self._values_left, f"all files together hold more than {MAX_VALUES_IN_ALL:,} values"
        budget = Budget(allowed, exceeded)
        found = self._parsed[file] = parse(file, text, budget)
        self._values_left -= allowed - max(budget.values, 0)
        return found

    def _fetch(self, waiting: Iterator[str]) -> list[tuple[str, bytes | Unreadable | None]]:
        """Return what is in the first of some files, and, while they are small, in those behind it; None if known."""
        found: list[tuple[str, bytes | Unreadable | None]] = []
        size = 0
        for path in waiting:
            data: bytes | Unreadable | None = None
            if path not in self._sections:
                try:
                    data = self._counted(self.files.read(path))
                    size += len(data)
                except Unreadable as error:
                    data = error
            found.append((path, data))
            if size > _AHEAD_BYTES or len(found) == _AHEAD:
                break
        return found

    def _counted(self, data: bytes) -> bytes:
        """Return the bytes of a file, whose text is kept. Raises Unreadable when all files together have too many."""
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise Unreadable(f"is not read: all files together are larger than {MAX_BYTES_IN_ALL // 1024 // 1024} MiB")
        return data

    def _sections_of(self, path: str, data: bytes | Unreadable) -> list[Section]:
        file = self.shown(path)
        self._paths[file] = path
        if isinstance(data, Unreadable):
            problem = Problem(Place(file), message=f"the file {data}", code="file")
            return [Section.unread(problem)]
        if self._logs:
            _log.debug("%(file)s: %(bytes)d bytes read", {"file": file, "bytes": len(data)})
        sections: list[Section] = []
        broken = 0
        for parsed in self.parse(file, data):
            section = self._section(file, parsed)
            if broken == MAX_BROKEN:
                message = f"the rest of the file has not been looked at, after {MAX_BROKEN:,} documents with problems"
                problem = Problem(section.place, message=message, code="file")
                return [*sections, Section.unread(problem)]
            sections.append(section)
            broken += bool(section.problems)
        return sections

    def _section(self, file: str, parsed: Parsed) -> Section:
        if names := _sensitive_names(parsed.value):
            self._sensitive |= names
        kind, problems = read_header(file, parsed) if parsed.complete else (None, [])
        if kind is None or problems or parsed.problems:
            return Section(file, parsed, kind, None, (*parsed.problems, *problems))
        document = Document(file, kind, parsed.value, parsed.source_map, self._texts[file])
        return Section(file, parsed, kind, document, ())

    def _remember(self, path: Path, digest: bytes, size: int) -> None:
        if path not in self._digests:
            self._digests[path], self._sizes[path] = digest, size
            self._rows_left += size // BYTES_A_ROW
        elif self._digests[path] != digest:
            self._changed.add(path)

    def _digest(self, path: Path) -> bytes:
        from flowops.documents.hashed import digest_of

        with self.files.open(path) as stream:
            return digest_of(stream)

    def _has_other_digest(self, path: Path, digest: bytes) -> bool:
        try:
            return self._digest(path) != digest
        except (Unreadable, OSError):
            return True

    def _has_other_text(self, path: str) -> bool:
        """Tell whether a file that has been read as text has another text now."""
        file = self.shown(path)
        text = self._texts.get(file)
        if text is None:
            return False  # it could not be read, which has been told
        try:
            return decode(file, self.files.read(path)) != text
        except Unreadable:
            return True
