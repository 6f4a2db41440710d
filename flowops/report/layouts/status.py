"""Lay out the totals of a ledger, or the report of a day."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model.ledger import State
from flowops.model.project import SANDBOX
from flowops.report import phrases
from flowops.report.blocks import (
    Bar,
    Chart,
    Column,
    Lazy,
    Phrase,
    Report,
    Row,
    Section,
    Table,
    Tone,
    Where,
    cell,
    named,
    strong,
)
from flowops.report.layouts.charts import MOST_HOURS
from flowops.report.layouts.marks import guard_alert, mark_of, tone_of
from flowops.report.views.ledger import of_entry
from flowops.report.views.masked import guards_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model.ledger import Entry as LedgerEntry
    from flowops.model.ledger import GivenUp
    from flowops.model.status import DocumentTotals, LedgerStatus

#: Said where calls stay placed for ever.
_UNHEARD: Phrase = (strong("No callbacks are configured", Tone.WARN), ": how calls ended is not known")


def status_report(status: LedgerStatus) -> Report:
    """Lay out the totals of a ledger, and what is in doubt."""
    title: Phrase = ("Ledger of ", named(status.environment))
    if status.since is not None:
        title = ("Calls in ", named(status.environment), f" since {_until_minute(status.since)}")
    if status.ledger is None:
        return Report([], title, context=("not made yet: nothing was placed",))
    states = [Bar(each.value.replace("-", " "), status.counts.get(each, 0), tone=tone_of(each)) for each in State]
    outcomes = [Bar(phrases.code(code), number) for code, number in sorted(status.outcomes.items())]
    hours = [Bar(_until_minute(hour), number) for hour, number in status.hours.items()]
    charts = [
        Chart("", states),
        *([Chart("What the calls came to", outcomes)] if outcomes else []),
        *([Chart("Calls by hour", hours[-MOST_HOURS:])] if hours else []),
    ]
    doubtful = Table(
        (Column("reference-id"), Column("in doubt"), Column("error", Where.AFTER)),
        Lazy(lambda: map(_doubtful_row, status.in_doubt)),
        len(status.in_doubt),
    )
    settle = f"flowops ledger resolve REF --env {shlex.quote(status.environment)} --reason …"
    say = (strong("In doubt", Tone.DOUBT), f": may have rung; settle each: `{settle} --placed`, or `--not-placed`")
    return Report(
        [
            *(Section((), [chart]) for chart in charts),
            *([_documents_section(status.documents)] if status.documents else []),
            *([Section(say, [doubtful])] if status.in_doubt else []),
            *_given_up_section(status.given_up),
        ],
        title,
        context=(named(status.ledger.id), f", {phrases.count(status.ledger.serial, 'event')}"),
        alerts=(
            *map(guard_alert, guards_of(status.guards)),
            *([_UNHEARD] if not status.hears and status.environment != SANDBOX else []),
        ),
        environment=status.environment,
    )


#: What the report of a day says of each document, in its order: a state of calls, or how callees were reached.
_OF_DOCUMENT = (
    ("placed", (State.PLACED, State.FINISHED)),
    ("completed", 10),
    ("not answered", 9),
    ("failed", 11),
    ("declined", 12),
    ("refused", (State.REJECTED,)),
    ("in doubt", (State.IN_DOUBT,)),
)


def _documents_section(documents: Sequence[DocumentTotals]) -> Section:
    """Return what became of the calls of each document, a line each."""
    columns = (Column("document"), Column("labels"), Column("calls"), Column("came to"))
    rows = Lazy(lambda: map(_document_row, documents))
    return Section((strong("By document"),), [Table(columns, rows, len(documents))])


def _document_row(document: DocumentTotals) -> Row:
    numbers = (
        (
            document.outcomes.get(what, 0)
            if isinstance(what, int)
            else sum(document.counts.get(each, 0) for each in what)
        )
        for _, what in _OF_DOCUMENT
    )
    came_to = (f"{number:,} {name}" for number, (name, _) in zip(numbers, _OF_DOCUMENT, strict=True) if number)
    labels = ", ".join(f"{name}={value}" for name, value in document.labels.items())
    return Row(
        (
            cell(named(document.place) if document.place else "no longer in the files"),
            cell(named(labels)) if labels else cell(),
            cell(phrases.count(sum(document.counts.values()), "call")),
            cell(", ".join(came_to)),
        )
    )


def _until_minute(text: str) -> str:
    """Return a time that was written for machines for people: ``2026-11-24 09:00 UTC``."""
    return f"{text[:10]} {text[11:16]} UTC"


def _given_up_section(given_up: Sequence[GivenUp]) -> Iterator[Section]:
    """Yield the calls that are not asked for any more, if there are any."""
    if given_up:
        columns = (Column("reference-id"), Column("since"), Column("refusals"), Column("error", Where.AFTER))
        rows = Lazy(lambda: map(_given_up_row, given_up))
        says = ": refused again and again, and not placed until they are edited"
        yield Section((strong("Given up", Tone.BAD), says), [Table(columns, rows, len(given_up))])


def _given_up_row(call: GivenUp) -> Row:
    error = cell(mask_text(call.error)) if call.error else ()
    return Row(
        (cell(named(call.reference_id)), cell(call.since), cell(str(call.refusals)), error), mark=mark_of("given-up")
    )


def _doubtful_row(row: LedgerEntry) -> Row:
    entry = of_entry(row)
    error = cell(entry.error) if entry.error else ()
    return Row(
        (cell(named(entry.reference_id)), cell(f"since {entry.updated_at}"), error), mark=mark_of(State.IN_DOUBT)
    )
