"""A yes or no to rendered bodies, fast; whoever hears no asks `check_body` and `check_variables`, which say why."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flowops.schema.check import checker
from flowops.schema.conversion import converted
from flowops.schema.engine import fast_validator
from flowops.schema.number_plan import check_number, is_valid
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

    def accepts(self, body: Mapping[str, Value]) -> bool:
        """Whether nothing is wrong with a body whose values JSON can carry; False where that takes a closer look."""
        try:
            if not self._conforms(body):
                return False
        except (ValueError, SystemError):
            return False  # half a character, see `Checker.check`
        callee = body.get("callee")
        if not (all(map(is_valid, body["callees"])) if callee is None else is_valid(callee)):
            return False
        # The calls of a document are likely to have one caller.
        if check_number(body["caller"]) is not None:
            return False
        for name in self._integers:  # noqa: SIM110 (half as fast)
            if type(body.get(name)) is float:
                return False
        return True


def _nothing(_: Mapping[str, Value]) -> bool:
    return False


def bodies_of(flow: Flow | None) -> FlowBodies:
    """What the bodies of a flow have to be like."""
    return FlowBodies(flow)
