"""A difference between two revisions for people: totals, then each change once, then what came and went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Shift
from flowops.report import words
from flowops.report.escape import clip, safe
from flowops.report.lines import Line, Span, line
from flowops.report.wording import Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.report.difference import DifferenceView, Field, Listed, Way

STYLES = {Shift.ADDED: "green", Shift.CHANGED: "yellow", Shift.REMOVED: "red"}
SIGNS = {Shift.ADDED: "+", Shift.CHANGED: "~", Shift.REMOVED: "-"}
_PIECE = {Side.BOTH: "", Side.BEFORE: "red", Side.AFTER: "green"}


def difference_text(view: DifferenceView) -> Iterator[Line]:
    """The lines of a difference."""
    yield line(Span(f"Difference for {safe(view.environment)}", "bold"), f": {safe(words.compared(view))}")
    for each in view.fields:
        yield line()
        yield from _field(each)
    for shift, documents in ((Shift.ADDED, view.added), (Shift.REMOVED, view.removed)):
        for listed in documents:
            yield line()
            yield from _listed(listed, shift)
    yield line()
    yield line(Span("Diff: ", "bold"), f"{words.shifts(view)}.")
    if view.people:
        yield line(f"What was added or changed reaches {words.people(view.people)}.")
    if view.base_problems:
        yield line(words.base_problems(view.base_problems))


def _field(each: Field) -> Iterator[Line]:
    where = f"{safe(each.place.file)}:{each.place.line}"
    calls = words.count(each.count, "call")
    yield line(Span(where, "bold"), f"  {safe(clip(each.path))}  {calls}")
    for way in each.ways:
        sign = Span(SIGNS[Shift.CHANGED], STYLES[Shift.CHANGED])
        yield line("  ", sign, " ", *_side(way, Side.BEFORE), " → ", *_side(way, Side.AFTER))
        yield line(Span(f"      {safe(words.samples(way.samples, way.count))}", "dim"))
    if each.hidden:
        others = words.count(each.hidden, "other way")
        told = f"… in {others} in {words.count(each.hidden_calls, 'call')} (--full shows them)"
        yield line(Span(f"    {told}", "dim"))


def _side(way: Way, side: Side) -> Iterator[Span]:
    """One side of a difference, what is only there in its colour."""
    if not any(piece.side is side for piece in way.pieces) and len(way.pieces) == 1:
        yield Span(safe(clip(way.pieces[0].text)))
        return
    quote = '"' if any(piece.side is Side.BOTH for piece in way.pieces) else ""
    yield Span(quote)
    for piece in way.pieces:
        if piece.side in (side, Side.BOTH):
            yield Span(safe(clip(piece.text)), _PIECE[piece.side])
    yield Span(quote)


def _listed(listed: Listed, shift: Shift) -> Iterator[Line]:
    where = f"{safe(listed.place.file)}:{listed.place.line}"
    yield line(Span(where, "bold"), f"  {safe(words.listed(listed))} {shift}")
    for sample in listed.samples:
        row = f"  {safe(str(sample.row))}" if sample.row else ""
        told = f"{safe(clip(sample.reference_id))}  {safe(words.phones(sample.callees))}{row}"
        yield line("  ", Span(SIGNS[shift], STYLES[shift]), f" {told}")
    hidden = listed.count - len(listed.samples)
    if hidden:
        yield line(Span(f"    … {hidden:,} more (--full shows them)", "dim"))
