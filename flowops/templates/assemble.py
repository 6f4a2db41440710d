"""How a call is put together: its fields, its variables, its flow and its terms, for any row."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeAlias

from flowops.common.budget import (
    BYTES_PER_STEP,
    DOCUMENT_AGAIN_STEPS,
    DOCUMENT_STEPS,
    ITEMS_PER_STEP,
    MAX_BODY,
    PARTS_PER_STEP,
    Budget,
    json_size,
    most_json,
)
from flowops.common.names import same_name
from flowops.common.numbers import WITHOUT_NULL
from flowops.model.call import (
    INSTRUCTION_ID,
    LONGEST_ROOT,
    NO_TERMS,
    ONE_ATTEMPT,
    TERMS,
    Call,
    Terms,
    attempt_reference,
)
from flowops.templates.budget import ATTEMPT
from flowops.templates.fields import FLOW, FLOW_ID, REFERENCE, VARIABLES, CallFields, Defaults, Origins, sensitive
from flowops.templates.flow_variables import BODY, BrokenFlow, Flows, Variables, variable_problem
from flowops.templates.nodes import INVALID, Compiler, ConstantNode, InvalidNode, Node, Rendering, plain_size
from flowops.templates.problems import FLOW as FLOW_RULE
from flowops.templates.problems import BudgetExceeded, TemplateError
from flowops.templates.values import kind, number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from flowops.model.call import Attempts
    from flowops.model.document import Document, Place, Problem, RowPlace, Value
    from flowops.model.project import Flow, Project
    from flowops.templates.flow_variables import Part, TakenBy
    from flowops.templates.open_variables import OpenVariables


#: The order of a body's fields; any other comes behind them, as the document has them.
_ORDER = ("callee", "callees", "caller", "anonymous", "callback-url", "max-ringing-timeout", FLOW_ID, VARIABLES)
#: Fields of a document that are not sent under their own name, or not at all.
_UNSENT = frozenset({FLOW, *TERMS})

#: A body, the flow that it starts if the project describes one, and its terms.
Made: TypeAlias = "tuple[dict[str, Value], Flow | None, Terms]"


class CompiledCall:
    """The calls of one document: `check` says what can be said without data, `make` makes the body of a row.

    `variables` is what templates see as ``vars``; `has_terms` says whether any of the calls may have terms.
    """

    def __init__(
        self,
        document: Document,
        written: CallFields,
        compiler: Compiler,
        flows: Flows,
        variables: Variables,
        always: Mapping[str, Value],
        attempts: Attempts = ONE_ATTEMPT,
        *,
        keeps_rows: bool = False,
    ) -> None:
        self.document = document
        #: Whether each call has the values of its row.
        self.keeps_rows = keeps_rows
        self.attempts = attempts
        #: Where values stand that nobody has given yet: of these nothing is wrong before somebody does.
        self.open_places = frozenset(compiler.open_places)
        self.variables = compiler.variables
        self.budget = compiler.budget
        self.asked = compiler.asked
        self._flows = flows
        self._always = always
        self._flow_variables = variables
        self._origins = Origins(document, written)
        #: The names of sensitive variables, by flow.
        self._sensitive: dict[str | None, frozenset[str]] = {}
        if attempts.most > 1:
            self._refuse_with_attempts(written, compiler)
        nodes = self._compiled(written, compiler)
        parts: list[Part] = [
            (BODY, INSTRUCTION_ID if name == REFERENCE else name, node.evaluate, node) for name, node in nodes.items()
        ]
        self._parts = (*parts, *variables.parts)
        #: Whether all rows start one flow; where they do not, `make` finds that of each.
        self._one_flow = FLOW not in nodes and FLOW_ID not in nodes
        values = {**written.fields, **dict.fromkeys(nodes)}
        self.has_terms = not values.keys().isdisjoint(TERMS)
        #: Whether all rows start one flow with the same variables.
        self.has_one_script = self._one_flow and variables.has_same_names
        self._flow = self._flow_of(values) if self._one_flow else None
        self._skeleton = _skeleton(values, always)
        #: Whether a body may have a null that no template gives: to look for one takes longer than many a template.
        #: Fields that are null as they are written are none, so it can only be the flow's id, where there is no flow.
        self._has_null = FLOW_ID not in nodes and self._skeleton[FLOW_ID] is None
        self._charge(compiler.work, compiler.scalars)
        #: Whether a later attempt may say something else than the first.
        self.uses_attempt = compiler.uses_attempt
        self._problems = tuple(compiler.problems)

    def _refuse_with_attempts(self, written: CallFields, compiler: Compiler) -> None:
        """Refuse what cannot be told apart by attempts, or of which the outcome goes to somebody else."""
        for name, why in _NOT_WITH_ATTEMPTS.items():
            if name in written.fields:
                compiler.refuse(partial(self._place, name), name, TemplateError(f"does not go with attempts: {why}"))

    def _charge(self, work: int, scalars: int) -> None:
        """Work out what each body takes: its templates, and all that it has whatever the rows say."""
        defaults = self._flows.defaults_of(self._flow) if self._one_flow else self._flows.largest_defaults()
        constants = [self._skeleton, self._flow_variables.constants, defaults]
        written = self._flow_variables.most + most_json(self._skeleton) + (most_json(defaults) if defaults else 0)
        entries = sum(map(len, constants))
        self._steps = work // PARTS_PER_STEP + written // BYTES_PER_STEP + entries // ITEMS_PER_STEP
        #: Bytes of JSON that no body exceeds whose templates make short texts.
        self._most = written + scalars * BYTES_PER_STEP
        self._too_large = written > MAX_BODY and sum(map(json_size, constants)) > MAX_BODY

    def check(self) -> list[Problem]:
        """Return what is wrong whatever the rows say: syntax, what templates do not have, names, ``vars``, the flow."""
        return list(self._problems)

    def render(self, attempt: int = 1) -> tuple[Call | None, list[Problem]]:
        """Return the call of a document of kind Call as it is at an attempt, and what is wrong with it.

        There is no call where anything is wrong. What `check` tells is not told again.
        """
        rendering = Rendering(self.variables, attempt=attempt)
        steps = DOCUMENT_STEPS if attempt == 1 else -DOCUMENT_AGAIN_STEPS
        rendering.budget = given = self.budget.begin(steps)
        made = self.make(rendering)
        self.budget.end(given, rendering.budget)
        if made is None:
            return None, rendering.problems
        body, flow, terms = made
        misfits = self.misfits([body], [flow], lambda _: None)
        problems = [each for _, wrong in misfits for each in wrong if each.place not in self.open_places]
        return None if problems else self.call(body, flow, terms, None, attempt), problems

    def misfits(
        self,
        bodies: Sequence[dict[str, Value]],
        flows: Sequence[Flow | None],
        row: Callable[[int], RowPlace | None],
    ) -> Iterator[tuple[int, list[Problem]]]:
        """Yield which of some bodies that were made here have variables that do not fit their flow, and why.

        `row` gives the place of the row that a body was made of.
        """
        for flow, indices in self._by_flow(flows):
            some = bodies if len(indices) == len(bodies) else [bodies[index] for index in indices]
            for at, problems in self._flow_variables.misfits(some, flow):
                index, origin = indices[at], self._origins.of(flow)
                yield index, [variable_problem(each, origin, row(index)) for each in problems]

    def _by_flow(self, flows: Sequence[Flow | None]) -> Iterable[tuple[Flow, Sequence[int]]]:
        """Return the flows of some bodies that a document describes, each with the bodies that start it."""
        if self._one_flow:
            return [] if self._flow is None else [(self._flow, range(len(flows)))]
        found: dict[str, tuple[Flow, list[int]]] = {}
        for index, flow in enumerate(flows):
            if flow is not None:
                found.setdefault(flow.name, (flow, []))[1].append(index)
        return found.values()

    def make(self, rendering: Rendering) -> Made | None:
        """Make the body of a row, None where anything is wrong with it: that is reported."""
        variables = self._flow_variables
        body, values = self._skeleton.copy(), variables.skeleton.copy()
        targets = (body, values)
        given, has_null = rendering.budget, self._has_null
        if self._too_large:
            rendering.report(self.document.place(), "call", _too_large())
            return None
        try:
            rendering.charge(self._steps)
            for where, name, evaluate, node in self._parts:
                try:
                    value = evaluate(rendering)
                except (TemplateError, RecursionError) as error:
                    value = node.fail(rendering, error)
                if value is None:
                    has_null = True
                targets[where][name] = value
            whole = variables.has_same_names or variables.render_rest(values, rendering)
        except BudgetExceeded as error:
            if not rendering.failed:
                rendering.report(self.document.place(), "call", error)
            return None
        flow = self._flow if self._one_flow else self._find_flow(body, rendering)
        terms = _terms_of(body) if self.has_terms else NO_TERMS
        body[VARIABLES] = taken = variables.check(flow, values, self._origins, rendering, whole)
        reference = body[INSTRUCTION_ID]
        if type(reference) is not str or not reference or not reference.isascii():
            body[INSTRUCTION_ID] = reference = self._reference(reference, rendering)
        if self.attempts.most > 1 and reference is not None:
            body[INSTRUCTION_ID] = self._attempt_reference(reference, rendering)
        if self._most + (given - rendering.budget) * BYTES_PER_STEP > MAX_BODY:
            self._check_size(body, rendering)
        made = self._without_nulls(body, rendering) if has_null or taken is None else body
        return None if rendering.failed else (made, flow, terms)

    def _without_nulls(self, body: dict[str, Value], rendering: Rendering) -> dict[str, Value]:
        """Return what is sent of a body in which something is null: that is left out, where it may be."""
        if "callee" in body and body["callee"] is None and body.get("callees") is None:
            error = TemplateError("there is no number: it is null", hint=WITHOUT_NULL)
            rendering.report(self._place("callee"), "callee", error)
        sent = {name: value for name, value in body.items() if value is not None}
        for name, value in self._always.items():
            sent.setdefault(name, value)
        return sent

    def named(self, rendering: Rendering) -> Call | None:
        """Return what is left of the call of a row that cannot be made: its reference-id, if that can be rendered."""
        value = self._skeleton.get(INSTRUCTION_ID)
        for where, name, evaluate, _ in self._parts:
            if where == BODY and name == INSTRUCTION_ID:
                try:
                    value = evaluate(rendering)
                except (TemplateError, RecursionError):
                    return None
        if type(value) is not str or not value:
            return None
        return Call(value, {}, None, frozenset(), self._origins.of(None), rendering.row)

    def call(
        self,
        body: dict[str, Value],
        flow: Flow | None,
        terms: Terms,
        row: RowPlace | None,
        attempt: int = 1,
        values: Mapping[str, Value] | None = None,
    ) -> Call:
        """Return the call of a body that was made here, as it is at an attempt; `values` are those of its row."""
        name = None if flow is None else flow.name
        names = self._sensitive.get(name)
        if names is None:
            names = self._sensitive[name] = frozenset() if flow is None else flow.sensitive
        numbers, origin = sensitive(body, names), self._origins.of(flow)
        return Call(body[INSTRUCTION_ID], body, name, numbers, origin, row, terms, self.attempts, attempt, values or {})

    def _compiled(self, written: CallFields, compiler: Compiler) -> dict[str, Node]:
        """Return what makes the values of the fields that are not sent as they are written."""
        fields = written.fields
        nodes: dict[str, Node] = {}
        if plain_size(fields) is None:
            made = {
                name: (compiler.compile_name if name in _NAMES_OF_CALLS else compiler.compile)(
                    value, *written.at(name), name
                )
                for name, value in fields.items()
            }
            nodes = {name: node for name, node in made.items() if not isinstance(node, ConstantNode)}
        if FLOW in fields and FLOW not in nodes:
            try:
                self._flows.named(fields[FLOW], written=True)
            except TemplateError as error:
                blamed = not isinstance(error, BrokenFlow)
                place = partial(self._place, FLOW)
                nodes[FLOW] = compiler.refuse(place, FLOW, error, FLOW_RULE) if blamed else InvalidNode()
        return nodes

    def _find_flow(self, values: dict[str, Value], rendering: Rendering) -> Flow | None:
        try:
            return None if values.get(FLOW) is INVALID else self._flow_of(values)
        except TemplateError as error:
            if isinstance(error, BrokenFlow):
                rendering.failed = True
            else:
                rendering.report(self._place(FLOW), FLOW, error, FLOW_RULE)
            return None

    def _flow_of(self, values: dict[str, Value]) -> Flow | None:
        """Return the flow that a call starts, if the project describes it; its id takes the place of its name.

        Raises `TemplateError` when there is no flow of that name.
        """
        named = values.pop(FLOW, None)
        if named is None:
            return self._flows.with_id(values.get(FLOW_ID))
        flow, values[FLOW_ID] = self._flows.named(named)
        return flow

    def _reference(self, value: Value, rendering: Rendering) -> str | None:
        """Return the reference-id as it is kept: that of a whole number is its digits, and a text is in NFC."""
        if type(value) is str and value:
            return same_name(value)
        if type(value) is int:
            return str(number(value))
        if value is not INVALID:
            what = "it is empty" if value == "" else f"it is {kind(value)}"
            error = TemplateError(f"every call needs one, as text or a whole number; {what}")
            rendering.report(self._place(REFERENCE), REFERENCE, error)
        return None

    def _attempt_reference(self, reference: str, rendering: Rendering) -> str:
        """Return the name of an attempt; one that leaves no room for the later ones is reported."""
        if len(reference) > LONGEST_ROOT:
            error = TemplateError(
                f"has {len(reference)} characters; a call with attempts may have {LONGEST_ROOT}",
                hint="the second attempt of R is posted as R~2, and the API takes 64 characters",
            )
            rendering.report(self._place(REFERENCE), REFERENCE, error)
        return attempt_reference(reference, rendering.names[ATTEMPT])

    def _check_size(self, body: dict[str, Value], rendering: Rendering) -> None:
        """Report a body that is larger than any may be; to measure many variables takes steps."""
        variables = body.get(VARIABLES)
        self.budget.spend(len(variables) * ITEMS_PER_STEP if isinstance(variables, dict) else 0)
        if not rendering.failed and json_size(body) > MAX_BODY:
            rendering.report(self.document.place(), "call", _too_large())

    def _place(self, field: str) -> Place:
        return self._origins.of(None).place((field,))


def _too_large() -> TemplateError:
    return TemplateError("the body would have more than 1 MiB of JSON", hint="say less in its variables")


def _skeleton(values: Mapping[str, Value], always: Mapping[str, Value]) -> dict[str, Value]:
    """Return a body in its order, None where a value is rendered; what is not sent stands behind it."""
    return {
        sent: values[name] if name in values else always.get(name)
        for sent, name in _in_order(tuple(values), tuple(always))
    }


@lru_cache(maxsize=256)
def _in_order(given: tuple[str, ...], always: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the names of a body in their order, each with that of its field; what is not sent is behind all others.

    Most documents of a project have the same fields.
    """
    first = [name for name in _ORDER if name in given or name in (FLOW_ID, VARIABLES)]
    sent = [name for name in given if name not in _UNSENT]
    unsent = [name for name in given if name in _UNSENT]
    names = dict.fromkeys((REFERENCE, *first, *sent, *always, *unsent))
    return tuple((INSTRUCTION_ID if name == REFERENCE else name, name) for name in names)


def _terms_of(values: dict[str, Value]) -> Terms:
    """Take the terms of a call out of its values."""
    timezone, not_before, expires, consent, moved_from = (values.pop(name, None) for name in TERMS)
    before = same_name(moved_from) if type(moved_from) is str else moved_from
    return Terms(timezone, not_before, expires, consent or {}, str(before) if type(before) is int else before)


_NAMES = {"Call": frozenset({"vars", ATTEMPT}), "CallSet": frozenset({"vars", "row", "row_number", ATTEMPT})}
#: The fields that name a call: all of its attempts have the same.
_NAMES_OF_CALLS = frozenset({REFERENCE, "moved-from"})
#: The fields that a call with attempts cannot have, and why.
_NOT_WITH_ATTEMPTS = {
    "callees": "write a call for each number, so that each has its own outcome",
    "callback-url": "the outcome decides what follows, and would go to somebody else",
}


class Compilation:
    """Compiles documents of kind Call or CallSet that their schemas accept, over the project's defaults.

    `environment` decides the ids of flows. `variables` is what templates see as ``vars``. `always` holds
    the fields that are sent even when nobody sets them, with their values. `broken` are the names of flows whose
    documents are wrong, None where they may be any. `keep_rows` says whether calls have the values of their rows.
    """

    def __init__(
        self,
        project: Project,
        environment: str,
        flows: Mapping[str, Flow],
        variables: Mapping[str, Value],
        *,
        taken_by: TakenBy,
        always: Mapping[str, Value],
        broken: Collection[Value] | None = (),
        budget: Budget | None = None,
        keep_rows: bool = False,
    ) -> None:
        self._keep_rows = keep_rows
        self._defaults = Defaults(project)
        self._flows = Flows(flows, environment, broken)
        self._vars = dict(variables)
        self._taken_by = taken_by
        self._always = always
        #: What all documents of the walk that this is for may do together; several walks may share one.
        self.budget = budget or Budget()

    def compiled(self, document: Document, open_variables: OpenVariables | None = None) -> CompiledCall:
        """Compile one of the documents; what templates see of `open_variables` lies over all others."""
        values = self._vars if open_variables is None else {**self._vars, **open_variables.values}
        compiler = Compiler(_NAMES[document.kind], values, self.budget, open_variables)
        written = self._defaults.below(document)
        self.budget.spend(self._defaults.steps)
        attempts = self._defaults.attempts(document, compiler)
        variables = Variables(written.variables, compiler, self._taken_by)
        return CompiledCall(
            document,
            written,
            compiler,
            self._flows,
            variables,
            self._always,
            attempts,
            keeps_rows=self._keep_rows,
        )
