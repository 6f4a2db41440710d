"""What a file says, with the place of everything it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from flowops.model.place import Place, Problem, RowPlace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: JSON's values, as Python has them.
Value = Any
#: The way to a value inside a document: keys and indices from the root.
Path = tuple[str | int, ...]


class Marks(NamedTuple):
    """The places of one value and of everything inside it; the tree has the value's shape.

    Lines and columns count from 1. `start` and `end` are character offsets into the file's text: what
    lies between is the value as it was written, quotes and all. `children` maps a key or an index to
    the value there, `keys` maps a key to the line and column of the key itself.
    """

    line: int
    column: int
    start: int
    end: int
    children: Mapping[str | int, Marks] | None = None
    keys: Mapping[str, tuple[int, int]] | None = None

    def at(self, path: Path) -> Marks:
        """The marks at a path, or of the deepest value on the way that exists."""
        node = self
        for step in path:
            child = (node.children or {}).get(step)
            if child is None:
                return node
            node = child
        return node


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its plain value (a mapping, checked) and the place of everything in it."""

    file: str
    kind: str
    value: dict[str, Value]
    marks: Marks
    text: str

    def place(self, path: Path = ()) -> Place:
        """Where the value at a path stands, or the deepest value on the way that exists."""
        marks = self.marks.at(path)
        return Place(self.file, marks.line, marks.column)

    def key_place(self, path: Path) -> Place:
        """Where the key that ends a path stands."""
        parent = self.marks.at(path[:-1])
        line, column = (parent.keys or {}).get(str(path[-1]), (parent.line, parent.column))
        return Place(self.file, line, column)

    def written(self, path: Path) -> str:
        """The text of the value at a path, as it stands in the file."""
        marks = self.marks.at(path)
        return self.text[marks.start : marks.end]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a call set's data: strings from CSV, any JSON value from JSONL."""

    values: dict[str, Value]
    place: RowPlace


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one source in their order, and what is wrong among them.

    `numbers` and `lines` are those of `rows`, one for one; `lines` is None for data that has no lines. A problem
    comes with how many of the rows stand in front of it.
    """

    file: str
    rows: list[dict[str, Value]]
    numbers: Sequence[int]
    lines: Sequence[int] | None
    problems: Sequence[tuple[int, Problem]] = ()

    def place(self, index: int) -> RowPlace:
        """Where one of the rows stands."""
        return RowPlace(self.file, self.numbers[index], None if self.lines is None else self.lines[index])

    def __iter__(self) -> Iterator[Row | Problem]:
        """The rows, and the problems where they were met."""
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
