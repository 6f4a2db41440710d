"""What the settings of a policy read their values with: places, and a problem for each value that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flowops.common.number_plan import regions
from flowops.common.spans import read_span
from flowops.model.document import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from flowops.model.document import Document, Path, Place, Value

#: The code of problems with a policy.
CODE = "policy"

_T = TypeVar("_T")


class PolicyReader:
    """A policy as it is written, with the places of everything in it; collects what is wrong."""

    def __init__(self, document: Document) -> None:
        self.problems: list[Problem] = []
        self._document = document

    def place(self, at: Path) -> Place:
        """Return where the last key of a path is; of an item in a list, where the item begins."""
        return self._document.place(at) if isinstance(at[-1], int) else self._document.key_place(at)

    def add_problem(self, at: Path, message: str, hint: str | None = None) -> None:
        """Add a problem with the value at a path."""
        name = next(str(step) for step in reversed(at) if isinstance(step, str))
        self.problems.append(Problem(self._document.place(at), None, f"{name}: {message}", CODE, hint))

    def read(self, at: Path, value: str, read: Callable[[str], _T]) -> _T | None:
        """Return what a reader makes of a value; None, with a problem added, when it raises ValueError."""
        try:
            return read(value)
        except ValueError as error:
            self.add_problem(at, f"'{value[:40]}' {error}")
            return None

    def span(self, at: Path, holder: Mapping[str, Value], name: str) -> timedelta | None:
        """Return a span of time under a key, None when there is none."""
        return self.read((*at, name), holder[name], read_span) if name in holder else None

    def countries(self, at: Path, value: list[str]) -> frozenset[str]:
        """Return country codes; add a problem for each that does not exist."""
        for index, code in enumerate(value):
            if code not in regions():
                hint = "it is GB" if code == "UK" else "write two capital letters of ISO 3166-1, such as GB"
                self.add_problem((*at, index), f"'{code[:10]}' is not a country with phone numbers", hint)
        return frozenset(value)
