"""Where the fields of a call come from: the document, the project's defaults, a flow's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Origin
from flowops.templates.fields import VARIABLES, Fields

if TYPE_CHECKING:
    from flowops.model import Document, Flow, Path


class Origins:
    """The origins of a document's calls: one for each flow, shared by all rows."""

    def __init__(self, document: Document, written: Fields) -> None:
        self._document = document
        self._fields: dict[Path, tuple[Document, Path]] = {
            (name,): (field.document, field.path)
            for name, field in written.fields.items()
            if field.path != (name,) or field.document is not document
        }
        if "flow" in written.fields:
            # problems speak of the field that is sent
            flow = written.fields["flow"]
            self._fields["callflow-id",] = (flow.document, flow.path)
        if written.variables_at is not None:
            self._fields[VARIABLES,] = (written.variables_at.document, written.variables_at.path)
        self._given: set[str] = set()
        # a template that gives all variables may give any name
        self._open = False
        for layer in written.variables:
            if isinstance(layer, dict):
                self._fields |= {(VARIABLES, name): (value.document, value.path) for name, value in layer.items()}
                self._given.update(layer)
            elif isinstance(layer.value, dict):
                # all of them stand below the one place
                self._given.update(layer.value)
            else:
                self._open = True
        self._origins: dict[str | None, Origin] = {}

    def of(self, flow: Flow | None) -> Origin:
        """The origin of a call that starts a flow; the flow's defaults stand where the flow is described."""
        name = None if flow is None else flow.name
        if name not in self._origins:
            fields = dict(self._fields)
            if flow is not None and not self._open:
                for variable, schema in flow.variables.items():
                    if "default" in schema and variable not in self._given:
                        fields[VARIABLES, variable] = (flow.document, ("variables", variable, "default"))
            self._origins[name] = Origin(self._document, fields)
        return self._origins[name]
