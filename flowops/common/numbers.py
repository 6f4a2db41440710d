"""Phone numbers: read once, compared in one form (canonical E.164, valid by the number plan), known once.

`read` takes what people write, and refuses what is not one number beyond doubt: a wrong number is a stranger's phone.
`canonical` takes nothing but the form that flowops keeps, compares and sends. `info` says where a number is and what
kind it is. No message of a refusal repeats anything of the number: it names a character or a shape.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.number_plan import Nature, country_code, main_plan, plan_of
from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowops.common.number_plan import NumberPlan

#: E.164: a plus and 7 to 15 digits, the first of them not 0. In ASCII, and nothing around it.
E164_PATTERN = r"\+[1-9][0-9]{6,14}"
#: The kinds of numbers, as libphonenumber distinguishes them.
KINDS = (
    "fixed-line",
    "mobile",
    "fixed-line-or-mobile",
    "toll-free",
    "premium-rate",
    "shared-cost",
    "voip",
    "personal-number",
    "pager",
    "uan",
    "voicemail",
    "unknown",
)
#: A longer text is no phone number, whatever stands in it; what is invisible counts.
LONGEST = 100

#: Fewer digits are nobody's number.
_SHORTEST_NAMED = 5
_E164 = regex(E164_PATTERN)
# Digits and blanks, perhaps a plus: nothing here can be mistaken.
_PLAIN = regex(r"\+?+[0-9]++(?: [0-9]++)*+")
# What may stand in a number that people write, once spaces, dashes and invisible marks are one of each.
_WRITTEN = regex(r"[0-9 ()./+-]++")
_NO_DIGITS = regex(r"[^0-9]++")
# What parts two groups of digits.
_SIGNS = regex(r"(?<=[0-9])[^0-9]++(?=[0-9])")
_NO_DIGITS_OF_LINES = bytes(byte for byte in range(128) if not (chr(byte).isdecimal() or chr(byte) == "\n"))
# Soft hyphens, joiners, marks of direction, byte order marks: what comes along from a web page or a phone's contacts.
# Not U+202E, which turns digits around: behind it people see another number.
_INVISIBLE = (
    *(0x00AD, 0x061C, 0x180E, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D),
    *(0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0xFEFF),
)
_SPACES = (0x0009, 0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_DASHES = (*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63, 0xFF0D)
_SAME: dict[int, str] = {
    **dict.fromkeys(_INVISIBLE, ""),
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_DASHES, "-"),
}
_BEFORE = regex(rf"[\s{''.join(map(chr, _INVISIBLE))}]*+(?:tel:\s*+)?'?+", re.IGNORECASE)
_DAY, _MONTH = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])"
_YEAR, _PARTED = "(?:19|20)[0-9]{2}", "( ?[-./] ?)"
_DATE = regex(
    rf"{_YEAR}(?:{_PARTED}{_MONTH}\1{_DAY}| {_MONTH} {_DAY}|[-/](?:0[1-9]|1[0-2]))(?:[^0-9].*+)?"
    rf"|{_DAY}{_PARTED}{_DAY}\2(?:{_YEAR}(?:[^0-9].*+)?|[0-9]{{2}})"
    rf"|{_DAY} {_DAY} {_YEAR}|{_MONTH}[-./]{_YEAR}",
    re.DOTALL,
)
# A date, perhaps with a time, as its digits alone: they are a number, too, where what is dialled before it got lost.
_COMPACT_DATE = regex(
    r"(?:(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])|1[0-2](?:0[1-9]|[12][0-9]|3[01]))(?:19|20)[0-9]{2})"
    r"(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?)?"
)
_EXPONENT = regex(r"[+-]?[0-9]++(?:[.,][0-9]*+)? ?e ?[+-]?[0-9]++", re.IGNORECASE)
_DECIMAL_POINT = regex(r"[^.]*+\.(?:[0-9]{1,2}|0++)|.*\.[0-9]|(?:0|[1-9][0-9]*+)\.[0-9]++")
_DECIMAL_COMMA = regex(
    r"[+-]?[0-9]{5,},[0-9]{1,2}|[0-9]{1,3}(?:,[0-9]{3})*+\.[0-9]++|[0-9]{1,3}(?:\.[0-9]{3})*+,[0-9]{1,2}"
)
_EXTENSION = regex(
    r"[^a-z#;]*[0-9)] ?[,;]? ?(?:x|ext|extn|extension|dw|durchwahl|poste|#|;ext|;isub)[ .:=]*+[0-9]{1,8}", re.IGNORECASE
)
# Brackets where no area code is: that has at most a country code before it, and the rest of the number behind it.
_ASIDE = regex(r"\A(?:[^0-9]*+[0-9]){7}[^(]*+\(|\((?:[^0-9(]*+[0-9]){0,4}[^0-9(]*+\Z")
#: A shorter group of digits is not all that stands behind an area code and a slash.
_SHORTEST = 4
#: Between the first and the last of several.
_PARTS = regex(r"-+|\.\.+")
# Two signs where one parts the digits of a number: what stands behind them is another one, or the last of several.
_TWO_SIGNS = regex(r"[-./] ?[-./]| \. ")
# How a number begins where something stands between the digits of its country code, or of what is dialled before it.
_SPLIT = regex(r"(?:\+[ (]*+([1-9][0-9]?+)|\+?[ (]*+0(?=[^0-9]++0))[^0-9]")
#: Only a longer group is a whole number by itself; only a shorter one is what is dialled behind a company's number.
_WHOLE, _LEAST_AHEAD = 5, 3
#: Between what people write in one cell when they mean several.
_BETWEEN_NUMBERS = frozenset("\n\r,;|&")
#: Where a dash stands before what is dialled behind a company's number, by custom and DIN 5008.
_DASH_BEFORE_EXTENSION = frozenset({"DE", "AT"})


class Refusal(NamedTuple):
    """Why a text is not one phone number beyond doubt: a code, words that follow the text's name, and what to do.

    ``is a decimal number, …``. Nothing of the number is repeated.
    """

    code: str
    message: str
    hint: str | None = None


class NumberInfo(NamedTuple):
    """A number and its `Nature`."""

    number: str
    region: str | None = None
    kind: str = "unknown"
    zones: tuple[str, ...] = ()


def is_e164(text: str) -> bool:
    """Return whether a text has the form of a phone number in E.164."""
    return _E164.fullmatch(text) is not None


def is_canonical(text: str) -> bool:
    """Return whether a text is a valid number in the one form that is kept, compared and sent; nothing is forgiven."""
    return _found(text) is not None


def are_canonical(texts: Iterable[str]) -> bool:
    """Return whether each of very many texts `is_canonical`."""
    return all(map(_found, texts))


@lru_cache(maxsize=512)  # the schema of a batch asks for each, and the policy right behind it
def _found(text: str) -> tuple[NumberPlan, re.Match[str]] | None:
    """Return the plan that a text in E.164 belongs to and what it matched there; None where it is no valid number."""
    code = country_code(text[:4])
    if code is None or not 8 <= len(text) <= 16:
        return None
    matched = code.likely(text, code.start)
    return code.find(text) if matched is None else (code.main, matched)


def canonical(text: str) -> str | None:
    """Return the text when `is_canonical`, else None."""
    return text if is_canonical(text) else None


_UNKNOWN = Nature()


def nature(number: str) -> Nature:
    """Return what a number in E.164 says of whoever answers it."""
    found = _found(number)
    return _UNKNOWN if found is None else found[0].nature(found[1])


@lru_cache(maxsize=4_096)
def info(number: str) -> NumberInfo:
    """Return a number in E.164 with what it says of whoever answers it."""
    return NumberInfo(number, *nature(number))


#: What hints say where they know neither the project's country nor its column: `flowops.app.render` puts those there.
EXAMPLE_FILTER, EXAMPLE_COLUMN = "e164('GB')", "row.phone"
WITHOUT_EMPTY = f"leave such rows out: where: \"{{{{ {EXAMPLE_COLUMN} != '' }}}}\""
WITHOUT_NULL = f'give a number, or leave such rows out: where: "{{{{ {EXAMPLE_COLUMN} is not none }}}}"'

_EMPTY = Refusal("empty", "is empty, not a phone number", WITHOUT_EMPTY)
_TOO_LONG = Refusal("too-long", "is too long for a phone number")
_ROUNDED = Refusal(
    "exponent",
    "is a number that a spreadsheet has rounded: its last digits are lost",
    "take the numbers from their source again, into a column that is formatted as text",
)
_DECIMAL = Refusal(
    "decimal",
    "is a decimal number, as spreadsheets and programs make one of a phone number",
    "keep the column as text",
)
_IS_DATE = Refusal("date", "looks like a date", "is it the right column?")
_FORMULA = Refusal("formula", "is the formula of a spreadsheet", "write the number alone")
_HAS_EXTENSION = Refusal(
    "extension", "has an extension, which cannot be dialled", "write a number that rings without one"
)
_SEVERAL = Refusal("several", "has more than one number, or a range of numbers", "write one number, whole")
_PLUS = Refusal("plus", "has a + after its beginning", "write one number, with + before its country code only")
_BRACKETS = Refusal("brackets", "has a bracket without its counterpart", "write the whole number")
_CUT_OFF = Refusal("cut-off", "begins or ends with a sign that belongs between digits", "write the whole number")
_NO_COUNTRY = Refusal("no-country", "has no country code", "write it with + and the country code")
_NO_SUCH_CODE = Refusal("no-such-code", "does not begin with a country code")
_AMBIGUOUS = Refusal(
    "ambiguous", "can be read as two different phone numbers", "write it with + and the country code, and nothing else"
)


def read(text: str, region: str | None = None) -> str | Refusal:
    """Return the one phone number that people mean by a text, in canonical E.164, or why that is in doubt.

    `region` (two letters that `regions` knows) says where a number without a country code is from.
    """
    written = text.strip()
    if len(written) > LONGEST:
        return _TOO_LONG
    if _PLAIN.fullmatch(written) is not None:
        digits = written.replace(" ", "")
        doubt = _parted(written) if digits is not written else None
        return doubt or _number(digits, region)
    shown = written if _WRITTEN.fullmatch(written) is not None else _cleaned(text)
    if isinstance(shown, Refusal):
        return shown
    found = _shape(shown, region) or _number(_digits(shown), region, shown)
    is_invalid = isinstance(found, Refusal) and found is not _AMBIGUOUS
    return _SEVERAL if is_invalid and _PARTS.search(shown) and _counts_on(shown) else found


def received(text: str) -> str | None:
    """Return the number that a machine means which always writes the country code: ``+44…``, ``0044…`` or ``44…``.

    None for anything else. Not for what people write: theirs may be a national number.
    """
    digits = text.strip().removeprefix("+").removeprefix("00")
    found = read(f"+{digits}") if digits[:1] != "+" else None
    return found if isinstance(found, str) else None


def any_names_number(texts: Sequence[str], numbers: Sequence[str]) -> bool:
    """Return whether one of some texts names its number: there is one for each text, see `names_number`."""
    together = "\n".join(texts)
    if not together.isascii() or together.count("\n") >= len(texts):
        return any(map(names_number, texts, numbers))
    digits = together.encode().translate(None, _NO_DIGITS_OF_LINES).decode().split("\n")
    # Nearly no text has even the last digits of its number, and fewer than these name none.
    return any(
        number[-_SHORTEST_NAMED:] in own and names_number(text, number)
        for own, text, number in zip(digits, texts, numbers, strict=True)
    )


def names_number(text: str, number: str) -> bool:
    """Return whether a text has the digits of a number, with or without the country code, however written.

    The number is in E.164, or what somebody gave in its place.
    """
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(char, char)) for char in text)
    digits = _NO_DIGITS.sub("", text)
    code = country_code(number[:4])
    national = _NO_DIGITS.sub("", number).lstrip("0") if code is None else number[code.start :]
    return len(national) >= _SHORTEST_NAMED and national in digits


_SHAPE_CODES = frozenset({"exponent", "decimal", "date", "formula", "extension"})


def other_shape(text: str) -> Refusal | None:
    """Return what a text is beyond doubt instead of a number, whatever its country: a decimal number, a date, …"""
    found = read(text)
    return found if isinstance(found, Refusal) and found.code in _SHAPE_CODES else None


def explain(text: str) -> Refusal | None:
    """Return why a text is not canonical, None when it is."""
    if is_canonical(text):
        return None
    if not is_e164(text):
        return other_shape(text) or Refusal(
            "form", "is not an E.164 number", "write + and 7 to 15 digits, the country code first"
        )
    code = country_code(text[:4])
    if code is None:
        return _NO_SUCH_CODE
    return _invalid(code.main, None if isinstance(read(text), Refusal) else _LEAVE_OUT)


_DIGITS_ONLY = "write the number alone, in the digits 0 to 9: spaces, dashes and brackets may be between them"
_LEAVE_OUT = "leave out the digits after the country code that are dialled inside of the country only, such as a 0"


def _cleaned(text: str) -> str | Refusal:
    """Return a text with its spaces, dashes and marks made plain, when nothing else stands in it than in a number."""
    begin, body = _body(text)
    shown = body.translate(_SAME).strip()
    if not shown:
        return _EMPTY
    if _WRITTEN.fullmatch(shown) is not None:
        return shown
    for pattern, refusal in _SHAPES.items():
        if pattern.fullmatch(shown) is not None:
            return refusal
    return _odd_character(body, begin)


def _body(text: str) -> tuple[int, str]:
    """Return a text without what may stand around a number: blanks, ``tel:``, the apostrophe of a spreadsheet."""
    before = _BEFORE.match(text)
    begin = 0 if before is None else before.end()
    return begin, text[begin:].rstrip()


_SHAPES = {
    _EXPONENT: _ROUNDED,
    _DECIMAL_COMMA: _DECIMAL,
    _DATE: _IS_DATE,
    _EXTENSION: _HAS_EXTENSION,
    regex(r"=.*+", re.DOTALL): _FORMULA,
}


def _odd_character(body: str, begin: int) -> Refusal:
    """Return the refusal that names the first character which no phone number has; the body begins behind `begin`."""
    plain = [_SAME.get(ord(char), char) for char in body]
    at = next(at for at, char in enumerate(plain) if char and _WRITTEN.fullmatch(char) is None)
    if body[at] in _BETWEEN_NUMBERS:
        return _SEVERAL
    name = unicodedata.name(body[at], "a character without a name")
    message = f"has U+{ord(body[at]):04X} ({name}) at character {begin + at + 1}, which no phone number has"
    return Refusal("character", message, _DIGITS_ONLY)


def _shape(shown: str, region: str | None) -> Refusal | None:
    """Return why the signs between the digits leave in doubt which number is meant."""
    first = shown.lstrip(" (")
    if "+" in first[1:] or shown[0] in "-./)" or shown[-1] in "-/+(":
        return _PLUS if "+" in first[1:] else _CUT_OFF
    if "." in shown and _DECIMAL_POINT.fullmatch(shown) is not None and _DATE.fullmatch(shown) is None:
        return _DECIMAL
    if shown.count("(") != shown.count(")"):
        return _BRACKETS
    doubt = _parted(shown)
    if doubt is not None:
        return doubt
    if _TWO_SIGNS.search(shown) is not None:
        return _SEVERAL
    if "(" in shown and (_ASIDE.search(shown) is not None or shown.count("(0)") > 1):
        return _SEVERAL
    if "/" in shown and _is_listed(shown, region):
        return _SEVERAL
    return _SEVERAL if "-" in shown and _is_range(shown, region) else None


def _parted(shown: str) -> Refusal | None:
    """Return why the way in which a text parts its digits leaves in doubt which number is meant."""
    if _DATE.fullmatch(shown) is not None:
        return _IS_DATE
    split = _SPLIT.match(shown)
    if split is not None:
        code = country_code(f"+{_NO_DIGITS.sub('', shown)[:3]}")
        if split[1] is None or code is None or len(code.digits) > len(split[1]):
            return _AMBIGUOUS
    area, *groups = _NO_DIGITS.split(shown.lstrip("( "))
    is_twice = area[:1] == "0" and len(area) >= _LEAST_AHEAD and area in groups[1:-1]
    return _SEVERAL if is_twice else None


def _is_listed(shown: str, region: str | None) -> bool:
    """Return whether a slash parts numbers, or the ends of numbers, rather than an area code from the rest."""
    head, _, tail = shown.partition("/")
    return "/" in tail or len(_digits(tail)) < _SHORTEST or not isinstance(_number(_digits(head), region), Refusal)


def _is_range(shown: str, region: str | None) -> bool:
    """Return whether what follows the last dash may be the end of the last number of a range: ``571 2345-48``.

    So it is only where the digits before it are a number by themselves, which few plans leave possible.
    """
    head, _, last = shown.rpartition("-")
    last, before = _digits(last), _NO_DIGITS.split(head.rstrip())[-1]
    # Where one sign parts the last three groups, short ones of one length are how people write a number.
    signs = _SIGNS.findall(shown)
    is_alike = signs[-2:-1] == signs[-1:] or not head.strip().count(" ")
    is_one_of_many = len(last) == len(before) < _WHOLE and is_alike
    if not last or len(last) > len(before) or is_one_of_many:
        return False
    first = _digits(head)
    known = (first if is_canonical(first) else None) if "+" in first else _number(first, region)
    if not isinstance(known, str):
        return False
    ahead = int(last) - int(before[-len(last) :])
    if info(known).region in _DASH_BEFORE_EXTENSION:
        return 0 < ahead < (100 if len(last) >= _WHOLE else 10)
    return len(last) < _LEAST_AHEAD or 0 < ahead < 100


def _counts_on(shown: str) -> bool:
    """Return whether what is no number has the first and the last of some in it: ``0018-0020``, ``7946 0018..20``."""
    head, _, last = _PARTS.sub("-", shown).rpartition("-")
    last, before = _NO_DIGITS.sub("", last), _NO_DIGITS.split(head.rstrip())[-1]
    return 0 < len(last) <= len(before) and 0 < int(last) - int(before[-len(last) :]) < 100


def _digits(shown: str) -> str:
    digits = _NO_DIGITS.sub("", shown)
    return f"+{digits}" if "+" in shown else digits


def _number(digits: str, region: str | None, written: str = "") -> str | Refusal:
    """Return the number that digits mean, perhaps behind a plus; `written` has the brackets around a 0, if any."""
    plan = None if region is None else plan_of(region)
    if digits[:1] == "+" and digits[:3] != "+00":
        return _international(digits, written)
    digits = digits.removeprefix("+")
    if plan is None:
        return _NO_COUNTRY
    abroad = plan.without_exit_code(digits)
    if abroad is None:
        return _AMBIGUOUS if "(0)" in written[1:] else _national(digits, plan)
    number, readings = _international(f"+{abroad}", written), _readings(digits, plan)
    if isinstance(number, Refusal):
        return _invalid(plan, _AMBIGUOUS.hint) if any(map(is_canonical, readings)) else number
    return _beyond_doubt(number, readings, plan)


def _international(number: str, written: str) -> str | Refusal:
    """Return the number that digits behind a + mean: as they are, or without a trunk prefix."""
    code = country_code(number[:4])
    if code is None:
        return _NO_SUCH_CODE
    digits, plan = number[code.start :], code.main
    meant = number if is_canonical(number) else f"+{code.digits}{plan.national(digits)}"
    if "(0)" not in written:
        return _beyond_doubt(meant, (), plan)
    # ``+44 (0)20 …``: the 0 is not dialled from abroad. Some countries have no such 0, and some dial it always.
    if digits != f"0{_digits(written.partition('(0)')[2])}":
        return _AMBIGUOUS
    without = f"+{code.digits}{digits[1:]}"
    return _beyond_doubt(meant if is_canonical(meant) else without, (without,), plan)


def _national(digits: str, plan: NumberPlan) -> str | Refusal:
    """Return the number that digits mean in a country: with its trunk prefix, without, or with its code and no plus."""
    if plan.has_trunk_prefix and _COMPACT_DATE.fullmatch(digits) is not None and not digits.startswith(plan.code):
        return _IS_DATE
    meant, *others = _readings(digits, plan)
    if digits.startswith(plan.code):
        rest = plan.without_trunk(digits[len(plan.code) :])
        if plan.is_too_long(digits) or (plan.looks_right(rest) and not plan.looks_right(digits)):
            others, meant = [meant, *others], others[-1]
    return _beyond_doubt(meant, others, plan)


def _readings(digits: str, plan: NumberPlan) -> list[str]:
    """Return what digits can mean in a country: the likeliest first, the one that begins with its code last."""
    national = plan.national(digits)
    found = [f"+{plan.code}{national}"]
    if national is not digits:
        found.append(f"+{plan.code}{digits}")
    if digits.startswith(plan.code):
        rest = plan.without_trunk(digits[len(plan.code) :])
        found += [f"+{digits}", f"+{plan.code}{main_plan(plan.code).national(rest)}"]
    # Many write 00 for the + also where other digits, or 00 and a carrier's, begin a call abroad.
    abroad = _international(f"+{digits[2:]}", "") if digits[:2] == "00" else None
    return [*found, abroad] if isinstance(abroad, str) else found


def _beyond_doubt(meant: str, others: Iterable[str], plan: NumberPlan) -> str | Refusal:
    """Return a number when it is valid, and none of its other readings is."""
    is_other_valid = any(is_canonical(other) for other in others if other != meant)
    if not is_canonical(meant):
        return _invalid(plan, _AMBIGUOUS.hint if is_other_valid else None)
    return _AMBIGUOUS if is_other_valid else meant


def _invalid(plan: NumberPlan, hint: str | None = None) -> Refusal:
    where = "" if plan.region is None else f" in {plan.region}"
    return Refusal("invalid", f"is not a valid number{where}", hint)
