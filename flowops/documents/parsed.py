"""What was read of one document of a file, whoever read it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flowops.model.document import Marked, Marks

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.documents.simple import Simple
    from flowops.model import Problem, Value


class Parsed(Marked):
    """One document. With problems its value is only good for telling what kind of document it may be.

    It is not `complete` when it could not be read to its end: there is no value then.
    """

    __slots__ = ("complete", "problems", "value")

    def __init__(
        self,
        value: Value,
        marks: Marks | Callable[[], Marks],
        problems: tuple[Problem, ...] = (),
        *,
        start: tuple[int, int] | None = None,
        complete: bool = True,
    ) -> None:
        super().__init__(marks, start)
        self.value = value
        self.problems = problems
        self.complete = complete

    @classmethod
    def broken(cls, *problems: Problem) -> Parsed:
        """What could not be read, for at least one reason."""
        place = problems[0].place
        return cls(None, Marks(place.line, place.column, 0, 0), problems, complete=False)

    @classmethod
    def simple(cls, file: str, text: str, found: Simple) -> Parsed:
        """What was read without the parser, which is asked for the marks when somebody wants them."""
        return cls(found.value, partial(_marks, file, text), start=(found.line, 1))


def _marks(file: str, text: str) -> Marks:
    """The marks of a text that is one document without a problem."""
    from flowops.documents.builder import Budget
    from flowops.documents.parse import parse

    (found,) = parse(file, text, Budget(len(text), "more values than characters"))
    return found.marks
