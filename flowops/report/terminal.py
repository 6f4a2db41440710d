"""Write lines of styled text to a terminal or a log, and show the progress of long work.

A renderer returns `Line` values; whether they become coloured is decided when they are written: on a terminal, or
where FORCE_COLOR is set, and never where NO_COLOR is. rich is imported for colours only.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TextIO

from flowops.common.called import called
from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple
from flowops.report.escape import log_line, width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console
    from rich.progress import Progress


#: How a line of a file begins in a message: with its number, or with nothing where a caret is below it.
_EXCERPT = regex(r"(?: *[0-9]+)? +\| ")
#: No terminal is taken to be narrower.
NARROWEST = 20


class Span(NamedTuple):
    """A piece of a line; `style` is one of rich's."""

    text: str
    style: str = ""


#: One line of output without its end. Every text from outside in it is escaped already.
Line = tuple[Span, ...]


class Verbatim(tuple[Span, ...]):
    """A line that is never wrapped: of a body, which is shown as it is sent."""

    __slots__ = ()


def line(*parts: str | Span) -> Line:
    """Return a line of plain and styled pieces."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def plain(lines: Iterable[Line]) -> str:
    """Return the text of lines without styles, each with its end."""
    return "".join("".join([*(span.text for span in spans), "\n"]) for spans in lines)


def columns_of(stream: TextIO) -> int | None:
    """Return how wide the terminal is that a stream writes to; None for anything else, where no line is wrapped."""
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, NARROWEST) if stream.isatty() else None
    except (OSError, ValueError):  # a terminal that says nothing, or no file at all
        return None


def _fitted(spans: Line, columns: int) -> Iterator[Line]:
    """Yield a line wrapped, but for those in which every character has its column: bodies, and lines of files."""
    fixed = isinstance(spans, Verbatim) or _EXCERPT.match("".join(span.text for span in spans)) is not None
    return iter((spans,)) if fixed else wrapped(_as_called(spans), columns)


def wrapped(spans: Line, columns: int) -> Iterator[Line]:
    """Yield a line as several that fit: cut between the fields of a row, else between words, the others indented.

    A word that is longer than a line stays whole.
    """
    text = "".join(span.text for span in spans)
    indent = min(_blanks(text) + 4, columns // 2)
    start = 0
    while True:
        end = _end(text, start, columns - indent * (start > 0), columns - indent)
        piece = tuple(_cut(spans, start, end))
        yield (Span(" " * indent), *piece) if start else piece
        start = end + _blanks(text[end:])
        if start >= len(text):
            return


def _end(text: str, start: int, room: int, later: int) -> int:
    """Return where the piece of a text ends that begins at `start`; `later` is the room of the lines after it."""
    most, used = start, 0
    while most < len(text) and used + width(text[most]) <= room:
        used += width(text[most])
        most += 1
    if most == len(text):
        return most
    first = start + _blanks(text[start:])
    field, word = text.rfind("  ", first, most + 2), text.rfind(" ", first, most + 1)
    if field > first and width(text[field:].strip()) <= later:
        word = field
    if word <= first:  # nothing to cut at: the word is longer than a line
        word = text.find(" ", most)
    return len(text[:word].rstrip()) if word >= 0 else len(text)


def _blanks(text: str) -> int:
    """Return how many blanks a text begins with."""
    return len(text) - len(text.lstrip(" "))


def _cut(spans: Line, start: int, end: int) -> Iterator[Span]:
    """Yield the spans of a part of a line."""
    at = 0
    for span in spans:
        text = span.text[max(start - at, 0) : max(end - at, 0)]
        if text:
            yield span._replace(text=text)
        at += len(span.text)


def emit(lines: Iterable[Line], stream: TextIO) -> None:
    """Write lines, coloured where that is wanted, and on a terminal wrapped between words."""
    columns = columns_of(stream)
    if columns is None:
        lines = map(_as_called, lines)
    else:
        lines = (piece for spans in lines for piece in _fitted(spans, columns))
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


#: Work that ends within so many seconds shows nothing.
SHORT = 1.0
#: Lines are at least so many seconds apart.
APART = 5.0
#: And between two of them at least this share of the work was done, in percent.
STEP = 10
#: A bar is not told of progress more often than this, in seconds: telling it costs more than a call to `advance`.
REDRAWN = 0.1


@contextmanager
def progress(
    label: str, total: int | None, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """Give a function to call with how many of `total` are newly done: ``advance(1)``, as often as you like.

    The total is None when it is not known. Not for several threads at once.
    """
    out = stream or sys.stderr
    bar = out.isatty() and os.environ.get("TERM") != "dumb"
    shown: _Shown = _Bar(label, total, out) if bar else _Lines(label, total, out)
    began = clock()
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        seconds = clock() - began
        if seconds >= SHORT:
            shown.show(done, seconds)

    try:
        yield advance
    finally:
        shown.close()


class _Shown(Protocol):
    def show(self, done: int, seconds: float) -> None: ...

    def close(self) -> None: ...


class _Lines:
    """``placing: 1,200 of 12,000 (10 %), 240/s, 0:45 left``, for logs; ``rendering: 1,200, 240/s`` without a total."""

    def __init__(self, label: str, total: int | None, stream: TextIO) -> None:
        self._label, self._total, self._stream = label, total, stream
        self._next_step = STEP
        self._next_time = 0.0

    def show(self, done: int, seconds: float) -> None:
        if seconds < self._next_time:
            return
        if self._total is None:
            self._next_time = max(2 * seconds, APART)  # nobody knows how many lines it will be
            self._say(f"{done:,}, {_rate(done, seconds)}")
            return
        percent = 100 * done // self._total if self._total else 100
        if percent < self._next_step:
            return
        self._next_step = percent - percent % STEP + STEP
        self._next_time = seconds + APART
        rest = max(self._total - done, 0) * seconds / max(done, 1)
        left = f", {timedelta(seconds=round(rest))} left" if rest else ""
        self._say(f"{done:,} of {self._total:,} ({percent} %), {_rate(done, seconds)}{left}")

    def _say(self, text: str) -> None:
        self._stream.write(f"{self._label}: {text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Write nothing more: the result says the rest."""


class _Bar:
    """A bar that goes away when the work is done. rich is imported when there is something to show."""

    def __init__(self, label: str, total: int | None, stream: TextIO) -> None:
        self._label, self._total, self._stream = label, total, stream
        self._progress: Progress | None = None
        self._next_time = 0.0

    def show(self, done: int, seconds: float) -> None:
        if seconds < self._next_time:
            return
        self._next_time = seconds + REDRAWN
        if self._progress is None:
            self._progress = self._begun()
        self._progress.update(
            self._progress.task_ids[0], completed=done, rate=_rate(done, seconds), done=self._done(done)
        )

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _done(self, done: int) -> str:
        return f"{done:,}" if self._total is None else f"{done:,} of {self._total:,}"

    def _begun(self) -> Progress:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        rate = TextColumn("{task.fields[rate]}")
        # Nothing has failed: the bar has the colours of what waits and of what is well.
        bar = BarColumn(complete_style="cyan", finished_style="green", pulse_style="cyan")
        done = TextColumn("{task.fields[done]}")
        columns = (TextColumn("{task.description}"), bar, done, rate, TimeRemainingColumn())
        # What a command prints on stdout meanwhile stays on stdout.
        shown = Progress(*columns, console=console(self._stream), transient=True, redirect_stdout=False)
        shown.add_task(self._label, total=self._total, rate="", done="")
        shown.start()
        return shown


def _rate(done: int, seconds: float) -> str:
    """Return how many a second, since the beginning."""
    return f"{done / seconds:,.0f}/s" if done >= 10 * seconds else f"{done / seconds:.1f}/s"
