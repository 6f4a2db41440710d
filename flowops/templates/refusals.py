"""What templates do not have, and what to write in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes

from flowops.common.names import nearest
from flowops.common.text import listed
from flowops.templates.fault import TemplateFault, member
from flowops.templates.filters import FILTERS
from flowops.templates.tree import label, start

if TYPE_CHECKING:
    from flowops.templates.table import Table

# Python's methods, and Jinja's other names of filters, that users know: what does the same here.
_INSTEAD = {"strip": "trim", "count": "length", "len": "length", "strftime": "datetime", "d": "default"}
_ROW_NAMES = ("row", "row_number")


def expression(node: nodes.Node) -> TemplateFault:
    """The fault of an expression that templates do not have."""
    if isinstance(node, nodes.Call):
        return _call(node)
    if isinstance(node, nodes.Pow):
        return TemplateFault("templates have no '**'", hint="work it out beforehand", offset=start(node))
    return TemplateFault(f"templates have no {type(node).__name__.lower()} expression", offset=start(node))


def unknown_name(name: str, offset: int, names: frozenset[str]) -> TemplateFault:
    """The fault of a name that no template of this document has."""
    message = f"'{name}' is not defined"
    if name in _ROW_NAMES:
        return TemplateFault(message, hint="there is a row only in a call set (kind: CallSet)", offset=offset)
    guess = nearest(name, tuple(sorted(names)))
    if guess is not None:
        return TemplateFault(message, hint=f"did you mean '{guess}'?", offset=offset)
    ways = [f"vars.{name}" if not name.startswith("_") else "vars"]
    if "row" in names:
        ways.append(f"row.{name}" if not name.startswith("_") else "row")
    return TemplateFault(message, hint=f"a template sees {listed(sorted(names))}: {' or '.join(ways)}?", offset=offset)


def private(node: nodes.Getattr) -> TemplateFault:
    """The fault of an attribute that begins with an underscore, as Python's inner ones do."""
    hint = f"a column of that name is written {member(label(node.node), node.attr)}"
    return TemplateFault(f"'{label(node)}': an attribute may not begin with '_'", hint=hint, offset=start(node))


def dashed(left: nodes.Getattr, right: nodes.Name) -> TemplateFault:
    """The fault of ``row.first-name``, which Jinja reads as a difference."""
    whole = member(label(left.node), f"{left.attr}-{right.name}")
    return TemplateFault(f"'{right.name}' is not defined", hint=f"did you mean {whole}?", offset=right.lineno)


def unknown_function(what: str, name: str, table: Table, offset: int) -> TemplateFault:
    """The fault of a filter or a test that there is not."""
    guess = nearest(name, tuple(table))
    if name in _INSTEAD and _INSTEAD[name] in table:
        guess = _INSTEAD[name]
    there_are = f"there are: {', '.join(sorted(table))}"
    hint = there_are if guess is None else f"did you mean '{guess}'? {there_are}"
    return TemplateFault(f"templates have no {what} '{name}'", hint=hint, offset=offset)


def _call(node: nodes.Call) -> TemplateFault:
    called = node.node
    message = f"templates have no calls: '{label(called)}()'"
    name = label(called).rpartition(".")[2]
    name = name if name in FILTERS else _INSTEAD.get(name, name)
    if isinstance(called, nodes.Getattr) and name in FILTERS:
        hint = f"use a filter: {label(called.node)} | {name}"
    else:
        hint = f"there are filters instead: {', '.join(sorted(FILTERS))}"
    return TemplateFault(message, hint=hint, offset=start(node))
