"""What goes wrong in a template: raised inside this package, a `Problem` outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from flowops.common.masking import are_values, mask_names
from flowops.common.names import nearest
from flowops.common.text import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


#: Names in templates and rows may be very long.
_LONGEST = 300
_LONGEST_HINT = 600


class TemplateError(Exception):
    """What is wrong with a template, or with a value that it met; the message holds no value of a row.

    `offset` counts characters from the start of the template; None until the part that knows it has
    seen the error. A hint that takes work to find is a function, called when the error is reported.
    """

    def __init__(self, message: str, *, hint: str | Callable[[], str] | None = None, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = shorten(message, _LONGEST)
        self.offset = offset
        self._hint = hint

    @property
    def hint(self) -> str | None:
        """Return what the user can do about it."""
        hint = self._hint() if callable(self._hint) else self._hint
        return None if hint is None else shorten(hint, _LONGEST_HINT)

    def find_hint(self) -> str | None:
        """Return `hint`, for whoever asks later."""
        return self.hint

    def at(self, offset: int, name: str | None = None) -> Self:
        """Return the error with its place, and the filter's name before the message, unless it knows its place."""
        if self.offset is None:
            self.offset = offset
            self.message = self.message if name is None else shorten(f"{name}: {self.message}", _LONGEST)
        return self


class UndefinedName(TemplateError):
    """A name that is not there; the hint tells what is."""

    def __init__(self, label: str, offset: int, parent: str, key: object, present: Iterable[object]) -> None:
        super().__init__(
            f"'{label}' is not defined", hint=lambda: _what_there_is(parent, str(key), present), offset=offset
        )


class BudgetExceeded(TemplateError):
    """A call's templates take more work than one call may; ends the rendering of the call."""

    def __init__(self) -> None:
        super().__init__(
            "the templates of this call take too much work", hint="loop over less, or prepare the data beforehand"
        )


def member(parent: str, key: str) -> str:
    """Return how a template writes a key of a mapping: ``row.phone``, or ``row['first name']``."""
    return f"{parent}.{key}" if key.isidentifier() and not key.startswith("_") else f"{parent}[{key!r}]"


def _what_there_is(parent: str, key: str, present: Iterable[object]) -> str:
    names = tuple(name for name in present if isinstance(name, str))
    guess = None if are_values(names) else nearest(key, names)
    owner = "the row" if parent == "row" else parent
    parts = [f"did you mean '{member(parent, guess)}'?"] if guess is not None else []
    parts.append(f"{owner} has: {mask_names(names)}" if names else f"{owner} is empty")
    return " ".join(parts)
