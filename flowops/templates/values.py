"""The values that templates work with, which are JSON's: what they are called, and how they stand in text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flowops.common.json import is_unicode
from flowops.common.limits import MAX_INTEGER
from flowops.templates.fault import TemplateFault
from flowops.templates.limits import CHARACTERS_A_STEP, ITEMS_A_STEP, MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model import Value

_KINDS = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    list: "a list",
    dict: "a mapping",
}
_WORDS_INSTEAD = {
    type(None): "say what to write instead: … | default('…', true)",
    bool: "choose the words: 'yes' if … else 'no'",
    list: "join its items: … | join(', ')",
    dict: "name one of its keys, or write it as JSON: … | tojson",
}


def kind(value: Value) -> str:
    """What a value is, in a message's words; never the value itself, which may be personal."""
    return _KINDS.get(type(value), type(value).__name__)


def is_number(value: Value) -> bool:
    """Whether a value is a number; true and false are not."""
    return type(value) is int or type(value) is float


def text(value: Value) -> str:
    """A value as it stands in text: text and numbers do, anything else has to say how it wants to be written."""
    if type(value) is str:
        return value
    if is_number(value):
        return str(number(value))
    raise TemplateFault(f"{kind(value)} cannot stand in text", hint=_WORDS_INSTEAD.get(type(value)))


def number(value: float) -> int | float:
    """The number itself, refused when JSON cannot carry it."""
    if type(value) is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise TemplateFault(f"a whole number may not be beyond {MAX_INTEGER}")
    elif not math.isfinite(value):
        raise TemplateFault("a number may not be infinite")
    return value


def short(value: str) -> str:
    """The text itself, refused when it is longer than any template may make."""
    if len(value) > MAX_TEXT:
        raise TemplateFault(f"a text may have at most {MAX_TEXT} characters, this has {len(value)}")
    return value


def steps(value: Value) -> int:
    """The steps it takes to go through a value once."""
    if type(value) is str:
        return len(value) // CHARACTERS_A_STEP
    if type(value) is list or type(value) is dict:
        return len(value) // ITEMS_A_STEP
    return 0


def sendable(value: Value, spend: Callable[[int], None]) -> None:
    """Refuse a value that cannot be sent as JSON; `spend` is told the steps that going through it takes."""
    if type(value) is str:
        spend(steps(value))
        short(value)
        if not value.isascii():
            _check_unicode(value)
    elif is_number(value):
        number(value)
    elif type(value) is list or type(value) is dict:
        spend(1 + steps(value))
        for item in value:
            sendable(item, spend)
        if type(value) is dict:
            for item in value.values():
                sendable(item, spend)
    elif value is not None and type(value) is not bool:
        raise TemplateFault(f"{kind(value)} cannot be sent as JSON")


def free(steps: int) -> None:
    """Takes no steps: for what a document says itself, which is gone through once."""


def _check_unicode(value: str) -> None:
    if not is_unicode(value):
        raise TemplateFault("the text has half a character (a lone surrogate), which cannot be sent")
