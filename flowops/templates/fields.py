"""The fields of a call as they are written: the document's own, over the project's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowops.model import Document, Flow, Path, Project, Value

VARIABLES = "flow-variables"
REFERENCE = "reference-id"
FLOW = "flow"
FLOW_ID = "callflow-id"
_NO_FIELDS = ("apiVersion", "kind")
# Either says which flow; the document's one takes the place of whichever the project has.
_FLOW_FIELDS = (FLOW, FLOW_ID)


class Written(NamedTuple):
    """A value and where it is written."""

    value: Value
    document: Document
    path: Path

    def entries(self) -> dict[str, Written]:
        """The values of a mapping, each with its place."""
        return {key: Written(value, self.document, (*self.path, key)) for key, value in self.value.items()}


# Without the Python-level `__new__`: ten thousand files have a dozen fields each.
_written = tuple.__new__


class Fields(NamedTuple):
    """The fields of a call that are not flow variables, and the variables in the order they are laid over each other.

    `variables` holds mappings: one as it is written, or the entries of those that are laid over others; and at most one
    template that gives a whole mapping. `variables_at` is where they are written. All is the document's `own` where the
    project has no defaults.
    """

    fields: dict[str, Written]
    variables: tuple[dict[str, Written] | Written, ...]
    variables_at: Written | None
    own: bool


class Defaults:
    """A project's defaults, for all of its calls."""

    def __init__(self, project: Project) -> None:
        self._fields: dict[str, Written] = {}
        if project.document is not None and project.defaults:
            self._fields = Written(project.defaults, project.document, ("defaults",)).entries()
        self._none = not self._fields
        self._variables = self._fields.pop(VARIABLES, None)
        self._without_flow = {name: field for name, field in self._fields.items() if name not in _FLOW_FIELDS}

    def below(self, document: Document) -> Fields:
        """Project defaults < document; null in the document switches a default off."""
        fields = _own(document)
        own_variables = fields.pop(VARIABLES, None)
        if not self._none:
            below = self._without_flow if any(name in fields for name in _FLOW_FIELDS) else self._fields
            fields = {**below, **fields}
        fields = {name: written for name, written in fields.items() if written.value is not None}
        if own_variables is not None and own_variables.value is None:
            return Fields(fields, (), own_variables, self._none)
        layers = _layers(self._variables, own_variables)
        return Fields(fields, layers, own_variables or self._variables, self._none)


def _own(document: Document) -> dict[str, Written]:
    if document.kind == "CallSet":
        return Written(document.value["call"], document, ("call",)).entries()
    return {
        key: _written(Written, (value, document, (key,)))
        for key, value in document.value.items()
        if key not in _NO_FIELDS
    }


def _layers(defaults: Written | None, own: Written | None) -> tuple[dict[str, Written] | Written, ...]:
    given = [written for written in (defaults, own) if written is not None and written.value is not None]
    if len(given) < 2:
        return tuple(given)
    layers = [written.entries() if isinstance(written.value, dict) else written for written in given]
    match layers:
        case [dict() as below, dict() as above]:
            switched_off = {name for name, written in above.items() if name in below and written.value is None}
            return ({name: written for name, written in {**below, **above}.items() if name not in switched_off},)
    return tuple(layers)


def sensitive(body: Mapping[str, Collection[Value]], flow: Flow | None) -> frozenset[Path]:
    """The paths in a body whose values are never shown or kept."""
    found: list[Path] = [(name,) for name in ("callee", "callees", "caller") if name in body]
    if flow is not None:
        found += [(VARIABLES, name) for name in flow.sensitive if name in body.get(VARIABLES, ())]
    return frozenset(found)
