"""The strict schema of a rendered body."""

from __future__ import annotations

from typing import Any

import pytest

from flowops.schema.check import check

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
    assert messages(callee=..., callees=[*callees, callees[7]]) == ["callees[30000]: is the same as item [7]"]


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
