"""A document of calls, compiled once and rendered for any row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import INSTRUCTION_ID, TERMS, Call, Problem
from flowops.templates.fault import OutOfSteps, TemplateFault
from flowops.templates.fields import FLOW, FLOW_ID, REFERENCE, VARIABLES, Fields, sensitive, terms_of
from flowops.templates.limits import CALL_STEPS, PARTS_A_STEP
from flowops.templates.openings import is_plain, is_plain_document
from flowops.templates.origins import Origins
from flowops.templates.parts import FAILED, Constant, Part, Rendering
from flowops.templates.problems import FLOW as FLOW_RULE
from flowops.templates.problems import Repeats
from flowops.templates.scope import Scope
from flowops.templates.values import is_small, kind, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model import Document, Flow, Place, Row, Value
    from flowops.templates.flows import Flows
    from flowops.templates.generated import BodiesOf, Quick
    from flowops.templates.parts import Compiler
    from flowops.templates.variables import Variables

#: The order of a body's fields; any other comes behind them, as the document has them.
_ORDER = ("callee", "callees", "caller", "anonymous", "callback-url", "max-ringing-timeout", FLOW_ID, VARIABLES)
_PLACED = frozenset({*_ORDER, REFERENCE, FLOW})


class CompiledCall:
    """The calls of one document: `check` says what can be said without data, `render` makes the call of a row."""

    def __init__(
        self,
        document: Document,
        written: Fields,
        compiler: Compiler,
        flows: Flows,
        variables: Variables,
        always: Mapping[str, Value],
    ) -> None:
        self.document = document
        self._flows = flows
        self._always = always
        self._variables = variables
        self._vars = compiler.variables
        self._origins = Origins(document, written)
        # What is written without a template is rendered already.
        self._plain = _plain(document, written, flows)
        self._fields: dict[str, Part] = {}
        if self._plain is None:
            self._fields = {
                name: compiler.compile(field.value, field.document, field.path, name)
                for name, field in written.fields.items()
            }
            flow = self._fields.get(FLOW)
            if isinstance(flow, Constant):
                try:
                    flows.named(flow.value)
                except TemplateFault as fault:
                    self._fields[FLOW] = compiler.refuse(self._place(FLOW), FLOW, fault, FLOW_RULE)
        self._order = (*_ORDER, *[name for name in written.fields if name not in _PLACED])
        self._steps = compiler.work // PARTS_A_STEP
        self._problems = tuple(compiler.problems)

    def check(self) -> list[Problem]:
        """What is wrong whatever the rows say: syntax, what templates do not have, names, ``vars``, the flow."""
        return list(self._problems)

    def render(self, row: Row | None = None) -> tuple[Call | None, list[Problem]]:
        """The call of a row, or of a document of kind Call, which has none; and what is wrong with it.

        There is no call where anything is wrong. What `check` tells is not told again.
        """
        rendering = self._rendering(row, Repeats(), CALL_STEPS)
        return self._render(rendering), rendering.problems

    def render_row(self, row: Row, repeats: Repeats, steps: int) -> tuple[Call | None, list[Problem], int]:
        """The call of one row of many, what is wrong with it, and how many of the `steps` it took.

        Of problems that many rows have, `repeats` tells how many are told.
        """
        rendering = self._rendering(row, repeats, steps)
        call = self._render(rendering)
        return call, rendering.problems, steps - rendering.scope.steps

    def generate(self, bodies_of: BodiesOf) -> Quick | None:
        """A function that renders rows quickly; None where the document cannot have one."""
        layers = self._variables.layers
        if self._problems or layers is None:
            return None
        from flowops.templates.generated import Source, generate
        from flowops.templates.quick import NotQuick

        source = Source(
            self._fields, layers, self._order, self._always, self._vars, self._flows, self._origins, self._steps
        )
        try:
            return generate(source, bodies_of)
        except NotQuick:
            return None

    def _rendering(self, row: Row | None, repeats: Repeats, steps: int) -> Rendering:
        names: dict[str, Value] = {"vars": self._vars}
        if row is not None:
            names["row"] = row.values
            names["row_number"] = row.place.number
        return Rendering(Scope(names, steps), None if row is None else row.place, repeats)

    def _render(self, rendering: Rendering) -> Call | None:
        try:
            rendering.scope.spend(self._steps)
            values = self._values(rendering)
            variables = self._variables.render(rendering)
        except OutOfSteps as fault:
            if not rendering.failed:
                rendering.report(self.document.place(), "call", fault)
            return None
        terms = {name: values.pop(name) for name in TERMS if name in values}
        flow = self._find_flow(values, rendering)
        origin = self._origins.of(flow)
        values[VARIABLES] = self._variables.check(flow, variables, origin, rendering)
        reference = self._reference(values.get(REFERENCE), rendering)
        if rendering.failed or reference is None:
            return None
        body = {INSTRUCTION_ID: reference}
        body.update({name: values[name] for name in self._order if values.get(name) is not None})
        for name, value in self._always.items():
            body.setdefault(name, value)
        return Call(
            reference, body, flow.name if flow else None, sensitive(body, flow), origin, rendering.row, terms_of(terms)
        )

    def _values(self, rendering: Rendering) -> dict[str, Value]:
        if self._plain is not None:
            return self._plain.copy()
        return {name: part.render(rendering) for name, part in self._fields.items()}

    def _find_flow(self, values: dict[str, Value], rendering: Rendering) -> Flow | None:
        """The flow that the call starts, if the project describes it; its id is put into the values."""
        named = values.get(FLOW)
        if named is None:
            return self._flows.with_id(values.get(FLOW_ID))
        if named is FAILED:
            return None
        try:
            flow, values[FLOW_ID] = self._flows.named(named)
        except TemplateFault as fault:
            rendering.report(self._place(FLOW), FLOW, fault, FLOW_RULE)
            return None
        return flow

    def _reference(self, value: Value, rendering: Rendering) -> str | None:
        """The reference-id as text; that of a whole number is its digits."""
        if type(value) is str and value:
            return value
        if type(value) is int:
            return str(number(value))
        if value is not FAILED:
            what = "it is empty" if value == "" else f"it is {kind(value)}"
            fault = TemplateFault(f"every call needs one, as text or a whole number; {what}")
            rendering.report(self._place(REFERENCE), REFERENCE, fault)
        return None

    def _place(self, field: str) -> Place:
        return self._origins.of(None).place((field,))


def _plain(document: Document, written: Fields, flows: Flows) -> dict[str, Value] | None:
    """The fields of a call of its own; None where one is a template, or somebody has to look at it any closer."""
    if document.kind != "Call":
        return None
    values = {name: field.value for name, field in written.fields.items()}
    whole = written.own and is_plain_document(document)
    for value in values.values():
        if not (whole or is_plain(value) if type(value) is str else is_small(value)):
            return None
    if FLOW in values:
        try:
            flows.named(values[FLOW])
        except TemplateFault:
            return None
    return values
