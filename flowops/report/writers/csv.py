"""Write rows of the ledger for spreadsheets."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.common.text import spreadsheet_cell
from flowops.model.ledger import State
from flowops.model.status import DocumentTotals, GroupTotals, LedgerStatus
from flowops.report.formats import EXPORT, STATUS, Format
from flowops.report.views.ledger import AuditRow, AuditTrail, Exported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowops.model.document import Value
    from flowops.report.formats import Target
    from flowops.report.layouts import Output

FORMAT = Format("for spreadsheets, in which no cell is a formula", (EXPORT, STATUS), order=100)

COLUMNS = (
    "reference_id",
    "state",
    "callees",
    "call_ids",
    "codes",
    "attempts",
    "root",
    "attempt",
    "max_attempts",
    "terms",
    "error",
    "claimed_at",
    "updated_at",
    "fingerprint",
    "renamed",
    "cancelled_from",
    "refused",
    "given_up",
    "labels",
)


def write(output: Output, target: Target) -> None:
    """Write one line a call; several callees of a call stand in one cell, with ``;`` between.

    Of the totals of a ledger and of its events it is one line each.
    """
    writer = csv.writer(target.stream, lineterminator="\n")
    if isinstance(output, LedgerStatus):
        writer.writerow(("what", "name", "number"))
        writer.writerows(map(_cells, _of_status(output)))
        return
    if isinstance(output, AuditTrail):
        writer.writerow(AuditRow._fields)
        writer.writerows(map(_cells, output.rows()))
        return
    if not isinstance(output, Exported):
        raise TypeError(type(output))
    writer.writerow(COLUMNS)
    for row in output.rows:
        legs = {f"{name}s": _joined(row, name) for name in ("callee", "call_id", "code")}
        objects = {name: json.dumps(row[name], ensure_ascii=False) if row[name] else "" for name in ("labels", "terms")}
        cells = {**row, **legs, **objects}
        writer.writerow(_cells(cells[name] for name in COLUMNS))


def _of_status(status: LedgerStatus) -> Iterator[tuple[str, Value, int]]:
    """Yield what a line says of, its name, and the number: totals first, then by document, label and attempt."""
    yield from (("total", name, number) for name, number in status.totals.came_to.items())
    yield from (("state", state.value, status.counts.get(state, 0)) for state in State)
    yield from (("outcome", code, number) for code, number in sorted(status.outcomes.items()))
    yield from (("hour", *each) for each in status.hours.items())
    if status.chains is not None:
        numbers = {"waiting": status.chains.waiting.calls, "due": status.chains.due, "later": status.chains.later}
        yield from (("chains", *each) for each in numbers.items())
    groups: list[tuple[str, str, DocumentTotals | GroupTotals]]
    groups = [("document", each.place or "no longer in the files", each) for each in status.documents]
    groups += [("label", each.name, each) for each in status.labels]
    groups += [("attempt", each.name, each) for each in status.attempts]
    for what, name, each in groups:
        came_to = each.totals.came_to.items()
        yield from ((f"{what} {word}", name, number) for word, number in came_to if number)
    yield from ((f"held back: {each.action.value}", mask_text(each.reason), each.calls) for each in status.held or ())


def _cells(values: Iterable[Value]) -> list[str]:
    return [spreadsheet_cell("" if value is None else str(value)) for value in values]


def _joined(row: dict[str, Value], name: str) -> str:
    return ";".join("" if leg[name] is None else str(leg[name]) for leg in row["legs"])
