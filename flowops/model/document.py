"""What a file says, with the place of everything it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flowops.model.place import Place, RowPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


class Marked:
    """What has marks, which may be found only when somebody asks for them: most files are never asked."""

    __slots__ = ("finding", "start")

    def __init__(self, marks: Marks | Callable[[], Marks], start: tuple[int, int] | None = None) -> None:
        #: The marks, or how to find them: for somebody who takes over either.
        self.finding = marks
        #: The line and column where it begins.
        self.start = start or (self.marks.line, self.marks.column)

    @property
    def marks(self) -> Marks:
        """The places of the value and of everything inside it."""
        if not isinstance(self.finding, Marks):
            self.finding = self.finding()
        return self.finding


class Document(Marked):
    """One YAML document: its plain value (a mapping, checked) and the place of everything in it. Nobody changes it."""

    __slots__ = ("file", "kind", "text", "value")

    def __init__(
        self,
        file: str,
        kind: str,
        value: dict[str, Value],
        marks: Marks | Callable[[], Marks],
        text: str,
        start: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(marks, start)
        self.file = file
        self.kind = kind
        self.value = value
        self.text = text

    def __eq__(self, other: object) -> bool:
        """Whether the same stands in the same file; the text decides the marks."""
        if not isinstance(other, Document):
            return NotImplemented
        own, others = ((each.file, each.kind, each.value, each.text) for each in (self, other))
        return own == others

    __hash__ = None  # type: ignore[assignment] # its value can be changed, whoever does it

    def with_value(self, value: dict[str, Value]) -> Document:
        """The document with another value, whose parts stand where they stood."""
        return Document(self.file, self.kind, value, self.finding, self.text, self.start)

    def place(self, path: Path = ()) -> Place:
        """Where the value at a path stands, or the deepest value on the way that exists."""
        if not path:
            return Place(self.file, *self.start)
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


class Row(NamedTuple):
    """One row of a call set's data: strings from CSV, any JSON value from JSONL."""

    values: dict[str, Value]
    place: RowPlace
