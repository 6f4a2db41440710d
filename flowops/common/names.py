"""The name that was probably meant by one that does not exist; every stage suggests it in the same words."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# difflib takes quadratic time; nobody mistypes a longer name, and no list that people wrote is longer.
_LETTERS = 64
_NAMES = 200


def nearest(name: object, names: Iterable[str]) -> str | None:
    """Return the one of the names that was most likely meant, whatever its case; None when nothing is near."""
    if not isinstance(name, str) or len(name) > _LETTERS:
        return None
    return _nearest(
        name, tuple(known for _, known in zip(range(_NAMES), names, strict=False) if len(known) <= _LETTERS)
    )


def did_you_mean(name: object, names: Iterable[str]) -> str | None:
    """Return a hint with the nearest name, if there is one."""
    near = nearest(name, names)
    return f"did you mean '{near}'?" if near else None


@lru_cache(maxsize=512)
def _nearest(name: str, names: tuple[str, ...]) -> str | None:
    # Costs 2 ms to import, and most runs have nothing to suggest.
    from difflib import get_close_matches

    folded: dict[str, str] = {}
    for known in names:
        folded.setdefault(known.casefold(), known)
    found = get_close_matches(name.casefold(), folded, n=1)
    return folded[found[0]] if found else None
