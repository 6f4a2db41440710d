"""Where the fields of a call come from: the document, the project's defaults, a flow's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Origin
from flowops.templates.fields import FLOW, FLOW_ID, VARIABLES, Fields

if TYPE_CHECKING:
    from flowops.model import Document, Flow, Path


class Origins:
    """The origins of a document's calls: one for each flow, shared by all rows."""

    def __init__(self, document: Document, written: Fields) -> None:
        self._document = document
        self._written = written
        self._fields: dict[Path, tuple[Document, Path]] = {}
        if document.kind != "Call" or not written.own:
            self._fields = {(name,): (field.document, field.path) for name, field in written.fields.items()}
            if written.variables_at is not None:
                self._fields[VARIABLES,] = (written.variables_at.document, written.variables_at.path)
            for layer in written.variables:
                # those of any other layer stand below the one place
                if isinstance(layer, dict):
                    self._fields |= {(VARIABLES, name): (value.document, value.path) for name, value in layer.items()}
        if FLOW in written.fields:
            # problems speak of the field that is sent
            flow = written.fields[FLOW]
            self._fields[FLOW_ID,] = (flow.document, flow.path)
        self._origins: dict[str | None, Origin] = {}

    def of(self, flow: Flow | None) -> Origin:
        """The origin of a call that starts a flow; the flow's defaults stand where the flow is described."""
        name = None if flow is None else flow.name
        if name not in self._origins:
            fields = dict(self._fields)
            if flow is not None:
                for variable in self._defaults_of(flow):
                    fields[VARIABLES, variable] = (flow.document, ("variables", variable, "default"))
            self._origins[name] = Origin(self._document, fields)
        return self._origins[name]

    def _defaults_of(self, flow: Flow) -> list[str]:
        """The variables that the flow gives a value; a template that gives all variables may give any of them."""
        given: set[str] = set()
        for layer in self._written.variables:
            values = layer if isinstance(layer, dict) else layer.value
            if not isinstance(values, dict):
                return []
            given.update(values)
        return [name for name, schema in flow.variables.items() if "default" in schema and name not in given]
