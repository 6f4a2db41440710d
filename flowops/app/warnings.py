"""What a reviewer has to look at, and that keeps nothing from being placed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowops.model.document import Problem

#: So many places and words are told apart; what is behind them is counted.
MOST = 100


class Warnings:
    """Warnings as they are met: those with one place and the same words are one, with the rows that have it."""

    def __init__(self, found: Iterable[Problem] = ()) -> None:
        self._rows: dict[Problem, int] = {}
        self._more = 0
        for problem in found:
            self.add(problem)

    def add(self, problem: Problem) -> None:
        """Take in one more."""
        if problem in self._rows:
            self._rows[problem] += 1
        elif len(self._rows) < MOST:
            self._rows[problem] = 1
        else:
            self._more += 1

    def __iter__(self) -> Iterator[Problem]:
        """Each of them, with the first row that has it."""
        return iter(self._rows)

    def sentences(self) -> tuple[str, ...]:
        """Return each of them as a line."""
        told = [_sentence(problem, count) for problem, count in self._rows.items()]
        return (*told, f"and {self._more:,} more warnings") if self._more else tuple(told)


def _sentence(problem: Problem, count: int) -> str:
    rows = ""
    if problem.row is not None:
        more = "" if count == 1 else f" and {count - 1:,} more row{'' if count == 2 else 's'}"
        rows = f" ({problem.row.in_file}{more})"
    hint = f"; {problem.hint}" if problem.hint else ""
    return f"{problem.place}: {problem.message}{rows}{hint}"
