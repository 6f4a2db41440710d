"""The values that templates work with, which are JSON's: their names, their text, and the operators on them."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

from flowops.common.budget import MAX_INTEGER, MAX_TEXT, deep, with_texts
from flowops.common.json import is_unicode, unsendable
from flowops.templates.problems import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.document import Value


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
    """Return what a value is, in a message's words; never the value itself, which may be personal."""
    return _KINDS.get(type(value), type(value).__name__)


def is_number(value: Value) -> bool:
    """Return whether a value is a number; true and false are not."""
    return type(value) is int or type(value) is float


#: Texts that spell a boolean, for true and for false: what people, spreadsheets and programs write.
_SPELLINGS = (
    ("true", "false"),
    ("yes", "no"),
    ("y", "n"),
    ("t", "f"),
    ("on", "off"),
    ("1", "0"),
    ("1.0", "0.0"),
    ("wahr", "falsch"),
    ("ja", "nein"),
    ("ja", "nee"),
    ("waar", "onwaar"),
    ("vrai", "faux"),
    ("oui", "non"),
    ("verdadero", "falso"),
    ("sí", "no"),
    ("si", "no"),
    ("vero", "falso"),
    ("verdadeiro", "falso"),
    ("sim", "não"),
    ("✓", "✗"),
    ("✔", "✘"),
    ("✅", "❌"),
    ("☑", "☐"),
    # What stands for no answer is no yes.
    *(("yes", word) for word in ("-", "–", "n/a", "na", "nan", "nil", "none", "null")),
)
#: What true is called where a text says this.
_TRUE_OF = {word: pair[0] for pair in reversed(_SPELLINGS) for word in pair}
_LONGEST_SPELLING = max(map(len, _TRUE_OF))
#: The same with blanks around it: no column is padded to more.
_LONGEST_PADDED = 256


def true_spelled_like(value: str) -> str | None:
    """Return how true is spelled by whoever wrote this boolean (``Yes`` for ``No``); None for any other text."""
    if len(value) > _LONGEST_SPELLING and (len(value) > _LONGEST_PADDED or (value[:1].strip() and value[-1:].strip())):
        return None
    word = value.strip()
    true = _TRUE_OF.get(word.lower())
    if true is None:
        return None
    return true.upper() if word.isupper() else true.title() if word[:1].isupper() else true


def text(value: Value) -> str:
    """Return a value as it stands in text: text and numbers do, anything else has to say how it wants to be written."""
    if type(value) is str:
        return value
    if is_number(value):
        return str(number(value))
    raise TemplateError(f"{kind(value)} cannot be in text", hint=_WORDS_INSTEAD.get(type(value)))


def number(value: float) -> int | float:
    """Return the number itself, refused when JSON cannot carry it."""
    if type(value) is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise TemplateError(f"a whole number may not be beyond {MAX_INTEGER}")
    elif not math.isfinite(value):
        raise TemplateError("a number may not be infinite")
    return value


def short(value: str) -> str:
    """Return the text itself, refused when it is longer than any template may make."""
    if len(value) > MAX_TEXT:
        raise TemplateError(f"a text may have at most {MAX_TEXT:,} characters, this has {len(value):,}")
    return value


def sendable(value: Value, charge: Callable[[int], None]) -> None:
    """Refuse a value that cannot be sent as JSON; `charge` is told the steps that going through it takes."""
    charge(with_texts(value))
    if type(value) is list or type(value) is dict:
        for item in (*value, *value.values()) if type(value) is dict else value:
            if type(item) is list or type(item) is dict:
                sendable(item, charge)
            else:
                _carried(item)
    else:
        _carried(value)


def _carried(value: Value) -> None:
    """Refuse a value without items that JSON cannot carry."""
    if type(value) is str:
        short(value)
        if not value.isascii():
            _check_unicode(value)
    elif is_number(value):
        number(value)
    elif value is not None and type(value) is not bool:
        raise TemplateError(f"{kind(value)} cannot be sent as JSON")


def check_foreign(value: Value, charge: Callable[[int], None]) -> None:
    """Refuse what a plug-in gives that is no value of JSON; `charge` is told the steps that all of it takes.

    A subclass of text or of a list is refused, too: it may be another value each time that somebody looks.
    """
    charge(1 + deep(value))
    reason = _other_type(value) or next((why for _, why, _ in unsendable(value)), None)
    if reason is not None:
        raise TemplateError(f"its result {reason}")
    sendable(value, no_charge)


def _other_type(value: Value) -> str | None:
    """Return what is said of a value in which something is no value of JSON itself, but of a class made of one."""
    left = [value]
    while left:
        item = left.pop()
        if type(item) not in _KINDS:
            return f"holds a {type(item).__name__[:40]}, which is no value of JSON"
        if type(item) is dict:
            left += (*item, *item.values())
        elif type(item) is list:
            left += item
    return None


def no_charge(steps: int) -> None:
    """Charge nothing: for what a document says itself, which is gone through once."""


def _check_unicode(value: str) -> None:
    if not is_unicode(value):
        raise TemplateError("the text has half a character (a lone surrogate), which cannot be sent")


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
#: The comparisons of two texts, of which none is an error.
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
    """Work out an operator on two numbers; the result is a number that JSON can carry."""
    for side in (left, right):
        if not is_number(side):
            hint = "make a number of it with int or float" if type(side) is str else None
            if hint is not None and sign == "+":
                hint = f"join texts with ~, or {hint}"
            raise TemplateError(f"'{sign}' is for numbers, not for {kind(side)}", hint=hint)
        number(side)
    try:
        return number(_ARITHMETIC[sign](left, right))
    except ZeroDivisionError:
        raise TemplateError(f"'{sign}' by zero") from None


def signed(sign: str, value: Value) -> int | float:
    """Return a number with a sign before it."""
    if not is_number(value):
        raise TemplateError(f"'{sign}' is for numbers, not for {kind(value)}")
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
    """Return whether a text has a part, a list an item, a mapping a key."""
    if type(container) is str or type(container) is dict:
        if type(item) is not str:
            raise TemplateError(f"'in' {kind(container)} looks for text, not for {kind(item)}")
        return item in container
    if type(container) is list:
        wanted = _comparable(item)
        # To Python true is the number 1.
        if type(item) is str and item in container:
            return True
        kinds = {kind(each) for each in container} - {"null"}
        if kinds and wanted not in {*kinds, "null"}:
            hint = "make a number of the text with int or float" if kinds == {"a number"} else None
            raise TemplateError(f"'in' cannot find {wanted} in a list of {' and '.join(sorted(kinds))}", hint=hint)
        return any(each == item and kind(each) == wanted for each in container)
    raise TemplateError(f"'in' looks into text, a list or a mapping, not into {kind(container)}")


def _comparable(value: Value) -> str:
    if type(value) is list or type(value) is dict:
        raise TemplateError(f"{kind(value)} cannot be compared", hint="compare a part of it, or its length")
    return kind(value)


def _mixed(sign: str, left: Value, right: Value) -> TemplateError:
    hint = "make a number of the text with int or float" if is_number(left) or is_number(right) else None
    return TemplateError(f"'{sign}' cannot compare {kind(left)} with {kind(right)}", hint=hint)
