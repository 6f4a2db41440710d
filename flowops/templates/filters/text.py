"""Filters on text, and on any value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flowops.common.budget import MAX_TEXT, deep, search
from flowops.common.patterns import regex
from flowops.templates.budget import MISSING
from flowops.templates.filters.table import Table, require_flag, require_text, touched
from flowops.templates.problems import TemplateError
from flowops.templates.values import text

if TYPE_CHECKING:
    from flowops.model.document import Value


TEXT = Table()

#: Characters that `trim` may take away.
_MOST_TRIMMED = 64


def _letter_by_letter(value: Value, *others: Value) -> int:
    """Return the steps of what looks at each letter or word by itself."""
    return 8 * touched(value) + touched(*others)


def _searching(value: Value, *parts: Value) -> int:
    """Return the steps of looking for a part of a text."""
    texts = [part for part in parts if type(part) is str]
    return touched(value) + sum(search(value, part) for part in texts if type(value) is str)


# Where Jinja's title begins a word anew.
_BETWEEN_WORDS = regex(r"([-\s({\[<]+)")


@TEXT.register("{{ 'Acme' | upper }}", "ACME")
def upper(value: Value) -> str:
    """The text in capitals."""
    return require_text(value).upper()


@TEXT.register("{{ 'ACME' | lower }}", "acme")
def lower(value: Value) -> str:
    """The text in small letters."""
    return require_text(value).lower()


@TEXT.register("{{ 'jan VAN dam' | title }}", "Jan Van Dam", cost=_letter_by_letter)
def title(value: Value) -> str:
    """Every word with a capital, the rest of it in small letters."""
    words = _BETWEEN_WORDS.split(require_text(value))
    return "".join(word[:1].upper() + word[1:].lower() for word in words)


@TEXT.register("{{ 'your appointment' | capitalize }}", "Your appointment")
def capitalize(value: Value) -> str:
    """The first letter a capital, the rest of the text in small letters."""
    return require_text(value).capitalize()


@TEXT.register("{{ '  Ann ' | trim }}", "Ann")
def trim(value: Value, chars: Value = None) -> str:
    """The text without white space, or without the characters of `chars`, at its ends."""
    if chars is None and type(value) is str:
        return value.strip()
    taken = None if chars is None else require_text(chars, "chars")
    if taken is not None and len(taken) > _MOST_TRIMMED:
        raise TemplateError(f"chars may be at most {_MOST_TRIMMED} characters")
    return require_text(value).strip(taken)


@TEXT.register("{{ '10:30' | replace(':', ' ') }}", "10 30", cost=_searching)
def replace(value: Value, old: Value, new: Value) -> str:
    """Every `old` in the text replaced by `new`."""
    whole, old, new = require_text(value), require_text(old, "old"), require_text(new, "new")
    if not old:
        raise TemplateError("old may not be empty")
    if len(whole) + whole.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise TemplateError(f"the text would have more than {MAX_TEXT} characters")
    return whole.replace(old, new)


@TEXT.register("{{ 'Ann;Ben' | split(';') }}", ["Ann", "Ben"], cost=_searching)
def split(value: Value, separator: Value = None) -> list[str]:
    """The parts of the text between the separators; without one, its words."""
    if separator == "":
        raise TemplateError("separator may not be empty")
    return require_text(value).split(None if separator is None else require_text(separator, "separator"))


@TEXT.register("{{ 'AB-4821' | digits }}", "A B 4 8 2 1", cost=_letter_by_letter)
def digits(value: Value, separator: Value = " ") -> str:
    """A code to be read aloud: its digits and letters one by one, other characters left out."""
    between = require_text(separator, "separator")
    signs = [sign for sign in text(value) if sign.isalnum()]
    if not signs:
        raise TemplateError("the text has neither digits nor letters")
    if len(signs) * (1 + len(between)) > MAX_TEXT:
        raise TemplateError(f"the text would have more than {MAX_TEXT} characters")
    return between.join(signs)


@TEXT.register("{{ 15 | string }}", "15")
def string(value: Value) -> str:
    """A number as text, and text as it is."""
    return text(value)


GENERAL = Table()

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "), allow_nan=False)


@GENERAL.register("{{ vars.missing | default('there') }}", "there", forgiving=True)
def default(value: Value, default_value: Value = "", boolean: Value = False) -> Value:
    """The value, or another where it is not defined; with `boolean` true also where it is empty, null, 0 or false."""
    if value is MISSING or (require_flag(boolean, "boolean") and not value):
        return default_value
    return value


@GENERAL.register("{{ {'name': 'Ann', 'age': 41} | tojson }}", '{"name": "Ann", "age": 41}', cost=deep)
def tojson(value: Value) -> str:
    """The value as JSON, its keys in the order of the data."""
    try:
        written = _ENCODER.encode(value)
    except ValueError:
        raise TemplateError("a number is infinite, or too large for JSON") from None
    if len(written) > MAX_TEXT:
        raise TemplateError(f"the text would have more than {MAX_TEXT} characters")
    return written
