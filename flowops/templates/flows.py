"""The flows of a project, as one environment has them, and which of them a call starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.budget import (
    most_json,
)
from flowops.common.masking import mask_quoted, mask_written
from flowops.common.names import nearest, same_name
from flowops.common.text import listed
from flowops.templates.errors import TemplateError
from flowops.templates.values import kind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowops.model.document import Value
    from flowops.model.project import Flow


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
