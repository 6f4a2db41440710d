"""What a file says, with the place of everything it says: documents, rows, fields, and problems with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowops.common.names import same_name
from flowops.common.text import without_values
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Final, Self

    from flowops.common.text import Lines


class Absent:
    """Marks that there is no value; not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()

#: The version of the format of all documents: how each begins.
API_VERSION = "flowops/v1"


class Place(NamedTuple):
    """A position in a file; `line` and `column` count from 1, `file` is shown as it is."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class RowPlace(NamedTuple):
    """A row of data: `number` counts data rows from 1, `line` is where it starts in the file, if that has lines."""

    file: str
    number: int
    line: int | None

    def __str__(self) -> str:
        return f"row {self.number} of {self.file}"

    @property
    def in_file(self) -> str:
        """Return the row as a message names it, with its line: ``row 12 of data/x.csv, line 13``."""
        return str(self) if self.line is None else f"{self}, line {self.line}"


#: How many of the rows that have a problem are named.
NAMED = 4


class Problem:
    """One thing the user has to fix.

    `message` names the field first (``callee: '+3••••34' is not a valid number in NL``), `code` is the stable name of
    the rule that found it (``schema``, ``template``, ``number``, …), for machines. Problems of one place and kind are
    one: `rows` are the first rows that have it, `count` is how many do. What a message repeats of a row is masked, and
    makes no other kind of it; `kind` says so where that cannot be seen from the message.

    A hint that takes work to find is a function, called when the problem is told.
    """

    __slots__ = ("_hint", "_last", "code", "count", "kind", "message", "place", "rows")

    def __init__(
        self,
        place: Place,
        row: RowPlace | None = None,
        message: str = "",
        code: str = "invalid",
        hint: str | Callable[[], str | None] | None = None,
        kind: str | None = None,
    ) -> None:
        self.place: Final = place
        self.message: Final = message
        self.code: Final = code
        self.kind: Final = kind
        self.rows: tuple[RowPlace, ...] = () if row is None else (row,)
        self.count = len(self.rows)
        self._last = row
        self._hint = hint

    @property
    def row(self) -> RowPlace | None:
        """Return the first row that has it, if rows have a part in it."""
        return self.rows[0] if self.rows else None

    @property
    def hint(self) -> str | None:
        """Return what the user can do about it."""
        if callable(self._hint):
            self._hint = self._hint()
        return self._hint

    @property
    def key(self) -> tuple[object, ...]:
        """Return what problems have in common that are one; a row of a data file has its place in that file."""
        row = self.row
        place = self.place if row is None or row.file != self.place.file else self.place.file
        return place, self.code, self.said

    @property
    def said(self) -> str:
        """Return what kind of problem it is, whatever the rows say."""
        return without_values(self.message) if self.kind is None else self.kind

    @property
    def order(self) -> tuple[object, ...]:
        """Return what problems are sorted by."""
        row = self.row
        return self.place, ("", 0) if row is None else (row.file, row.number), self.message, self.code

    def with_hint(self, hint: str | None) -> Problem:
        """Return the same problem with another hint."""
        other = Problem(self.place, None, self.message, self.code, hint, self.kind)
        other.rows, other.count, other._last = self.rows, self.count, self._last
        return other

    def merged(self, other: Problem) -> Problem:
        """Return the problem with the rows that have another one of its kind, in the words about the first of them."""
        first = min(self, other, key=lambda problem: problem.order)
        both = Problem(first.place, None, first.message, first.code, first._hint, first.kind)
        # One row may have it twice, and most rows come in their order.
        again = other.row is not None and (other.row == self._last or other.row in self.rows)
        both.rows = self.rows
        if other.rows and not again and (len(self.rows) < NAMED or other.rows[0].number < self.rows[-1].number):
            both.rows = tuple(sorted((*self.rows, *other.rows), key=lambda row: (row.file, row.number))[:NAMED])
        both.count = self.count + other.count - again
        both._last = other._last
        return both

    def _identity(self) -> tuple[Place, str, str]:
        return self.place, self.message, self.code

    def __eq__(self, other: object) -> bool:
        return self._identity() == other._identity() if isinstance(other, Problem) else NotImplemented

    def __lt__(self, other: Problem) -> bool:
        return self._identity() < other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"Problem({self.place!r}, {self.row!r}, {self.message!r}, {self.code!r}, {self.hint!r})"


#: JSON's values, as Python has them.
Value = Any
#: The way to a value inside a document: keys and indices from the root.
Path = tuple[str | int, ...]


class SourceMap:
    """Says where a value is in a file, and everything inside it.

    `start` and `end` are character offsets into the file's text: what lies between is the value as it was written,
    quotes and all. `value` is the mapping or list that was read, None for a scalar. `lines` are those of the file.

    Most documents are never asked, so what is inside is kept flat: `entries` has `ENTRY` offsets for each entry of
    `value`, in its order: the start of the key (of the mapping or list itself in a list), and start and end of the
    value. `inside` has the maps of those values that are mappings and lists themselves.
    """

    __slots__ = ("_numbers", "end", "entries", "inside", "lines", "start", "value")

    ENTRY = 3

    def __init__(
        self,
        lines: Lines,
        start: int,
        end: int,
        value: Value = None,
        entries: Sequence[int] = (),
        inside: Mapping[str | int, SourceMap] | None = None,
    ) -> None:
        self.lines = lines
        self.start = start
        self.end = end
        self.value = value
        self.entries = entries
        self.inside = inside
        self._numbers: dict[str | int, int] | None = None

    @property
    def line(self) -> int:
        """Return the line at which the value begins; lines and columns count from 1."""
        return self.lines.at(self.start)[0]

    @property
    def column(self) -> int:
        """Return the column at which the value begins."""
        return self.lines.at(self.start)[1]

    def at(self, path: Path) -> SourceMap:
        """Return the map of the value at a path, or of the deepest value on the way that exists."""
        node = self
        for step in path:
            child = (node.inside or {}).get(step) or node._scalar(step)
            if child is None:
                return node
            node = child
        return node

    def key(self, name: str) -> tuple[int, int]:
        """Return the line and column of a key of this mapping; of the value itself where it has no such key."""
        at = self.entry(name) if isinstance(self.value, dict) else None
        return self.lines.at(self.start if at is None else self.entries[at])

    def entry(self, step: str | int) -> int | None:
        """Return where the numbers of a key or an index begin in `entries`; None where there is no such entry."""
        if self._numbers is None:
            steps = range(len(self.value)) if isinstance(self.value, list) else self.value or ()
            self._numbers = {each: number * self.ENTRY for number, each in enumerate(steps)}
        return self._numbers.get(step)

    def last(self) -> str | int:
        """Return the key or the index of the last entry of a mapping or list that has one."""
        return next(reversed(self.value)) if isinstance(self.value, dict) else len(self.value) - 1

    def _scalar(self, step: str | int) -> SourceMap | None:
        at = self.entry(step)
        if at is None:
            return None
        start, end = self.entries[at + 1 : at + self.ENTRY]
        return SourceMap(self.lines, start, end)


class Document:
    """One YAML document: its plain value (a mapping, checked) and the place of everything in it. Nobody changes it."""

    __slots__ = ("_place", "file", "kind", "source_map", "text", "value")

    def __init__(self, file: str, kind: str, value: dict[str, Value], source_map: SourceMap, text: str) -> None:
        self.file = file
        self.kind = kind
        self.value = value
        self.source_map = source_map
        self.text = text
        self._place: Place | None = None

    def __eq__(self, other: object) -> bool:
        """Return whether the same stands in the same file; the text decides the marks."""
        if not isinstance(other, Document):
            return NotImplemented
        own, others = ((each.file, each.kind, each.value, each.text) for each in (self, other))
        return own == others

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels of the document's calls: those of the call itself come before those of its set."""
        own = self.value.get("call") if self.kind == "CallSet" else None
        written = [self.value.get("labels"), own.get("labels") if isinstance(own, dict) else None]
        entries = [entry for each in written if isinstance(each, dict) for entry in each.items()]
        return {name: same_name(value) for name, value in entries if isinstance(value, str)}

    __hash__ = None  # type: ignore[assignment] # its value can be changed, whoever does it

    def with_value(self, value: dict[str, Value]) -> Document:
        """Return the document with another value, whose parts stand where they stood."""
        return Document(self.file, self.kind, value, self.source_map, self.text)

    def place(self, path: Path = ()) -> Place:
        """Return where the value at a path is, or the deepest value on the way that exists."""
        if path:
            found = self.source_map.at(path)
            return Place(self.file, *found.lines.at(found.start))
        # Where a document begins is asked by everybody who names it.
        if self._place is None:
            self._place = Place(self.file, *self.source_map.lines.at(self.source_map.start))
        return self._place

    def key_place(self, path: Path) -> Place:
        """Return where the key that ends a path is."""
        return Place(self.file, *self.source_map.at(path[:-1]).key(str(path[-1])))

    def written(self, path: Path) -> str:
        """Return the text of the value at a path, as written in the file."""
        found = self.source_map.at(path)
        return self.text[found.start : found.end]


class Row(NamedTuple):
    """One row of a call set's data: strings from CSV, any JSON value from JSONL."""

    values: dict[str, Value]
    place: RowPlace


class Batch:
    """Some rows of one source in their order, and what is wrong among them.

    `numbers` and `lines` are those of `rows`, one for one; `lines` is None for data that has no lines. A problem
    comes with how many of the rows stand in front of it.
    """

    __slots__ = ("file", "lines", "numbers", "problems", "rows")

    def __init__(
        self,
        file: str,
        rows: list[dict[str, Value]],
        numbers: Sequence[int],
        lines: Sequence[int] | None,
        problems: Sequence[tuple[int, Problem]] = (),
    ) -> None:
        self.file = file
        self.rows = rows
        self.numbers = numbers
        self.lines = lines
        self.problems = problems

    def place(self, index: int) -> RowPlace:
        """Return where one of the rows is."""
        return RowPlace(self.file, self.numbers[index], None if self.lines is None else self.lines[index])

    def __iter__(self) -> Iterator[Row | Problem]:
        """Yield the rows, and the problems where they were met."""
        problems = iter(self.problems)
        at, problem = next(problems, (-1, None))
        for index, values in enumerate(self.rows):
            while problem is not None and at <= index:
                yield problem
                at, problem = next(problems, (-1, None))
            yield Row(values, self.place(index))
        if problem is not None:
            yield problem
        yield from (each for _, each in problems)


#: The version that all fields have been there since, but those whose schema says another one in `x-since`.
FIRST = "0.1.0"


class Field(NamedTuple):
    """What a field means: `path` begins with the kind of document, `type` is what it takes, in a few words.

    `default` is ABSENT where there is none. `options` are all the values that it takes, where these are few; `fields`
    are those inside it. `since` is the version of flowops that had the field first.
    """

    path: tuple[str, ...]
    type: str
    description: str
    required: bool
    default: Value | Absent
    examples: tuple[Value, ...] = ()
    options: tuple[Value, ...] = ()
    fields: tuple[Field, ...] = ()
    since: str = FIRST

    @property
    def name(self) -> str:
        """Return the path as people write it: ``call.callee``."""
        return ".".join(self.path)


#: More are not told: whoever has fixed these asks again.
MOST = 1_000
_LIMIT = "limit"


class Problems:
    """Collects problems as they are met: a wrong word in a template is wrong for every row, and one problem.

    Beyond `MOST` of them one says that there are more, and no others are asked for. They come in the order of their
    places.
    """

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._found: dict[object, Problem] = {}
        self._left_out: Problem | None = None
        self += problems

    def __iadd__(self, problems: Iterable[Problem]) -> Self:
        for problem in problems if not self.has_left_out else ():
            self.add(problem)
            if self.has_left_out:
                break
        return self

    def add(self, problem: Problem) -> None:
        """Take in one more."""
        key = problem.key
        known = self._found.get(key)
        if known is not None:
            self._found[key] = known.merged(problem)
        elif len(self._found) < MOST:
            self._found[key] = problem
        elif self._left_out is None:
            message = f"from here on there are more problems: only {MOST:,} problems are reported"
            self._left_out = Problem(problem.place, None, message, _LIMIT, "fix these, then look again")

    @property
    def has_left_out(self) -> bool:
        """Return whether there are more than are reported: nobody needs to look for others."""
        return self._left_out is not None

    def __len__(self) -> int:
        return len(self._found) + (self._left_out is not None)

    def __iter__(self) -> Iterator[Problem]:
        yield from sorted(self._found.values(), key=lambda problem: problem.order)
        if self._left_out is not None:
            yield self._left_out


def rows_of(problem: Problem) -> str:
    """Return ``row 12 of data/x.csv, line 13, and 3 more rows: 13, 14, 20``; nothing where no row has part in it."""
    if problem.row is None:
        return ""
    first = problem.row.in_file
    more = problem.count - 1
    if not more:
        return first
    others = [str(row.number) for row in problem.rows[1:]]
    rest = f"{', '.join(others)}{', …' if more > len(others) else ''}"
    return f"{first}, and {more:,} more row{'' if more == 1 else 's'}: {rest}"


def with_rows(problem: Problem) -> str:
    """Return the message of a problem, followed by the rows that have it."""
    rows = rows_of(problem)
    return f"{problem.message} ({rows})" if rows else problem.message


def sentence(problem: Problem) -> str:
    """Return a problem as one line, with its place, its rows and its hint: warnings are shown like this."""
    hint = f"; {problem.hint}" if problem.hint else ""
    return f"{problem.place}: {with_rows(problem)}{hint}"
