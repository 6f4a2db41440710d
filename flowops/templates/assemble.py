"""How a call is put together: its fields over defaults, its variables, its flow, and where all of them are written."""

from __future__ import annotations

from functools import lru_cache
from itertools import compress, product
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from flowops.common.budget import (
    BYTES_PER_STEP,
    DOCUMENT_STEPS,
    ITEMS_PER_STEP,
    MAX_BODY,
    PARTS_PER_STEP,
    Budget,
    deep,
    json_size,
    most_json,
)
from flowops.common.masking import mask_written
from flowops.common.names import nearest, same_name
from flowops.common.numbers import EXAMPLE_COLUMN
from flowops.common.text import listed, quoted
from flowops.model.attempts import LONGEST_ROOT, ONE_ATTEMPT, attempt_reference, read_attempts
from flowops.model.call import INSTRUCTION_ID, NO_TERMS, TERMS, Call, Origin, Terms
from flowops.model.document import Problem
from flowops.templates.budget import ATTEMPT
from flowops.templates.errors import BudgetExceeded, TemplateError
from flowops.templates.nodes import (
    INVALID,
    Compiler,
    ConstantNode,
    InvalidNode,
    Node,
    Rendering,
    plain_size,
)
from flowops.templates.problems import FLOW as FLOW_RULE
from flowops.templates.problems import VARIABLE
from flowops.templates.values import kind, number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from flowops.model.attempts import Attempts
    from flowops.model.document import Document, Path, Place, RowPlace, Value
    from flowops.model.project import Flow, Project


VARIABLES = "flow-variables"
REFERENCE = "reference-id"
FLOW = "flow"
FLOW_ID = "callflow-id"
ATTEMPTS = "attempts"
#: What a document says beside the fields of its calls. Labels and attempts are the document's: all rows have the same.
_NO_FIELDS = frozenset(("apiVersion", "kind", "labels", ATTEMPTS))
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
        fields.pop(VARIABLES, None)
        variables = self._variables
        layers: tuple[dict[str, SourceValue] | SourceValue, ...] = ()
        if VARIABLES in own:
            variables = SourceValue(own[VARIABLES], document, _path(document, VARIABLES))
        if variables is not None and variables.value is not None:
            layers = (variables,) if variables is self._variables else _layers(self._variables, variables)
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
            place = document.place((ATTEMPTS,)) if own or self._attempts is None else self._attempts.place()
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


class BrokenFlow(TemplateError):
    """A flow whose document is wrong: that has been reported there, and no call of it is to blame."""


class Flows:
    """The flows of a project, as one environment has them."""

    def __init__(self, flows: Mapping[str, Flow], environment: str, broken: Collection[Value] = ()) -> None:
        self._flows = flows
        self._broken = broken
        self._environment = environment
        self._by_id: dict[str, Flow] = {}
        self._largest: dict[str, Value] | None = None
        for flow in flows.values():
            known = flow.callflow_id(environment)
            if known is not None:
                self._by_id.setdefault(known, flow)

    def named(self, name: Value, *, written: bool = False) -> tuple[Flow, str]:
        """Return the flow of a name, and its id in this environment; raises `TemplateError` when there is none.

        What is not `written` in a document is of a row, and may be somebody's.
        """
        if not isinstance(name, str):
            raise TemplateError(f"has to be the name of a flow, not {kind(name)}")
        flow = self._flows.get(same_name(name))
        if flow is None and name in self._broken:
            raise BrokenFlow("cannot be used")
        if flow is None:
            raise TemplateError(
                f"{quoted(name) if written else mask_written(name)} is not a known flow", hint=lambda: self._known(name)
            )
        known = flow.callflow_id(self._environment)
        if known is None:
            others = listed(sorted(flow.callflow_ids)) or "none"
            raise TemplateError(
                f"'{name}' has no callflow-id for the environment '{self._environment}'",
                hint=f"add it in {flow.document.file}; there are ids for: {others}",
            )
        return flow, known

    def defaults_of(self, flow: Flow | None) -> dict[str, Value]:
        """Return the variables that a flow gives a value."""
        return {} if flow is None else _defaults_of(flow)

    def largest_defaults(self) -> dict[str, Value]:
        """Return the variables of the flow that gives the most."""
        if self._largest is None:
            self._largest = max(map(_defaults_of, self._flows.values()), key=most_json, default={})
        return self._largest

    def with_id(self, callflow_id: Value) -> Flow | None:
        """Return the flow that has this id in this environment, if the project describes one."""
        return self._by_id.get(callflow_id) if isinstance(callflow_id, str) else None

    def _known(self, name: str) -> str:
        if not self._flows:
            return "describe it in a document of kind: Flow, or give its callflow-id"
        guess = nearest(name, tuple(self._flows))
        known = f"known flows: {listed(self._flows)}"
        return known if guess is None else f"did you mean '{guess}'? {known}"


def _defaults_of(flow: Flow) -> dict[str, Value]:
    return {name: schema["default"] for name, schema in flow.variables.items() if "default" in schema}


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


class VariableProblem(Protocol):
    """What is wrong with a flow variable."""

    @property
    def path(self) -> Path:
        """Return the way to the value: ``flow-variables``, the variable's name, and perhaps on."""
        ...

    @property
    def text(self) -> str:
        """Return what is wrong, without the field's name."""
        ...

    @property
    def names(self) -> Collection[str]:
        """Return the names in the path that the flow itself has."""
        ...

    @property
    def most(self) -> int | None:
        """Return how many steps of the path may be told, None for all."""
        ...

    @property
    def hint(self) -> str | None:
        """Return what the user can do about it."""
        ...


class TakenVariables(Protocol):
    """What one flow takes."""

    def complete(self, values: dict[str, Value]) -> tuple[dict[str, Value], Sequence[VariableProblem]]:
        """Return the variables of a call as the flow wants them, its defaults filled in, and which are not its own.

        The values may be changed in place.
        """
        ...

    def fit(self, many: Sequence[Mapping[str, Value]]) -> bool:
        """Return whether nothing is wrong with the variables of many calls that are complete."""
        ...

    def problems(self, values: Mapping[str, Value]) -> Sequence[VariableProblem]:
        """Return what is wrong with the variables of one call that are complete."""
        ...


#: Gives what a flow takes.
TakenBy: TypeAlias = "Callable[[Flow], TakenVariables]"


#: A value that is rendered for each row: where it belongs, its name, and of its node what gives the value, see `Node`.
Part: TypeAlias = "tuple[int, str, Callable[[Rendering], Value], Node]"
#: Where values belong.
_BODY, _VARIABLES = range(2)


class Variables:
    """The flow variables that a document and the project's defaults set.

    `skeleton` holds those before the first that are rendered all at once, in their order; None stands for one of the
    `parts`, which are rendered.
    """

    def __init__(
        self, layers: Sequence[dict[str, SourceValue] | SourceValue], compiler: Compiler, taken_by: TakenBy
    ) -> None:
        self._taken_by = taken_by
        self._any = bool(layers)
        self.skeleton: dict[str, Value] = {}
        self.parts: list[Part] = []
        self._flow: Flow | None = None
        self._taken: TakenVariables | None = None
        #: The variables from the first on that are rendered all at once.
        self._rest: list[tuple[str | None, Node]] = []
        #: More bytes than the constants among them have as JSON.
        self.most = 0
        for layer in layers:
            if not self._rest and isinstance(layer, SourceValue) and self._add_plain(layer.value):
                continue
            for name, node in _nodes(layer, compiler):
                self._add(name, node)
        #: Whether each row has the same variables: those of a template that gives all at once may be any.
        self.has_same_names = not self._rest

    def _add_plain(self, written: Value) -> bool:
        """Add variables that can all be sent as they are written; return whether they can."""
        size = plain_size(written) if type(written) is dict else None
        if size is None:
            return False
        self.skeleton.update(written)
        self.most += size
        return True

    def _add(self, name: str | None, node: Node) -> None:
        """Add a variable, or, without a name, what gives all of them."""
        if name is not None and isinstance(node, ConstantNode):
            self.most += most_json({name: node.value})
        if name is None or self._rest:
            self._rest.append((name, node))
        elif isinstance(node, ConstantNode):
            self.skeleton[name] = node.value
        else:
            self.skeleton[name] = None
            self.parts.append((_VARIABLES, name, node.evaluate, node))

    @property
    def constants(self) -> dict[str, Value]:
        """Return the variables that are the same for each row."""
        if not self._rest:
            return self.skeleton
        rest = {name: node.value for name, node in self._rest if name is not None and isinstance(node, ConstantNode)}
        return {**self.skeleton, **rest}

    def render_rest(self, values: dict[str, Value], rendering: Rendering) -> bool:
        """Put the values of those that are no parts among the others, `INVALID` where one has a problem; return whether
        they are all there are."""
        whole = True
        for name, node in self._rest:
            value = node.render(rendering)
            if name is not None:
                values[name] = value
            elif isinstance(value, dict):
                values.update(value)
            elif value is not None:
                whole = False
        return whole

    def check(
        self, flow: Flow | None, values: dict[str, Value], origins: Origins, rendering: Rendering, whole: bool
    ) -> Value:
        """Return rendered variables as they are sent, None for none; what the flow says against them is reported.

        Whether the values fit the flow is left to `misfits`, which asks about very many calls at once; for a call that
        there will not be it is asked here.
        """
        failed: frozenset[Value] = frozenset()
        if rendering.failed:
            failed = frozenset(name for name, value in values.items() if value is INVALID)
            values = {name: value for name, value in values.items() if value is not INVALID}
        if flow is not None and whole:
            taken = self._takes(flow)
            values, problems = taken.complete(values)
            if problems or rendering.failed:
                for problem in (*problems, *taken.problems(values)):
                    # a variable that could not be rendered is not missing, and has been reported
                    if failed.isdisjoint(problem.path[1:2]):
                        rendering.add(_variable_problem(problem, origins.of(flow), rendering.row))
        return values if values or self._any else None

    def _takes(self, flow: Flow) -> TakenVariables:
        """Return what a flow takes: nearly always it is that of the call before."""
        if self._taken is None or flow is not self._flow:
            self._flow, self._taken = flow, self._taken_by(flow)
        return self._taken

    def misfits(
        self, bodies: Sequence[Mapping[str, Value]], flow: Flow
    ) -> Iterator[tuple[int, Sequence[VariableProblem]]]:
        """Yield which of some bodies have variables that do not fit their flow, and why."""
        taken = self._takes(flow)
        if not taken.fit([body.get(VARIABLES, _NO_VARIABLES) for body in bodies]):
            for index, body in enumerate(bodies):
                if problems := taken.problems(body.get(VARIABLES, _NO_VARIABLES)):
                    yield index, problems


_NO_VARIABLES: Mapping[str, Value] = {}


def _variable_problem(problem: VariableProblem, origin: Origin, row: RowPlace | None) -> Problem:
    label = origin.label(problem.path, {VARIABLES, *problem.names}, problem.most)
    return Problem(origin.place(problem.path), row, f"{label}: {problem.text}", VARIABLE, problem.hint)


class _MapTemplate(Node):
    """A template that gives all variables at once, as ``{{ row.variables }}`` may."""

    __slots__ = ("_part", "_written")

    def __init__(self, part: Node, written: SourceValue) -> None:
        self._part = part
        self._written = written

    def evaluate(self, rendering: Rendering) -> Value:
        """Return a mapping or null."""
        value = self._part.render(rendering)
        if value is None or value is INVALID or isinstance(value, dict):
            return value
        error = TemplateError(f"has to be a mapping, not {kind(value)}")
        rendering.report(self._written.document.place(self._written.path), VARIABLES, error)
        return INVALID


def _nodes(layer: dict[str, SourceValue] | SourceValue, compiler: Compiler) -> Iterable[tuple[str | None, Node]]:
    """Return the variables of a layer with their names; a template that gives all of them has none."""
    if isinstance(layer, SourceValue):
        if not isinstance(layer.value, dict):
            return [(None, _MapTemplate(compiler.compile(layer.value, layer.document, layer.path, VARIABLES), layer))]
        return compiler.entries(layer.value, layer.document, layer.path, VARIABLES).items()
    return [
        (name, compiler.entry(name, written.value, written.document, written.path, VARIABLES))
        for name, written in layer.items()
    ]


#: The order of a body's fields; any other comes behind them, as the document has them.
_ORDER = ("callee", "callees", "caller", "anonymous", "callback-url", "max-ringing-timeout", FLOW_ID, VARIABLES)
#: CallFields of a document that are not sent under their own name, or not at all.
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
    ) -> None:
        self.document = document
        self.attempts = attempts
        self.variables = compiler.variables
        self.budget = compiler.budget
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
            (_BODY, INSTRUCTION_ID if name == REFERENCE else name, node.evaluate, node) for name, node in nodes.items()
        ]
        self._parts = (*parts, *variables.parts)
        #: Whether all rows start one flow; where they do not, `make` finds that of each.
        self._one_flow = FLOW not in nodes and FLOW_ID not in nodes
        values = {
            INSTRUCTION_ID if name == REFERENCE else name: None if name in nodes else value
            for name, value in written.fields.items()
        }
        self.has_terms = not values.keys().isdisjoint(TERMS)
        #: Whether all rows start one flow with the same variables.
        self.has_one_script = self._one_flow and variables.has_same_names
        self._flow = self._flow_of(values) if self._one_flow else None
        self._skeleton = _skeleton(values, always)
        self._charge(compiler.work, compiler.scalars)
        #: Whether a later attempt may say something else than the first.
        self.uses_attempt = compiler.uses_attempt
        self._problems = tuple(compiler.problems)

    def _refuse_with_attempts(self, written: CallFields, compiler: Compiler) -> None:
        """Refuse what cannot be told apart by attempts, or of which the outcome goes to somebody else."""
        for name, why in _NOT_WITH_ATTEMPTS.items():
            if name in written.fields:
                compiler.refuse(self._place(name), name, TemplateError(f"does not go with attempts: {why}"))

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
        rendering.budget = given = self.budget.begin(DOCUMENT_STEPS)
        made = self.make(rendering)
        self.budget.end(given, rendering.budget)
        if made is None:
            return None, rendering.problems
        body, flow, terms = made
        problems = [each for _, wrong in self.misfits([body], [flow], lambda _: None) for each in wrong]
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
                yield index, [_variable_problem(each, origin, row(index)) for each in problems]

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
        given = rendering.budget
        if self._too_large:
            rendering.report(self.document.place(), "call", _too_large())
            return None
        try:
            rendering.charge(self._steps)
            for where, name, evaluate, node in self._parts:
                try:
                    targets[where][name] = evaluate(rendering)
                except (TemplateError, RecursionError) as error:
                    targets[where][name] = node.fail(rendering, error)
            whole = variables.has_same_names or variables.render_rest(values, rendering)
        except BudgetExceeded as error:
            if not rendering.failed:
                rendering.report(self.document.place(), "call", error)
            return None
        flow = self._flow if self._one_flow else self._find_flow(body, rendering)
        terms = _terms_of(body) if self.has_terms else NO_TERMS
        body[VARIABLES] = variables.check(flow, values, self._origins, rendering, whole)
        reference = body[INSTRUCTION_ID]
        if type(reference) is not str or not reference or not reference.isascii():
            body[INSTRUCTION_ID] = reference = self._reference(reference, rendering)
        if self.attempts.most > 1 and reference is not None:
            body[INSTRUCTION_ID] = self._attempt_reference(reference, rendering)
        if self._most + (given - rendering.budget) * BYTES_PER_STEP > MAX_BODY:
            self._check_size(body, rendering)
        made = self._without_nulls(body, rendering) if None in body.values() else body
        return None if rendering.failed else (made, flow, terms)

    def _without_nulls(self, body: dict[str, Value], rendering: Rendering) -> dict[str, Value]:
        """Return what is sent of a body in which something is null: that is left out, where it may be."""
        if "callee" in body and body["callee"] is None and body.get("callees") is None:
            hint = f'give a number, or leave such rows out: where: "{{{{ {EXAMPLE_COLUMN} is not none }}}}"'
            rendering.report(
                self._place("callee"), "callee", TemplateError("there is no number: it is null", hint=hint)
            )
        sent = {name: value for name, value in body.items() if value is not None}
        for name, value in self._always.items():
            sent.setdefault(name, value)
        return sent

    def named(self, rendering: Rendering) -> Call | None:
        """Return what is left of the call of a row that cannot be made: its reference-id, if that can be rendered."""
        value = self._skeleton.get(INSTRUCTION_ID)
        for where, name, evaluate, _ in self._parts:
            if where == _BODY and name == INSTRUCTION_ID:
                try:
                    value = evaluate(rendering)
                except (TemplateError, RecursionError):
                    return None
        if type(value) is not str or not value:
            return None
        return Call(value, {}, None, frozenset(), self._origins.of(None), rendering.row)

    def call(
        self, body: dict[str, Value], flow: Flow | None, terms: Terms, row: RowPlace | None, attempt: int = 1
    ) -> Call:
        """Return the call of a body that was made here, as it is at an attempt."""
        name = None if flow is None else flow.name
        names = self._sensitive.get(name)
        if names is None:
            names = self._sensitive[name] = frozenset() if flow is None else flow.sensitive
        numbers, origin = sensitive(body, names), self._origins.of(flow)
        return Call(body[INSTRUCTION_ID], body, name, numbers, origin, row, terms, self.attempts, attempt)

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
                place = self._place(FLOW)
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
        name: values[name] if name in values else always.get(name) for name in _in_order(tuple(values), tuple(always))
    }


@lru_cache(maxsize=256)
def _in_order(given: tuple[str, ...], always: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a body in their order, those that are not sent behind all others.

    Most documents of a project have the same fields.
    """
    first = [name for name in _ORDER if name in given or name in (FLOW_ID, VARIABLES)]
    sent = [name for name in given if name not in _UNSENT]
    unsent = [name for name in given if name in _UNSENT]
    return tuple(dict.fromkeys((INSTRUCTION_ID, *first, *sent, *always, *unsent)))


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
    documents are wrong.
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
        broken: Collection[Value] = (),
        budget: Budget | None = None,
    ) -> None:
        self._defaults = Defaults(project)
        self._flows = Flows(flows, environment, broken)
        self._vars = dict(variables)
        self._taken_by = taken_by
        self._always = always
        #: What all documents of the walk that this is for may do together; several walks may share one.
        self.budget = budget or Budget()

    def compiled(self, document: Document) -> CompiledCall:
        """Compile one of the documents."""
        compiler = Compiler(_NAMES[document.kind], self._vars, self.budget)
        written = self._defaults.below(document)
        self.budget.spend(self._defaults.steps)
        attempts = self._defaults.attempts(document, compiler)
        variables = Variables(written.variables, compiler, self._taken_by)
        return CompiledCall(document, written, compiler, self._flows, variables, self._always, attempts)
