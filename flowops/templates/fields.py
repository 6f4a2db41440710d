"""The fields of a document's calls over the project's defaults, and where all of them are written."""

from __future__ import annotations

from functools import partial
from itertools import compress, product
from typing import TYPE_CHECKING

from flowops.common.budget import ITEMS_PER_STEP, deep
from flowops.common.tuples import NamedTuple
from flowops.model.call import ONE_ATTEMPT, Origin, read_attempts
from flowops.templates.problems import TemplateError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowops.model.call import Attempts
    from flowops.model.document import Document, Path, Place, Value
    from flowops.model.project import Flow, Project
    from flowops.templates.nodes import Compiler


VARIABLES = "flow-variables"
REFERENCE = "reference-id"
FLOW = "flow"
FLOW_ID = "callflow-id"
ATTEMPTS = "attempts"
#: What a document says beside the fields of its calls. Labels and attempts are the document's: all rows have the same.
_NO_FIELDS = frozenset(("apiVersion", "kind", "labels", ATTEMPTS, VARIABLES))
# Either says which flow; the document's one takes the place of whichever the project has.
_FLOW_FIELDS = (FLOW, FLOW_ID)


class SourceValue(NamedTuple):
    """A value and where it is written."""

    value: Value
    document: Document
    path: Path

    def place(self) -> Place:
        """Return where it is written."""
        return self.document.place(self.path)

    def entries(self) -> dict[str, SourceValue]:
        """Return the values of a mapping, each with its place."""
        return {key: SourceValue(value, self.document, (*self.path, key)) for key, value in self.value.items()}


class CallFields(NamedTuple):
    """The fields of a call that are not flow variables, and the variables in the order they are laid over each other.

    `inherited` says where those fields are written that the document has from the project's defaults. `variables` holds
    mappings: one as it is written, or the entries of those that are laid over others; and at most one template that
    gives a whole mapping. `variables_at` is where they are written. All is the document's `own` where there are no
    defaults.
    """

    document: Document
    fields: dict[str, Value]
    inherited: Mapping[str, SourceValue]
    variables: tuple[dict[str, SourceValue] | SourceValue, ...]
    variables_at: SourceValue | None
    own: bool

    def at(self, name: str) -> tuple[Document, Path]:
        """Return where a field is written."""
        found = self.inherited.get(name)
        return (self.document, _path(self.document, name)) if found is None else (found.document, found.path)


class Defaults:
    """A project's defaults, for all of its calls."""

    def __init__(self, project: Project) -> None:
        self._fields: dict[str, SourceValue] = {}
        if project.document is not None and project.defaults:
            self._fields = SourceValue(project.defaults, project.document, ("defaults",)).entries()
        self._attempts = self._fields.pop(ATTEMPTS, None)
        self._none = not self._fields
        self._variables = self._fields.pop(VARIABLES, None)
        #: The steps that they take for each document: its own values pay for themselves.
        self.steps = deep(project.defaults) * ITEMS_PER_STEP if project.defaults else 0
        self._without_flow = {name: field for name, field in self._fields.items() if name not in _FLOW_FIELDS}

    def below(self, document: Document) -> CallFields:
        """Lay a document's fields over the project's defaults; null in the document switches a default off."""
        own = document.value["call"] if document.kind == "CallSet" else document.value
        below: Mapping[str, SourceValue] = {}
        fields = own
        if not self._none:
            below = self._without_flow if any(name in own for name in _FLOW_FIELDS) else self._fields
            fields = {**{name: written.value for name, written in below.items()}, **own}
        fields = {name: value for name, value in fields.items() if value is not None and name not in _NO_FIELDS}
        inherited = {name: written for name, written in below.items() if name not in own} if below else below
        below_them = variables = self._variables
        layers: tuple[dict[str, SourceValue] | SourceValue, ...] = ()
        if VARIABLES in own:
            variables = SourceValue(own[VARIABLES], document, _path(document, VARIABLES))
        if variables is not None and variables.value is not None:
            alone = below_them is None or below_them is variables
            layers = (variables,) if alone else _layers(below_them, variables)
        return CallFields(document, fields, inherited, layers, variables, self._none)

    def attempts(self, document: Document, compiler: Compiler) -> Attempts:
        """Return how often a document's calls may be tried: what it says itself comes before the project's defaults.

        What is wrong with that is put among the compiler's problems.
        """
        own = document.value.get(ATTEMPTS) or {}
        switched_off = ATTEMPTS in document.value and not own
        below = {} if self._attempts is None or switched_off else self._attempts.value or {}
        if not own and not below:
            return ONE_ATTEMPT
        try:
            return read_attempts({**below, **own})
        except ValueError as error:
            written = None if own else self._attempts
            place = partial(document.place, (ATTEMPTS,)) if written is None else written.place
            compiler.refuse(place, ATTEMPTS, TemplateError(str(error)))
            return ONE_ATTEMPT


def _path(document: Document, name: str) -> Path:
    """Return the path of a field of a document's call."""
    return ("call", name) if document.kind == "CallSet" else (name,)


def _layers(defaults: SourceValue | None, own: SourceValue | None) -> tuple[dict[str, SourceValue] | SourceValue, ...]:
    given = [written for written in (defaults, own) if written is not None and written.value is not None]
    if len(given) < 2:
        return tuple(given)
    layers = [written.entries() if isinstance(written.value, dict) else written for written in given]
    match layers:
        case [dict() as below, dict() as above]:
            switched_off = {name for name, written in above.items() if name in below and written.value is None}
            return ({name: written for name, written in {**below, **above}.items() if name not in switched_off},)
    return tuple(layers)


#: The paths of the phone numbers that a body may have: the fields that it has, and of each what stands in it.
_NUMBERS: Mapping[tuple[bool, ...], frozenset[Path]] = {
    which: frozenset((name,) for name in compress(("callee", "callees", "caller"), which))
    for which in product((False, True), repeat=3)
}


def sensitive(body: Mapping[str, Collection[Value]], names: Collection[str]) -> frozenset[Path]:
    """Return the paths in a body whose values are never shown or kept; `names` are sensitive variables of its flow."""
    numbers = _NUMBERS["callee" in body, "callees" in body, "caller" in body]
    if not names:
        return numbers
    return numbers.union((VARIABLES, name) for name in names if name in body.get(VARIABLES, ()))


class Origins:
    """The origins of a document's calls: one for each flow, shared by all rows."""

    def __init__(self, document: Document, written: CallFields) -> None:
        self._document = document
        self._written = written
        self._fields: dict[Path, tuple[Document, Path]] = {}
        if document.kind != "Call" or not written.own:
            self._fields = {(name,): written.at(name) for name in written.fields}
            if written.variables_at is not None:
                self._fields[VARIABLES,] = (written.variables_at.document, written.variables_at.path)
            for layer in written.variables:
                # those of any other layer stand below the one place
                if isinstance(layer, dict):
                    self._fields |= {(VARIABLES, name): (value.document, value.path) for name, value in layer.items()}
        if FLOW in written.fields:
            # problems speak of the field that is sent
            self._fields[FLOW_ID,] = written.at(FLOW)
        self._origins: dict[str | None, Origin] = {}

    def of(self, flow: Flow | None) -> Origin:
        """Return the origin of a call that starts a flow; the flow's defaults stand where the flow is described."""
        name = None if flow is None else flow.name
        if name not in self._origins:
            fields = dict(self._fields)
            if flow is not None:
                for variable in self._defaults_of(flow):
                    fields[VARIABLES, variable] = (flow.document, ("variables", variable, "default"))
            self._origins[name] = Origin(self._document, fields)
        return self._origins[name]

    def _defaults_of(self, flow: Flow) -> list[str]:
        """Return the variables that the flow gives a value; a template that gives all of them may give any."""
        given: set[str] = set()
        for layer in self._written.variables:
            values = layer if isinstance(layer, dict) else layer.value
            if not isinstance(values, dict):
                return []
            given.update(values)
        return [name for name, schema in flow.variables.items() if "default" in schema and name not in given]
