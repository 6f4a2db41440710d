"""The frozen values that are handed from stage to stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.lazy import attach

if TYPE_CHECKING:
    from flowops.model.batch import Batch
    from flowops.model.call import INSTRUCTION_ID, TERMS, Call, Origin, Terms
    from flowops.model.calls import Calls, FewCalls, Identified, Script, SomeCalls, script_of
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
    from flowops.model.plan import Plan, Ruling
    from flowops.model.planned import (
        ABSENT,
        FINGERPRINT,
        SENDING,
        Absent,
        Action,
        Change,
        Decision,
        PlannedBatch,
        PlannedCall,
        PlannedCalls,
        decision_line,
        planned_batch,
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
            "calls": "Calls FewCalls Identified Script SomeCalls script_of",
            "difference": "Difference DifferentCall Shift",
            "batch": "Batch",
            "document": "Document Path Row SourceMap Value",
            "ledger": "Actor Claim Condition Entry Happening Ledger LedgerMark Leg Record RunLedger State Used Written",
            "place": "Place Problem RowPlace",
            "plan": "Plan Ruling",
            "planned": (
                "ABSENT FINGERPRINT SENDING Absent Action Change Decision PlannedBatch PlannedCall PlannedCalls "
                "decision_line planned_batch"
            ),
            "project": "SANDBOX CallbackSettings Connection Environment Flow LedgerSettings Project Reference",
            "result": "CallResult Outcome Result Verdict",
        },
    )

__all__ = [
    "ABSENT",
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
    "CallResult",
    "CallbackSettings",
    "Calls",
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
    "FewCalls",
    "Flow",
    "Happening",
    "Identified",
    "Ledger",
    "LedgerMark",
    "LedgerSettings",
    "Leg",
    "Origin",
    "Outcome",
    "Path",
    "Place",
    "Plan",
    "PlannedBatch",
    "PlannedCall",
    "PlannedCalls",
    "Problem",
    "Project",
    "Record",
    "Reference",
    "Result",
    "Row",
    "RowPlace",
    "Ruling",
    "RunLedger",
    "Script",
    "Shift",
    "SomeCalls",
    "SourceMap",
    "State",
    "Terms",
    "Used",
    "Value",
    "Verdict",
    "Written",
    "decision_line",
    "planned_batch",
    "script_of",
]
