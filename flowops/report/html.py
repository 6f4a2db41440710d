"""Texts from outside, made harmless for Markdown and the HTML inside it.

Every ASCII character that can begin a structure inside a line becomes a character reference. CommonMark
(section 2.5) gives a reference no structure, so nothing of a text is a table's border, a link, a tag or emphasis.
These texts never begin a line, so what has a meaning only there (``-``, ``+``, ``=``, ``1)``) stays as it is.
"""

from __future__ import annotations

import re

from flowops.report.escape import clip, safe

#: Longer texts are cut: a comment holds 65,536 characters for everything.
LONGEST_NAME, LONGEST_SENTENCE = 200, 600
_STRUCTURE = re.compile(r"""[!"#$&*.:<>@\[\\\]^_`{|}~]""")
#: From these a hosting service makes links after Markdown is done, from what a reader sees (``@team``, ``#12``,
#: ``!7``, ``https://…``), and mentions people; it leaves alone what is in ``<code>``.
_CALLS_OUT = re.compile(r"([@#!$%&~^](?=[\w\"])|://)")


def code(text: str) -> str:
    """A name or value from outside, in ``<code>``."""
    return f"<code>{_references(safe(clip(text, LONGEST_NAME)))}</code>"


def prose(text: str) -> str:
    """A sentence with words from outside; nothing in it becomes a link or mentions anybody."""
    parts = _CALLS_OUT.split(safe(clip(text, LONGEST_SENTENCE)))
    return "".join(
        f"<code>{_references(part)}</code>" if at % 2 else _references(part) for at, part in enumerate(parts)
    )


def _references(text: str) -> str:
    return _STRUCTURE.sub(lambda found: f"&#{ord(found[0])};", text)
