"""A plan to place many calls, made without a repository."""

from __future__ import annotations

import time

from flowops.common.text import Lines
from flowops.model.call import Call, Origin
from flowops.model.document import Document, SourceMap
from flowops.model.plan import HASH_BYTES, Action, Plan, PlannedBatch

ENVIRONMENT = "benchmark"


def plan_of(count: int) -> Plan:
    """Calls as a clinic would place them, none of which the ledger knows."""
    prefix = f"{time.time_ns():x}"
    document = Document("calls.yaml", "Call", {}, SourceMap(Lines(""), 0, 0), "")
    sensitive = frozenset({("callee",), ("flow-variables", "patient")})
    calls = [
        Call(
            f"{prefix}-{number}",
            {
                "instruction-id": f"{prefix}-{number}",
                "caller": "+442079460000",
                "callee": f"+442079460{number % 1000:03}",
                "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
                "flow-variables": {"patient": f"Patient {number}", "when": "Tuesday at 9", "minutes": 15},
                "voicemail-response": "Stop",
            },
            None,
            sensitive,
            Origin(document, {}),
        )
        for number in range(count)
    ]
    references = [call.reference_id for call in calls]
    actions = bytes([Action.PLACE.code]) * count
    batch = PlannedBatch(document.place(), frozenset(), references, bytes(HASH_BYTES) * count, actions, {})
    planned = [batch.planned(index, call) for index, call in enumerate(calls)]
    return Plan(ENVIRONMENT, None, None, (batch,), (), planned, 0, "sha256:00")
