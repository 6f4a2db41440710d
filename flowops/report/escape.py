"""What comes from files, rows and the API, made harmless for where it is printed.

Nothing that a terminal obeys, and nothing that cannot be seen, gets through: a call that looks like one thing
and is another would defeat the review.
"""

from __future__ import annotations

import re
import unicodedata

# Unicode 15, general categories Cc, Cf, Cs, Zl and Zp, without the cost of asking for every character:
# control characters and escape sequences, bidirectional controls, zero-width and other invisible ones, lone surrogates.
UNSAFE = (
    "\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_UNSAFE = re.compile(f"[{UNSAFE}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
#: Marks that pile up on one character reach into the lines above and below.
_PILED = re.compile(r"((?:[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]){4})"
                    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")  # fmt: skip
#: Longer values are cut in text meant for people; JSON has them whole.
LONGEST = 200


def safe(text: str) -> str:
    """A text on one line, for a terminal or a log: what is unseen or obeyed is shown as ``\\u{1b}``."""
    if text.isascii() and text.isprintable():
        return text
    return _PILED.sub(r"\1", _UNSAFE.sub(_escaped, text))


def clip(text: str, longest: int = LONGEST) -> str:
    """A text cut to so many characters, saying how long it was."""
    return text if len(text) <= longest else f"{text[: longest - 1]}… ({len(text):,} characters)"


def width(text: str) -> int:
    """How many columns a terminal gives a text that is `safe`."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def pad(text: str, columns: int) -> str:
    """A `safe` text filled up with spaces to so many columns."""
    return text + " " * (columns - width(text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{{{ord(character):x}}}"
