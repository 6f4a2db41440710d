"""The calls of a plan, gone through again: only what was planned comes back."""

from __future__ import annotations

from typing import Any

import pytest
from support.plans import Batch, batches_of, plan_of

from flowops.errors import StalePlan
from flowops.model.ledger import State
from flowops.model.plan import Action, Plan
from flowops.plan.planner import make_plan
from flowops.plan.recheck import recheck, recheck_sent

HERE = {"environment": "production", "revision": None}


@pytest.fixture
def calls(call: Any) -> list[Any]:
    return [call(f"c{number}", line=1 + number // 3) for number in range(9)]


def again(plan: Plan, batches: list[Batch]) -> tuple[list[str], list[str]]:
    """What comes back, and what does not."""
    changed: list[str] = []
    found = [item.reference_id for some in recheck(batches, plan.batches, changed.append) for item in some]
    return found, changed


def test_all_calls_come_back_as_they_were_planned(calls: Any, entry: Any, ledger: Any) -> None:
    rows = ledger(entry(calls[1], State.PLACED), entry(calls[4], State.REJECTED), entry(calls[7], State.IN_DOUBT))
    plan = plan_of(calls, ledger=rows, **HERE)
    for _ in range(2):
        assert [item.call for item in plan.calls] == calls
    assert [item.action for item in plan.calls] == [item.action for item in plan.references()]
    assert [item.reasons for item in plan.calls] == [item.reasons for item in plan.references()]


def test_what_a_plan_shows_is_as_all_of_its_calls_are(calls: Any, ledger: Any) -> None:
    plan = plan_of(calls, ledger=ledger(), **HERE)
    assert list(plan.shown) == list(plan.calls)


def test_what_is_sent_comes_alone(calls: Any, entry: Any, ledger: Any) -> None:
    plan = plan_of(calls, ledger=ledger(*(entry(each, State.PLACED) for each in calls[:7])), **HERE)
    sends = list(recheck_sent(batches_of(calls), plan.batches, pytest.fail))
    assert [[item.reference_id for item in some] for some in sends] == [[], [], ["c7", "c8"]]
    assert all(item.action is Action.PLACE for some in sends for item in some)


def test_a_call_that_says_something_else_does_not_come_back(calls: Any, call: Any) -> None:
    plan = plan_of(calls, ledger=None, **HERE)
    edited = [*calls[:4], call("c4", line=2, anonymous=True), *calls[5:]]
    assert again(plan, batches_of(edited)) == ([f"c{number}" for number in range(9) if number != 4], ["c4"])


def test_a_call_under_another_name_does_not_come_back(calls: Any, call: Any) -> None:
    plan = plan_of(calls, ledger=None, **HERE)
    renamed = [*calls[:4], call("new", line=2), *calls[5:]]
    assert again(plan, batches_of(renamed)) == ([f"c{number}" for number in range(9) if number != 4], ["c4"])


def test_nothing_that_moved_to_another_place_is_taken_for_something_else(calls: Any) -> None:
    plan = plan_of(calls, ledger=None, **HERE)
    assert again(plan, batches_of([calls[1], calls[0], *calls[2:]]))[1] == ["c0", "c1"]
    assert again(plan, batches_of(calls[1:])) == ([f"c{n}" for n in range(3, 9)], ["c0", "c1", "c2"])


def test_what_is_gone_is_told_and_what_is_new_is_nobodys_business(calls: Any, call: Any) -> None:
    plan = plan_of(calls, ledger=None, **HERE)
    assert again(plan, batches_of(calls[:7])) == ([f"c{number}" for number in range(7)], ["c7", "c8"])
    assert again(plan, batches_of([*calls, call("more", line=3), call("most", line=9)]))[1] == []
    assert again(plan, [])[1] == [f"c{number}" for number in range(9)]


def test_what_has_no_fingerprint_any_more_does_not_come_back(calls: Any, call: Any) -> None:
    plan = plan_of(calls[:1], ledger=None, **HERE)
    assert again(plan, batches_of([call("c0", flow_variables={"n": 2**60})])) == ([], ["c0"])


def test_to_go_through_all_calls_ends_with_an_error_when_one_is_not_what_it_was(calls: Any) -> None:
    batches = batches_of(calls)
    plan = make_plan(batches, again=batches_of(calls[:8]), ledger=None, **HERE)
    seen = []
    with pytest.raises(StalePlan) as caught:
        seen.extend(item.reference_id for item in plan.calls)
    assert seen == [f"c{number}" for number in range(8)]
    assert caught.value.details == ("c8: is not what it was",)
