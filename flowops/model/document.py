"""What a file says, with the place of everything it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

from flowops.model.place import Place, RowPlace

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
