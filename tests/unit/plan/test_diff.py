"""What differs between two bodies, and between two lists of calls that are joined by reference-id."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import document_at

from flowops.model.call import Call, Origin
from flowops.model.document import ABSENT
from flowops.model.plan import Change, DifferentCall, Shift
from flowops.plan.canonical import canonical
from flowops.plan.diff import Differences, diff, identity

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

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
    """One revision: each call with its further attempts."""

    rendered: list[list[Call]]
    asked: list[str] = field(default_factory=list)

    @property
    def identities(self) -> dict[str, Any]:
        return {first.reference_id: identity(first.body) for first, *_ in self.rendered}

    @property
    def of_later(self) -> dict[str, Any]:
        return {each.reference_id: identity(each.body) for _, *later in self.rendered for each in later}

    def chains(self, names: Container[str], *, later: bool) -> Iterator[list[Call]]:
        for chain in self.rendered:
            if chain[0].reference_id in names:
                self.asked.append(chain[0].reference_id)
                yield chain if later else chain[:1]


def differences(base: list[list[Call]], head: list[list[Call]]) -> Differences:
    return Differences(Side(base), Side(head), pseudonymize)


def compared(base: list[Call], head: list[Call]) -> tuple[list[DifferentCall], dict[Shift, int], int]:
    """What differs, how often, and how many calls do not."""
    found = differences([[each] for each in base], [[each] for each in head])
    assert list(found) == list(found), "it is found again each time"
    return list(found), found.counts, found.unchanged


def test_calls_are_joined_by_reference_id() -> None:
    base = [call("gone"), call("same"), call("edited", anonymous=False)]
    head = [call("new"), call("edited", anonymous=True), call("same")]
    calls, counts, unchanged = compared(base, head)
    assert [(each.shift, each.call.reference_id) for each in calls] == [
        (Shift.ADDED, "new"),
        (Shift.CHANGED, "edited"),
        (Shift.REMOVED, "gone"),
    ]
    assert calls[1].changes == (Change("/anonymous", False, True),)
    assert counts == dict.fromkeys(Shift, 1)
    assert unchanged == 1


def test_what_changed_is_rendered_again_and_nothing_else() -> None:
    base, head = (Side([[call("gone" + own)], [call("same")], [call("edited", n=own)]]) for own in "12")
    assert len(list(Differences(base, head, pseudonymize))) == 3
    assert base.asked == ["edited", "gone1"]
    assert head.asked == ["gone2", "edited"]


def test_of_a_further_attempt_there_is_what_the_first_does_not_say() -> None:
    base = [[call("a", n=1), call("a~2", n=1)], [call("b", n=1), call("b~2", n=1)], [call("c", n=1), call("c~2", n=1)]]
    head = [[call("a", n=2), call("a~2", n=2)], [call("b", n=2), call("b~2", n=3)], [call("c", n=1), call("c~2", n=4)]]
    found = differences(base, head)
    assert [(each.call.reference_id, *map(attrgetter("after"), each.changes)) for each in found] == [
        ("a", 2),
        ("b", 2),
        ("b~2", 3),
        ("c~2", 4),
    ]
    assert (found.counts[Shift.CHANGED], found.unchanged) == (3, 0)


def test_another_place_or_order_of_keys_is_no_change() -> None:
    one = call("a", x=1, y=2)
    other = call("a", y=2, x=1)._replace(
        origin=Origin(document_at("calls/moved.yaml", "CallSet"), {}),
        flow="named",
    )
    assert compared([one], [other])[0] == []


def test_a_number_of_another_type_is_no_other_body() -> None:
    """RFC 8785 writes 1.0 and 1 alike: the API is sent the same."""
    assert compared([call("a", n=1)], [call("a", n=1.0)])[0] == []


def test_what_is_sensitive_on_one_side_is_hidden_on_both() -> None:
    before, after = call("a", [("name",)], name="Ada"), call("a", name="Bo")
    for base, head in ((before, after), (after, before)):
        (changed,) = compared([base], [head])[0]
        assert "Ada" not in str(changed.changes).replace("hash of 'Ada'", "")
        assert changed.changes[0].before["shown"] == changed.changes[0].after["shown"] == "•••"


def test_a_body_that_has_no_fingerprint_is_compared_as_it_is() -> None:
    assert compared([call("a", n=2**60)], [call("a", n=2**60)])[2] == 1
    assert len(compared([call("a", n=2**60)], [call("a", n=2**60 + 1)])[0]) == 1


BODIES = st.dictionaries(
    st.sampled_from("abcde"), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2)), max_size=5
)


@given(BODIES, BODIES)
def test_every_call_is_counted_once(base: dict[str, Any], head: dict[str, Any]) -> None:
    before, after = ([call(name, **fields) for name, fields in side.items()] for side in (base, head))
    calls, counts, unchanged = compared(before, after)
    assert Counter(each.shift for each in calls) == {shift: number for shift, number in counts.items() if number}
    assert counts[Shift.ADDED] == len(head.keys() - base.keys())
    assert counts[Shift.REMOVED] == len(base.keys() - head.keys())
    assert counts[Shift.CHANGED] == sum(base[name] != head[name] for name in base.keys() & head.keys())
    assert counts[Shift.CHANGED] + unchanged == len(base.keys() & head.keys())
