"""How what users wrote is repeated to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model import Value

# More of a value than this is never repeated in a message.
_SHOWN = 60
# difflib takes quadratic time; nobody mistypes a longer name, and no list of names that people wrote is longer.
_COMPARED_LETTERS = 64
_COMPARED_NAMES = 200


def quoted(value: Value) -> str:
    """A key or scalar in quotes, shortened, on one line; a collection by its kind."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = value if isinstance(value, str) else "null" if value is None else str(value)
    shown = visible(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
    return f"'{shown}'" if isinstance(value, str) else shown.lower()


def visible(text: object) -> str:
    """Text that can be printed anywhere: a path may hold control characters, and bytes that are not UTF-8."""
    shown = str(text)
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")


def nearest(name: object, names: Iterable[str]) -> str | None:
    """The one of the names that was most likely meant; None when nothing is near."""
    # Costs 2 ms to import, and most runs have nothing to suggest.
    from difflib import get_close_matches

    if not isinstance(name, str) or len(name) > _COMPARED_LETTERS:
        return None
    folded: dict[str, str] = {}
    for _, candidate in zip(range(_COMPARED_NAMES), names, strict=False):
        folded.setdefault(candidate.casefold(), candidate)
    found = get_close_matches(name.casefold(), folded, n=1)
    return folded[found[0]] if found else None


def did_you_mean(name: object, names: Iterable[str]) -> str | None:
    """A hint with the nearest name, if there is one."""
    near = nearest(name, names)
    return f"did you mean '{near}'?" if near else None
