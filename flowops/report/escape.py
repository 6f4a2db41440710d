"""Make what comes from files, rows and the API harmless for where it is printed: each medium has its function here.

Nothing that a terminal obeys, and nothing that cannot be seen, gets through to any of them: a call that looks like one
thing and is another would defeat the review.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from flowops.common.patterns import regex

if TYPE_CHECKING:
    import re

from flowops.common.text import without_commands

# Unicode 15, general categories Cc, Cf, Cs, Zl and Zp, without the cost of asking for every character:
# control characters and escape sequences, bidirectional controls, zero-width and other invisible ones, lone surrogates.
UNSAFE = (
    "\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_UNSAFE = regex(f"[{UNSAFE}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
#: Marks that pile up on one character reach into the lines above and below.
_PILED = regex(r"((?:[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]){4})"
                    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")  # fmt: skip
#: Longer values are cut in text meant for people; JSON has them whole.
LONGEST = 200
#: Sentences may be longer: a comment holds 65,536 characters for everything, a log and a page more.
LONGEST_PROSE, LONGEST_MESSAGE, LONGEST_ON_PAGE = 600, 1_000, 2_000
#: Characters of one column each, among them those that reports have of their own: ``•``, ``…``, ``↻``.
_NARROW = regex("[\\0-\u02ff\u2010-\u2027\u2190-\u21ff]*")
# Every ASCII character that can begin a structure inside a line of Markdown becomes a character reference. CommonMark
# (section 2.5) gives a reference no structure, so nothing of a text is a table's border, a link, a tag or emphasis.
# These texts never begin a line, so what has a meaning only there (``-``, ``+``, ``=``, ``1)``) stays as it is.
_STRUCTURE = regex(r"""[!"#$&*.:<>@\[\\\]^_`{|}~]""")
# From these a hosting service makes links after Markdown is done, from what a reader sees (``@team``, ``#12``,
# ``!7``, ``https://…``), and mentions people; it leaves alone what is in ``<code>``.
_CALLS_OUT = regex(r"([@#!$%&~^](?=[\w\"])|://)")
# The noncharacters of Unicode (section 23.7), parse errors in HTML: a block of 32, and the last two of each plane.
_NOT_HTML = regex(
    "[\ufdd0-\ufdef" + "".join(chr((plane << 16) + last) for plane in range(17) for last in (0xFFFE, 0xFFFF)) + "]"
)
# What XML 1.0 cannot hold (section 2.2); control characters and surrogates have been escaped by `safe`.
_NOT_XML = regex("[\ufffe\uffff]")


def safe(text: str) -> str:
    """Return a text on one line, for a terminal or a log: what is unseen or obeyed is shown as ``\\u{1b}``."""
    text = without_commands(text, "\\u{23}")
    if text.isascii() and text.isprintable():
        return text
    return _PILED.sub(r"\1", _UNSAFE.sub(_escaped, text))


def clip(text: str, longest: int = LONGEST) -> str:
    """Return a text cut to so many characters, saying how long it was."""
    return text if len(text) <= longest else f"{text[: longest - 1]}… ({len(text):,} characters)"


def width(text: str) -> int:
    """Return how many columns a terminal gives a text that is `safe`."""
    if text.isascii() or _NARROW.fullmatch(text):
        return len(text)
    return sum(_columns(character) for character in text)


def pad(text: str, columns: int) -> str:
    """Return a `safe` text filled up with spaces to so many columns."""
    return text + " " * (columns - width(text))


def log_line(text: str) -> str:
    """Return a `safe` line that no CI runner takes for a command, as it does where ``::`` stands in front."""
    return text.replace("::", ":\\u{3a}", 1) if text.lstrip().startswith("::") else text


def markdown_code(text: str) -> str:
    """Return a name or value from outside in ``<code>``."""
    return f"<code>{_references(safe(clip(text)))}</code>"


def markdown_prose(text: str, longest: int = LONGEST_PROSE) -> str:
    """Return a sentence with words from outside; nothing in it becomes a link or mentions anyone."""
    parts = _CALLS_OUT.split(safe(clip(text, longest)))
    return "".join(
        f"<code>{_references(part)}</code>" if at % 2 else _references(part) for at, part in enumerate(parts)
    )


def html_text(text: str) -> str:
    """Return a text that HTML can hold; its markup is escaped by the templates, all of which escape by themselves."""
    return _NOT_HTML.sub("\ufffd", safe(clip(text, LONGEST_ON_PAGE)))


def xml_text(text: str) -> str:
    """Return a text for the content of an XML element and for a quoted attribute."""
    from html import escape  # brings a table of all entities, and only JUnit reports are of XML

    return escape(_NOT_XML.sub("\ufffd", safe(clip(text, LONGEST_MESSAGE))))


def command_data(text: str) -> str:
    """Return a text for the data of a GitHub workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """Return a text for a property of a GitHub workflow command."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def _references(text: str) -> str:
    return _STRUCTURE.sub(lambda found: f"&#{ord(found[0])};", text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{{{ord(character):x}}}"
