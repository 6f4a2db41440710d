"""Names that users mistype: the nearest one that exists, and a short list of those that do."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMPARED = 200
_LONGEST = 40
_LISTED = 12
_MESSAGE = 300


@lru_cache(maxsize=512)
def nearest(name: str, names: tuple[str, ...]) -> str | None:
    """The name that `name` most likely stands for; None when nothing is near. The same for every row, so kept."""
    from difflib import get_close_matches

    if len(name) > _LONGEST:
        return None
    folded: dict[str, str] = {}
    for candidate in names[:_COMPARED]:
        if len(candidate) <= _LONGEST:
            folded.setdefault(candidate.casefold(), candidate)
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def clipped(message: str) -> str:
    """A message of bounded length: names in templates and rows may be very long."""
    return message if len(message) <= _MESSAGE else f"{message[: _MESSAGE - 1]}…"


def listing(names: Iterable[str]) -> str:
    """``id, name, phone``, and an ellipsis where there are many more, or a name is very long."""
    every = list(names)
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in every[:_LISTED]]
    return ", ".join(shown) + (", …" if len(every) > _LISTED else "")
