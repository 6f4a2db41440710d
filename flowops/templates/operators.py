"""Operators, each on the kinds of values that it makes sense for; anything else is a fault, never a guess."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from flowops.templates.fault import TemplateFault
from flowops.templates.values import is_number, kind, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model import Value

_ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_ORDER: dict[str, Callable[[Value, Value], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
#: The comparisons of two texts, of which none is a fault.
TEXT_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}
#: Jinja's names of the comparisons.
COMPARISONS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}


def arithmetic(sign: str, left: Value, right: Value) -> int | float:
    """Two numbers make a number that JSON can carry."""
    for side in (left, right):
        if not is_number(side):
            hint = "make a number of it with int or float, or join texts with ~" if type(side) is str else None
            raise TemplateFault(f"'{sign}' is for numbers, not for {kind(side)}", hint=hint)
        number(side)
    try:
        return number(_ARITHMETIC[sign](left, right))
    except ZeroDivisionError:
        raise TemplateFault(f"'{sign}' by zero") from None


def signed(sign: str, value: Value) -> int | float:
    """A number with a sign before it."""
    if not is_number(value):
        raise TemplateFault(f"'{sign}' is for numbers, not for {kind(value)}")
    return number(-value if sign == "-" else value)


def compare(sign: str, left: Value, right: Value) -> bool:
    """Compare two values of one kind; with ``==`` and ``!=`` also anything with null.

    Text and numbers are never equal, so comparing them is a mistake: every value of a CSV row is text.
    """
    if sign == "in":
        return contains(left, right)
    if sign == "not in":
        return not contains(left, right)
    both = _comparable(left), _comparable(right)
    if sign in _ORDER:
        if both not in (("text", "text"), ("a number", "a number")):
            raise _mixed(sign, left, right)
        return _ORDER[sign](left, right)
    if both[0] != both[1] and "null" not in both:
        raise _mixed(sign, left, right)
    return bool(left == right) if sign == "==" else bool(left != right)


def contains(item: Value, container: Value) -> bool:
    """Whether a text has a part, a list an item, a mapping a key."""
    if type(container) is str or type(container) is dict:
        if type(item) is not str:
            raise TemplateFault(f"'in' {kind(container)} looks for text, not for {kind(item)}")
        return item in container
    if type(container) is list:
        _comparable(item)
        return item in container
    raise TemplateFault(f"'in' looks into text, a list or a mapping, not into {kind(container)}")


def _comparable(value: Value) -> str:
    if type(value) is list or type(value) is dict:
        raise TemplateFault(f"{kind(value)} cannot be compared", hint="compare a part of it, or its length")
    return kind(value)


def _mixed(sign: str, left: Value, right: Value) -> TemplateFault:
    hint = "make a number of the text with int or float" if is_number(left) or is_number(right) else None
    return TemplateFault(f"'{sign}' cannot compare {kind(left)} with {kind(right)}", hint=hint)
