"""Foreign text made fit for people: short, printable, without secrets and without phone numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowops.common.masking import HIDDEN
from flowops.common.text import shorten, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.model import Value

#: How much of a foreign text is shown, in characters.
LIMIT = 200

#: Six digits or more, with what people put between them: a phone number, or near enough.
_NUMBER = re.compile(r"\+?\d(?:[\s().\-/]{0,3}\d){5,}")
#: What is too short to be told from the text around it.
_SHORTEST = 3


def plain(text: str, hidden: Iterable[str] = ()) -> str:
    """The text on one line, at most `LIMIT` characters, with `hidden` texts and numbers taken out."""
    words = sorted({word for word in hidden if len(word) >= _SHORTEST}, key=len, reverse=True)
    if words:
        text = re.sub("|".join(map(re.escape, words)), HIDDEN, text, flags=re.IGNORECASE)
    text = _NUMBER.sub(HIDDEN, text)
    text = " ".join(text.split())
    return shorten(visible(text[: LIMIT + 1]), LIMIT)


def personal(body: Mapping[str, Value]) -> Iterator[str]:
    """Every text of a sent body that an answer may echo and nobody may see: the callees, the flow's variables."""
    yield from _leaves(body.get("callee"))
    yield from _leaves(body.get("callees"))
    yield from _leaves(body.get("flow-variables"))


def _leaves(value: Value) -> Iterator[str]:
    """The strings and numbers anywhere in a JSON value, as text; keys are names, not data."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield str(value).strip()
