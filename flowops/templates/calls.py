"""A document of calls, compiled once and rendered for any row."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from flowops.model import INSTRUCTION_ID, TERMS, Call, Problem
from flowops.model.call import NO_TERMS, Terms
from flowops.templates.fault import OutOfSteps, TemplateFault
from flowops.templates.fields import FLOW, FLOW_ID, REFERENCE, VARIABLES, Fields, sensitive
from flowops.templates.limits import PARTS_A_STEP
from flowops.templates.origins import Origins
from flowops.templates.parts import FAILED, Constant, Part, Rendering
from flowops.templates.problems import FLOW as FLOW_RULE
from flowops.templates.problems import Repeats
from flowops.templates.values import kind, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowops.model import Document, Flow, Place, RowPlace, Value
    from flowops.templates.flows import Flows
    from flowops.templates.parts import Compiler
    from flowops.templates.variables import Variables

#: The order of a body's fields; any other comes behind them, as the document has them.
_ORDER = ("callee", "callees", "caller", "anonymous", "callback-url", "max-ringing-timeout", FLOW_ID, VARIABLES)
#: Fields of a document that are not sent under their own name, or not at all.
_UNSENT = frozenset({REFERENCE, FLOW, *TERMS})

#: A body, the flow that it starts if the project describes one, and its terms.
Made: TypeAlias = "tuple[dict[str, Value], Flow | None, Terms]"


class CompiledCall:
    """The calls of one document: `check` says what can be said without data, `make` makes the body of a row.

    `variables` is what templates see as ``vars``; `has_terms` says whether any of the calls may have terms.
    """

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
        self.variables = compiler.variables
        self._flows = flows
        self._always = always
        self._flow_variables = variables
        self._origins = Origins(document, written)
        values: dict[str, Value] = {}
        self._renders: list[tuple[str, Callable[[Rendering], Value]]] = []
        #: Whether all rows start one flow; where they do not, `make` finds that of each.
        self._one_flow = True
        for name, part in self._compiled(written, compiler).items():
            if isinstance(part, Constant):
                values[name] = part.value
                continue
            values[name] = None
            self._renders.append((name, part.render))
            if name in (FLOW, FLOW_ID):
                self._one_flow = False
        self.has_terms = not values.keys().isdisjoint(TERMS)
        self._flow = self._flow_of(values) if self._one_flow else None
        self._skeleton = _skeleton(values, always)
        self._steps = compiler.work // PARTS_A_STEP
        self._problems = tuple(compiler.problems)

    def check(self) -> list[Problem]:
        """What is wrong whatever the rows say: syntax, what templates do not have, names, ``vars``, the flow."""
        return list(self._problems)

    def render(self) -> tuple[Call | None, list[Problem]]:
        """The call of a document of kind Call, and what is wrong with it.

        There is no call where anything is wrong. What `check` tells is not told again.
        """
        rendering = Rendering(self.variables, Repeats())
        made = self.make(rendering)
        return None if made is None else self.call(*made, None), rendering.problems

    def make(self, rendering: Rendering) -> Made | None:
        """Make the body of a row, None where anything is wrong with it: that is reported."""
        body = self._skeleton.copy()
        absent = False
        try:
            rendering.scope.spend(self._steps)
            for name, render in self._renders:
                body[name] = value = render(rendering)
                absent = absent or value is None
            variables, whole = self._flow_variables.render(rendering)
        except OutOfSteps as fault:
            if not rendering.failed:
                rendering.report(self.document.place(), "call", fault)
            return None
        flow = self._flow if self._one_flow else self._find_flow(body, rendering)
        terms = _terms_of(body) if self.has_terms else NO_TERMS
        sent = self._flow_variables.check(flow, variables, self._origins, rendering, whole=whole)
        body[VARIABLES] = sent
        reference = self._reference(body.pop(REFERENCE, None), rendering)
        if rendering.failed or reference is None:
            return None
        body[INSTRUCTION_ID] = reference
        if absent or sent is None or body[FLOW_ID] is None:
            body = {name: value for name, value in body.items() if value is not None}
            for name, value in self._always.items():
                body.setdefault(name, value)
        return body, flow, terms

    def call(self, body: dict[str, Value], flow: Flow | None, terms: Terms, row: RowPlace | None) -> Call:
        """Return the call of a body that was made here."""
        name = None if flow is None else flow.name
        return Call(body[INSTRUCTION_ID], body, name, sensitive(body, flow), self._origins.of(flow), row, terms)

    def _compiled(self, written: Fields, compiler: Compiler) -> dict[str, Part]:
        fields = {
            name: compiler.compile(field.value, field.document, field.path, name)
            for name, field in written.fields.items()
        }
        flow = fields.get(FLOW)
        if isinstance(flow, Constant):
            try:
                self._flows.named(flow.value)
            except TemplateFault as fault:
                fields[FLOW] = compiler.refuse(self._place(FLOW), FLOW, fault, FLOW_RULE)
        return fields

    def _find_flow(self, values: dict[str, Value], rendering: Rendering) -> Flow | None:
        try:
            return None if values.get(FLOW) is FAILED else self._flow_of(values)
        except TemplateFault as fault:
            rendering.report(self._place(FLOW), FLOW, fault, FLOW_RULE)
            return None

    def _flow_of(self, values: dict[str, Value]) -> Flow | None:
        """Return the flow that a call starts, if the project describes it; its id takes the place of its name.

        Raises `TemplateFault` when there is no flow of that name.
        """
        named = values.pop(FLOW, None)
        if named is None:
            return self._flows.with_id(values.get(FLOW_ID))
        flow, values[FLOW_ID] = self._flows.named(named)
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


def _skeleton(values: Mapping[str, Value], always: Mapping[str, Value]) -> dict[str, Value]:
    """Return a body in its order, None where a value is rendered; what is not sent stands behind it."""
    body: dict[str, Value] = {INSTRUCTION_ID: None}
    unsent: dict[str, Value] = {}
    for name in _ORDER:
        if name in values or name in (FLOW_ID, VARIABLES):
            body[name] = values.get(name)
    for name, value in values.items():
        (unsent if name in _UNSENT else body)[name] = value
    for name, value in always.items():
        body.setdefault(name, value)
    return body | unsent


def _terms_of(values: dict[str, Value]) -> Terms:
    """Take the terms of a call out of its values."""
    timezone, not_before, expires, consent = (values.pop(name, None) for name in TERMS)
    return Terms(timezone, not_before, expires, consent or {})
