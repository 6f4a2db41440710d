"""What is shown in place of personal data: one rule for the ledger and for everything printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.model.document import Value

#: Stands for a hidden digit.
DOT = "•"
#: Stands for any hidden value that is not a phone number.
HIDDEN = DOT * 3

# ITU-T E.164, list of assigned country codes: 1 and 7 have one digit, these have two, all others three.
_ONE_DIGIT = ("1", "7")
_TWO_DIGITS = frozenset(
    # fmt: off
    ("20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
     "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
     "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98")
    # fmt: on
)
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
# A number as people and machines write it: with a plus, perhaps spaced, or with 00 and nothing around it that makes it
# part of a UUID. What has been masked already (a dot follows) is left alone.
_NUMBER_IN_TEXT = re.compile(
    rf"(?<![\w+])\+[1-9](?:[ ().-]{{0,2}}[0-9]){{6,14}}(?![0-9]|[ ().-]{{0,2}}{DOT})"
    r"|(?<![\w+-])00[1-9][0-9]{6,14}(?![\w-])"
)
_LEADING, _TRAILING, _HIDDEN_AT_LEAST, _GROUP = 4, 2, 4, 4


def mask_number(number: str) -> str:
    """An E.164 number as it may be shown: ``+442079460023`` is ``+44 20 79•• ••23``.

    The country code, up to four digits behind it and the last two stay; at least four digits are hidden,
    and of a very short number all of them.
    """
    digits = "".join(character for character in number if character.isascii() and character.isdigit())
    country, national = _split(digits)
    if len(national) <= _TRAILING + 1:
        return f"+{country} {DOT * len(national)}"
    leading = max(0, min(_LEADING, len(national) - _TRAILING - _HIDDEN_AT_LEAST))
    hidden = len(national) - leading - _TRAILING
    masked = national[:leading] + DOT * hidden + national[-_TRAILING:]
    odd = len(masked) % _GROUP
    groups = [masked[:odd]] if odd else []
    groups += [masked[start : start + _GROUP] for start in range(odd, len(masked), _GROUP)]
    return " ".join([f"+{country}", *groups])


def mask(value: Value) -> str:
    """Any sensitive value as it may be shown: a number masked, everything else ``•••``."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return mask_number(value)
    return HIDDEN


def mask_text(text: str) -> str:
    """A text with every phone number in international form masked; masking twice changes nothing more."""
    return _NUMBER_IN_TEXT.sub(lambda found: mask_number(found[0].removeprefix("00")), text)


def _split(digits: str) -> tuple[str, str]:
    if digits.startswith(_ONE_DIGIT):
        return digits[:1], digits[1:]
    length = 2 if digits[:2] in _TWO_DIGITS else 3
    return digits[:length], digits[length:]
