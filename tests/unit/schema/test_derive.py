"""What is made of a description of the API; what is committed is just that."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from flowops.common.names import NAME_ERROR, NAME_PATTERN
from flowops.errors import FlowopsError
from flowops.policy.config import SETTINGS
from flowops.schema.authoring import ProjectFacts
from flowops.schema.check import Checker, check
from flowops.schema.derive import build
from flowops.schema.request import instruction, load_description
from flowops.schema.store import NAMES, as_files, description_text, schema_text, stale_schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flowops.model.project import Flow


# The fields of the vendor's page, whose names are known, with what it says of them.
PAGE = {
    "instruction-id": {"null"},
    "callee": {"null"},
    "callees": {"null"},
    "caller": {"required"},
    "anonymous": set(),
    "callback-url": {"null"},
    "max-ringing-timeout": {"null"},
    "callflow-id": {"required"},
    "flow-variables": {"null"},
    "voicemail-response": set(),
}
FICTION = re.compile(r"\+44207946\d{4}|\+1212555\d{4}|\+33199\d{6}|\+61491570156|\+4930901820\d{3}")


def test_it_is_a_valid_openapi_description(api: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(api).iter_errors()) == []


def test_every_field_of_the_vendors_page_is_there(api: dict[str, Any]) -> None:
    schema = api["components"]["schemas"]["Instruction"]
    assert list(schema["properties"]) == list(PAGE)
    for name, facts in PAGE.items():
        assert ("null" in schema["properties"][name]["type"]) is ("null" in facts), name
        assert (name in schema["required"]) is ("required" in facts), name


def test_every_fact_has_a_description_a_source_and_a_note(api: dict[str, Any]) -> None:
    for place, node in _facts(api):
        assert node.get("description"), place
        assert node.get("x-source") in ("doc", "sdk", "guess"), place
        assert node.get("x-source-note"), place


def _facts(api: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in api["components"]["schemas"].items():
        for field, node in schema.get("properties", {}).items():
            if "$ref" not in node:
                yield f"{name}.{field}", node
    operations = [*api["paths"].items(), *api["webhooks"].items()]
    for path, item in operations:
        for method in ("get", "post"):
            operation = item.get(method)
            if operation:
                yield path, operation
                yield from ((f"{path} {code}", answer) for code, answer in operation["responses"].items())
                yield from ((f"{path} {one['name']}", one) for one in operation.get("parameters", ()))


def test_every_number_in_it_is_fiction() -> None:
    numbers = re.findall(r"\+[0-9]{7,15}", description_text())
    assert numbers
    assert [number for number in numbers if not FICTION.fullmatch(number)] == []


def test_the_examples_of_a_request_fit_it(api: dict[str, Any]) -> None:
    import jsonschema

    body = api["paths"]["/FlowBuilder"]["post"]["requestBody"]["content"]["application/json"]
    answer = api["paths"]["/FlowBuilder"]["post"]["responses"]["200"]["content"]["application/json"]
    callback = api["webhooks"]["callFinished"]["post"]["requestBody"]["content"]["application/json"]
    for content in (body, answer, callback):
        schema = {**content["schema"], "components": api["components"]}
        for name, example in content["examples"].items():
            jsonschema.Draft202012Validator(schema).validate(example["value"])
            assert name


def test_a_description_of_another_version_is_refused() -> None:
    with pytest.raises(FlowopsError, match=r"old\.yaml: is no OpenAPI 3\.1 description"):
        load_description("openapi: 3.0.3\npaths: {}\n", "old.yaml")


@pytest.mark.parametrize("text", ["a: [", "{", "[" * 100_000, "- 1", ""])
def test_what_cannot_be_read_is_refused_by_name(text: str) -> None:
    with pytest.raises(FlowopsError, match=r"^x\.yaml: "):
        load_description(text, "x.yaml")


def test_json_is_read_too() -> None:
    assert load_description('{"openapi": "3.1.0"}', "x.json") == {"openapi": "3.1.0"}


@pytest.mark.parametrize("missing", ["instruction-id", "callflow-id"])
def test_a_description_without_an_essential_field_is_refused(api: dict[str, Any], missing: str) -> None:
    del api["components"]["schemas"]["Instruction"]["properties"][missing]
    with pytest.raises(FlowopsError, match=f"no property '{missing}'"):
        build(api)


def test_a_description_that_calls_nobody_is_refused(api: dict[str, Any]) -> None:
    properties = api["components"]["schemas"]["Instruction"]["properties"]
    del properties["callee"], properties["callees"]
    with pytest.raises(FlowopsError, match="no property 'callee'"):
        build(api)


def test_a_description_without_the_operation_is_refused(api: dict[str, Any]) -> None:
    del api["paths"]["/FlowBuilder"]["post"]["requestBody"]
    with pytest.raises(FlowopsError, match=r"no POST /FlowBuilder .*'requestBody' is missing"):
        instruction(api)


def test_a_body_without_properties_is_refused(api: dict[str, Any]) -> None:
    api["components"]["schemas"]["Instruction"] = {"type": "string"}
    with pytest.raises(FlowopsError, match="has no properties"):
        instruction(api)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("other.yaml#/x", "only lead elsewhere in the same schema"),
        ("https://example.org/x", "only lead elsewhere in the same schema"),
        ("#/components/schemas/Nothing", "names nothing"),
        ("#/components/schemas/Instruction", "refers to itself"),
    ],
)
def test_a_reference_that_leads_nowhere_good_is_refused(api: dict[str, Any], reference: str, message: str) -> None:
    changed = copy.deepcopy(api)
    changed["components"]["schemas"]["Instruction"]["properties"]["callee"] = {"$ref": reference}
    with pytest.raises(FlowopsError, match=message):
        instruction(changed)


BODY: dict[str, Any] = {
    "instruction-id": "reminder-1042",
    "callee": "+442079460018",
    "caller": "+442079460000",
    "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
    "voicemail-response": "Stop",
}


def messages(**changes: Any) -> list[str]:
    body = {**BODY, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return [error.message for error in check("request", {k: v for k, v in body.items() if v is not ...})]


def test_the_smallest_and_the_largest_body_fit() -> None:
    assert messages() == []
    everything = {
        "callee": ...,
        "callees": ["+442079460018", "+12125550143"],
        "anonymous": True,
        "callback_url": "https://hooks.example.org/finished?x=%20#y",
        "max_ringing_timeout": 10,
        "flow_variables": {"any": [{"json": None}]},
    }
    assert messages(**everything) == []


@pytest.mark.parametrize("field", ["instruction_id", "caller", "callflow_id", "voicemail_response"])
def test_what_every_body_has_is_required(field: str) -> None:
    assert messages(**{field: ...}) == [f"{field.replace('_', '-')}: is missing"]


@pytest.mark.parametrize("field", ["callee", "callback_url", "max_ringing_timeout", "flow_variables"])
def test_what_is_absent_is_not_sent_as_null(field: str) -> None:
    assert messages(**{field: None})


def test_exactly_one_of_callee_and_callees() -> None:
    assert messages(callee=...) == ["callee: is missing: give callee or callees"]
    assert messages(callees=["+442079460018"]) == ["callees: does not go with callee: give one of them"]
    assert messages(callee=..., callees=[]) == ["callees: is an empty list"]
    twice = ["+12125550143", "+442079460018", "+442079460018"]
    assert messages(callee=..., callees=twice) == ["callees[2]: is the same as item [1]"]


@pytest.mark.parametrize(
    "number",
    [
        "+442079460018\n",
        "\n+442079460018",
        "+442079460018\r",
        "+४४२०७९४६००१८",
        "+４４２０７９４６００１８",
        "+44 20 7946 0018",
        "+0442079460018",
        "442079460018",
        "+123456",
        "+1234567890123456",
        "+4420794600\u200b18",
        "",
    ],
)
def test_a_number_is_e164_in_ascii_and_nothing_more(number: str) -> None:
    assert messages(callee=number)
    assert messages(caller=number)


@pytest.mark.parametrize("number", ["+1234567", "+123456789012345"])
def test_the_shortest_and_the_longest_number_fit(number: str) -> None:
    assert messages(callee=number) == []


@pytest.mark.parametrize(
    "reference",
    ["a" * 64, "é", "😀", "reminder 1042", "リマインダー-1", "a/b:c#d"],
)
def test_a_reference_is_up_to_64_visible_characters(reference: str) -> None:
    assert messages(instruction_id=reference) == []


@pytest.mark.parametrize(
    "reference",
    ["", "a" * 65, "a\n", "\ta", " a", "a ", "a  b", "a\u00a0b", "a\u200bb", "a\u202eb", "\ufeffa", "a\x00", "a\x85"],
)
def test_two_references_that_look_the_same_are_the_same(reference: str) -> None:
    assert messages(instruction_id=reference)


@pytest.mark.parametrize("seconds", [9, 61, 30.5, "30", True, 10**400])
def test_the_ringing_time_is_a_whole_number_from_10_to_60(seconds: Any) -> None:
    assert messages(max_ringing_timeout=seconds)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://hooks.example.org",
        "hooks.example.org",
        "https://",
        "https://a b",
        "https://hooks.example.org/é",
        "https://hooks.example.org/%zz",
        "https://hooks.example.org/\n",
        "javascript:alert(1)",
    ],
)
def test_a_callback_goes_to_a_web_address(address: str) -> None:
    assert messages(callback_url=address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080/x", "https://[::1]/", "https://a.example?x=1&y=2"])
def test_web_addresses_fit(address: str) -> None:
    assert messages(callback_url=address) == []


def test_many_mistakes_are_told_quickly_and_not_without_end() -> None:
    errors = check("request", {**BODY, **{f"field-{n}": n for n in range(20_000)}})
    assert len(errors) == 1000


def test_a_long_list_is_searched_for_what_is_there_twice() -> None:
    callees = [f"+44{n}" for n in range(1_000_000_000, 1_000_030_000)]
    found = messages(callee=..., callees=[*callees, callees[7]])
    assert sorted(found) == [
        "callees: must have at most 100 items, not 30,001",
        "callees[30000]: is the same as item [7]",
    ]


def test_an_unknown_field_is_refused_with_a_suggestion() -> None:
    [error] = check("request", {**BODY, "calback-url": "https://hooks.example.org"})
    assert (error.message, error.hint, error.at_key) == (
        "calback-url: is not a known field",
        "did you mean 'callback-url'?",
        True,
    )


@pytest.mark.parametrize("body", [[], "text", 1, None, True])
def test_a_body_is_a_mapping(body: Any) -> None:
    assert len(check("request", body)) == 1


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


@pytest.mark.parametrize("name", NAMES)
def test_every_field_says_what_it_means(name: str) -> None:
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


def test_calls_flows_projects_and_environments_have_the_same_kind_of_name() -> None:
    project = json.loads(schema_text("project"))["properties"]
    flow = json.loads(schema_text("flow"))["properties"]
    for name in (flow["name"], project["name"], project["environments"]["propertyNames"]):
        assert (name["pattern"], name["patternErrorMessage"]) == (NAME_PATTERN, NAME_ERROR)


def test_the_rules_of_an_environment_are_those_of_the_project(api: dict[str, Any]) -> None:
    fields = build(api)["project"]["properties"]
    environment = fields["environments"]["additionalProperties"]["properties"]
    assert environment["policy"]["properties"] == fields["policy"]["properties"]
    assert list(fields["policy"]["properties"]) == list(SETTINGS)


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
