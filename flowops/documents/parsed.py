"""What was read of one document of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowops.model.document import SourceMap

if TYPE_CHECKING:
    from flowops.model import Problem, Value


class Parsed(NamedTuple):
    """One document. With problems its value is only good for telling what kind of document it may be.

    It is not `complete` when it could not be read to its end: there is no value then.
    """

    value: Value
    source_map: SourceMap
    problems: tuple[Problem, ...] = ()
    complete: bool = True

    @classmethod
    def broken(cls, *problems: Problem) -> Parsed:
        """What could not be read, for at least one reason."""
        place = problems[0].place
        return cls(None, SourceMap(place.line, place.column, 0, 0), problems, complete=False)
