"""A quick yes is one that nobody has anything to say against, and a no costs a closer look and nothing else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowops.model import Call, Document, Origin, SourceMap
from flowops.schema.check import body_predicate, check_body

if TYPE_CHECKING:
    from flowops.model import Problem

DOCUMENT = Document("flows/a.yaml", "Flow", {}, SourceMap(1, 1, 0, 0), "")
BODY: dict[str, Any] = {
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


def test_a_body_that_is_right_is_accepted() -> None:
    assert body_predicate()(BODY)


@settings(max_examples=600, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from([*BODY, "callees", "callback-url", "anonymous", "other"]), VALUES, max_size=2
    ),
    variables=st.dictionaries(st.sampled_from(["patient", "minutes", "\ud800"]), VALUES | INSIDE, max_size=2),
    gone=st.sets(st.sampled_from(["callee", "caller", "callflow-id", "voicemail-response"]), max_size=1),
)
def test_nothing_is_accepted_that_somebody_objects_to(
    fields: dict[str, Any], variables: dict[str, Any], gone: set[str]
) -> None:
    body = {name: value for name, value in copy.deepcopy(BODY).items() if name not in gone}
    body["flow-variables"] |= variables
    body |= fields
    assert not (body_predicate()(body) and objections(body))


@pytest.mark.parametrize("variables", [{"a": [1, {"b": 1.5}]}, {"a": None, "b": True, "c": 2**53 - 1}, {}])
def test_values_that_json_can_carry_are_accepted(variables: dict[str, Any]) -> None:
    body = {**BODY, "flow-variables": variables}
    assert body_predicate()(body)
    assert not objections(body)
