"""The ledger for people: its totals, its rows, one call's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model import State
from flowops.report import words
from flowops.report.escape import clip, pad, safe, width
from flowops.report.lines import Line, Span, line
from flowops.report.masking import masked
from flowops.report.status import CODES, Event, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowops.model import Entry

STYLES = {
    State.IN_FLIGHT: "cyan",
    State.PLACED: "green",
    State.FINISHED: "green",
    State.REJECTED: "red",
    State.IN_DOUBT: "bold magenta",
}
COLUMNS = ("REFERENCE-ID", "STATE", "CALLEE", "OUTCOME", "ATTEMPTS", "UPDATED", "ERROR")


def status_text(status: Status) -> Iterator[Line]:
    """The ledger at a glance."""
    yield line(Span(f"Ledger of {safe(status.environment)}", "bold"))
    if status.ledger is None:
        yield line("  not made yet: nothing was placed")
        return
    yield line(f"  {safe(status.ledger.id)}, {words.count(status.ledger.serial, 'event')}")
    for state in State:
        yield line(f"  {status.counts.get(state, 0):>9,} ", Span(state.value.replace("-", " "), STYLES[state]))
    if status.outcomes:
        yield line(Span("What the calls came to", "bold"))
        for code, number in sorted(status.outcomes.items()):
            yield line(f"  {number:>9,} {CODES.get(code, 'unknown code')} ({code})")
    if status.in_doubt:
        yield line(Span("In doubt", "bold magenta"), ": may have rung; settle each with `flowops ledger resolve`")
        for entry in status.in_doubt:
            yield line(f"  ? {safe(clip(entry.reference_id))}  since {safe(entry.updated_at)}{_error(entry.error)}")


def entries_text(entries: Sequence[Entry]) -> Iterator[Line]:
    """The rows of a ledger as a table."""
    rows = [COLUMNS, *(cells(entry) for entry in entries)]
    widths = [max(width(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for number, row in enumerate(rows):
        padded = [pad(cell, columns) for cell, columns in zip(row, widths, strict=True)]
        text = "  ".join(padded).rstrip()
        yield line(Span(text, "bold")) if number == 0 else line(text)
    yield line(words.count(len(entries), "call"))


def entry_text(entry: Entry, history: Iterable[Event] = ()) -> Iterator[Line]:
    """One call: its row, what was sent (sealed values masked), and what happened to it, a line an event."""
    yield line(Span(safe(entry.reference_id), "bold"), "  ", Span(_state(entry), STYLES[entry.state]))
    yield line(f"  environment  {safe(entry.environment)}")
    yield line(f"  attempts     {entry.attempts:,}")
    yield line(f"  claimed      {safe(entry.claimed_at)}")
    yield line(f"  updated      {safe(entry.updated_at)}")
    yield line(f"  fingerprint  {safe(entry.fingerprint) or 'not known'}")
    if entry.error:
        yield line(f"  error        {safe(mask_text(entry.error))}")
    for leg in entry.legs:
        outcome = _outcome(leg.code, leg.description, leg.error)
        yield line(f"  callee       {safe(leg.shown or 'not known')}  {outcome}".rstrip())
        if leg.call_id:
            yield line(f"    call-id    {safe(leg.call_id)}")
    if entry.purged:
        yield line("  body         purged from the ledger")
    if entry.body:
        yield line(Span("Body", "bold"))
    for key, value in sorted(entry.body.items()):
        yield line(f"  {safe(key)}: {safe(words.shown(masked(value)))}")
    events = list(history)
    if events:
        yield line(Span("History", "bold"))
        for event in events:
            yield line(f"  {safe(told(event))}")


def told(event: Event) -> str:
    """``12  2026-11-23T09:00:00Z  claimed, now in-flight  by ci on runner-1 at 1a2b3c4``."""
    text = f"{event.serial}  {event.at}  {event.happening.value}"
    if event.state is not None:
        text += f", now {event.state.value}"
    if event.actor is not None:
        actor = event.actor
        text += f"  by {actor.who} on {actor.host}"
        text += f" in {actor.job}" if actor.job else ""
        text += f" at {actor.commit}" if actor.commit else ""
        text += f", override {actor.override}" if actor.override else ""
    data = event.data or {}
    detail = data.get("detail") or data.get("reason")
    return f"{text}: {mask_text(clip(str(detail)))}" if detail else text


def cells(entry: Entry) -> tuple[str, ...]:
    """One row of the table, under `COLUMNS`."""
    outcomes = {_outcome(leg.code, leg.description, leg.error) for leg in entry.legs}
    texts = (
        clip(entry.reference_id, 64),
        _state(entry),
        words.phones([leg.shown or "not known" for leg in entry.legs]),
        "; ".join(sorted(outcomes - {""})),
        str(entry.attempts),
        entry.updated_at,
        mask_text(entry.error or ""),
    )
    return tuple(safe(clip(cell)) for cell in texts)


def _state(entry: Entry) -> str:
    if entry.state is State.IN_FLIGHT and not entry.live:
        return "in flight, run ended"
    return entry.state.value.replace("-", " ")


def _outcome(code: int | None, description: str | None, error: str | None) -> str:
    """How a callee's call ended, in the API's own words where it gave some."""
    if error is not None:
        return safe(f"refused: {mask_text(error)}")
    if code is None:
        return ""
    return safe(f"{mask_text(description or CODES.get(code, 'unknown code'))} ({code})")


def _error(error: str | None) -> str:
    return f": {safe(clip(mask_text(error)))}" if error else ""
