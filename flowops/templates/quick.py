"""What a generated function (see `flowops.templates.writer`) does with a value that is not a short text.

Where anything is out of the ordinary it gives the row up, with `Slow`: the plain way renders that row from the
beginning, and says what is wrong if something is. So these functions may refuse too much, and nothing else.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flowops.common.limits import MAX_INTEGER
from flowops.templates.limits import CHARACTERS_A_STEP, ITEMS_A_STEP, MAX_TEXT

if TYPE_CHECKING:
    from flowops.model import Value


class NotQuick(Exception):
    """A document, or a template of it, that no function is generated for."""


class Slow(Exception):
    """A row that has to be rendered the plain way."""


def long(value: str) -> int:
    """The steps that a text takes when it is gone through once."""
    if len(value) > MAX_TEXT:
        raise Slow
    return len(value) // CHARACTERS_A_STEP


def text(value: Value) -> str:
    """A number as it stands in text."""
    if (type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER) or (type(value) is float and math.isfinite(value)):
        return str(value)
    raise Slow


def inner(value: Value) -> Value:
    """A value that a filter gets, if going through it takes no steps."""
    if type(value) is str:
        if len(value) >= CHARACTERS_A_STEP:
            raise Slow
    elif (type(value) is list or type(value) is dict) and len(value) >= ITEMS_A_STEP:
        raise Slow
    return value


def whole(value: Value, odd: list[int], index: int) -> None:
    """A value that is sent as it is; one that is no text, whole number, true, false or null is `odd`."""
    if type(value) is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise Slow
    elif type(value) is float and math.isfinite(value):
        odd.append(index)
    elif value is not None and type(value) is not bool:
        raise Slow


def note(value: Value, odd: list[int], index: int) -> None:
    """Tell of a value that has been looked at already, if it is odd."""
    if value is not None and type(value) is not str and type(value) is not bool and type(value) is not int:
        odd.append(index)
