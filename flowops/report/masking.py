"""Masked copies of what is printed, on top of the one rule of `flowops.common.masking`.

And short names for numbers, so that a reader can tell people apart whose masked numbers look alike. With a ledger they
are made with its key, and stay the same from one output to the next (`flowops.ledger`). Without a key any name that is
made from a number would give it away: there are few enough numbers to try them all. Then people are counted in each
output from the beginning.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model.ledger import PSEUDONYM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flowops.model.document import Value
    from flowops.model.plan import Guard


def masked(value: Value) -> Value:
    """Return a copy of a JSON value without pseudonyms (what they show instead) and without phone numbers."""
    return _copied(value, mask_text)


def without_pseudonyms(value: Value) -> Value:
    """Return a copy of a JSON value with what is shown in the place of pseudonyms, and everything else as it is."""
    return _copied(value, str)


class PeopleCounter:
    """Names for one output: ``1`` for the first number that is asked for, and so on."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def __call__(self, number: str) -> str:
        """Return the name of a number."""
        return self._names.setdefault(number, str(len(self._names) + 1))


def distinguish(calls: Iterable[tuple[Sequence[str], Sequence[str]]]) -> list[tuple[str, ...]]:
    """Return the masked callees of calls, with a pseudonym after those that appear more than once."""
    listed = list(calls)
    seen = Counter(callee for callees, _ in listed for callee in callees)
    return [
        tuple(
            f"{callee} ({pseudonym})" if pseudonym and seen[callee] > 1 else callee
            for callee, pseudonym in zip(callees, [*pseudonyms, *[""] * len(callees)], strict=False)
        )
        for callees, pseudonyms in listed
    ]


def _copied(value: Value, text: Callable[[str], str]) -> Value:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        if PSEUDONYM in value:
            return str(value.get("shown"))
        return {text(key): _copied(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item, text) for item in value]
    return value


def without_numbers(sentences: Iterable[str]) -> tuple[str, ...]:
    """Return sentences about a plan as a whole, without numbers."""
    return tuple(mask_text(text) for text in sentences)


def guards_of(guards: Iterable[Guard]) -> tuple[Guard, ...]:
    """Return guards that have tripped for readers, without numbers."""
    return tuple(guard._replace(reason=mask_text(guard.reason)) for guard in guards)


def optional(text: str | None) -> str | None:
    """Return a text without numbers, if there is one."""
    return None if text is None else mask_text(text)
