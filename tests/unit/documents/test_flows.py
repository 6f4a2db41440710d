from __future__ import annotations

from typing import Any

from flowops.documents.project import resolve_flow, resolve_flows
from flowops.schema.flow_check import check_flows

HEAD = "apiVersion: flowops/v1\nkind: Flow\n"


def test_a_flow_is_resolved(tree: Any) -> None:
    document = tree.document(
        HEAD
        + """name: reminder
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  patient: {type: string, x-sensitive: true}
  minutes: {type: integer, default: 15}
produces: [dtmf_input]
"""
    )
    flow = resolve_flow(document)
    assert flow.name == "reminder"
    assert flow.callflow_id("anything") == "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10"
    assert set(flow.variables) == {"patient", "minutes"}
    assert flow.sensitive == {"patient"}
    assert flow.produces == {"dtmf_input"}
    assert flow.document is document


def test_a_flow_may_have_an_id_for_each_environment(tree: Any) -> None:
    flow = resolve_flow(tree.document(HEAD + "name: f\ncallflow-id: {sandbox: a, production: b}\n"))
    assert (flow.callflow_id("sandbox"), flow.callflow_id("production"), flow.callflow_id("x")) == ("a", "b", None)
    assert (flow.variables, flow.produces) == ({}, frozenset())


def test_two_flows_with_one_name_are_a_problem_that_names_both(tree: Any, said: Any) -> None:
    first = tree.document(HEAD + "name: f\ncallflow-id: a\n", "flows/one.yaml")
    second = tree.document(HEAD + "name: f\ncallflow-id: b\n", "flows/two.yaml")
    flows, problems = resolve_flows([first, second], ["sandbox"])
    assert flows["f"].document is first
    assert said(problems) == ["3:7 flow: name: the flow 'f' exists already, at flows/one.yaml:3:7"]
    assert problems[0].place.file == "flows/two.yaml"


def test_an_id_for_an_environment_that_does_not_exist_is_a_problem(tree: Any, said: Any) -> None:
    document = tree.document(HEAD + "name: f\ncallflow-id: {sandbox: a, prodction: b}\n")
    _, problems = resolve_flows([document], ["sandbox", "production"])
    assert said(problems) == [
        "4:27 flow: callflow-id: there is no environment 'prodction' (did you mean 'production'?)"
    ]


def test_a_variable_that_the_flow_produces_is_told_once(tree: Any, said: Any) -> None:
    document = tree.document(HEAD + "name: f\ncallflow-id: a\nvariables: {x: {}}\nproduces: [x]\n")
    flows, problems = resolve_flows([document], [])
    problems += check_flows(flows.values())
    assert said(problems) == ["5:13 schema: variables.x: is also in produces: a flow does not consume what it creates"]
