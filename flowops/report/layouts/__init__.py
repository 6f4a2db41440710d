"""What each kind of result says to people, as blocks, whatever the format: a file a subject, imported when needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.document import Field
    from flowops.model.status import Diagnosis, LedgerStatus
    from flowops.report.blocks import Report
    from flowops.report.difference import DifferenceOutput
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

#: What lays out each kind of result, by the name of its class: a file here, and the function in it.
_LAYOUTS: Mapping[str, tuple[str, str]] = {
    "PlanOutput": ("plan", "output_report"),
    "ResultView": ("plan", "result_report"),
    "ProblemsView": ("problems", "problems_report"),
    "CasesView": ("problems", "cases_report"),
    "Field": ("problems", "field_report"),
    "Diagnosis": ("problems", "diagnosis_report"),
    "DifferenceOutput": ("plan", "difference_report"),
    "LedgerStatus": ("status", "status_report"),
    "Entries": ("ledger", "entries_report"),
    "EntryView": ("ledger", "entry_report"),
    "Runs": ("ledger", "runs_report"),
    "CampaignsView": ("ledger", "campaigns_report"),
    "Bodies": ("plan", "render_report"),
    "Done": ("ledger", "done_report"),
    "OperationView": ("ledger", "operation_report"),
    "BlockedView": ("ledger", "blocked_report"),
}


def report_of(output: Output, *, whole: bool = False) -> Report:
    """Lay out a result; with `whole` for where there is room for every call of a plan."""
    name = type(output).__name__
    if name not in _LAYOUTS:
        raise TypeError(type(output))
    file, function = _LAYOUTS[name]
    layout: Any = getattr(import_module(f"{__name__}.{file}"), function)
    report: Report = layout(output, whole=whole) if name == "PlanOutput" else layout(output)
    return report
