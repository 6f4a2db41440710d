"""The plain scalars of YAML: what number, word or text each stands for, and which characters a text may have."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.model.document import Value

# What is not a character of YAML (YAML 1.1, section 5.1), and what nobody sees and parsers disagree about: NEL and the
# Unicode line and paragraph separators end a line in YAML 1.1 only, and a byte order mark begins a file.
_NO_CHARACTER = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
_ASCII_CONTROLS = bytes(sorted({*range(0x20), 0x7F} - set(b"\t\n\r")))


@lru_cache(maxsize=1)
def no_character() -> re.Pattern[str]:
    """Return one character that YAML does not allow."""
    # Compiled for those who write more than ASCII.
    return re.compile(_NO_CHARACTER)


def has_only_characters(text: str) -> bool:
    """Tell whether a text has nothing in it that YAML does not allow."""
    if not text.isascii():
        return no_character().search(text) is None
    # A fifth of the time that the expression takes, and most files are ASCII.
    data = text.encode("ascii")
    return len(data.translate(None, _ASCII_CONTROLS)) == len(data)


#: A plain scalar that begins with none of these is text; most do, so most need no further look.
SPECIAL_STARTS = frozenset("-0123456789tfn~")

# Python refuses to read or print longer integers when PYTHONINTMAXSTRDIGITS says so; it never refuses shorter ones.
# A longer one stays text, so that the same file gives the same values everywhere.
_LONGEST_NUMBER = 640
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?(e[-+][0-9]+)?")
_WORDS: dict[str, Value] = {"": None, "~": None, "null": None, "true": True, "false": False}


def read_plain(text: str) -> Value:
    """Return the value of a plain scalar.

    A number only if Python prints that number as the same text (``15``, ``-0.5``, ``1e+16``; not
    ``+31``, ``007``, ``1.50``, ``1e5``, ``-0``), True and False for those two words in lower case, None
    for nothing, ``~`` and ``null``. Everything else is the text itself.
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_REMEMBERED:
        return text if len(text) > _LONGEST_NUMBER else _number(text)
    return _remembered_number(text)


def _number(text: str) -> Value:
    """Return the number that a text prints, or the text."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    number: int | float
    if found[1] is None and found[2] is None:
        number = int(text)
        return number if str(number) == text else text
    number = float(text)
    return number if math.isfinite(number) and repr(number) == text else text


# The same times, lengths and ids stand in many files.
_LONGEST_REMEMBERED = 64
_remembered_number = lru_cache(maxsize=2_048)(_number)
