"""The description of the API: complete, sourced, and the ground that everything else stands on."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from flowops.errors import FlowopsError
from flowops.schema.derive import build, instruction, load_description
from flowops.schema.store import description_text

if TYPE_CHECKING:
    from collections.abc import Iterator

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
