"""The flow variables of a call: rendered one by one, then held against what the flow takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from flowops.model import Problem
from flowops.templates.fault import TemplateFault
from flowops.templates.fields import VARIABLES, Written
from flowops.templates.parts import FAILED, Compiler, Constant, Part, Rendering
from flowops.templates.problems import VARIABLE
from flowops.templates.values import kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flowops.model import Flow, Origin, Path, Value
    from flowops.templates.origins import Origins


class VariableProblem(Protocol):
    """What is wrong with a flow variable."""

    @property
    def path(self) -> Path:
        """The way to the value: ``flow-variables``, the variable's name, and perhaps on."""
        ...

    @property
    def message(self) -> str:
        """What is wrong, the field's name first."""
        ...

    @property
    def hint(self) -> str | None:
        """What the user can do about it."""
        ...


#: Converts the variables of a call as its flow wants them, fills in the flow's defaults, and says what is wrong.
CheckVariables: TypeAlias = "Callable[[Flow, dict[str, Value]], tuple[dict[str, Value], Sequence[VariableProblem]]]"


class Variables:
    """The flow variables that a document and the project's defaults set."""

    def __init__(
        self, layers: Sequence[dict[str, Written] | Written], compiler: Compiler, check: CheckVariables
    ) -> None:
        self._check = check
        self._any = bool(layers)
        #: The variables before the first that are rendered all at once, in their order; None stands for a rendered one.
        self._skeleton: dict[str, Value] = {}
        self._renders: list[tuple[str | None, Callable[[Rendering], Value]]] = []
        ahead = True
        for name, part in (each for layer in layers for each in _parts(layer, compiler)):
            ahead = ahead and name is not None
            if ahead and name is not None:
                self._skeleton[name] = part.value if isinstance(part, Constant) else None
                if isinstance(part, Constant):
                    continue
            self._renders.append((name, part.render))

    def render(self, rendering: Rendering) -> tuple[dict[str, Value], bool]:
        """Return every variable's value, `FAILED` where it has a problem, and whether they are all there are."""
        values = self._skeleton.copy()
        whole = True
        for name, render in self._renders:
            value = render(rendering)
            if name is not None:
                values[name] = value
            elif isinstance(value, dict):
                values.update(value)
            elif value is not None:
                whole = False
        return values, whole

    def check(
        self, flow: Flow | None, values: dict[str, Value], origins: Origins, rendering: Rendering, *, whole: bool
    ) -> Value:
        """Return rendered variables as they are sent, None for none; what the flow says against them is reported."""
        failed: frozenset[Value] = frozenset()
        if rendering.failed:
            failed = frozenset(name for name, value in values.items() if value is FAILED)
            values = {name: value for name, value in values.items() if value is not FAILED}
        if flow is not None and whole:
            values, problems = self._check(flow, values)
            for problem in problems:
                # a variable that could not be rendered is not missing, and has been reported
                if failed.isdisjoint(problem.path[1:2]):
                    self._report(problem, origins.of(flow), rendering)
        return values if values or self._any else None

    def _report(self, problem: VariableProblem, origin: Origin, rendering: Rendering) -> None:
        place = origin.place(problem.path)
        if rendering.fails(place, ".".join(map(str, problem.path)), VARIABLE):
            rendering.problems.append(Problem(place, rendering.row, problem.message, VARIABLE, problem.hint))


class _Whole:
    """A template that gives all variables at once, as ``{{ row.variables }}`` may."""

    def __init__(self, part: Part, written: Written) -> None:
        self._part = part
        self._written = written

    def render(self, rendering: Rendering) -> Value:
        """A mapping or null."""
        value = self._part.render(rendering)
        if value is None or value is FAILED or isinstance(value, dict):
            return value
        fault = TemplateFault(f"has to be a mapping, not {kind(value)}")
        rendering.report(self._written.document.place(self._written.path), VARIABLES, fault)
        return FAILED


def _parts(layer: dict[str, Written] | Written, compiler: Compiler) -> Iterable[tuple[str | None, _Whole | Part]]:
    """Return the variables of a layer with their names; a template that gives all of them has none."""
    if isinstance(layer, Written):
        if not isinstance(layer.value, dict):
            return [(None, _Whole(compiler.compile(layer.value, layer.document, layer.path, VARIABLES), layer))]
        return compiler.entries(layer.value, layer.document, layer.path, VARIABLES).items()
    return [
        (name, compiler.entry(name, written.value, written.document, written.path, VARIABLES))
        for name, written in layer.items()
    ]
