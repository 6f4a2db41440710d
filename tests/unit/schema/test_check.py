"""Documents and bodies: what is wrong, at its place; and the fast yes says yes to nothing else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.values import document_at

from flowops.app.single_calls import CallCheck
from flowops.model.call import Call, Origin
from flowops.model.document import Document, Problem, RowPlace
from flowops.schema.check import FIELD, check_body, check_document, check_documents, checker

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.document import Problem


SPEC = """\
apiVersion: flowops/v1
kind: Call
reference-id: r1
callflow-id: 7b1f0f5e
callee: "+442079460018"
caller: "+442079460000"
max-ringing-timeout: "{{ vars.seconds }}"
flow-variables:
  minutes: soon
"""
BODY: dict[str, Any] = {
    "instruction-id": "r1",
    "callflow-id": "7b1f0f5e",
    "callee": "+442079460018",
    "caller": "+442079460000",
    "voicemail-response": "Restart",
    "flow-variables": {"minutes": "soon"},
}


@pytest.fixture
def make_call(read: Callable[..., Document]) -> Callable[..., Call]:
    def make(*, row: RowPlace | None = None, **changes: Any) -> Call:
        document = read(SPEC)
        body = {**BODY, **{name.replace("_", "-"): value for name, value in changes.items()}}
        body = {name: value for name, value in body.items() if value is not ...}
        fields = {(name,): (document, (name,)) for name in document.value}
        return Call("r1", body, None, frozenset(), Origin(document, fields), row)

    return make


def told(problems: list[Problem]) -> list[str]:
    return [f"{problem.place}: {problem.message} [{problem.code}]" for problem in sorted(problems)]


def test_a_good_body_has_no_problems(make_call: Callable[..., Call]) -> None:
    assert check_body(make_call()) == []


def test_a_number_that_does_not_exist_is_told_at_its_place(make_call: Callable[..., Call]) -> None:
    row = RowPlace("data/appointments.csv", 12, 13)
    [problem] = check_body(make_call(callee="+3161234", row=row))
    assert told([problem]) == ["case.yaml:5:9: callee: '+3••••34' is not a valid number in NL [number]"]
    assert problem.row == row


def test_every_number_of_a_body_is_looked_at(make_call: Callable[..., Call]) -> None:
    call = make_call(callee=..., callees=["+442079460018", "+3161234", "0612"], caller="+9991234567")
    assert [problem.message for problem in check_body(call)] == [
        "callees[2]: '0…' is not an E.164 number",
        "caller: '+999•••••67' does not begin with a country code",
        "callees[1]: '+3••••34' is not a valid number in NL",
    ]


def test_the_fields_are_named_as_in_a_spec(make_call: Callable[..., Call]) -> None:
    assert told(check_body(make_call(instruction_id="a\nb"))) == [
        r"case.yaml:3:15: reference-id: 'a…' is not a usable name [schema]"
    ]
    [problem] = check_body(make_call(callflow_id=...))
    assert problem.message == "callflow-id: is missing"
    assert problem.hint == "give the call a flow or a callflow-id, or the project one for all calls"
    [problem] = check_body(make_call(caller=...))
    assert problem.hint == "give it in the call, or for all calls in the defaults of the project"


def test_text_from_a_template_is_told_how_to_become_a_number(make_call: Callable[..., Call]) -> None:
    [problem] = check_body(make_call(max_ringing_timeout="30"))
    assert str(problem.place) == "case.yaml:7:22"
    assert problem.hint == "write it without quotes; a template ends in `| int`"


def test_a_whole_number_is_not_written_with_a_point(make_call: Callable[..., Call]) -> None:
    [problem] = check_body(make_call(max_ringing_timeout=30.0))
    assert problem.message == "max-ringing-timeout: must be a whole number, written without a decimal point"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2**53, "too large a number"),
        (float("nan"), "not a number that JSON has"),
        (float("-inf"), "not a number that JSON has"),
        ("\ud800", "half a character"),
        ({"\udfff": 1}, "half a character"),
        ({"a": [{"b": 10**30}]}, "too large a number"),
        ({1: 2}, "a key that is not text"),
        (b"x", "is a bytes"),
    ],
)
def test_what_json_cannot_carry_is_told_before_it_is_sent(
    make_call: Callable[..., Call], value: Any, words: str
) -> None:
    messages = [problem.message for problem in check_body(make_call(flow_variables={"x": value}))]
    assert any(words in message for message in messages), messages
    assert all(message.isprintable() for message in messages)


def test_what_is_nested_without_end_is_told(make_call: Callable[..., Call]) -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    assert [problem.message for problem in check_body(make_call(flow_variables={"x": deep}))] == [
        "flow-variables.'…': is nested deeper than 64 levels"
    ]


def test_the_fields_of_a_call_that_are_wrong_are_named(read: Callable[..., Document]) -> None:
    good = read(SPEC)
    assert check_document(good) == ([], frozenset())
    problems, fields = check_document(read(SPEC + "anonymous: maybe\nretries: 3\n"))
    assert fields == {"anonymous", "retries"}
    assert len(problems) == 2
    callset = "kind: CallSet\napiVersion: flowops/v1\nfor-each: a.csv\ncall: {reference-id: r1, callee: 5}\n"
    assert check_document(read(callset))[1] == {"callee"}


def test_a_number_that_is_written_out_is_told_without_rendering(read: Callable[..., Document]) -> None:
    text = "kind: CallSet\napiVersion: flowops/v1\nfor-each: a.csv\ncall:\n  reference-id: r1\n"
    problems, fields = check_document(read(text + "  callees: ['{{ row.phone }}', '+3161234', '+442079460018']\n"))
    assert told(problems) == ["case.yaml:6:32: callees[1]: '+3••••34' is not a valid number in NL [number]"]
    assert fields == {"callees"}


@pytest.mark.parametrize(
    "text",
    [
        "kind: Call\napiVersion: flowops/v1\ncallee: '+442079460018'\n",
        "kind: Call\napiVersion: flowops/v2\nreference-id: r1\ncallee: '+442079460018'\n",
        "kind: Call\napiVersion: flowops/v1\nreference-id: r1\n",
        "kind: CallSet\napiVersion: flowops/v1\nfor-each: a.csv\ncall: 5\n",
        "kind: CallSet\napiVersion: flowops/v1\nfor-each: 5\ncall: {reference-id: r1, callee: '+442079460018'}\n",
    ],
)
def test_without_what_it_needs_there_is_no_call_to_speak_of(read: Callable[..., Document], text: str) -> None:
    problems, fields = check_document(read(text))
    assert problems
    assert fields is None


def test_an_unknown_kind_is_told_with_the_nearest(read: Callable[..., Document]) -> None:
    [problem] = check_documents([read("apiVersion: flowops/v1\nkind: Callset\n")])
    assert told([problem]) == [
        "case.yaml:2:7: kind: must be one of Project, Flow, Call, CallSet, Test, not 'Callset' [schema]"
    ]
    assert problem.hint == "did you mean 'CallSet'?"


def test_a_secret_in_a_file_is_marked_so_that_its_line_is_not_shown(read: Callable[..., Document]) -> None:
    text = "apiVersion: flowops/v1\nkind: Project\nenvironments:\n  production:\n    api: sandbox\n    token: hunter2\n"
    [problem] = check_documents([read(text)])
    assert (problem.place.line, problem.code) == (6, "secret")
    assert "hunter2" not in f"{problem.message} {problem.hint}"


DOCUMENT = document_at("flows/a.yaml", "Flow")
SENT: dict[str, Any] = {
    "instruction-id": "reminder-1",
    "callee": "+442079460018",
    "caller": "+442079460000",
    "max-ringing-timeout": 30,
    "callflow-id": "id",
    "voicemail-response": "Stop",
    "flow-variables": {"patient": "Ada", "minutes": 15, "rate": 1.5, "vip": True, "any": None},
}
VALUES = st.sampled_from(
    [
        None,
        "",
        "x",
        "+442079460018",
        "+31612345678",
        "+3161234",
        "+4420794600",
        30,
        30.0,
        61,
        -1,
        1.5,
        True,
        [],
        {},
    ]
)

# Values of variables, of which JSON cannot carry all.
DEEP: list[Any] = []
for _ in range(70):
    DEEP = [DEEP]
INSIDE = st.sampled_from(
    [2**53, -(2**60), float("inf"), float("nan"), "\ud800", ["\ud800"], [2**53], {"\ud800": 1}, DEEP]
)


def objections(body: dict[str, Any]) -> list[Problem]:
    return check_body(Call("r", body, None, frozenset(), Origin(DOCUMENT, {})))


def is_accepted(*bodies: dict[str, Any]) -> bool:
    return CallCheck(partly=False).hashes(bodies) is not None


def test_a_body_that_is_right_is_accepted() -> None:
    assert is_accepted(SENT)
    assert is_accepted()


@settings(max_examples=600)
@given(
    fields=st.dictionaries(
        st.sampled_from([*SENT, "callees", "callback-url", "anonymous", "other"]), VALUES, max_size=2
    ),
    variables=st.dictionaries(st.sampled_from(["patient", "minutes", "\ud800"]), VALUES | INSIDE, max_size=2),
    gone=st.sets(st.sampled_from(["callee", "caller", "callflow-id", "voicemail-response"]), max_size=1),
)
def test_nothing_is_accepted_that_somebody_objects_to(
    fields: dict[str, Any], variables: dict[str, Any], gone: set[str]
) -> None:
    body = {name: value for name, value in copy.deepcopy(SENT).items() if name not in gone}
    body["flow-variables"] |= variables
    body |= fields
    assert not (is_accepted(SENT, body) and objections(body))


@pytest.mark.parametrize("variables", [{"a": [1, {"b": 1.5}]}, {"a": None, "b": True, "c": 2**53 - 1}, {}])
def test_values_that_json_can_carry_are_accepted(variables: dict[str, Any]) -> None:
    body = {**SENT, "flow-variables": variables}
    assert is_accepted(body, SENT)
    assert not objections(body)


def test_of_a_body_the_schema_knows_all_but_the_variables() -> None:
    """So no value elsewhere has to be looked at before a body is written: texts, whole numbers, lists of texts."""
    properties = checker("request").schema["properties"]
    assert all(name.isascii() for name in properties)
    kinds = {name: field.get("type") for name, field in properties.items()}
    assert {name for name, kind in kinds.items() if kind not in ("string", "integer", "boolean", "array")} == {FIELD}
    lists = [properties[name]["items"]["type"] for name, kind in kinds.items() if kind == "array"]
    assert lists == ["string"]
