"""A value that must never be printed."""

from __future__ import annotations

from typing import NoReturn

from flowops.common.masking import HIDDEN


class Secret:
    """Text that only `reveal` gives out; printing, formatting or pickling it gives nothing away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the header or the socket it was made for."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return HIDDEN

    def __reduce__(self) -> NoReturn:
        msg = "a secret is not pickled"
        raise TypeError(msg)
