"""The variables of a call against the flow that it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.names import did_you_mean
from flowops.common.text import escaped, listed
from flowops.schema.check import Checker
from flowops.schema.conversion import converted, declared_types, unchanged_kinds
from flowops.schema.error import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model import Flow, Value
    from flowops.schema.engine import Schema

FIELD = "flow-variables"
#: How many flows are kept ready at once.
_KEPT = 256


class FlowVariables:
    """What one flow takes, made ready for many calls.

    A variable whose schema is wrong takes anything: `check_flow` has told about it.
    """

    def __init__(self, flow: Flow) -> None:
        from flowops.schema.flows import variable_errors
        from flowops.schema.patterns import Patterns
        from flowops.schema.references import inline

        self.flow = flow
        patterns = Patterns()
        schemas: dict[str, Schema] = {}
        for name, schema in flow.variables.items():
            usable = not variable_errors(schema, patterns)
            schemas[name] = inline(dict(schema), dict(schema)) if usable else {}
        self.types = {name: declared_types(schema) for name, schema in schemas.items()}
        self.defaults = {name: schema["default"] for name, schema in flow.variables.items() if "default" in schema}
        self.schema = {"type": "object", "properties": schemas}
        self._stay = {name: unchanged_kinds(types) for name, types in self.types.items()}
        self._required = [name for name in flow.variables if name not in self.defaults]
        self._checker = Checker(self.schema)

    def check(self, values: Mapping[str, Value]) -> tuple[dict[str, Value], list[SchemaError]]:
        """The values as the flow wants them, defaults filled in, and what is wrong with them."""
        stays, produces = self._stay, self.flow.produces
        known: dict[str, Value] = {}
        errors = []
        for name, value in values.items():
            stay = stays.get(name)
            if stay is None or name in produces:
                errors.append(self._superfluous(name))
            if stay is not None:
                known[name] = value if type(value) in stay else converted(value, self.types[name])
        if len(known) < len(stays):
            for name in self._required:
                if name not in known:
                    text = f"is missing: the flow {escaped(self.flow.name)} needs it"
                    errors.append(SchemaError((FIELD, name), text, self._described(name), code="variable"))
        errors += [error.under(FIELD)._replace(code="variable") for error in self._checker.check(known)]
        for name, default in self.defaults.items():
            known.setdefault(name, default)
        return known, errors

    def _superfluous(self, name: str) -> SchemaError:
        flow = escaped(self.flow.name)
        if name in self.flow.produces:
            text, hint = f"is created inside the flow {flow}", "do not pass it"
            return SchemaError((FIELD, name), text, hint, at_key=True, code="variable")
        names = list(self.flow.variables)
        takes = did_you_mean(name, names) or (f"it takes {listed(names)}" if names else None)
        text = f"is not a variable of the flow {flow}"
        return SchemaError((FIELD, name), text, takes, at_key=True, code="variable")

    def _described(self, name: str) -> str | None:
        description = self.flow.variables[name].get("description")
        return escaped(description) if isinstance(description, str) else None


_ready: dict[int, FlowVariables] = {}


def check_variables(flow: Flow, values: Mapping[str, Value]) -> tuple[dict[str, Value], list[SchemaError]]:
    """The variables of one call against its flow: converted and completed, and what is wrong with them.

    Paths begin with ``flow-variables``.
    """
    return flow_variables(flow).check(values)


def flow_variables(flow: Flow) -> FlowVariables:
    """What a flow takes, made ready once."""
    ready = _ready.get(id(flow))
    # The entry keeps its flow alive, so that no other one can get the same id while it is here.
    if ready is None or ready.flow is not flow:
        if len(_ready) >= _KEPT:
            _ready.clear()
        ready = _ready[id(flow)] = FlowVariables(flow)
    return ready
