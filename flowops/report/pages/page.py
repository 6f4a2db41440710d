"""The frame of a page and its parts: everything from outside goes through `text`."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from flowops import __version__
from flowops.report import words
from flowops.report.escape import clip, safe
from flowops.report.pages.look import SCRIPT, STYLE
from flowops.report.wording import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flowops.report.wording import Piece

#: Rows of one page; a browser shows so many at once without delay, and JSON has the others.
MOST = 5_000
#: Countries that have a bar of their own.
BARS = 12
LONGEST = 2_000
# The noncharacters of Unicode (section 23.7), parse errors in HTML: a block of 32, and the last two of each plane.
_NOT_HTML = re.compile(
    "[\ufdd0-\ufdef" + "".join(chr((plane << 16) + last) for plane in range(17) for last in (0xFFFE, 0xFFFF)) + "]"
)
_MARKS = {Side.BEFORE: "del", Side.AFTER: "ins"}


def text(value: str) -> str:
    """A text from outside, fit for the content of an element and for a quoted attribute."""
    return escape(_NOT_HTML.sub("\ufffd", safe(clip(value, LONGEST))))


def page(title: str, parts: Iterable[str], *, digest: str | None = None) -> str:
    """A whole page. Its policy lets nothing in but the style and the script that are in it."""
    policy = f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; base-uri 'none'"
    foot = f"flowops {text(__version__)}{f' · digest <code>{text(digest)}</code>' if digest else ''}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{text(title)}</h1>\n"
        f"{''.join(parts)}</main>\n<footer>{foot}</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def counts(told: Iterable[tuple[str, int, str]]) -> str:
    """Totals as tiles: name, number, and a tone: ``good``, ``bad``, ``warn`` or none."""
    tiles = "".join(
        f'<div class="tile {tone if number else "none"}"><dt>{text(name)}</dt><dd>{number:,}</dd></div>\n'
        for name, number, tone in told
    )
    return f'<dl class="tiles">\n{tiles}</dl>\n'


class Bar(NamedTuple):
    """One number of a kind: `note` says more of it."""

    name: str
    number: int
    note: str = ""


def largest(numbers: Mapping[str, int]) -> list[Bar]:
    """Numbers by name, the largest first; those that have no bar of their own are one."""
    largest_first = [Bar(*each) for each in sorted(numbers.items(), key=lambda each: (-each[1], each[0]))]
    return cut(largest_first, BARS, "others")


def cut(rows: Sequence[Bar], most: int, rest: str) -> list[Bar]:
    """The first rows, and what all others come to under one name."""
    others = sum(row.number for row in rows[most:])
    return [*rows[:most], *([Bar(rest, others)] if others else [])]


def bars(title: str, told: Sequence[Bar], legend: str = "") -> str:
    """Numbers as bars, and a legend of them; nothing for no numbers."""
    if not told:
        return ""
    most = max(row.number for row in told)
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th><td><meter min="0" max="{most}" value="{number}">{number:,}</meter></td>'
        f'<td class="number">{number:,}</td><td class="where">{text(note)}</td></tr>\n'
        for name, number, note in told
    )
    note = f'<p class="note">{text(legend)}</p>\n' if legend else ""
    table = f'<table class="bars"><tbody>\n{rows}</tbody></table>\n'
    return f"<section>\n<h2>{text(title)}</h2>\n{note}{table}</section>\n"


def search(things: str) -> str:
    """A field that hides what does not match; the script shows it."""
    return (
        f'<p class="search" hidden><label for="search">Search {text(things)}</label> '
        '<input id="search" type="search" autocomplete="off"> <output for="search"></output></p>\n'
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are HTML already; each row can be searched."""
    titles = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    lines = "".join(f"<tr data-found>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows[:MOST])
    more = len(rows) - MOST
    note = f'<p class="note">… and {words.count(more, "more row")}; --format json has them.</p>\n' if more > 0 else ""
    body = f"<thead><tr>{titles}</tr></thead>\n<tbody>\n{lines}</tbody>"
    return f'<div class="scroll"><table>{body}</table></div>\n{note}'


def section(title: str, content: str) -> str:
    """A part of the page; nothing for no content."""
    return f"<section>\n<h2>{text(title)}</h2>\n{content}</section>\n" if content else ""


def marked(found: Iterable[Piece]) -> str:
    """Two sides of a text, what differs marked."""
    parts = []
    for piece in found:
        inner = text(piece.text.strip())
        mark = _MARKS.get(piece.side)
        parts.append(f"<{mark}>{inner}</{mark}>" if mark else inner)
    return " ".join(parts)


def code(value: str) -> str:
    """A name from outside."""
    return f"<code>{text(value)}</code>"


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
