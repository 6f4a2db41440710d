"""Report long work while it goes on: the command line shows it; callers from Python may leave it out."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class Observer(Protocol):
    """Receives what happens meanwhile."""

    def progress(self, label: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """Give a function to call with how many of `total` are newly done; the total is None where nobody knows it."""
        ...

    def report(self, text: str) -> None:
        """Report one line for people."""
        ...


class Silent:
    """Shows nothing of it."""

    def progress(self, _label: str, _total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """Give a function that does nothing."""
        return nullcontext(_nothing)

    def report(self, _text: str) -> None:
        """Report nothing."""


def _nothing(_count: int) -> None:
    return None


SILENT = Silent()
