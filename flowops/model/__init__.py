"""The frozen values that are handed from stage to stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.lazy import attach

if TYPE_CHECKING:
    from flowops.model.batch import Batch
    from flowops.model.call import INSTRUCTION_ID, TERMS, Call, Origin, Terms
    from flowops.model.calls import CallBatch, Script
    from flowops.model.difference import Difference, DifferentCall, Shift
    from flowops.model.document import Document, Path, Row, SourceMap, Value
    from flowops.model.ledger import (
        Actor,
        Claim,
        Condition,
        Entry,
        Happening,
        Ledger,
        LedgerMark,
        Leg,
        Record,
        RunLedger,
        State,
        Used,
        Written,
    )
    from flowops.model.place import Place, Problem, RowPlace
    from flowops.model.plan import (
        ABSENT,
        ACTIONS,
        FINGERPRINT,
        SENDING,
        Absent,
        Action,
        Change,
        Decision,
        Plan,
        Planned,
        PlannedBatch,
        PlannedCall,
        PlannedReference,
    )
    from flowops.model.project import (
        SANDBOX,
        CallbackSettings,
        Connection,
        Environment,
        Flow,
        LedgerSettings,
        Project,
        Reference,
    )
    from flowops.model.result import CallResult, Outcome, Result, Verdict
else:
    __getattr__ = attach(
        __name__,
        {
            "call": "INSTRUCTION_ID TERMS Call Origin Terms",
            "calls": "CallBatch Script",
            "difference": "Difference DifferentCall Shift",
            "batch": "Batch",
            "document": "Document Path Row SourceMap Value",
            "ledger": "Actor Claim Condition Entry Happening Ledger LedgerMark Leg Record RunLedger State Used Written",
            "place": "Place Problem RowPlace",
            "plan": (
                "ABSENT ACTIONS FINGERPRINT SENDING Absent Action Change Decision Plan Planned PlannedBatch "
                "PlannedCall PlannedReference"
            ),
            "project": "SANDBOX CallbackSettings Connection Environment Flow LedgerSettings Project Reference",
            "result": "CallResult Outcome Result Verdict",
        },
    )

__all__ = [
    "ABSENT",
    "ACTIONS",
    "FINGERPRINT",
    "INSTRUCTION_ID",
    "SANDBOX",
    "SENDING",
    "TERMS",
    "Absent",
    "Action",
    "Actor",
    "Batch",
    "Call",
    "CallBatch",
    "CallResult",
    "CallbackSettings",
    "Change",
    "Claim",
    "Condition",
    "Connection",
    "Decision",
    "Difference",
    "DifferentCall",
    "Document",
    "Entry",
    "Environment",
    "Flow",
    "Happening",
    "Ledger",
    "LedgerMark",
    "LedgerSettings",
    "Leg",
    "Origin",
    "Outcome",
    "Path",
    "Place",
    "Plan",
    "Planned",
    "PlannedBatch",
    "PlannedCall",
    "PlannedReference",
    "Problem",
    "Project",
    "Record",
    "Reference",
    "Result",
    "Row",
    "RowPlace",
    "RunLedger",
    "Script",
    "Shift",
    "SourceMap",
    "State",
    "Terms",
    "Used",
    "Value",
    "Verdict",
    "Written",
]
