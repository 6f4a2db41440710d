"""The frozen values that are handed from stage to stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.lazy import attach

if TYPE_CHECKING:
    from flowops.model.batch import Batch
    from flowops.model.call import INSTRUCTION_ID, TERMS, Call, Origin, Terms
    from flowops.model.difference import Difference, DifferentCall, Shift
    from flowops.model.document import Document, Marks, Path, Row, Value
    from flowops.model.ledger import Actor, Claim, Entry, Happening, Ledger, LedgerMark, Leg, Record, State, Written
    from flowops.model.place import Place, Problem, RowPlace
    from flowops.model.plan import ABSENT, Absent, Action, Change, Plan, PlannedCall, Ruling
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
            "batch": "Batch",
            "call": "INSTRUCTION_ID TERMS Call Origin Terms",
            "difference": "Difference DifferentCall Shift",
            "document": "Document Marks Path Row Value",
            "ledger": "Actor Claim Entry Happening Ledger LedgerMark Leg Record State Written",
            "place": "Place Problem RowPlace",
            "plan": "ABSENT Absent Action Change Plan PlannedCall Ruling",
            "project": "SANDBOX CallbackSettings Connection Environment Flow LedgerSettings Project Reference",
            "result": "CallResult Outcome Result Verdict",
        },
    )

__all__ = [
    "ABSENT",
    "INSTRUCTION_ID",
    "SANDBOX",
    "TERMS",
    "Absent",
    "Action",
    "Actor",
    "Batch",
    "Call",
    "CallResult",
    "CallbackSettings",
    "Change",
    "Claim",
    "Connection",
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
    "Marks",
    "Origin",
    "Outcome",
    "Path",
    "Place",
    "Plan",
    "PlannedCall",
    "Problem",
    "Project",
    "Record",
    "Reference",
    "Result",
    "Row",
    "RowPlace",
    "Ruling",
    "Shift",
    "State",
    "Terms",
    "Value",
    "Verdict",
    "Written",
]
