"""Say which file of `layouts` lays out each kind of result, whatever the format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from flowops.model.diagnosis import Diagnosis
from flowops.model.field import Field
from flowops.model.status import LedgerStatus
from flowops.report.difference import DifferenceOutput
from flowops.report.layouts.difference import difference_report
from flowops.report.layouts.fields import diagnosis_report, field_report
from flowops.report.layouts.ledger import (
    blocked_report,
    campaigns_report,
    done_report,
    entries_report,
    entry_report,
    operation_report,
    runs_report,
)
from flowops.report.layouts.plan import plan_report, render_report
from flowops.report.layouts.problems import cases_report, problems_report
from flowops.report.layouts.result import result_report
from flowops.report.layouts.status import status_report
from flowops.report.views.ledger import (
    AuditTrail,
    BlockedView,
    CampaignsView,
    Done,
    Entries,
    EntryView,
    Exported,
    OperationView,
    Runs,
)
from flowops.report.views.plan import Bodies, PlanOutput
from flowops.report.views.problems import CasesView, ProblemsView
from flowops.report.views.result import ResultView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowops.report.blocks import Report

#: What can be printed.
Output: TypeAlias = (
    PlanOutput
    | ResultView
    | ProblemsView
    | CasesView
    | Field
    | Diagnosis
    | DifferenceOutput
    | LedgerStatus
    | Entries
    | EntryView
    | Runs
    | CampaignsView
    | Bodies
    | Done
    | Exported
    | AuditTrail
    | OperationView
    | BlockedView
)


def report_of(output: Output, *, whole: bool = False) -> Report:
    """Lay out a result; with `whole` for where there is room for every call of a plan."""
    if isinstance(output, PlanOutput):
        return plan_report(output.view(whole or output.full))
    layout = _LAYOUTS.get(type(output))
    if layout is None:
        raise TypeError(type(output))
    return layout(output)


#: What lays out each kind of result but a plan.
_LAYOUTS: Mapping[type, Callable[[Any], Report]] = {
    ResultView: result_report,
    ProblemsView: problems_report,
    CasesView: cases_report,
    Field: field_report,
    Diagnosis: diagnosis_report,
    DifferenceOutput: lambda output: difference_report(output.view()),
    LedgerStatus: status_report,
    Entries: lambda output: entries_report(output.entries),
    EntryView: entry_report,
    Runs: runs_report,
    CampaignsView: campaigns_report,
    Bodies: lambda output: render_report(output.calls),
    Done: done_report,
    OperationView: operation_report,
    BlockedView: blocked_report,
}
