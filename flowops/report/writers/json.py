"""Write results for machines: one document each, whose schema `flowops schema show` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowops.model.document import Field
from flowops.model.status import Diagnosis, LedgerStatus
from flowops.report.difference import DifferenceOutput
from flowops.report.formats import ALL, DONE, Format
from flowops.report.json.ledger import (
    blocked_json,
    campaigns_json,
    done_json,
    entry_json,
    ledger_list_json,
    operation_json,
    runs_json,
    status_json,
)
from flowops.report.json.plan import (
    cases_json,
    diagnosis_json,
    difference_json,
    field_json,
    render_json,
    result_json,
    validate_json,
)
from flowops.report.json.text import Json, dumps
from flowops.report.views.ledger import BlockedView, CampaignsView, Done, Entries, EntryView, OperationView, Runs
from flowops.report.views.plan import Bodies, PlanOutput
from flowops.report.views.problems import CasesView, ProblemsView
from flowops.report.views.result import ResultView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowops.report.formats import Target
    from flowops.report.layouts import Output

FORMAT = Format("for programs: one document, whose schema `flowops schema show` prints", (*ALL, DONE), order=20)


def write(output: Output, target: Target) -> None:
    """Write a result as a JSON document, as it is made."""
    target.stream.writelines(dumps(document_of(output)))


def document_of(output: Output) -> Json:
    """Return the document of a result."""
    make = _DOCUMENTS.get(type(output))
    if make is None:
        raise TypeError(type(output))
    return make(output)


#: What makes the document of each kind of result.
_DOCUMENTS: Mapping[type, Callable[[Any], Json]] = {
    PlanOutput: lambda output: output.json(),
    ResultView: lambda output: output.json or result_json(output),
    ProblemsView: validate_json,
    CasesView: cases_json,
    Field: field_json,
    Diagnosis: diagnosis_json,
    DifferenceOutput: difference_json,
    LedgerStatus: status_json,
    Entries: ledger_list_json,
    EntryView: entry_json,
    Runs: runs_json,
    CampaignsView: campaigns_json,
    Bodies: render_json,
    Done: done_json,
    OperationView: operation_json,
    BlockedView: blocked_json,
}
