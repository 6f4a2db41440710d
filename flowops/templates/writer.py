"""The source of one Python function that renders a call set: local names, constants and lines, and nothing else.

No text of a user ever becomes part of the source: whatever a document says is a constant, which the function finds
by a name that is made here. So the function does what the plain way does, expression by expression, and can do no more.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from flowops.templates.filters import FILTERS
from flowops.templates.limits import CHARACTERS_A_STEP
from flowops.templates.quick import NotQuick, inner, long, note, text, whole
from flowops.templates.scope import MISSING, Scope
from flowops.templates.syntax import parse
from flowops.templates.tree import keys
from flowops.templates.values import steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.model import Value
    from flowops.templates.template import Template

_ROW, _NUMBER, _VARIABLES = "row", "row_number", "vars"
#: A text of fewer characters takes no step.
SHORT = f"< {CHARACTERS_A_STEP}"


class Writer:
    """Lines that work out one row after the other. An expression is written as lines, and gives the name of its value.

    `base` counts the steps of templates that were worked out once for all rows. `scoped` says that some template is
    worked out the plain way, for which the function needs a scope.
    """

    def __init__(self, variables: Mapping[str, Value]) -> None:
        self.constants: dict[str, Any] = {"inner": inner, "long": long, "note": note, "text": text, "whole": whole}
        self.lines: list[str] = []
        self.base = 0
        self.scoped = False
        self.variables = variables
        self._columns: dict[str, str] = {}
        self._names = 0

    def constant(self, value: Value) -> str:
        """The name of a value that is the same for all rows."""
        name = self._name("c")
        self.constants[name] = value
        return name

    def assign(self, expression: str) -> str:
        """A line that gives an expression a name."""
        name = self._name("v")
        self.lines.append(f"{name} = {expression}")
        return name

    def template(self, template: Template) -> str:
        """The value of a scalar. Raises `NotQuick` for a template with faults."""
        tree = parse(template.source)
        if {name.name for name in tree.find_all(nodes.Name)}.isdisjoint((_ROW, _NUMBER)):
            return self.constant(self._once(template))
        before = len(self.lines), dict(self._columns)
        try:
            return self._outputs(template.source, list(_outputs(tree)))
        except NotQuick:
            del self.lines[before[0] :]
            self._columns = before[1]
            self.scoped = True
            value = self.assign(f"{self.constant(template.evaluate)}(scope)")
            self.noted(value)
            return value

    def noted(self, value: str) -> None:
        """A line that tells of a value which is not a text."""
        self.lines.append(f"if type({value}) is not str: note({value}, odd, i)")

    def _once(self, template: Template) -> Value:
        scope = Scope({_VARIABLES: dict(self.variables)})
        left = scope.steps
        value = template.evaluate(scope)
        self.base += left - scope.steps
        return value

    def _outputs(self, source: str, parts: list[nodes.Expr]) -> str:
        if len(parts) == 1 and source.startswith("{{") and source.endswith("}}"):
            value = self._expression(parts[0])
            self.lines.append(
                f"if type({value}) is not str: whole({value}, odd, i)\n"
                f"elif not len({value}) {SHORT}: spent += long({value})"
            )
            return value
        pieces = "".join(f"{{{self._piece(part)}}}" for part in parts)
        value = self.assign(f'f"{pieces}"')
        # Once for joining the pieces, once for looking at the result.
        self.lines.append(f"if not len({value}) {SHORT}: spent += 2 * long({value})")
        return value

    def _piece(self, part: nodes.Expr) -> str:
        if isinstance(part, nodes.TemplateData):
            return self.constant(str(part.data))
        value = self._expression(part)
        return self.assign(f"{value} if type({value}) is str else text({value})")

    def _expression(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Filter):
            return self._filter(node)
        if isinstance(node, nodes.Const):
            return self.constant(node.value)
        match keys(node):
            case (str(root),) if root == _NUMBER:
                return "number"
            case (str(root), str(key)) if root == _ROW:
                return self._column(key)
            case (str(root), *path) if root == _VARIABLES:
                return self.constant(self._variable(path))
        raise NotQuick

    def _column(self, key: str) -> str:
        if key not in self._columns:
            self._columns[key] = self.assign(f"row[{self.constant(key)}]")
        return self._columns[key]

    def _variable(self, path: list[str]) -> Value:
        value: Value = self.variables
        for key in path:
            if not isinstance(value, dict) or key not in value:
                raise NotQuick
            value = value[key]
        return value

    def _filter(self, node: nodes.Filter) -> str:
        function = FILTERS.get(node.name)
        if function is None or node.node is None or node.dyn_args or node.dyn_kwargs:
            raise NotQuick
        match keys(node.node):
            case (str(root), str(key)) if root == _ROW and function.forgiving:
                value = self.assign(f"row.get({self.constant(key)}, {self.constant(MISSING)})")
            case _:
                value = self._expression(node.node)
        value = self.assign(f"{value} if type({value}) is str and len({value}) {SHORT} else inner({value})")
        named = {str(argument.key): self._argument(argument.value) for argument in node.kwargs}
        call = self.constant(partial(function.call, **named) if named else function.call)
        arguments = [self.constant(self._argument(argument)) for argument in node.args]
        return self.assign(f"{call}({', '.join([value, *arguments])})")

    def _argument(self, node: nodes.Node) -> Value:
        """What stands in a filter's brackets, where it takes no steps and is the same for all rows."""
        value = node.value if isinstance(node, nodes.Const) else None
        path = keys(node)
        if path is not None and path[0] == _VARIABLES:
            value = self._variable(list(path[1:]))
        elif not isinstance(node, nodes.Const):
            raise NotQuick
        if steps(value):
            raise NotQuick
        return value

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"


def _outputs(tree: nodes.Template) -> Iterator[nodes.Expr]:
    for node in tree.body:
        if not isinstance(node, nodes.Output):
            raise NotQuick
        yield from node.nodes
