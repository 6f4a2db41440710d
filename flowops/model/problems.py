"""The problems of a command: those of one place and kind are one, and there are only so many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.document import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

#: More are not told: whoever has fixed these asks again.
MOST = 1_000
_LIMIT = "limit"


class Problems:
    """Collects problems as they are met: a wrong word in a template is wrong for every row, and one problem.

    Beyond `MOST` of them one says that there are more. They come in the order of their places.
    """

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._found: dict[object, Problem] = {}
        self._left_out: Problem | None = None
        self += problems

    def __iadd__(self, problems: Iterable[Problem]) -> Self:
        for problem in problems:
            self.add(problem)
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
            message = f"from here on there is more that is wrong: only {MOST:,} problems are told"
            self._left_out = Problem(problem.place, None, message, _LIMIT, "fix these, then look again")

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
    """Return the message of a problem, and behind it the rows that have it."""
    rows = rows_of(problem)
    return f"{problem.message} ({rows})" if rows else problem.message


def sentence(problem: Problem) -> str:
    """Return a problem as one line, with its place, its rows and its hint: so warnings are told."""
    hint = f"; {problem.hint}" if problem.hint else ""
    return f"{problem.place}: {with_rows(problem)}{hint}"
