"""The ledger and rendered bodies as Markdown, for reports and tickets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowops.model import State
from flowops.report import words
from flowops.report.html import code, prose
from flowops.report.masking import masked
from flowops.report.status import CODES
from flowops.report.text.ledger import COLUMNS, cells, told
from flowops.report.yaml import yaml_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowops.model import Call, Entry
    from flowops.report.status import Event, Status


def status_markdown(status: Status) -> Iterator[str]:
    """The ledger at a glance."""
    yield f"### flowops ledger of {code(status.environment)}\n\n"
    if status.ledger is None:
        yield "Not made yet: nothing was placed.\n"
        return
    yield f"{code(status.ledger.id)}, {words.count(status.ledger.serial, 'event')}\n\n"
    rows = [(state.value.replace("-", " "), status.counts.get(state, 0)) for state in State]
    rows += [(f"{CODES.get(number, 'unknown code')} ({number})", count) for number, count in status.outcomes.items()]
    yield from _table(("calls", "state or outcome"), ((f"{count:,}", name) for name, count in rows))
    if status.in_doubt:
        yield "\nIn doubt: may have rung.\n\n"
        yield from _table(
            ("reference-id", "since", "error"),
            ((code(entry.reference_id), entry.updated_at, prose(entry.error or "")) for entry in status.in_doubt),
        )


def entries_markdown(entries: Iterable[Entry]) -> Iterator[str]:
    """Rows of the ledger as a table."""
    yield from _table(tuple(name.lower() for name in COLUMNS), (tuple(map(code, cells(entry))) for entry in entries))


def entry_markdown(entry: Entry, history: Iterable[Event]) -> Iterator[str]:
    """One call, what was sent, sealed values masked, and what happened to it."""
    yield f"### {code(entry.reference_id)}\n\n"
    yield from entries_markdown([entry])
    if entry.body:
        yield "\n"
        yield from _fenced(list(yaml_lines(masked(dict(entry.body)))))
    yield "\n"
    yield from (f"1. {prose(told(event))}\n" for event in history)


def render_markdown(calls: Iterable[Call]) -> Iterator[str]:
    """The bodies exactly as they would be sent, a fenced YAML document each. Nothing is masked."""
    for call in calls:
        row = f" ({call.row})" if call.row else ""
        yield f"{code(f'{call.origin.place()}{row}')}\n\n"
        yield from _fenced(list(yaml_lines(call.body)))
        yield "\n"


def _fenced(lines: Sequence[str]) -> Iterator[str]:
    """A block that nothing in it can end: its fence is longer than any run of backticks inside."""
    longest = max((len(run) for text in lines for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}yaml\n"
    yield from (f"{text}\n" for text in lines)
    yield f"{fence}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n"
    yield f"|{' --- |' * len(head)}\n"
    yield from (f"| {' | '.join(row)} |\n" for row in rows)
