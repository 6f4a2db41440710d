"""Draw reports for a terminal: the totals come last, where a reader is when the text has gone by."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from flowops.common.masking import mask_text
from flowops.report import phrases
from flowops.report.blocks import Chart, Code, Edit, Listing, Table, Tone, Where, Word
from flowops.report.difference import Side, one_side
from flowops.report.escape import LONGEST_MESSAGE, clip, pad, safe, width
from flowops.report.formats import ALL, DONE, Format
from flowops.report.layout import report_of
from flowops.report.terminal import Line, Span, emit, line
from flowops.report.views.result import ProblemsView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowops.errors import FlowopsError
    from flowops.model.document import Place, Problem
    from flowops.report.blocks import Block, Cell, Phrase, Report, Row, Section, Totals
    from flowops.report.difference import Piece
    from flowops.report.formats import Target
    from flowops.report.layout import Output

FORMAT = Format("for people at a terminal", (*ALL, DONE), order=10)

STYLES = {
    Tone.PLAIN: "",
    Tone.GOOD: "green",
    Tone.WARN: "yellow",
    Tone.BAD: "red",
    Tone.ALARM: "bold red",
    Tone.DOUBT: "bold magenta",
    Tone.WAIT: "cyan",
    Tone.MUTED: "dim",
}
_SIDES = {Side.BOTH: "", Side.BEFORE: "red", Side.AFTER: "green"}
#: A column is not filled up further than this, so that one long name does not push the others away.
WIDEST = 40
MUTED, BOLD = "dim", "bold"


def write(output: Output, target: Target) -> None:
    """Write a result, coloured where that is wanted."""
    emit(report_lines(report_of(output)), target.stream)


def report_lines(report: Report) -> Iterator[Line]:
    """Yield the lines of a report."""
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
            yield from _section(section)
    yield from [line()] * report.spaced
    for notice in report.notices:
        yield _spans(notice)
    if report.totals is not None:
        yield _totals(report.totals)
    for remark in report.remarks:
        yield _spans(remark)
    if report.digest:
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


def _section(section: Section) -> Iterator[Line]:
    if section.title:
        yield _spans(section.title)
    for command in section.commands:
        yield line(f"    {safe(command)}")
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[Line]:
    match block:
        case Table():
            yield from _table(block)
        case Listing():
            yield from _listing(block)
        case Chart():
            yield from _chart(block)
        case Code():
            yield from _code(block)
        case _:
            assert_never(block)


def _table(table: Table) -> Iterator[Line]:
    columns = [at for at, column in enumerate(table.columns) if column.where is Where.CELL]
    rows = list(table.rows)
    shown = rows if table.few is None else rows[: table.few]
    texts = [[_text(row.cells[at]) for at in columns] for row in shown]
    heads = [[table.columns[at].name.upper() for at in columns]] if table.total else []
    widest = None if table.total else WIDEST
    widths = [_width([text[at] for text in (*heads, *texts)], widest) for at in range(len(columns))]
    for head in heads:
        yield line(Span(_padded(head, widths), BOLD))
    for row, text in zip(shown, texts, strict=True):
        yield from _row(table, row, _padded(text, widths))
    more = len(rows) - len(shown)
    hidden = f"{more:,} more" if more else table.hidden
    if hidden:
        yield _hidden(hidden)
    if table.total:
        yield line(phrases.count(len(rows), table.total))


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


def _padded(texts: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(pad(text, columns) for text, columns in zip(texts, widths, strict=True)).rstrip()


def _listing(listing: Listing) -> Iterator[Line]:
    for entry in listing.entries:
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
        note = f"  {safe(bar.note)}" if bar.note else ""
        yield line(f"  {bar.number:>9,} ", Span(safe(bar.name), STYLES[bar.tone]), note)


def _code(code: Code) -> Iterator[Line]:
    """Yield the lines; with a caption they are a document of a stream, without one a part of something else."""
    if code.caption:
        yield line("---")
        yield line(Span(f"# {safe(code.caption)}", MUTED))
    for text in code.lines:
        yield line(text if code.caption else f"  {text}")


def _totals(totals: Totals) -> Line:
    """Return ``3 to place, 0 to retry, 0 unchanged, 1 in conflict.``: some always, the others when there are any."""
    counts = (each for at, each in enumerate(totals.counts) if at < totals.always or each.number)
    sentence = ", ".join(f"{each.number:,} {each.name}{f' ({each.note})' if each.note else ''}" for each in counts)
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
    return safe(clip(text, LONGEST_MESSAGE))
