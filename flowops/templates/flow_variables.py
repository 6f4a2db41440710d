"""The flows of a project, which of them a call starts, and the variables that it gives its flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from flowops.common.budget import most_json
from flowops.common.masking import mask_quoted, mask_written
from flowops.common.names import nearest, same_name
from flowops.common.text import listed
from flowops.model.document import Problem
from flowops.templates.fields import VARIABLES, SourceValue
from flowops.templates.nodes import INVALID, Compiler, ConstantNode, Node, Rendering, plain_size
from flowops.templates.problems import VARIABLE, TemplateError
from flowops.templates.values import kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from flowops.common.budget import Budget
    from flowops.model.call import Origin
    from flowops.model.document import Path, RowPlace, Value
    from flowops.model.project import Flow
    from flowops.templates.fields import Origins


class BrokenFlow(TemplateError):
    """A flow whose document is wrong: that has been reported there, and no call of it is to blame."""


class Flows:
    """The flows of a project, as one environment has them."""

    def __init__(self, flows: Mapping[str, Flow], environment: str, broken: Collection[Value] | None = ()) -> None:
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
        if flow is None and (self._broken is None or name in self._broken):
            raise BrokenFlow("cannot be used")
        if flow is None:
            raise TemplateError(
                f"{mask_quoted(name) if written else mask_written(name)} is not a known flow",
                hint=lambda: self._known(name),
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

    def fit(self, many: Sequence[Mapping[str, Value]], budget: Budget) -> bool:
        """Return whether nothing is wrong with the variables of many calls that are complete.

        What a budget has not enough left for is not looked at; it is exhausted then.
        """
        ...

    def problems(self, values: Mapping[str, Value], budget: Budget) -> Sequence[VariableProblem]:
        """Return what is wrong with the variables of one call that are complete, as far as a budget goes."""
        ...


#: Gives what a flow takes.
TakenBy: TypeAlias = "Callable[[Flow], TakenVariables]"


#: A value that is rendered for each row: where it belongs, its name, and of its node what gives the value, see `Node`.
Part: TypeAlias = "tuple[int, str, Callable[[Rendering], Value], Node]"
#: Where values belong.
BODY, IN_VARIABLES = range(2)


class Variables:
    """The flow variables that a document and the project's defaults set.

    `skeleton` holds those before the first that are rendered all at once, in their order; None stands for one of the
    `parts`, which are rendered.
    """

    def __init__(
        self, layers: Sequence[dict[str, SourceValue] | SourceValue], compiler: Compiler, taken_by: TakenBy
    ) -> None:
        self._taken_by = taken_by
        self._budget = compiler.budget
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
            self.parts.append((IN_VARIABLES, name, node.evaluate, node))

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
            # Nearly always it is that of the call before.
            taken = self._taken if self._taken is not None and flow is self._flow else self._takes(flow)
            values, problems = taken.complete(values)
            if problems or rendering.failed:
                for problem in (*problems, *taken.problems(values, self._budget)):
                    # a variable that could not be rendered is not missing, and has been reported
                    if failed.isdisjoint(problem.path[1:2]):
                        rendering.add(variable_problem(problem, origins.of(flow), rendering.row))
        return values if values or self._any else None

    def _takes(self, flow: Flow) -> TakenVariables:
        """Return what a flow takes."""
        if self._taken is None or flow is not self._flow:
            self._flow, self._taken = flow, self._taken_by(flow)
        return self._taken

    def misfits(
        self, bodies: Sequence[Mapping[str, Value]], flow: Flow
    ) -> Iterator[tuple[int, Sequence[VariableProblem]]]:
        """Yield which of some bodies have variables that do not fit their flow, and why."""
        taken = self._takes(flow)
        if not taken.fit([body.get(VARIABLES, _NO_VARIABLES) for body in bodies], self._budget):
            for index, body in enumerate(bodies):
                if problems := taken.problems(body.get(VARIABLES, _NO_VARIABLES), self._budget):
                    yield index, problems


_NO_VARIABLES: Mapping[str, Value] = {}


def variable_problem(problem: VariableProblem, origin: Origin, row: RowPlace | None) -> Problem:
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
