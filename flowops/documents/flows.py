"""Flow documents: what a flow is called here, what the API calls it, and which variables it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.names import did_you_mean
from flowops.common.text import quoted
from flowops.model import Document, Flow, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.model import Value

#: Stands for every environment in `Flow.callflow_ids`.
EVERYWHERE = "*"
CODE = "flow"


def resolve_flow(document: Document) -> Flow:
    """A Flow document that fits its schema as a `Flow`."""
    value = document.value
    ids: str | Mapping[str, str] = value["callflow-id"]
    variables: Mapping[str, Mapping[str, Value]] = value.get("variables") or {}
    return Flow(
        name=value["name"],
        callflow_ids={EVERYWHERE: ids} if isinstance(ids, str) else ids,
        variables=variables,
        produces=frozenset(value.get("produces") or ()),
        document=document,
    )


def resolve_flows(documents: Iterable[Document], environments: Iterable[str]) -> tuple[dict[str, Flow], list[Problem]]:
    """The flows by name, and what is wrong with them besides what a schema says.

    Of two flows with one name the first is kept.
    """
    flows: dict[str, Flow] = {}
    problems: list[Problem] = []
    known = tuple(environments)
    for document in documents:
        flow = resolve_flow(document)
        first = flows.setdefault(flow.name, flow)
        if first is not flow:
            at = first.document.place(("name",))
            message = f"name: the flow {quoted(flow.name)} exists already, at {at}"
            problems.append(_problem(document.place(("name",)), message))
        problems += _unknown_environments(flow, known)
    return flows, problems


def _unknown_environments(flow: Flow, known: tuple[str, ...]) -> list[Problem]:
    return [
        _problem(
            flow.document.key_place(("callflow-id", name)),
            f"callflow-id: there is no environment {quoted(name)}",
            did_you_mean(name, known),
        )
        for name in flow.callflow_ids
        if name != EVERYWHERE and name not in known
    ]


def _problem(place: Place, message: str, hint: str | None = None) -> Problem:
    return Problem(place, message=message, code=CODE, hint=hint)
