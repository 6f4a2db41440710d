"""The flow variables of a call: rendered one by one, then held against what the flow takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from flowops.model import Problem
from flowops.templates.fault import TemplateFault
from flowops.templates.fields import VARIABLES, Written
from flowops.templates.openings import is_plain, is_plain_document
from flowops.templates.parts import FAILED, Compiler, Part, Rendering
from flowops.templates.problems import VARIABLE
from flowops.templates.values import is_small, kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


class Rendered(NamedTuple):
    """The variables of one call, and the names of those with a problem; not `whole` when there may be more."""

    values: dict[str, Value]
    failed: frozenset[str] = frozenset()
    whole: bool = True


class Variables:
    """The flow variables that a document and the project's defaults set."""

    def __init__(
        self, layers: Sequence[dict[str, Written] | Written], compiler: Compiler, check: CheckVariables
    ) -> None:
        self._check = check
        self._any = bool(layers)
        # What is written without a template is rendered already.
        self._plain = _plain(layers)
        self._layers = [] if self._plain is not None else [_layer(layer, compiler) for layer in layers]

    def render(self, rendering: Rendering) -> Rendered:
        """Every variable's value; problems are reported."""
        if self._plain is not None:
            return self._plain
        values: dict[str, Value] = {}
        whole = True
        for layer in self._layers:
            if isinstance(layer, dict):
                values.update({name: part.render(rendering) for name, part in layer.items()})
                continue
            found = layer.render(rendering)
            if isinstance(found, dict):
                values.update(found)
            elif found is not None:
                whole = False
        failed = frozenset(name for name, value in values.items() if value is FAILED)
        return Rendered({name: value for name, value in values.items() if name not in failed}, failed, whole)

    def check(self, flow: Flow | None, rendered: Rendered, origins: Origins, rendering: Rendering) -> Value:
        """The variables as they are sent, None for none; what the flow says against them is reported."""
        values = rendered.values
        if flow is not None and rendered.whole:
            values, problems = self._check(flow, values)
            for problem in problems:
                # a variable that could not be rendered is not missing, and has been reported
                if not rendered.failed.intersection(problem.path[1:2]):
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


def _plain(layers: Sequence[dict[str, Written] | Written]) -> Rendered | None:
    """The variables of one mapping of plain texts and small numbers, which nobody has to look at any closer."""
    if len(layers) != 1 or not isinstance(layers[0], Written) or type(layers[0].value) is not dict:
        return None
    values = layers[0].value
    if is_plain_document(layers[0].document):
        for value in values.values():
            if type(value) is not str and not is_small(value):
                return None
        return Rendered(values)
    for name, value in values.items():
        if "{" in name or not (is_plain(value) if type(value) is str else is_small(value)):
            return None
    return Rendered(values)


def _layer(layer: dict[str, Written] | Written, compiler: Compiler) -> dict[str, Part] | _Whole:
    if isinstance(layer, Written):
        if not isinstance(layer.value, dict):
            return _Whole(compiler.compile(layer.value, layer.document, layer.path, VARIABLES), layer)
        return compiler.entries(layer.value, layer.document, layer.path, VARIABLES)
    return {
        name: compiler.entry(name, written.value, written.document, written.path, VARIABLES)
        for name, written in layer.items()
    }
