"""Write lines of styled text to a terminal or a log.

A renderer returns `Line` values; whether they become coloured is decided when they are written: on a terminal, or
where FORCE_COLOR is set, and never where NO_COLOR is. rich is imported for colours only.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TextIO

from flowops.common.called import called
from flowops.report.escape import log_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console


class Span(NamedTuple):
    """A piece of a line; `style` is one of rich's."""

    text: str
    style: str = ""


#: One line of output without its end. Every text from outside in it is escaped already.
Line = tuple[Span, ...]


def line(*parts: str | Span) -> Line:
    """Return a line of plain and styled pieces."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def plain(lines: Iterable[Line]) -> str:
    """Return the text of lines without styles, each with its end."""
    return "".join("".join([*(span.text for span in spans), "\n"]) for spans in lines)


def emit(lines: Iterable[Line], stream: TextIO) -> None:
    """Write lines, coloured where that is wanted, never wrapped."""
    lines = map(_as_called, lines)
    if not coloured(stream):
        stream.writelines(encodable(log_line(plain([spans])), stream) for spans in lines)
        return
    from rich.text import Text

    terminal = console(stream)
    for spans in lines:
        if log_line(line_text := plain([spans])[:-1]) != line_text:
            spans = line(log_line(line_text))
        text = Text.assemble(*((encodable(span.text, stream), span.style) for span in spans))
        terminal.print(text, soft_wrap=True, highlight=False)


def _as_called(spans: Line) -> Line:
    """Return a line whose commands work as they are printed."""
    if not any("flowops " in span.text for span in spans):
        return spans
    return tuple(span._replace(text=called().printed(span.text)) for span in spans)


def console(stream: TextIO) -> Console:
    """Return a rich console that takes nothing in a text for markup, emoji names or things to highlight."""
    from rich.console import Console

    return Console(file=stream, markup=False, emoji=False, highlight=False, force_terminal=coloured(stream) or None)


def coloured(stream: TextIO) -> bool:
    """Return whether a stream takes colours: NO_COLOR, then FORCE_COLOR, then a terminal that is not a dumb one."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def encodable(text: str, stream: TextIO) -> str:
    """Return a text without the characters that a stream's encoding lacks: ``↻`` becomes ``\\u21bb`` in ASCII."""
    encoding = stream.encoding or "utf-8"  # a StringIO has none, and takes everything
    if text.isascii() or encoding.lower().replace("-", "") == "utf8":
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)
