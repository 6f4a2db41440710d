"""The fields of a call as they are written: the document's own, over the project's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowops.model import Terms

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


class Fields(NamedTuple):
    """The fields of a call that are not flow variables, and the variables in the order they are laid over each other.

    `variables` holds mappings, and at most one template that gives a whole mapping. `variables_at` is
    where they are written.
    """

    fields: dict[str, Written]
    variables: tuple[dict[str, Written] | Written, ...]
    variables_at: Written | None


def merge(document: Document, project: Project) -> Fields:
    """Project defaults < document; null in the document switches a default off."""
    own = _own(document)
    defaults = _defaults(project)
    if any(name in own for name in _FLOW_FIELDS):
        for name in _FLOW_FIELDS:
            defaults.pop(name, None)
    default_variables, own_variables = defaults.pop(VARIABLES, None), own.pop(VARIABLES, None)
    fields = {name: written for name, written in {**defaults, **own}.items() if written.value is not None}
    if own_variables is not None and own_variables.value is None:
        return Fields(fields, (), None)
    layers = _layers(default_variables, own_variables)
    return Fields(fields, layers, own_variables or default_variables)


def _own(document: Document) -> dict[str, Written]:
    if document.kind == "CallSet":
        return Written(document.value["call"], document, ("call",)).entries()
    whole = Written(document.value, document, ()).entries()
    return {name: written for name, written in whole.items() if name not in _NO_FIELDS}


def _defaults(project: Project) -> dict[str, Written]:
    if project.document is None:
        return {}
    return Written(project.defaults, project.document, ("defaults",)).entries()


def _layers(defaults: Written | None, own: Written | None) -> tuple[dict[str, Written] | Written, ...]:
    layers: list[dict[str, Written] | Written] = [
        written.entries() if isinstance(written.value, dict) else written
        for written in (defaults, own)
        if written is not None and written.value is not None
    ]
    match layers:
        case [dict() as below, dict() as above]:
            switched_off = {name for name, written in above.items() if name in below and written.value is None}
            return ({name: written for name, written in {**below, **above}.items() if name not in switched_off},)
    return tuple(layers)


def terms_of(values: Mapping[str, Value]) -> Terms:
    """The terms of a call; most have none."""
    if not values:
        return Terms()
    return Terms(values.get("timezone"), values.get("not-before"), values.get("expires"), values.get("consent") or {})


def sensitive(body: Mapping[str, Collection[Value]], flow: Flow | None) -> frozenset[Path]:
    """The paths in a body whose values are never shown or kept."""
    found: list[Path] = [(name,) for name in ("callee", "callees", "caller") if name in body]
    if flow is not None:
        found += [(VARIABLES, name) for name in flow.sensitive if name in body.get(VARIABLES, ())]
    return frozenset(found)
