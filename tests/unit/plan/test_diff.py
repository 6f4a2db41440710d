"""What differs between two bodies, and between two lists of calls that are joined by reference-id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.values import document_at

from flowops.model.call import Call, Origin
from flowops.model.document import ABSENT
from flowops.model.plan import Change, Shift
from flowops.plan.canonical import canonical
from flowops.plan.diff import diff, difference, identity

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["", "a", "~", "/"])
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab~/"), inner, max_size=3),
    max_leaves=8,
)


def hidden(value: str, shown: str = "•••") -> dict[str, str]:
    return {"$pseudonym": value, "shown": shown}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, [("/a", 1, True)]),
        ({"a": None}, {}, [("/a", None, ABSENT)]),
        ({}, {"a": None}, [("/a", ABSENT, None)]),
        ({"b": 1, "a": 1}, {"a": 2, "c": 3}, [("/a", 1, 2), ("/b", 1, ABSENT), ("/c", ABSENT, 3)]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("/a/b/c", 1, 2)]),
        ({"a": {"b": 1}}, {}, [("/a", {"b": 1}, ABSENT)]),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, [("/a/1", 2, 3), ("/a/2", ABSENT, 4)]),
        ({"a": [1, 2]}, {"a": [1]}, [("/a/1", 2, ABSENT)]),
        ({"a": [1]}, {"a": {"0": 1}}, [("/a", [1], {"0": 1})]),
        ({"a/b": 1, "c~d": 1}, {"a/b": 2, "c~d": 2}, [("/a~1b", 1, 2), ("/c~0d", 1, 2)]),
        ({"a": hidden("x")}, {"a": hidden("x", "••")}, []),
        ({"a": hidden("x")}, {"a": hidden("y")}, [("/a", hidden("x"), hidden("y"))]),
        ({"a": "x"}, {"a": hidden("x")}, [("/a", "x", hidden("x"))]),
        ({"a": {"b": "x"}}, {"a": hidden("x")}, [("/a", {"b": "x"}, hidden("x"))]),
        ({"a": [hidden("x")]}, {"a": [hidden("y")]}, [("/a/0", hidden("x"), hidden("y"))]),
    ],
)
def test_each_field_that_differs_is_one_change(before: Any, after: Any, changes: list[tuple[str, Any, Any]]) -> None:
    assert diff(before, after) == tuple(Change(*change) for change in changes)


@given(JSON, JSON)
def test_bodies_differ_where_their_canonical_json_does(before: Any, after: Any) -> None:
    assert bool(diff(before, after)) == (canonical(before) != canonical(after))


@given(JSON, JSON)
def test_a_difference_read_backwards_is_the_difference_backwards(before: Any, after: Any) -> None:
    assert diff(after, before) == tuple(Change(c.path, c.after, c.before) for c in diff(before, after))


DOCUMENT = document_at("calls/a.yaml", "CallSet")


def call(reference: str, sensitive: Iterable[tuple[str | int, ...]] = (), /, **fields: Any) -> Call:
    body = {"instruction-id": reference, "callee": "+442079460011", **fields}
    return Call(reference, body, None, frozenset({("callee",), *sensitive}), Origin(DOCUMENT, {}))


def pseudonymize(call: Call) -> dict[str, Any]:
    return {
        key: {"$pseudonym": f"hash of {value!r}", "shown": "•••"} if (key,) in call.sensitive else value
        for key, value in call.body.items()
    }


@dataclass
class Side:
    calls: list[Call]

    @property
    def identities(self) -> dict[str, Any]:
        return {each.reference_id: identity(each.body) for each in self.calls}


def compared(base: list[Call], head: list[Call]) -> Any:
    return difference(Side(base), Side(head), names=("main", None), pseudonymize=pseudonymize)


def test_calls_are_joined_by_reference_id() -> None:
    base = [call("gone"), call("same"), call("edited", anonymous=False)]
    head = [call("new"), call("edited", anonymous=True), call("same")]
    found = compared(base, head)
    assert [(each.shift, each.call.reference_id) for each in found.calls] == [
        (Shift.ADDED, "new"),
        (Shift.CHANGED, "edited"),
        (Shift.REMOVED, "gone"),
    ]
    assert found.calls[1].changes == (Change("/anonymous", False, True),)
    assert found.unchanged == 1


def test_another_place_or_order_of_keys_is_no_change() -> None:
    one = call("a", x=1, y=2)
    other = call("a", y=2, x=1)._replace(
        origin=Origin(document_at("calls/moved.yaml", "CallSet"), {}),
        flow="named",
    )
    assert compared([one], [other]).calls == ()


def test_a_number_of_another_type_is_no_other_body() -> None:
    """RFC 8785 writes 1.0 and 1 alike: the API is sent the same."""
    assert compared([call("a", n=1)], [call("a", n=1.0)]).calls == ()


def test_what_is_sensitive_on_one_side_is_hidden_on_both() -> None:
    before, after = call("a", [("name",)], name="Ada"), call("a", name="Bo")
    for base, head in ((before, after), (after, before)):
        (changed,) = compared([base], [head]).calls
        assert "Ada" not in str(changed.changes).replace("hash of 'Ada'", "")
        assert changed.changes[0].before["shown"] == changed.changes[0].after["shown"] == "•••"


def test_a_body_that_has_no_fingerprint_is_compared_as_it_is() -> None:
    assert compared([call("a", n=2**60)], [call("a", n=2**60)]).unchanged == 1
    assert len(compared([call("a", n=2**60)], [call("a", n=2**60 + 1)]).calls) == 1


BODIES = st.dictionaries(
    st.sampled_from("abcde"), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2)), max_size=5
)


@settings(deadline=None)
@given(BODIES, BODIES)
def test_every_call_is_counted_once(base: dict[str, Any], head: dict[str, Any]) -> None:
    found = compared([call(name, **fields) for name, fields in base.items()], [call(n, **f) for n, f in head.items()])
    counts = found.counts()
    assert counts[Shift.ADDED] == len(head.keys() - base.keys())
    assert counts[Shift.REMOVED] == len(base.keys() - head.keys())
    assert counts[Shift.CHANGED] == sum(base[name] != head[name] for name in base.keys() & head.keys())
    assert counts[Shift.CHANGED] + found.unchanged == len(base.keys() & head.keys())
