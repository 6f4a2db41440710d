"""What is wrong with the files, and what tests of calls found, as it may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.model.document import Problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flowops.model.document import Document, Place, Problem
    from flowops.model.result import CaseResult


class ProblemsView(NamedTuple):
    """The result of a validation: what was checked, and problems; `not_read` are call sets whose rows were not read.

    `excerpt` gives the line of a file at a place. `warnings` are what a reviewer has to look at besides.
    """

    problems: Sequence[Problem]
    environment: str
    files: int = 0
    documents: int = 0
    calls: int = 0
    not_read: Sequence[tuple[Document, str]] = ()
    excerpt: Callable[[Place], str | None] | None = None
    warnings: Sequence[str] = ()


class CasesView(NamedTuple):
    """The tests of a project's calls; `excerpt` gives the line of a file at a place."""

    results: Sequence[CaseResult]
    environment: str = ""
    excerpt: Callable[[Place], str | None] | None = None

    @property
    def failed(self) -> int:
        """Return how many tests have failed."""
        return sum(not result.passed for result in self.results)

    @property
    def problems(self) -> list[Problem]:
        """Return what differs, in all tests."""
        return [problem for result in self.results for problem in result.failures]


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return what is wrong, by place; those of one place and kind are one."""
    return list(Problems(problems))
