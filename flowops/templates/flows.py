"""Which FlowBuilder flow a call starts: by its name here, or by the API's id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.names import nearest
from flowops.common.text import listed
from flowops.templates.fault import TemplateFault
from flowops.templates.values import kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model import Flow, Value


class Flows:
    """The flows of a project, as one environment has them."""

    def __init__(self, flows: Mapping[str, Flow], environment: str) -> None:
        self._flows = flows
        self._environment = environment
        self._by_id: dict[str, Flow] = {}
        for flow in flows.values():
            known = flow.callflow_id(environment)
            if known is not None:
                self._by_id.setdefault(known, flow)

    def named(self, name: Value) -> tuple[Flow, str]:
        """The flow of a name, and its id in this environment; raises `TemplateFault` when there is none."""
        if not isinstance(name, str):
            raise TemplateFault(f"has to be the name of a flow, not {kind(name)}")
        flow = self._flows.get(name)
        if flow is None:
            raise TemplateFault(f"'{name[:64]}' is not a known flow", hint=lambda: self._known(name))
        known = flow.callflow_id(self._environment)
        if known is None:
            others = listed(sorted(flow.callflow_ids)) or "none"
            raise TemplateFault(
                f"'{name}' has no callflow-id for the environment '{self._environment}'",
                hint=f"add it in {flow.document.file}; there are ids for: {others}",
            )
        return flow, known

    def with_id(self, callflow_id: Value) -> Flow | None:
        """The flow that has this id in this environment, if the project describes one."""
        return self._by_id.get(callflow_id) if isinstance(callflow_id, str) else None

    def _known(self, name: str) -> str:
        if not self._flows:
            return "describe it in a document of kind: Flow, or give its callflow-id"
        guess = nearest(name, tuple(self._flows))
        known = f"known flows: {listed(self._flows)}"
        return known if guess is None else f"did you mean '{guess}'? {known}"
