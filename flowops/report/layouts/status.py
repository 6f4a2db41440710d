"""Lay out the totals of a ledger, or the report of a day."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.common.text import count, minute
from flowops.model.ledger import State
from flowops.model.project import SANDBOX
from flowops.model.status import COLUMNS
from flowops.report import phrases
from flowops.report.blocks import (
    Bar,
    Cell,
    Chart,
    Column,
    Lazy,
    Mark,
    Phrase,
    Report,
    Row,
    Section,
    Table,
    Tone,
    Total,
    Totals,
    Where,
    cell,
    named,
    strong,
)
from flowops.report.layouts.marks import MOST_HOURS, guard_alert, labels_of, mark_of, tone_of
from flowops.report.masking import guards_of
from flowops.report.views.ledger import of_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model.ledger import Entry as LedgerEntry
    from flowops.model.ledger import GivenUp
    from flowops.model.status import DocumentTotals, HeldBack, LedgerStatus
    from flowops.model.status import Totals as CallTotals

#: What is shown of a day even when the number is zero.
_ALWAYS = frozenset(column.name for column in COLUMNS if column.is_always)
_TONES = {"placed": Tone.GOOD, "refused": Tone.BAD, "in-doubt": Tone.DOUBT, "held-back": Tone.WAIT}
#: Said where calls stay placed for ever.
_UNHEARD: Phrase = (strong("No callbacks are configured", Tone.WARN), ": how calls ended is not known")


def status_report(status: LedgerStatus) -> Report:
    """Lay out the totals of a ledger, and what is in doubt."""
    title: Phrase = ("Ledger of ", named(status.environment))
    if status.since is not None:
        title = ("Calls in ", named(status.environment), f" since {minute(status.since)}")
    if status.ledger is None:
        return Report([], title, context=("not made yet: nothing was placed",))
    day = status.since is not None
    states = [
        Bar(phrases.state_word(each), number, tone=tone_of(each) if number else Tone.MUTED)
        for each in State
        for number in (status.counts.get(each, 0),)
    ]
    outcomes = [Bar(phrases.code(code), number) for code, number in sorted(status.outcomes.items())]
    hours = [Bar(minute(hour), number) for hour, number in status.hours.items()]
    charts = [
        Chart("", states),
        *([Chart("Outcomes", outcomes)] if outcomes else []),
        *([Chart("Calls by hour", hours[-MOST_HOURS:])] if hours else []),
    ]
    grouped = {
        "By document": [(_document_name(each), each.totals) for each in status.documents],
        "By label": [(cell(named(each.name)), each.totals) for each in status.labels],
        "By attempt": [(cell(f"attempt {each.name}"), each.totals) for each in status.attempts],
    }
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
            *(_groups_section(title, groups) for title, groups in grouped.items() if groups),
            *_held_section(status.held or ()),
            *([Section(say, [doubtful])] if status.in_doubt else []),
            *_given_up_section(status.given_up),
            *_partly_refused_section(status),
        ],
        title,
        remarks=tuple((remark,) for remark in _of_chains(status)),
        context=(named(status.ledger.id), f", {count(status.ledger.serial, 'event')}"),
        alerts=(
            *map(guard_alert, guards_of(status.guards)),
            *([_UNHEARD] if not status.hears and status.environment != SANDBOX else []),
        ),
        totals=_totals(status) if day else None,
        environment=status.environment,
    )


def _of_chains(status: LedgerStatus) -> Iterator[str]:
    """Say of calls with attempts what they wait for, and what to do."""
    chains, env = status.chains, shlex.quote(status.environment)
    if chains is None:
        return
    if chains.waiting.since is not None:
        calls = count(chains.waiting.calls, "call waits", "calls wait")
        records = f"`flowops reconcile --env {env}` settles those that were completed. " * (env != SANDBOX)
        yield (
            f"{calls} for the outcome of an attempt, since {minute(chains.waiting.since)}. {records}"
            "Where a callback was lost, say how the call ended: "
            f"`flowops ledger resolve REF --env {env} --outcome no-answer --reason …`"
        )
    if chains.due:
        calls = count(chains.due, "call is", "calls are")
        yield f"{calls} due for another attempt: `flowops apply --env {env}`"
    if chains.next_due is not None:
        calls = count(chains.later, "call waits", "calls wait")
        yield f"{calls} for the time of another attempt, the first until {minute(chains.next_due)}."


def _totals(status: LedgerStatus) -> Totals:
    """Return the totals of a day: what calls came to, and how many are held back."""
    found = [Total(phrases.came_to(name), number, _TONES.get(name, Tone.PLAIN)) for name, number in _numbers(status)]
    return Totals((strong("Day: "),), tuple(found), len(found))


def _numbers(status: LedgerStatus) -> Iterator[tuple[str, int]]:
    """Yield the totals of a day; what there is nothing of is left out, but for what everybody looks for."""
    for name, number in status.totals.came_to.items():
        if number or name in _ALWAYS:
            yield name, number
    if status.held is not None:
        yield "held-back", sum(each.calls for each in status.held)


def _groups_section(title: str, groups: Sequence[tuple[Cell, CallTotals]]) -> Section:
    """Return the results of the calls of each document, label or attempt, one line each."""
    columns = (Column(title.split()[-1]), Column("calls"), Column("came to"))
    rows = Lazy(lambda: (_group_row(name, totals) for name, totals in groups))
    return Section((strong(title),), [Table(columns, rows, len(groups))])


def _group_row(name: Cell, totals: CallTotals) -> Row:
    came_to = (f"{number:,} {phrases.came_to(word)}" for word, number in totals.came_to.items() if number)
    return Row((name, cell(count(totals.calls, "call")), cell(", ".join(came_to))))


def _document_name(document: DocumentTotals) -> Cell:
    return cell(
        named(document.place) if document.place else "no longer in the files",
        *(("  ", *labels_of(document.labels)[:1]) if document.labels else ()),
    )


def _held_section(held: Sequence[HeldBack]) -> Iterator[Section]:
    """Yield why calls are not placed now, the commonest reason first."""
    if held:
        columns = (Column("held back"), Column("calls"), Column("why"))
        rows = Lazy(lambda: map(_held_row, held))
        yield Section(
            (strong("Held back now"), ": the files name these, and apply does not place them"),
            [Table(columns, rows, len(held))],
        )


def _held_row(held: HeldBack) -> Row:
    phones = f", {count(held.phones, 'phone')}" if held.phones != held.calls else ""
    return Row(
        (
            cell(phrases.PLANNED[held.action]),
            cell(f"{count(held.calls, 'call')}{phones}"),
            cell(mask_text(held.reason) or phrases.PLANNED[held.action]),
        ),
        mark=mark_of(held.action),
    )


def _given_up_section(given_up: Sequence[GivenUp]) -> Iterator[Section]:
    """Yield the calls that are not asked for any more, if there are any."""
    if given_up:
        columns = (Column("reference-id"), Column("since"), Column("refusals"), Column("error", Where.AFTER))
        rows = Lazy(lambda: map(_given_up_row, given_up))
        says = ": refused again and again, and not placed until they are edited"
        yield Section((strong("Given up", Tone.BAD), says), [Table(columns, rows, len(given_up))])


def _partly_refused_section(status: LedgerStatus) -> Iterator[Section]:
    """Yield the placed calls of which not every callee was called, until someone has acknowledged this."""
    if status.partly_refused:
        rows = Lazy(
            lambda: (
                Row((cell(named(name)),), mark=Mark("!", "placed in part", Tone.WARN)) for name in status.partly_refused
            )
        )
        accept = f"flowops ledger accept REF --env {shlex.quote(status.environment)} --reason …"
        yield Section(
            (strong("Placed in part", Tone.WARN), f": some callees were refused; once that is known: `{accept}`"),
            [Table((Column("reference-id"),), rows, len(status.partly_refused))],
        )


def _given_up_row(call: GivenUp) -> Row:
    error = cell(mask_text(call.error)) if call.error else ()
    return Row(
        (cell(named(call.reference_id)), cell(minute(call.since)), cell(str(call.refusals)), error),
        mark=mark_of("given-up"),
    )


def _doubtful_row(row: LedgerEntry) -> Row:
    entry = of_entry(row)
    error = cell(entry.error) if entry.error else ()
    return Row(
        (cell(named(entry.reference_id)), cell(f"since {minute(entry.updated_at)}"), error),
        mark=mark_of(State.IN_DOUBT),
    )
