"""Names: what may stand in one, when two are the same, patterns of them, and new ones that were never used before."""

from __future__ import annotations

import codecs
import fnmatch
import re
import secrets
import time
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

#: What Unicode calls Default_Ignorable_Code_Point (DerivedCoreProperties.txt, Unicode 16), and the blank of Braille:
#: nobody sees them, so two names that differ in them look the same.
INVISIBLE = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
    *((0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE0FFF),
)
# What no name has besides: control and format characters, half characters, blanks.
_UNSEEN = (
    *((0x0000, 0x0020), (0x007F, 0x00A0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F)),
    *((0x205F, 0x205F), (0x3000, 0x3000), (0xFFF9, 0xFFFB)),
)


def _class(ranges: Iterable[tuple[int, int]]) -> str:
    """Return ranges of characters as a regular expression has them; those beyond 16 bits are written as they are."""
    joined: list[list[int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(last, joined[-1][1])
        else:
            joined.append([first, last])

    def written(code: int) -> str:
        return f"\\u{code:04X}" if code <= 0xFFFF else chr(code)

    return "".join(written(low) + (f"-{written(high)}" if high > low else "") for low, high in joined)


# One character that can be seen. Two names that look the same have to be the same.
_SEEN = f"[^{_class((*INVISIBLE, *_UNSEEN))}]"
#: What schemas ask of a name: characters that can be seen, with single blanks between them.
NAME_PATTERN = rf"^{_SEEN}+(?: {_SEEN}+)*$"
NAME_ERROR = "not a usable name: write visible characters, with single spaces only between them"

_INVISIBLE = regex(f"[{_class(INVISIBLE)}]")
# What nobody sees, and half characters, which schemas do not get to see.
_HIDDEN = regex(f"[{_class((*INVISIBLE, *_UNSEEN))}\\ud800-\\udfff]")
# Nobody mistypes a longer name, and no list that people wrote is longer.
_LETTERS = 64
_NAMES = 100
# More of their letters than this two names share, in the same order, of which one was written for the other.
_ALIKE = 0.59


def same_name(text: str) -> str:
    """Return a name in the form in which names are kept and compared: canonically equivalent ones are one (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def without_invisible(text: str) -> str:
    """Return a name as it is seen: two that look the same give the same text."""
    return text if text.isascii() else _INVISIBLE.sub("", same_name(text))


def _is_plain(text: str) -> bool:
    """Return whether a text is of ASCII that is seen: nobody has to be asked about any of it."""
    return text.isascii() and text.isprintable()


def with_all_seen(text: str) -> str:
    """Return a text with what nobody sees in it, and no name has, as escapes: ``a\\u202eb``."""
    if _is_plain(text):
        return text
    return _HIDDEN.sub(lambda found: found[0] if found[0] == " " else found[0].encode("unicode_escape").decode(), text)


def first_alike(names: Iterable[str]) -> tuple[int, int] | None:
    """Return the places of the first two of some different names that look the same, None where there are none."""
    kept = tuple(names)
    if "".join(kept).isascii():
        return None
    first: dict[str, int] = {}
    pairs = ((first.setdefault(without_invisible(name), at), at) for at, name in enumerate(kept))
    return next((pair for pair in pairs if pair[0] != pair[1]), None)


_APART = regex(r"[\W_]+")


def looks_like(name: str) -> str:
    """Return what two names share that differ in nothing but capitals, blanks and signs: ``Phone number`` is one."""
    return _APART.sub("", without_invisible(name)).casefold()


def hidden_at_an_end(text: str) -> str | None:
    """Return which character that nobody sees a text begins or ends with, in words that follow its name.

    Between letters some scripts need them, as Persian does.
    """
    if _is_plain(text):
        return None
    at = next((at for at in (0, len(text) - 1) if _INVISIBLE.match(text, at)), None)
    return None if at is None else _names_hidden(text[at], at)


def _names_hidden(char: str, at: int) -> str:
    known = unicodedata.name(char, "a character without a name")
    return f"has U+{ord(char):04X} ({known}) at character {at + 1}, which nobody sees in a name"


def why_unusable(name: str) -> str | None:
    """Return why a text is no name, in words that follow its name: ``has U+200B (ZERO WIDTH SPACE), …``; None if it is.

    The rule of `NAME_PATTERN`. It holds for patterns of names (``reminder-*``) as well.
    """
    if not name:
        return "is empty"
    hidden = () if _is_plain(name) else _HIDDEN.finditer(name)
    found = next((found[0] for found in hidden if found[0] != " "), None)
    if found is not None:
        return _names_hidden(found, name.index(found))
    if "" in name.split(" "):
        return "has a space at its beginning or end, or two in a row"
    return None


def nearest(name: object, names: Iterable[str]) -> str | None:
    """Return the one of the names that was most likely meant, whatever its case; None when nothing is near."""
    if not isinstance(name, str) or len(name) > _LETTERS:
        return None
    return _nearest(
        name, tuple(known for _, known in zip(range(_NAMES), names, strict=False) if len(known) <= _LETTERS)
    )


def did_you_mean(name: object, names: Iterable[str]) -> str | None:
    """Return a hint with the nearest name, if there is one."""
    near = nearest(name, names)
    return meant(str(name), near) if near else None


def meant(name: str, near: str, shown: str = "") -> str:
    """Return a hint with a name that was most likely meant, `shown` as it is written there."""
    is_alike = name != near and without_invisible(name) == without_invisible(near)
    return f"did you mean '{shown or near}'{', which looks the same and has other characters' if is_alike else ''}?"


#: What programs call encodings in their menus, and Python does not.
_ENCODINGS = {"ansi": "windows-1252", "unicode": "utf-16", "us-ascii": "utf-8", "ascii": "utf-8"}


def encoding_meant(name: str, encodings: Iterable[str]) -> str:
    """Return a hint for another name of an encoding (cp1252, latin1, utf8), or for one that is not read."""
    asked = name.strip().lower()
    asked = _ENCODINGS.get(asked, asked).removesuffix("-sig").removesuffix("_sig")
    codec = _codec(asked)
    known = encodings if codec is None else [each for each in encodings if _codec(each) == codec]
    same = nearest(asked, known) if codec is None else next(iter(known), None)
    return "save the file as UTF-8" if same is None else f"write {same}"


def _codec(name: str) -> str | None:
    """Return Python's name for an encoding; None where it knows none."""
    try:
        return codecs.lookup(name).name if len(name) <= _LETTERS else None
    except (LookupError, ValueError):
        return None


@lru_cache(maxsize=512)
def _nearest(name: str, names: tuple[str, ...]) -> str | None:
    wanted = name.casefold()
    places: dict[str, int] = {}
    for at, letter in enumerate(wanted):
        places[letter] = places.get(letter, 0) | 1 << at
    near, alike = None, _ALIKE
    for known in names:
        folded = known.casefold()
        both = len(wanted) + len(folded)
        if 2 * min(len(wanted), len(folded)) <= alike * both:
            continue
        share = 2 * _in_common(places, len(wanted), folded) / both
        if share > alike:
            near, alike = known, share
    return near


def _in_common(places: dict[str, int], length: int, other: str) -> int:
    """Return how many letters a text shares with another one in the same order; `places` has those of each letter.

    A bit is a letter of the text: one look at each of the other's letters (Hyyrö, Bit-parallel LCS-length, 2004).
    """
    everywhere = (1 << length) - 1
    apart = everywhere
    for letter in other:
        here = apart & places.get(letter, 0)
        apart = ((apart + here) | (apart - here)) & everywhere
    return length - apart.bit_count()


_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid() -> str:
    """Return 26 letters and digits, of which the first ten are the time: later ones sort behind earlier ones."""
    number = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return "".join(_DIGITS[number >> 5 * at & 31] for at in reversed(range(26)))


#: What stands for other characters in a pattern.
WILDCARDS = frozenset("*?")


#: What stands between a call's own name and the number of an attempt.
ATTEMPT = "~"


class Glob(NamedTuple):
    """One pattern; `names_attempts` says whether it may be that of an attempt, which has the mark of one."""

    pattern: re.Pattern[str]
    names_attempts: bool

    def fits(self, name: str, further: Iterable[str]) -> bool:
        """Return whether it fits a call: its own name, or, of a pattern that names attempts, that of any."""
        if self.pattern.fullmatch(name):
            return True
        return self.names_attempts and any(map(self.pattern.fullmatch, further))


class ReferenceFilter(NamedTuple):
    """Takes the references that any of `globs` fits (all, where there is none), and none of `excluded`."""

    globs: Sequence[Glob] = ()
    excluded: Sequence[Glob] = ()

    def takes(self, name: str, further: Collection[str] = ()) -> bool:
        """Return whether a call is one of those that are meant; `further` are the names of its further attempts."""
        if self.globs and not any(each.fits(name, further) for each in self.globs):
            return False
        return not any(each.fits(name, further) for each in self.excluded)


def reference_filter(globs: Sequence[str], excluded: Sequence[str] = ()) -> ReferenceFilter:
    """Return a filter by patterns in which ``*`` stands for any text and ``?`` for one character; capitals count."""
    return ReferenceFilter(tuple(map(_compiled, globs)), tuple(map(_compiled, excluded)))


def within(globs: Sequence[str]) -> str:
    """Return a pattern that fits each call, with all of its attempts, that one of some patterns names.

    A database narrows with it what it reads. Of several patterns, and of none, it fits everything.
    """
    glob = same_name(globs[0]) if len(globs) == 1 else ""
    # What a call's attempts are called begins with its own name.
    return f"{glob.rpartition(ATTEMPT)[0] or glob}*"


@lru_cache(maxsize=256)
def _compiled(glob: str) -> Glob:
    # `fnmatch.translate` makes an expression that does not backtrack, however many stars there are.
    return Glob(re.compile(fnmatch.translate(same_name(glob).replace("[", "[[]"))), ATTEMPT in glob)
