"""Draw reports as Markdown: totals first, then what needs a decision, then as much as fits in a comment.

A comment begins with one that readers do not see, ``<!-- flowops:acme-clinics:production -->``, by which a bot finds
the comment that it wrote before: one for a project and an environment.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, assert_never

from flowops.common.patterns import regex
from flowops.common.text import local_times
from flowops.common.tuples import NamedTuple
from flowops.report.blocks import Chart, Code, Edit, Listing, Table, Where, Word
from flowops.report.escape import markdown_code, markdown_prose
from flowops.report.formats import ALL, Format
from flowops.report.layouts import report_of
from flowops.report.worddiff import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flowops.report.blocks import Block, Cell, Entry, Phrase, Report, Row, Section, Total
    from flowops.report.formats import Target
    from flowops.report.layouts import Output
    from flowops.report.worddiff import Piece

FORMAT = Format(
    "for a comment on a pull request: at most 65,536 characters; a bot finds it by its hidden first line",
    ALL,
    order=30,
    instead=True,
)

#: What one comment of GitHub holds. It is kept in bytes of UTF-8, so whatever a service counts, it is not more.
LIMIT = 65_536
#: Kept free for the line that says what did not fit, and for the ends of what is open.
_RESERVE = 512
_MARKS = {Side.BEFORE: "del", Side.AFTER: "ins"}
#: What begins a list or a heading at the start of a line.
_STARTS = regex(r"[-+=]|[0-9](?=[0-9]*\))")


def write(output: Output, target: Target) -> None:
    """Write a result as Markdown."""
    target.stream.writelines(markdown(report_of(output), target.project))


def markdown(report: Report, project: Callable[[], str]) -> Iterator[str]:
    """Yield the text of a report; of a comment as much as one may hold. `project` gives the name in its marker."""
    if not report.kind:
        yield from _head(report)
        for section in report.sections:
            yield from _section(section)
        return
    comment = _Comment(marker(project(), report.environment))
    for paragraph in _head(report):
        comment.add(paragraph)
    sections = [section for section in report.sections if not section.detail]
    for part in (*_urgent(sections), *_others(sections, report.things)):
        comment.add_part(part)
    yield comment.text(report.things)


def marker(project: str, environment: str) -> str:
    """Return the comment that names whose this is; no name of a project or an environment closes it."""
    names = (re.sub(r"[^A-Za-z0-9._]+|-+", "-", name)[:64] for name in (project, environment))
    return f"<!-- flowops:{':'.join(names)} -->"


class _Part(NamedTuple):
    """Something that can be folded, with pieces of which as many are shown as fit."""

    summary: str
    start: str
    pieces: Iterable[str]
    opened: bool


class _Comment:
    """Markdown that is full at `LIMIT` and says how much did not fit."""

    def __init__(self, first: str) -> None:
        self._parts = [f"{first}\n"]
        self._size = len(first) + 1
        self._left_out = 0

    def add(self, paragraph: str) -> None:
        """Add what is always there."""
        self._parts.append(paragraph)
        self._size += len(paragraph.encode())

    def add_part(self, part: _Part) -> None:
        """Add a part that can be folded, with as many of its pieces as fit."""
        pieces = iter(part.pieces)
        piece = next(pieces, None)
        start = f"<details{' open' if part.opened else ''}><summary>{part.summary}</summary>\n\n{part.start}"
        end = "\n</details>\n\n"
        begun = piece is not None and self._fits(start + end)
        if begun:
            self.add(start)
        while piece is not None and begun and self._fits(piece + end):
            self.add(piece)
            piece = next(pieces, None)
        if begun:
            self.add(end)
        if piece is not None:
            self._left_out += 1 + sum(1 for _ in pieces)

    def text(self, things: str) -> str:
        """Return the whole comment."""
        if self._left_out:
            self.add(f"… and {self._left_out:,} more {things} than fit here; the job's log has them.\n")
        return "".join(self._parts).rstrip("\n") + "\n"

    def _fits(self, text: str) -> bool:
        return self._size + len(text.encode()) <= LIMIT - _RESERVE


def _total(total: Total) -> str:
    return f"{total.number:,} ({total.note})" if total.note else f"{total.number:,}"


def _head(report: Report) -> Iterator[str]:
    if report.title:
        subtitle = f": {_inline(report.subtitle)}" if report.subtitle else ""
        yield f"### flowops: {_inline(report.title, strong=False)}{subtitle}\n\n"
    for alert in report.alerts:
        yield f"{_inline(alert)}\n\n"
    if report.totals is not None and report.totals.counts:
        counts = report.totals.told
        yield f"{_head_of(each.name for each in counts)}{_row(map(_total, counts))}\n"
    for paragraph in (*report.remarks, *report.notices, report.context):
        if paragraph:
            yield f"{_inline(paragraph)}\n\n"
    if report.digest:
        yield f"Digest {markdown_code(report.digest)}\n\n"


def _urgent(sections: Iterable[Section]) -> Iterator[_Part]:
    """Yield what needs a decision of sections where only some of it does."""
    for section in sections:
        for block in section.blocks if section.urgent else ():
            if isinstance(block, Table):
                rows = (row for row in block.rows if row.urgent)
                yield _Part(_inline(section.urgent, strong=False), *_table(block, rows), opened=True)


def _others(sections: Iterable[Section], things: str) -> Iterator[_Part]:
    for section in sections:
        for block in section.blocks:
            summary = _inline(section.title, strong=False) or things.capitalize()
            commands = "".join(f"{markdown_code(command)}\n\n" for command in section.commands)
            hidden = block.hidden if isinstance(block, Table | Listing) else ""
            start, pieces = _block(block, urgent=not section.urgent)
            summary += f" (not shown: {markdown_prose(hidden)})" if hidden else ""
            yield _Part(summary, commands + start, pieces, not section.folded)


def _section(section: Section) -> Iterator[str]:
    if section.title:
        yield f"{_inline(section.title)}\n\n"
    yield from (f"{markdown_code(command)}\n\n" for command in section.commands)
    for block in section.blocks:
        start, pieces = _block(block)
        yield start
        yield from pieces
        yield "\n"


def _block(block: Block, *, urgent: bool = True) -> tuple[str, Iterable[str]]:
    """Return how a block begins, and its pieces; without `urgent` only the rows that need no decision."""
    match block:
        case Table():
            return _table(block, (row for row in block.rows if urgent or not row.urgent))
        case Listing():
            return "", map(_entry, block.entries)
        case Chart():
            bars = (
                _row((f"{bar.number:,}", markdown_prose(local_times(f"{bar.name} {bar.note}".strip()))))
                for bar in block.bars
            )
            return _head_of((block.unit, markdown_prose(block.title))), bars
        case Code():
            return _fenced(block)
        case _:
            assert_never(block)


def _table(table: Table, rows: Iterable[Row]) -> tuple[str, Iterable[str]]:
    found = iter(rows)
    first = next(found, None)
    if first is None:
        return "", ()
    mark = [""] if first.mark is not None else []
    columns = [at for at, column in enumerate(table.columns) if column.where is not Where.PAGE]
    head = _head_of([*mark, *(table.columns[at].name for at in columns)])
    return head, (
        _row(
            [
                *([] if row.mark is None else [markdown_prose(f"{row.mark.sign} {row.mark.meaning}")]),
                *(_cell(row.cells[at]) for at in columns),
            ]
        )
        for row in chain((first,), found)
    )


def _head_of(names: Iterable[str]) -> str:
    heads = list(names)
    return f"{_row(heads)}|{' --- |' * len(heads)}\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _cell(cell: Cell) -> str:
    return "<br>".join(map(_inline, cell))


def _entry(entry: Entry) -> str:
    text = "<br>".join(_inline(phrase) for phrase in (*entry.lines, *([entry.note] if entry.note else [])))
    # What has a meaning at the beginning of a line only is nothing but a character there.
    start = f"&#{ord(text[0])};" if _STARTS.match(text) else text[:1]
    return f"- {start}{text[1:]}\n"


def _fenced(code: Code) -> tuple[str, Iterable[str]]:
    """Return a block that nothing in it can end: its fence is longer than any run of backticks inside."""
    lines = list(code.lines)
    longest = max((len(run) for text in lines for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    caption = f"{markdown_code(code.caption)}\n\n" if code.caption else ""
    return f"{caption}{fence}{code.language}\n", [*(f"{text}\n" for text in lines), f"{fence}\n"]


def _inline(phrase: Phrase, *, strong: bool = True) -> str:
    """Return a phrase as Markdown; not `strong` where Markdown has no meaning, as in a summary."""
    parts = []
    for part in phrase:
        match part:
            case str():
                parts.append(markdown_prose(local_times(part)))
            case Word():
                text = markdown_code(part.text) if part.code else markdown_prose(local_times(part.text))
                parts.append(f"**{text}**" if part.strong and strong and not part.code else text)
            case Edit():
                parts.append(" ".join(map(_piece, part.pieces)))
            case _:
                assert_never(part)
    return "".join(parts)


def _piece(piece: Piece) -> str:
    """Return a run of words; what is only on one side is marked as GitHub and GitLab both show it."""
    text = markdown_code(piece.text.strip())
    mark = _MARKS.get(piece.side)
    return f"<{mark}>{text}</{mark}>" if mark else text
