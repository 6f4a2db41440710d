"""What is shown in place of personal data: one rule for the ledger and for everything printed."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any
from unicodedata import decimal

from flowops.common.number_plan import country_code
from flowops.common.numbers import is_e164
from flowops.common.patterns import regex
from flowops.common.text import LISTED, dotted, listed, quoted, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: Stands for a hidden digit.
DOT = "•"
#: Stands for any hidden value that is not a phone number.
HIDDEN = DOT * 3

# ITU-T E.164, list of assigned country codes: two have one digit, these have two, all others three.
_COUNTRY = regex(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3}")
_NO_DIGIT = regex(r"\D+")
# What people, web pages and telephones put between the digits of a number: blanks and marks that nobody sees, dashes.
_BLANKS = " \u00a0\u00ad\u034f\u061c\u180e\u2000-\u200f\u202a-\u202f\u205f-\u2069\u3000\ufeff"
_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d-"
# Whatever else stands there in free text: tabs and line ends, a slash, a star, a raised dot, what replaces a blank.
_SIGNS = rf"[\s()./*_\u00b7{_BLANKS}{_DASHES}]{{0,3}}"
# What has been masked already is left alone: a dot follows.
_APART = rf"(?![\w-]|[{_BLANKS}().{_DASHES}]{{0,2}}{DOT})"
_ENDS = rf"(?!\d|[{_BLANKS}().{_DASHES}]{{0,2}}{DOT})"
# A number as people and machines write it: with a plus (that of a web address, of a page, too), perhaps spaced, or with
# 00 and nothing around it that makes it part of a UUID.
_PLUS = r"(?:[+\ufe62\uff0b]|%2[bB]|&(?:\#43|plus);|\\u002[bB])"
_BEFORE_CODE = regex(rf"^(?:{_PLUS}|00)|%20")
_NUMBER_IN_TEXT = regex(
    rf"(?<!\w){_PLUS}[{_BLANKS}(]{{0,2}}(?!0)\d(?:(?:{_SIGNS}|%20|&nbsp;)\d){{6,14}}{_ENDS}"
    rf"|(?<![\w-])00[{_BLANKS}(]?(?!0)\d(?:[\s()./*_\u00b7{_BLANKS}]{{0,3}}\d){{6,14}}{_APART}"
    rf"|(?<![\w-])00[{_BLANKS}({_DASHES}]?(?!0)\d{{1,3}}\)?[{_DASHES}](?:{_SIGNS}\d){{5,13}}{_APART}"
)
# A number without its country that looks like nothing else: nine digits or more that begin with 0 and are no date, or
# in the three groups of North America.
_ZERO = "[0\u0660\u06f0\u0966\uff10]"
_DIALLED_IN_TEXT = regex(
    r"(?<![\w+-])(?![0-3]?[0-9][-./][0-3]?[0-9][-./](?:19|20)[0-9]{2}(?![0-9]))"
    rf"{_ZERO}[{_BLANKS})]?(?!{_ZERO})\d(?:{_SIGNS}\d){{7,12}}{_APART}"
    rf"|(?<![\w+-])(?:1[{_BLANKS}.{_DASHES}]\(?)?[2-9]\d{{2}}(?:\) ?|[{_BLANKS}./{_DASHES}])"
    rf"[2-9]\d{{2}}[{_BLANKS}.{_DASHES}]?\d{{4}}(?![\w-])"
)
# A number without its country, as people write it: seven digits or more with little between them. Not a date, nothing
# that a word or a dash makes part of an identifier, and not what is left of a masked number.
_NATIONAL_IN_TEXT = regex(
    r"(?<![\w-])(?!(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?![0-9]))"
    rf"\d(?:[\t{_BLANKS}()./{_DASHES}]{{0,2}}\d){{6,14}}{_APART}"
)
# What may stand between digits in a text from outside, also as programs escape it: ``\u00a0``, ``&nbsp;``.
_BETWEEN = rf"(?:[\s()./*_\u00b7{_BLANKS}{_DASHES}]|\\u[0-9a-fA-F]{{4}}|\\x[0-9a-fA-F]{{2}}|&#?\w{{1,8}};){{0,3}}"
_ANY_NUMBER = regex(rf"\+?\d(?:{_BETWEEN}\d){{5,}}(?!\d|[{_BLANKS}(){_DASHES}]{{0,2}}{DOT})")
# The apostrophe of "can't" ends nothing.
_QUOTED = regex(r"['\"`].*['\"`](?!t\b)", re.DOTALL)
_NOT_QUOTED = regex(r": (?!'…')")
# What `mask_number` gives, but for the blanks in the national number.
_MASKED = regex(rf"\+[0-9]{{1,3}} (?:(?:[0-9]{{1,4}}{DOT}{{4,9}}|{DOT}{{2,12}})[0-9]{{2}}|{DOT}{{1,3}})")
_BUT_LAST_TWO = regex(r"\d(?=(?:\D*\d){2})")
#: How many results are kept: most texts of a call are those of the call before it, and each number comes twice.
_KEPT = 1024
_LEADING, _TRAILING, _HIDDEN_AT_LEAST, _GROUP = 4, 2, 4, 4
#: More dots say nothing more.
_LONGEST = 20
#: More columns are not looked at.
_NAMES = LISTED * 16
# Five digits with little between them, a sign that e-mail addresses have, a plus: no column is called so.
_VALUE = regex(rf"[0-9](?:[{_BLANKS}():./{_DASHES}]{{0,2}}[0-9]){{4}}|@|^\+|^[0-9]+$")


@lru_cache(maxsize=_KEPT)
def mask_number(number: str) -> str:
    """Return an E.164 number as it may be shown, grouped as in its country: ``+442079460023`` is ``+44 20 79•• ••23``.

    The country code, up to four digits behind it and the last two stay; at least four digits are hidden,
    and of a very short number all of them.
    """
    digits = _NO_DIGIT.sub("", number)
    if not digits.isascii():
        digits = "".join(str(decimal(digit)) for digit in digits)
    found = _COUNTRY.match(digits)
    if found is None:
        return HIDDEN
    country, national = found[0], digits[found.end() :]
    if len(national) <= _TRAILING + 1:
        return f"+{country} {DOT * len(national)}".rstrip()
    leading = max(0, min(_LEADING, len(national) - _TRAILING - _HIDDEN_AT_LEAST))
    hidden = len(national) - leading - _TRAILING
    masked = national[:leading] + DOT * hidden + national[-_TRAILING:]
    groups, start = [f"+{country}"], 0
    for size in _groups(country, national[:leading], len(national)):
        groups.append(masked[start : start + size])
        start += size
    return " ".join(groups)


@lru_cache(maxsize=_KEPT)
def _groups(country: str, leading: str, length: int) -> tuple[int, ...]:
    """Return how many digits of a national number stand together, in fours where nobody knows.

    They follow from the digits that are shown alone, so that they say nothing of those that are hidden.
    """
    known = country_code(f"+{country}")
    written = known.main.groups(leading.ljust(length, "0")) if known is not None else ()
    odd = length % _GROUP
    return written or (*([odd] if odd else []), *[_GROUP] * (length // _GROUP))


def calling_code(number: str) -> str:
    """Return ``+44`` of ``+442079460023``; empty for what is no number."""
    found = _COUNTRY.match(number, 1)
    return f"+{found[0]}" if found is not None else ""


def mask_written(value: object) -> str:
    """Return a value of a row, or any that may be somebody's, as a message names it: ``'+3161234'`` is ``'+3••••34'``.

    The ends of a number are enough to find it in a file, and at least four characters between them are hidden. Of a
    word the first letter is shown, of what is very short nothing.
    """
    text = str(value).replace("'", "’")
    if not text:
        return "''"
    hidden = max(_HIDDEN_AT_LEAST, len(text) - _LEADING - _TRAILING)
    leading = len(text) - hidden - _TRAILING
    if any(map(str.isalpha, text)):
        return f"'{visible(text[: min(1, len(text) // 3)])}…'"
    if leading <= 0:
        return f"'{visible(text[: len(text) // 3])}…'"
    return f"'{visible(text[:leading])}{DOT * min(hidden, _LONGEST)}{visible(text[-_TRAILING:])}'"


def mask_quoted(value: object) -> str:
    """Return what a document says in a place where nobody's number belongs, as a message repeats it: `quoted`.

    Nobody's number may be there all the same: it is hidden.
    """
    return mask_any_number(quoted(value))


def mask_path(path: Iterable[str | int]) -> str:
    """Return the way to a value as messages show it (`dotted`), without numbers in its keys."""
    return mask_any_number(dotted(path))


def mask_said(text: str) -> str:
    """Return what a database says of a value that it cannot take, without the value.

    That stands from the first quote to the last, since it may have some itself, and without any behind a colon and
    on further lines.
    """
    said = _QUOTED.sub("'…'", text).partition("\n")[0]
    return mask_any_number(_NOT_QUOTED.split(said, maxsplit=1)[0])


def mask_names(names: Iterable[object]) -> str:
    """Return the names of a row's columns, not too many; nothing of them where one looks like a value.

    So it is where a file has no header: its first line is somebody's row, and the names in it are theirs.
    """
    known = [str(name) for name in islice(names, _NAMES)]
    if are_values(known):
        return f"{len(known)} columns whose names look like values"
    return listed(known)


def are_values(names: Iterable[str]) -> bool:
    """Return whether some name of a column looks like a value: a number, an address, a date."""
    return any(_VALUE.search(name) is not None for name in names)


def is_masked(text: str) -> bool:
    """Return whether a text is what `mask_number` makes of some number."""
    country, blank, national = text.partition(" ")
    groups = national.split(" ")
    return all(groups) and _MASKED.fullmatch(f"{country}{blank}{''.join(groups)}") is not None


def mask(value: Any) -> str:
    """Return any sensitive value as it may be shown: a number masked, everything else ``•••``."""
    if isinstance(value, str) and is_e164(value):
        return mask_number(value)
    return HIDDEN


@lru_cache(maxsize=_KEPT)
def mask_text(text: str) -> str:
    """Return a text with every phone number masked that is one by its looks; masking twice changes nothing more.

    So are those with a country code, and national ones that begin with 0 or have the groups of North America.
    """
    masked = _NUMBER_IN_TEXT.sub(lambda found: mask_number(_without_exit_code(found[0])), text)
    return _DIALLED_IN_TEXT.sub(_hide_all_but_the_end, masked)


def masked_but(text: str, kept: Sequence[str], mask: Callable[[str], str] = mask_text) -> str:
    """Return a text with every phone number masked, except where it says exactly one of the kept texts."""
    if not kept:
        return mask(text)
    # Of texts that begin alike the longer one is looked for first.
    parts = re.split(f"({'|'.join(re.escape(part) for part in sorted(kept, reverse=True))})", text)
    return "".join(part if part in kept else mask(part) for part in parts)


@lru_cache(maxsize=_KEPT)
def mask_any_number(text: str) -> str:
    """Hide what `mask_text` does, and of whatever else looks like a phone number all but the last two digits.

    For text of which nobody needs more than its shape: ``06 12 34 56 78`` is ``•• •• •• •• 78``.
    """
    return _NATIONAL_IN_TEXT.sub(_hide_all_but_the_end, mask_text(text))


def hide_numbers(text: str) -> str:
    """Return a text from outside without whatever may be a number in it: six digits or more, with anything between.

    For what the API and its callbacks say: nothing depends on it, and it may repeat anything.
    """
    return _ANY_NUMBER.sub(HIDDEN, text)


def _without_exit_code(written: str) -> str:
    """Return a number of a text without what stands in the place of its plus."""
    return _BEFORE_CODE.sub("", written)


def _hide_all_but_the_end(found: re.Match[str]) -> str:
    return _BUT_LAST_TWO.sub(DOT, found[0])
