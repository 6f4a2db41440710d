"""What is made of the description; what is committed is just that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from flowops.errors import FlowopsError, UsageError
from flowops.schema import store
from flowops.schema.check import Checker
from flowops.schema.derive import PRINTABLE, PRINTABLE_ERROR, ProjectFacts, build
from flowops.schema.store import NAMES, as_files, schema_text, stale_schemas, write_schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flowops.model import Flow


def test_the_committed_schemas_are_fresh(api: dict[str, Any], root: Path) -> None:
    assert stale_schemas(root / "schemas", build(api)) == []


def test_there_is_a_file_for_each_name_and_no_other(api: dict[str, Any], root: Path) -> None:
    schemas = build(api)
    assert tuple(schemas) == NAMES
    assert {path.name for path in (root / "schemas").glob("*.json")} == set(as_files(schemas))


def test_building_twice_gives_the_same_bytes(api: dict[str, Any]) -> None:
    before = json.dumps(api)
    assert as_files(build(api)) == as_files(build(api))
    assert json.dumps(api) == before


def test_a_stale_or_missing_file_is_named_and_written(api: dict[str, Any], tmp_path: Path) -> None:
    schemas = build(api)
    folder = tmp_path / "new" / "schemas"
    assert write_schemas(folder, schemas) == list(as_files(schemas))
    assert stale_schemas(folder, schemas) == []
    (folder / "call.schema.json").write_text("{}\n")
    (folder / "plan.schema.json").unlink()
    assert stale_schemas(folder, schemas) == ["call.schema.json", "plan.schema.json"]
    assert write_schemas(folder, schemas) == ["call.schema.json", "plan.schema.json"]
    assert write_schemas(folder, schemas) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_one_and_stands_alone(name: str) -> None:
    text = schema_text(name)
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert text.endswith("}\n")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:flowops:schema:v1:{name}"
    assert list(_references(schema)) == []


def _references(node: Any, under: str = "") -> Iterator[str]:
    """References; a property that happens to be called $ref is none."""
    if isinstance(node, dict):
        for key, item in node.items():
            if key in ("$ref", "$dynamicRef") and under != "properties":
                yield str(item)
            yield from _references(item, key)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


@pytest.mark.parametrize("name", ["call", "callset", "flow", "project"])
def test_every_field_a_user_writes_has_a_hover_text(name: str) -> None:
    schema = json.loads(schema_text(name))
    bare = [path for path, field in _fields(schema, ()) if not field.get("description") and "not" not in field]
    assert bare == []


def _fields(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if not isinstance(schema, dict):
        return
    for name, field in schema.get("properties", {}).items():
        if path[-1:] != ("oneOf",):
            yield (*path, name), field
            yield from _fields(field, (*path, name))
    for key in ("additionalProperties", "items"):
        yield from _fields(schema.get(key), (*path, key))
    for branch in schema.get("anyOf", ()):
        yield from _fields(branch, path)


def test_a_flow_and_a_call_have_the_same_kind_of_name() -> None:
    name = json.loads(schema_text("flow"))["properties"]["name"]
    assert (name["pattern"], name["patternErrorMessage"]) == (PRINTABLE, PRINTABLE_ERROR)


def test_the_rules_of_an_environment_are_those_of_the_project(
    api: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = json.loads(schema_text("project"))
    kept["properties"]["policy"]["properties"]["quiet"] = {"type": "boolean", "description": "A new rule."}
    texts = {name: schema_text(name) for name in NAMES} | {"project": json.dumps(kept)}
    monkeypatch.setattr("flowops.schema.derive.schema_text", texts.__getitem__)
    fields = build(api)["project"]["properties"]
    environment = fields["environments"]["additionalProperties"]["properties"]
    assert (
        environment["policy"]["properties"]
        == fields["policy"]["properties"]
        == kept["properties"]["policy"]["properties"]
    )


def test_an_unknown_schema_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="there is no schema 'cal'") as caught:
        schema_text("cal")
    assert caught.value.hint == "did you mean 'call'?"
    with pytest.raises(UsageError) as caught:
        schema_text("../../etc")
    assert "request, call, callset" in str(caught.value.hint)


def test_another_description_gives_other_limits_and_fields(api: dict[str, Any]) -> None:
    properties = api["components"]["schemas"]["Instruction"]["properties"]
    properties["max-ringing-timeout"]["maximum"] = 120
    properties["priority"] = {"enum": ["low", "high"], "description": "How urgent it is."}
    del properties["callees"]
    schemas = build(api)
    body = {
        "instruction-id": "r1",
        "callee": "+442079460018",
        "caller": "+442079460000",
        "callflow-id": "f",
        "voicemail-response": "Stop",
        "max-ringing-timeout": 90,
        "priority": "low",
    }
    assert Checker(schemas["request"]).check(body) == []
    assert [error.message for error in Checker(schemas["request"]).check({**body, "callees": ["+442079460018"]})] == [
        "callees: is not a known field"
    ]
    call = {"apiVersion": "flowops/v1", "kind": "Call", "reference-id": "r1", "priority": "{{ vars.priority }}"}
    assert [error.message for error in Checker(schemas["call"]).check(call)] == ["callee: is missing"]
    assert "priority" in schemas["project"]["properties"]["defaults"]["properties"]


def test_schemas_are_found_in_a_wheel_and_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, checkout = tmp_path / "flowops" / "schemas", tmp_path / "schemas"
    monkeypatch.setattr(store, "_FOLDERS", (wheel, checkout))
    with pytest.raises(FlowopsError, match=r"call\.schema\.json is missing from this installation"):
        schema_text("call")
    for folder in (checkout, wheel):
        folder.mkdir(parents=True)
        (folder / "call.schema.json").write_text(f'"{folder.parent.name}"')
        assert schema_text("call") == f'"{folder.parent.name}"'


FLOW = """
variables:
  patient: {type: string, minLength: 2, description: Who is called.}
  minutes: {type: integer, minimum: 1, default: 15}
  urgent: {type: boolean, default: false}
produces: [dtmf_input]
"""
CALL = {
    "apiVersion": "flowops/v1",
    "kind": "Call",
    "reference-id": "r1",
    "flow": "reminder",
    "callee": "+442079460018",
    "caller": "+442079460000",
    "flow-variables": {"patient": "Ada"},
}


def _messages(project: ProjectFacts, api: dict[str, Any], **changes: Any) -> list[str]:
    call = {**CALL, **{name.replace("_", "-"): value for name, value in changes.items()}}
    call = {name: value for name, value in call.items() if value is not ...}
    return [error.message for error in Checker(build(api, project)["call"]).check(call)]


def test_with_a_project_the_names_of_its_flows_are_known(api: dict[str, Any], make_flow: Callable[..., Flow]) -> None:
    project = ProjectFacts(flows=[make_flow(FLOW), make_flow("variables: {}", name="alert")])
    assert _messages(project, api) == []
    assert _messages(project, api, flow="{{ vars.flow }}") == []
    assert _messages(project, api, flow="remindr") == ["flow: must be alert or reminder, not the text 'remindr'"]
    names = build(api, project)["call"]["properties"]["flow"]["anyOf"][0]
    assert names["enumDescriptions"] == [
        "Takes no variables.",
        "Takes patient, minutes (optional), urgent (optional).",
    ]


def test_with_a_project_the_variables_of_a_flow_are_known(api: dict[str, Any], make_flow: Callable[..., Flow]) -> None:
    project = ProjectFacts(flows=[make_flow(FLOW)])
    assert _messages(project, api, flow_variables=...) == ["flow-variables: is missing"]
    assert _messages(project, api, flow_variables={}) == ["flow-variables.patient: is missing"]
    assert _messages(project, api, flow_variables={"patient": "{{ row.name }}", "minutes": "{{ row.minutes }}"}) == []
    assert _messages(project, api, flow_variables={"patient": "Ada", "minutes": 0}) == [
        "flow-variables.minutes: must be at least 1, not 0"
    ]
    assert _messages(project, api, flow_variables={"patient": "Ada", "dtmf_input": "1", "patien": "x"}) == [
        "flow-variables.dtmf_input: is created inside the flow reminder",
        "flow-variables.patien: is not a known field",
    ]


@pytest.mark.parametrize("values", [{"patient": 1815, "minutes": "15", "urgent": "true"}, {"patient": "Ada"}])
def test_what_flowops_would_convert_is_not_an_error_in_an_editor(
    api: dict[str, Any], make_flow: Callable[..., Flow], values: dict[str, Any]
) -> None:
    assert _messages(ProjectFacts(flows=[make_flow(FLOW)]), api, flow_variables=values) == []


def test_with_a_project_what_no_default_gives_is_required(api: dict[str, Any], make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(FLOW)
    nothing = ProjectFacts(flows=[flow])
    assert _messages(nothing, api, caller=...) == ["caller: is missing"]
    assert _messages(nothing, api, flow=...) == ["flow: is missing: give flow or callflow-id"]
    defaults = {"caller": "+442079460000", "flow": "reminder", "flow-variables": {"patient": "{{ vars.who }}"}}
    everything = ProjectFacts(flows=[flow], defaults=defaults)
    assert _messages(everything, api, caller=..., flow=..., flow_variables=...) == []
    assert _messages(everything, api, flow=..., flow_variables={"nobody": 1}) == [
        "flow-variables.nobody: is not a known field"
    ]
    assert _messages(everything, api, flow=..., callflow_id="7b1f", flow_variables={"nobody": 1}) == []


def test_a_broken_flow_does_not_keep_the_schemas_from_being_built(
    api: dict[str, Any], make_flow: Callable[..., Flow]
) -> None:
    project = ProjectFacts(flows=[make_flow('variables: {patient: {$ref: "file:///etc/passwd"}}')])
    assert _messages(project, api) == []
