"""Two lists of calls, joined by reference-id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowops.model.call import Call, Origin
from flowops.model.difference import Shift
from flowops.model.document import Document, SourceMap
from flowops.model.plan import Change
from flowops.plan.difference import difference, identity

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENT = Document("calls/a.yaml", "CallSet", {}, SourceMap(1, 1, 0, 0), "")


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
        origin=Origin(Document("calls/moved.yaml", "CallSet", {}, SourceMap(1, 1, 0, 0), ""), {}),
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
