"""Draw reports for a terminal: the totals come last, where a reader is when the text has gone by."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, assert_never

from flowops.common.masking import mask_text
from flowops.common.text import count, local_times
from flowops.common.tuples import NamedTuple
from flowops.report.blocks import Chart, Code, Edit, Listing, Table, Tone, Where, Word
from flowops.report.escape import LONGEST_MESSAGE, clip, pad, safe, width
from flowops.report.formats import ALL, DONE, Format
from flowops.report.layouts import report_of
from flowops.report.terminal import Line, Span, Verbatim, columns_of, emit, line
from flowops.report.views.problems import ProblemsView
from flowops.report.worddiff import Side, one_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowops.errors import FlowopsError
    from flowops.model.document import Place, Problem
    from flowops.report.blocks import Block, Cell, Mark, Phrase, Report, Row, Section, Totals
    from flowops.report.formats import Target
    from flowops.report.layouts import Output
    from flowops.report.worddiff import Piece

FORMAT = Format("for people at a terminal", (*ALL, DONE), order=10)

STYLES = {
    Tone.PLAIN: "",
    Tone.GOOD: "green",
    Tone.WARN: "yellow",
    Tone.BAD: "red",
    Tone.ALARM: "bold yellow",
    Tone.DOUBT: "bold magenta",
    Tone.WAIT: "cyan",
    Tone.MUTED: "dim",
}
_SIDES = {Side.BOTH: "", Side.BEFORE: "dim strike", Side.AFTER: "green"}
#: A column is not filled up further than this, so that one long name does not push the others away.
WIDEST = 40
#: Comes before further lines of a row.
_HANGING = "    "
#: Signs that need no explanation.
UNDERSTOOD = frozenset("+=")
#: The kind of report that has several signs below one heading.
EXPLAINED = "plan"
MUTED, BOLD = "dim", "bold"


def write(output: Output, target: Target) -> None:
    """Write a result, coloured where that is wanted."""
    emit(report_lines(report_of(output), columns_of(target.stream)), target.stream)


class _Canvas(NamedTuple):
    """The canvas of a text: how many columns it has where that is known, and which signs are on it already."""

    room: int | None
    signs: dict[str, str]


def report_lines(report: Report, room: int | None = None) -> Iterator[Line]:
    """Yield the lines of a report; tables with a head are laid out for `room` columns where it is given."""
    canvas = _Canvas(room, {})
    if report.headed and report.title:
        subtitle = line(": ", *_spans(report.subtitle)) if report.subtitle else ()
        yield (*_spans(report.title, BOLD), *subtitle)
        if report.context:
            yield line("  ", *_spans(report.context))
    for alert in report.alerts:
        yield _spans(alert)
    for section in report.sections:
        if not section.detail:
            yield from [line()] * report.spaced
            yield from _section(section, canvas)
    yield from [line()] * report.spaced
    if report.kind == EXPLAINED and canvas.signs.keys() - UNDERSTOOD:
        yield line(Span(f"Signs: {', '.join(f'{sign} {meaning}' for sign, meaning in canvas.signs.items())}", MUTED))
    for notice in report.notices:
        yield _spans(notice)
    if report.totals is not None:
        yield _totals(report.totals)
    for remark in report.remarks:
        yield _spans(remark)
    if report.digest and report.headed:
        yield line(Span(f"Digest: {safe(report.digest)}", MUTED))


def problem_lines(problems: Iterable[Problem], source: Callable[[Place], str | None]) -> Iterator[Line]:
    """Yield the lines of problems, sorted, each once, with a total; `source` gives the line of a file at a place."""
    return report_lines(report_of(ProblemsView(list(problems), "", excerpt=source))._replace(remarks=()))


def error_lines(error: FlowopsError) -> Iterator[Line]:
    """Yield the lines of a failure that has no place in a file.

    It may repeat what was given on the command line, and that may be a number in the place of something else.
    """
    yield line(Span("error: ", "bold red"), _sentence(mask_text(error.message)))
    for detail in error.details:
        yield line(f"  {_sentence(mask_text(detail))}")
    if error.hint:
        yield line(Span("hint: ", BOLD), _sentence(mask_text(error.hint)))


def _section(section: Section, canvas: _Canvas) -> Iterator[Line]:
    if section.title:
        yield _spans(section.title)
    for command in section.commands:
        yield line(f"    {safe(command)}")
    for block in section.blocks:
        yield from _block(block, canvas)


def _block(block: Block, canvas: _Canvas) -> Iterator[Line]:
    match block:
        case Table():
            yield from _table(block, canvas)
        case Listing():
            yield from _listing(block, canvas)
        case Chart():
            yield from _chart(block)
        case Code():
            yield from _code(block)
        case _:
            assert_never(block)


def _table(table: Table, canvas: _Canvas) -> Iterator[Line]:
    rows = list(table.rows)
    shown = rows if table.few is None else rows[: table.few]
    columns = [at for at in range(len(table.columns)) if _is_drawn(table, at, shown)]
    texts = [[_text(row.cells[at]) for at in columns] for row in shown]
    heads = [[table.columns[at].name.upper() for at in columns]] if table.total and shown else []
    widest = None if table.total else WIDEST
    widths = [_width([text[at] for text in (*heads, *texts)], widest) for at in range(len(columns))]
    parts = _packed(widths, canvas.room) if table.total else [range(len(columns))]
    for head in heads:
        yield from (line(Span(text, BOLD)) for text in _in_parts(head, widths, parts))
    for row, text in zip(shown, texts, strict=True):
        first, *others = _in_parts(text, widths, parts)
        yield from _row(table, row, first)
        _note_sign(row.mark, canvas)
        yield from (line(other) for other in others if other.strip())
    more = len(rows) - len(shown)
    hidden = f"{more:,} more" if more else table.hidden
    if hidden:
        yield _hidden(hidden)
    if table.total:
        yield line(count(len(rows), table.total))


def _row(table: Table, row: Row, text: str) -> Iterator[Line]:
    """Yield a row, and what belongs below it."""
    first: list[str | Span] = [" " * table.indent]
    if row.mark is not None:
        first += (Span(row.mark.sign, STYLES[row.mark.tone]), " ")
    strong = table.indent == 0 and not table.total
    muted = row.mark is not None and row.mark.tone is Tone.MUTED
    first.append(Span(text, BOLD if strong else MUTED if muted else ""))
    placed = list(zip(table.columns, row.cells, strict=True))
    for column, cell in placed:
        if column.where is Where.AFTER and cell:
            first.extend((Span(": ", BOLD if strong else ""), *_spans(cell[0])))
    yield line(*first)
    indent = " " * (table.indent + (4 if row.mark is not None else 2))
    for column, cell in placed:
        if column.where in (Where.BELOW, Where.AFTER):
            yield from (line(indent, *_spans(phrase)) for phrase in cell[column.where is Where.AFTER :])


def _text(cell: Cell) -> str:
    return "".join(span.text for phrase in cell for span in _spans(phrase))


def _width(texts: Sequence[str], widest: int | None) -> int:
    return max((found for found in map(width, texts) if widest is None or found <= widest), default=0)


def _note_sign(mark: Mark | None, canvas: _Canvas) -> None:
    """Remember what a sign means that is drawn."""
    if mark is not None:
        canvas.signs.setdefault(mark.sign, mark.meaning)


def _is_drawn(table: Table, at: int, rows: Sequence[Row]) -> bool:
    """Return whether a column has a place in a row; one below a head only where there is something in it."""
    if table.columns[at].where is not Where.CELL:
        return False
    return not table.total or at == 0 or any(_text(row.cells[at]) for row in rows)


def _packed(widths: Sequence[int], room: int | None) -> list[range]:
    """Return which columns stand on which line of a row: all on one where there is room for them."""
    starts, used = [0], 0
    for at, columns in enumerate(widths):
        if room is not None and at > starts[-1] and used + columns > room:
            starts.append(at)
            used = len(_HANGING)
        used += columns + 2
    return [range(start, end) for start, end in pairwise([*starts, len(widths)])]


def _in_parts(texts: Sequence[str], widths: Sequence[int], parts: Sequence[range]) -> list[str]:
    """Return the lines of a row."""
    return [
        _HANGING * (at > 0) + _padded([texts[column] for column in part], [widths[column] for column in part])
        for at, part in enumerate(parts)
    ]


def _padded(texts: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(pad(text, columns) for text, columns in zip(texts, widths, strict=True)).rstrip()


def _listing(listing: Listing, canvas: _Canvas) -> Iterator[Line]:
    for entry in listing.entries:
        _note_sign(entry.mark, canvas)
        mark = (Span(entry.mark.sign, STYLES[entry.mark.tone]), Span(" ")) if entry.mark is not None else ()
        for phrase in entry.lines:
            yield line("  ", *mark, *_spans(phrase))
        if entry.note:
            yield line("      ", *_spans(entry.note, MUTED))
    if listing.hidden:
        yield _hidden(listing.hidden)


def _chart(chart: Chart) -> Iterator[Line]:
    if chart.title:
        yield line(Span(safe(chart.title), BOLD))
    for bar in chart.bars:
        note = f"  {_sentence(bar.note)}" if bar.note else ""
        yield line(f"  {bar.number:>9,} ", Span(_sentence(bar.name), STYLES[bar.tone]), note)


def _code(code: Code) -> Iterator[Line]:
    """Yield the lines; with a caption they are a document of a stream, without one a part of something else."""
    if code.caption:
        yield line("---")
        yield line(Span(f"# {safe(code.caption)}", MUTED))
    for text in code.lines:
        yield Verbatim(line(text if code.caption else f"  {text}"))


def _totals(totals: Totals) -> Line:
    """Return ``3 to place, 0 to retry, 0 unchanged, 1 in conflict.``: some always, the others when there are any."""
    sentence = ", ".join(f"{each.number:,} {each.name}{f' ({each.note})' if each.note else ''}" for each in totals.told)
    return line(*_spans(totals.label), f"{sentence}." if sentence else "")


def _hidden(text: str) -> Line:
    return line(Span(f"    … {text} (--full shows them)", MUTED))


def _spans(phrase: Phrase, style: str = "") -> Line:
    """Return the pieces of a phrase, made safe for a terminal; `style` is that of its plain words."""
    spans: list[Span] = []
    for part in phrase:
        match part:
            case str():
                spans.append(Span(_sentence(part), style))
            case Word():
                text = safe(clip(part.short or part.text)) if part.code else _sentence(part.text)
                look = STYLES[part.tone] or style
                spans.append(Span(text, f"{BOLD} {look}".rstrip() if part.strong else look))
            case Edit():
                spans += _edit(part.pieces)
            case _:
                assert_never(part)
    return tuple(spans)


def _edit(pieces: Sequence[Piece]) -> Iterator[Span]:
    """Yield one side after the other, what is only there in its colour."""
    for at, side in enumerate((Side.BEFORE, Side.AFTER)):
        if at:
            yield Span(" → ")
        for piece in one_side(pieces, side):
            yield Span(safe(clip(piece.text)), _SIDES[piece.side])


def _sentence(text: str) -> str:
    return safe(clip(local_times(text), LONGEST_MESSAGE))
