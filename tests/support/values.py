"""Calls as values, for tests that drive the stages without files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.text import Lines
from flowops.model.call import Call, Origin
from flowops.model.document import Document, SourceMap

if TYPE_CHECKING:
    from flowops.model.document import Value


def document_at(file: str, kind: str, line: int = 1, column: int = 1, value: Value = None) -> Document:
    """A document that begins at a place, whatever it says."""
    text = "\n" * (line - 1) + " " * (column - 1)
    return Document(file, kind, value or {}, SourceMap(Lines(text), len(text), len(text)), text)


_DOCUMENT = document_at("calls.yaml", "Call")
_SENSITIVE = frozenset({("callee",), ("callees",), ("flow-variables", "patient")})


def call(reference_id: str, *callees: str, patient: str = "Ann") -> Call:
    """A call with a sensitive variable; to one callee in London unless told."""
    body: dict[str, Value] = {
        "instruction-id": reference_id,
        "caller": "+442079460000",
        "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
        "flow-variables": {"patient": patient, "minutes": 15},
        "voicemail-response": "Stop",
    }
    if len(callees) > 1:
        body["callees"] = list(callees)
    else:
        body["callee"] = callees[0] if callees else "+442079460023"
    return Call(reference_id, body, None, _SENSITIVE, Origin(_DOCUMENT, {}))
