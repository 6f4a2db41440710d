"""A saved plan says what was reviewed, and notices what moved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.plans import NO_FINGERPRINT, decided, plan_of

from flowops.errors import Invalid, StalePlan
from flowops.model.document import Place
from flowops.model.ledger import Checkpoint, State
from flowops.model.plan import MAY_BE_PLACED, Action, Plan
from flowops.plan import saved
from flowops.plan.planner import decision_line, digest
from flowops.plan.saved import SavedCall, compare, hold, load


@pytest.fixture
def plan(call: Any, entry: Any, ledger: Any) -> Plan:
    placed = call("b")
    rows = ledger(entry(placed, State.PLACED))
    return plan_of([call("a"), placed], environment="production", revision="1a2b3c4", ledger=rows)


def moved(plan: Plan, **fields: Any) -> Plan:
    """The plan with other fields, and the digest that goes with them."""
    other = plan._replace(**fields)
    ledger_id = other.ledger.id if other.ledger else None
    lines = [
        decision_line(item.reference_id, item.fingerprint, item.terms, may_be_placed=item.action in MAY_BE_PLACED)
        for item in other.references()
    ]
    return other._replace(digest=digest(other.environment, ledger_id, other.settings, lines))


def dump(plan: Plan) -> bytes:
    """A saved plan as it stands in its file."""
    return b"".join(saved.dump(plan))


def told(before: Plan, after: Plan, *, contains: bool = True) -> list[str]:
    return compare(load(dump(before), "plan"), after, contains_checkpoint=contains).moved


def test_what_was_saved_is_read_again(plan: Plan) -> None:
    again = load(dump(plan), "plan")
    assert (again.environment, again.revision, again.ledger, again.digest) == (
        plan.environment,
        plan.revision,
        plan.ledger,
        plan.digest,
    )
    assert again.calls == {item.call.reference_id: SavedCall(item.fingerprint, item.action) for item in plan.calls}


def test_a_plan_without_calls_or_ledger_can_be_saved() -> None:
    empty = plan_of([], environment="sandbox", revision=None, ledger=None)
    assert told(empty, empty) == []


def test_nothing_of_the_bodies_is_saved(plan: Plan) -> None:
    text = dump(plan).decode()
    assert "44207946" not in text
    assert "callflow" not in text
    assert set(json.loads(text)["calls"][0]) == {"reference_id", "fingerprint", "action"}


def test_the_same_plan_is_the_same_file(plan: Plan) -> None:
    assert dump(plan) == dump(plan)


TWICE = "the key 'format_version' is given twice in one object"


@pytest.mark.parametrize(
    ("data", "place", "why"),
    [
        (b"", Place("plan", 1, 1), "this is not JSON: expecting value"),
        (b'{\n "a": }', Place("plan", 2, 7), "this is not JSON: expecting value"),
        (b"[]", Place("plan", 1, 1), "it is not a JSON object"),
        (b"{}", Place("plan", 1, 1), "it is not a JSON object"),
        (b"\xff\xfe\xfd", Place("plan", 1, 1), "this is not UTF-8"),
        (b"[" * 100_000, Place("plan", 1, 1), "objects and arrays are more than 64 deep inside each other"),
        (b"[" + b"9" * 10_000 + b"]", Place("plan", 1, 1), "a number has too many digits"),
        (b'{"format_version": 1, "format_version": 1}', Place("plan", 1, 1), TWICE),
        (b'{"format_version": NaN}', Place("plan", 1, 1), "NaN is not JSON"),
    ],
)
def test_what_is_no_saved_plan_is_invalid(data: bytes, place: Place, why: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(data, "plan")
    (problem,) = caught.value.problems
    assert problem.place == place
    assert problem.message == f"not a saved plan: {why}"


def test_a_file_too_large_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MAX_BYTES", 10)
    with pytest.raises(Invalid) as caught:
        load(b"{" * 11, "plan")
    assert "larger than 10 bytes" in caught.value.problems[0].message


def test_a_plan_of_another_format_is_stale(plan: Plan) -> None:
    data = dump(plan).replace(b'"format_version": 1', b'"format_version": 2')
    with pytest.raises(StalePlan, match="format_version 2, this flowops reads 1"):
        load(data, "plan")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("environment",), "staging"),
        (("environment",), 7),
        (("digest",), "sha256:00"),
        (("ledger", "id"), "another"),
        (("ledger",), "x"),
        (("ledger", "serial"), "many"),
        (("calls", 0, "action"), "unchanged"),
        (("calls", 0, "action"), "ring"),
        (("calls", 0, "reference_id"), "c"),
        (("calls", 0, "reference_id"), "b"),
        (("calls", 0, "fingerprint"), "v1:sha256:00"),
        (("calls", 0), None),
        (("calls",), []),
        (("summary", "place"), 2),
        (("summary",), []),
    ],
)
def test_an_edited_plan_is_stale(plan: Plan, path: tuple[Any, ...], value: Any) -> None:
    document = json.loads(dump(plan))
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    with pytest.raises(StalePlan, match="plan: the saved plan was changed after it was saved"):
        load(json.dumps(document).encode(), "plan")


class TestWhatMoved:
    def test_nothing(self, plan: Plan) -> None:
        assert told(plan, plan) == []

    def test_events_of_other_calls_are_no_reason(self, plan: Plan) -> None:
        assert told(plan, moved(plan, ledger=plan.ledger._replace(serial=99, head="00"))) == []

    def test_another_commit_that_says_the_same_is_no_reason(self, plan: Plan) -> None:
        assert told(plan, plan._replace(revision="ffff")) == []

    def test_a_call_that_appeared_and_one_that_went(self, plan: Plan) -> None:
        less = moved(plan, **decided(list(plan.calls)[1:]))
        assert told(less, plan)[0] == "a: not in the saved plan"
        assert told(plan, less)[0] == "a: no longer in the files"

    def test_a_call_that_says_something_else(self, plan: Plan) -> None:
        first, *others = plan.calls
        after = moved(plan, **decided([first._replace(fingerprint=NO_FINGERPRINT), *others]))
        assert told(plan, after)[0] == (
            f"a: the files say something else: {first.fingerprint} when saved, {NO_FINGERPRINT} now"
        )

    def test_an_action_that_the_ledger_changed(self, plan: Plan) -> None:
        first, *others = plan.calls
        for action in Action:
            after = moved(plan, **decided([first._replace(action=action), *others]))
            assert told(plan, after) == []
            assert compare(load(dump(plan), "plan"), after, contains_checkpoint=True).waiting == frozenset()

    def test_a_call_waits_that_nobody_has_seen_as_one_that_may_be_placed(self, plan: Plan) -> None:
        first, *others = plan.calls
        for before in set(Action) - MAY_BE_PLACED:
            saved_plan = load(dump(moved(plan, **decided([first._replace(action=before), *others]))), "plan")
            for now in Action:
                after = moved(plan, **decided([first._replace(action=now), *others]))
                fit = compare(saved_plan, after, contains_checkpoint=True)
                assert fit[:2] == ([], frozenset({"a"}) if now in MAY_BE_PLACED else frozenset())

    def test_a_row_that_a_query_has_given_since_waits(self, plan: Plan) -> None:
        first, *others = plan.calls
        before = load(dump(moved(plan, **decided(others))), "plan")
        place = first.call.origin.place()
        assert compare(before, plan, contains_checkpoint=True).moved[0] == "a: not in the saved plan"
        fit = compare(before, plan, contains_checkpoint=True, of_queries={place})
        assert fit == ([], {"a"}, ())
        held = hold(plan, fit.waiting, [])
        assert [item.action for item in held.references()] == [Action.DEFERRED, *(item.action for item in others)]

    def test_a_row_that_a_query_does_not_give_any_more_is_gone_and_moves_nothing(self, plan: Plan) -> None:
        first, *others = plan.calls
        place = first.call.origin.place()
        before = b"".join(saved.dump(plan, of_queries={place}))
        fit = compare(load(before, "plan"), moved(plan, **decided(others)), contains_checkpoint=True)
        assert (fit.moved, fit.gone) == ([], ("a",))
        assert told(plan, moved(plan, **decided(others)))[0] == "a: no longer in the files"

    def test_another_environment(self, plan: Plan) -> None:
        assert (
            told(plan, moved(plan, environment="staging"))[0] == "environment: 'production' when saved, 'staging' now"
        )

    def test_another_ledger(self, plan: Plan) -> None:
        assert told(plan, moved(plan, ledger=Checkpoint("other", 12, "00")))[0] == (
            f"ledger: {plan.ledger.id} when saved, other now"
        )

    def test_a_ledger_that_is_gone(self, plan: Plan) -> None:
        assert told(plan, moved(plan, ledger=None))[0] == f"ledger: {plan.ledger.id} when saved, none now"

    @pytest.mark.parametrize(("serial", "contains"), [(12, False), (11, True), (50, False)])
    def test_an_older_copy_of_the_ledger(self, plan: Plan, serial: int, contains: bool) -> None:
        after = moved(plan, ledger=plan.ledger._replace(serial=serial))
        assert "an older copy was put back" in told(plan, after, contains=contains)[0]

    def test_a_sandbox_ledger_that_was_made_since_decides_by_its_answers(self, plan: Plan) -> None:
        assert told(moved(plan, ledger=None), plan) == []

    def test_both_digests_are_named_last(self, plan: Plan) -> None:
        after = moved(plan, environment="staging")
        assert told(plan, after)[-1] == f"digest: {plan.digest} when saved, {after.digest} now"
