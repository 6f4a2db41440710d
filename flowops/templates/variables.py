"""``vars`` may use ``vars``: those of the project and the environment are merged first, then rendered, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.budget import PARTS_PER_STEP, Budget
from flowops.common.masking import mask_quoted
from flowops.model.document import Problem
from flowops.templates.nodes import INVALID, Compiler, Rendering, is_template
from flowops.templates.problems import TEMPLATE, BudgetExceeded, TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.model.document import Value
    from flowops.templates.fields import SourceValue

_NAMES = frozenset({"vars"})
_VARS = "vars"


def render_variables(
    written: Mapping[str, SourceValue], data: Mapping[str, Value]
) -> tuple[dict[str, Value], list[Problem]]:
    """Return what templates see as ``vars``, and what is wrong with them.

    `written` are those of documents, which are rendered; `data` lies over them, and is taken as it is. A variable that
    needs itself is a problem, which names the circle.
    """
    values = {name: source.value for name, source in written.items()} | dict(data)
    templates = {name: source for name, source in written.items() if name not in data and _has_template(source.value)}
    if not templates:
        return values, []
    return _Variables(templates, values).rendered()


def _has_template(value: Value) -> bool:
    return any(map(is_template, _texts(value)))


def _texts(value: Value) -> Iterator[str]:
    """Yield every text in a value, keys too; what aliases repeat is looked at once."""
    left = [value]
    seen: set[int] = set()
    while left:
        item = left.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            left += [*item, *item.values()]
        elif isinstance(item, list):
            left += item


class _Variables:
    def __init__(self, templates: Mapping[str, SourceValue], values: dict[str, Value]) -> None:
        self._templates = templates
        self._values = values
        self._rendering = Rendering(values)
        # All variables together may take as many steps as one call.
        self._budget = Budget()
        self._problems: list[Problem] = []
        self._done: set[str] = set()

    def rendered(self) -> tuple[dict[str, Value], list[Problem]]:
        """Return all variables: what one uses comes before it."""
        for name in self._templates:
            if self._budget.exhausted:
                source = self._templates[name]
                message = f"{_VARS}: the templates take too much work; the rest was not rendered"
                self._problems.append(Problem(source.document.place(source.path), message=message, code=TEMPLATE))
                break
            self._visit(name)
        return self._values, self._problems + self._rendering.problems

    def _visit(self, name: str) -> None:
        """Render a variable behind those that it uses; without recursion, because a chain may have any length."""
        way: list[tuple[str, Iterator[str]]] = [(name, iter(self._uses(name)))]
        open_: dict[str, None] = {name: None}
        while way:
            current, uses = way[-1]
            following = next((each for each in uses if each in self._templates and each not in self._done), None)
            if following is None:
                way.pop()
                del open_[current]
                if current not in self._done:
                    self._done.add(current)
                    self._render(current)
            elif following in open_:
                names = list(open_)
                self._refuse(following, [*names[names.index(following) :], following])
            else:
                way.append((following, iter(self._uses(following))))
                open_[following] = None

    def _uses(self, name: str) -> list[str]:
        """Return the variables that one uses, whatever it makes of them."""
        if name in self._done:
            return []
        from flowops.templates.syntax import vars_used

        found: dict[str, None] = {}
        for text in filter(is_template, _texts(self._templates[name].value)):
            # It is parsed once more than when it is compiled.
            self._budget.spend(4 * text.count("{"))
            used = vars_used(text)
            found.update(dict.fromkeys(self._templates if used is None else used))
        return list(found)

    def _refuse(self, name: str, circle: list[str]) -> None:
        self._done.update(circle)
        source = self._templates[name]
        chain = " → ".join(f"{_VARS}.{each}" for each in circle)
        message = f"{_VARS}.{name}: it needs itself, in a circle: {chain}"
        self._problems.append(Problem(source.document.place(source.path), message=message, code=TEMPLATE))

    def _render(self, name: str) -> None:
        source = self._templates[name]
        compiler = Compiler(_NAMES, self._values, self._budget)
        node = compiler.compile(source.value, source.document, source.path, f"{_VARS}.{name[:64]}")
        self._problems += compiler.problems
        try:
            self._rendering.charge(1 + compiler.work // PARTS_PER_STEP)
            value = INVALID if compiler.problems else node.render(self._rendering)
        except BudgetExceeded as error:
            if not self._rendering.failed:
                place = source.document.place(source.path)
                self._rendering.report(place, f"{_VARS}.{mask_quoted(name)}", TemplateError(error.message))
            return
        if value is not INVALID:
            self._values[name] = value
