"""How plain scalars are read (contract, section 2): what would not print back as it was written stays text."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.model import Value

#: A plain scalar that begins with none of these is text; most do, so most need no further look.
SPECIAL_STARTS = frozenset("-0123456789tfn~")

# Python refuses to read or print longer integers when PYTHONINTMAXSTRDIGITS says so; it never refuses shorter ones.
# A longer one stays text, so that the same file gives the same values everywhere.
_LONGEST_NUMBER = 640
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?(e[-+][0-9]+)?")
_WORDS: dict[str, Value] = {"": None, "~": None, "null": None, "true": True, "false": False}


def read_plain(text: str) -> Value:
    """The value of a plain scalar.

    A number only if Python prints that number as the same text (``15``, ``-0.5``, ``1e+16``; not
    ``+31``, ``007``, ``1.50``, ``1e5``, ``-0``), True and False for those two words in lower case, None
    for nothing, ``~`` and ``null``. Everything else is the text itself.
    """
    if text in _WORDS:
        return _WORDS[text]
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if found is None:
        return text
    number: int | float
    if found[1] is None and found[2] is None:
        number = int(text)
        return number if str(number) == text else text
    number = float(text)
    return number if math.isfinite(number) and repr(number) == text else text
