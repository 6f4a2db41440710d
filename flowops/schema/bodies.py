"""A yes or no to rendered bodies, fast; whoever hears no asks `check_body` and `check_variables`, which say why."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flowops.schema.check import checker
from flowops.schema.conversion import converted
from flowops.schema.engine import fast_validator
from flowops.schema.number_plan import is_valid
from flowops.schema.request import integer_fields
from flowops.schema.variables import FIELD, flow_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from flowops.model import Flow, Value


class FlowBodies:
    """What the bodies of one flow have to be like, or those of a flow that the project does not describe."""

    def __init__(self, flow: Flow | None) -> None:
        self._variables = None if flow is None else flow_variables(flow)
        schema = checker("request").schema
        if self._variables is not None:
            properties = {**schema["properties"], FIELD: self._variables.schema}
            schema = {**schema, "properties": properties}
        fast = fast_validator(schema)
        self._conforms: Callable[[Mapping[str, Value]], bool] = _nothing if fast is None else fast.is_valid
        self._integers = integer_fields(schema)

    @property
    def defaults(self) -> Mapping[str, Value]:
        """The flow's own values of variables that nobody sets."""
        return {} if self._variables is None else self._variables.defaults

    def takes(self, names: Collection[str]) -> bool:
        """Whether calls with exactly these variables can be right."""
        return self._variables is None or self._variables.takes(names)

    def converter(self, name: str) -> tuple[Callable[[Value], Value], tuple[type, ...]] | None:
        """What makes a variable's value of the type that the flow declares, and the types that stay as they are; None
        where every one does."""
        types = frozenset() if self._variables is None else self._variables.types[name]
        if not types:
            return None
        stay: list[type] = [str] if "string" in types else []
        stay += [] if types.isdisjoint(("integer", "number")) else [int]
        return partial(converted, types=types), tuple(stay)

    def looks(self, fields: Collection[str]) -> list[tuple[Callable[[Any], bool], str | None]]:
        """What has to be true of a body with these fields: of the field that is named, or of the whole body.

        Where all of it is, nothing is wrong with a body whose values JSON can carry; where something is not, or raises,
        that takes a closer look.
        """
        looks: list[tuple[Callable[[Any], bool], str | None]] = [(self._conforms, None)]
        looks += [(is_valid, name) for name in ("callee", "caller") if name in fields]
        looks += [(_all_valid, "callees")] if "callees" in fields else []
        return looks + [(_is_no_float, name) for name in self._integers if name in fields]


def _all_valid(numbers: Value) -> bool:
    return all(map(is_valid, numbers))


def _is_no_float(value: Value) -> bool:
    """30.0 is an integer to JSON Schema, and none to the API."""
    return type(value) is not float


def _nothing(_: Mapping[str, Value]) -> bool:
    return False


def bodies_of(flow: Flow | None) -> FlowBodies:
    """What the bodies of a flow have to be like."""
    return FlowBodies(flow)
