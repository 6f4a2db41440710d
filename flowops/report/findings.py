"""Problems as they are told: sorted, and what is wrong at one place in the same words told once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowops.report.words import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model import Problem


@dataclass(slots=True)
class Finding:
    """A problem, and the data rows that have it."""

    problem: Problem
    seen: set[tuple[str, int]] = field(default_factory=set)

    @property
    def rows(self) -> str:
        """``row 12 of data/x.csv``, ``row 12 of data/x.csv and 3 more rows``; empty where no row has part in it."""
        if self.problem.row is None:
            return ""
        more = len(self.seen) - 1
        return f"{self.problem.row} and {count(more, 'more row')}" if more else str(self.problem.row)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Every problem once, by place, then by row."""
    once = {(problem, problem.row): problem for problem in problems}
    return sorted(once.values(), key=_order)


def findings(problems: Iterable[Problem]) -> list[Finding]:
    """What is wrong, by place; the same words at the same place are one finding, whatever the row."""
    found: dict[Problem, Finding] = {}  # a problem's row does not count when problems are compared
    for problem in in_order(problems):
        finding = found.setdefault(problem, Finding(problem))
        if problem.row is not None:
            finding.seen.add((problem.row.file, problem.row.number))
    return list(found.values())


def _order(problem: Problem) -> tuple[object, ...]:
    row = (problem.row.file, problem.row.number) if problem.row else ("", 0)
    return (problem.place, row, problem.message, problem.code)
