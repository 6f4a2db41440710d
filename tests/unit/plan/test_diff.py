"""What differs between two bodies, and between two lists of calls that are joined by reference-id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.values import document_at

from flowops.model.call import ONE_ATTEMPT, Attempts, Call, Origin
from flowops.model.document import ABSENT
from flowops.model.plan import Change, Difference, DifferentCall, Shift
from flowops.plan.canonical import canonical
from flowops.plan.diff import diff
from flowops.plan.joining import Joining, Part

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
class Batch:
    """Calls of one document that may be tried once; of CallBatch what is asked of it here."""

    calls: list[Call]
    attempts: Attempts = ONE_ATTEMPT

    @property
    def place(self) -> Any:
        return DOCUMENT.place()

    @property
    def references(self) -> list[str]:
        return [each.reference_id for each in self.calls]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [each.body for each in self.calls]

    @property
    def hashes(self) -> list[bytes]:
        return [b"" for _ in self.calls]

    @property
    def has_terms(self) -> bool:
        return False

    def call(self, index: int) -> Call:
        return self.calls[index]


def parts(calls: list[Call], size: int) -> list[Any]:
    return [Part(Batch(calls[at : at + size])) for at in range(0, len(calls), size)]  # type: ignore[arg-type]


def compared(base: list[Call], head: list[Call], sizes: tuple[int, int] = (2, 3)) -> Any:
    found: list[DifferentCall] = []
    joining = Joining(found.append, pseudonymize)
    joining.join_all(parts(base, sizes[0]), parts(head, sizes[1]))
    return Difference("main", None, joining.counts, joining.unchanged, tuple(found))


def test_calls_are_joined_by_reference_id() -> None:
    base = [call("gone"), call("same"), call("edited", anonymous=False)]
    head = [call("new"), call("edited", anonymous=True), call("same")]
    found = compared(base, head)
    assert [(each.shift, each.call.reference_id) for each in found.calls] == [
        (Shift.CHANGED, "edited"),
        (Shift.ADDED, "new"),
        (Shift.REMOVED, "gone"),
    ]
    assert found.calls[0].changes == (Change("/anonymous", False, True),)
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
    counts = found.counts
    assert counts[Shift.ADDED] == len(head.keys() - base.keys())
    assert counts[Shift.REMOVED] == len(base.keys() - head.keys())
    assert counts[Shift.CHANGED] == sum(base[name] != head[name] for name in base.keys() & head.keys())
    assert counts[Shift.CHANGED] + found.unchanged == len(base.keys() & head.keys())


@settings(deadline=None)
@given(st.permutations(range(12)), st.permutations(range(12)), st.sets(st.integers(0, 11)), st.integers(1, 5))
def test_neither_the_order_nor_what_is_met_together_makes_a_difference(
    base: list[int], head: list[int], edited: set[int], size: int
) -> None:
    before = [call(str(number), n=number) for number in base if number != 3]
    after = [call(str(number), n=-1 if number in edited else number) for number in head if number != 5]
    found = compared(before, after, (size, 4))
    changed = {str(number) for number in edited - {3, 5}}
    assert {each.call.reference_id for each in found.calls if each.shift is Shift.CHANGED} == changed
    for each in found.calls:
        number = int(each.call.reference_id)
        assert each.call.body["n"] == (-1 if number in edited and number != 5 else number)
        assert each.changes == ((Change("/n", number, -1),) if each.shift is Shift.CHANGED else ())
    assert found.counts == {Shift.ADDED: 1, Shift.CHANGED: len(changed), Shift.REMOVED: 1}
    assert found.unchanged == 10 - len(changed)


def test_a_name_that_a_base_has_twice_is_not_removed() -> None:
    found = compared([call("a"), call("b"), call("a")], [call("a"), call("b")], (1, 1))
    assert (found.calls, found.unchanged) == ((), 2)
