"""One action a call: the table of the contract's section 5, case by case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.plans import plan_of

from flowops.model.document import ABSENT
from flowops.model.ledger import State
from flowops.model.plan import Action
from flowops.plan.canonical import unfit
from flowops.plan.planner import decision_line, digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.call import Call
    from flowops.model.plan import Plan

CASES = sorted((Path(__file__).parents[2] / "cases" / "plan").iterdir())
HERE = {"environment": "production", "revision": None}


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def told(value: Any) -> Any:
    return value["shown"] if isinstance(value, dict) and "$pseudonym" in value else value


def described(plan: Plan) -> dict[str, Any]:
    return {
        "unnamed": plan.unnamed,
        "calls": [
            {
                "reference_id": item.call.reference_id,
                "action": item.action.value,
                "changes": [
                    {"path": change.path}
                    | {
                        side: told(value)
                        for side, value in (("before", change.before), ("after", change.after))
                        if value is not ABSENT
                    }
                    for change in item.changes
                ],
                "reasons": list(item.reasons),
            }
            for item in plan.calls
        ],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_is_decided_as_written(case: Path, call: Any, entry: Any, ledger: Any) -> None:
    def make(fields: dict[str, Any]) -> Call:
        return call(fields["reference_id"], **{name: value for name, value in fields.items() if name != "reference_id"})

    rows = [
        entry(make(row["sent"]), State(row["state"]), **{k: v for k, v in row.items() if k not in ("sent", "state")})
        for row in read(case / "ledger.json")
    ]
    calls = [make(fields) for fields in read(case / "calls.json")]
    plan = plan_of(calls, ledger=ledger(*rows), **HERE)
    assert described(plan) == read(case / "expected.json")


def test_without_a_ledger_everything_is_to_be_placed(call: Any) -> None:
    plan = plan_of([call("a")], ledger=None, **HERE)
    assert [item.action for item in plan.calls] == [Action.PLACE]
    assert (plan.ledger, plan.unnamed) == (None, 0)


def test_no_calls_make_an_empty_plan(ledger: Any) -> None:
    plan = plan_of([], ledger=ledger(), **HERE)
    assert (list(plan.calls), plan.size) == ([], 0)


def test_a_batch_is_looked_up_at_once_and_only_what_is_not_settled_is_asked_for_again(
    call: Any, entry: Any, ledger: Any
) -> None:
    calls = [call(f"a-{number}") for number in range(2_001)]
    answers = ledger(*(entry(each, State.PLACED) for each in calls[:1_500]), entry(calls[1_500], State.REJECTED))
    plan = plan_of(calls, ledger=answers, **HERE)
    assert answers.asked == [2_001, 501]
    assert plan.counts() == dict.fromkeys(Action, 0) | {Action.UNCHANGED: 1_500, Action.RETRY: 1, Action.PLACE: 500}


@pytest.mark.parametrize("live", [False, True])
def test_an_attempt_that_is_open_is_told_also_where_the_files_say_no_more_of_it(
    call: Any, entry: Any, ledger: Any, live: bool
) -> None:
    answers = ledger(entry(call("a"), State.FINISHED), entry(call("b"), State.FINISHED))
    state = State.IN_FLIGHT if live else State.IN_DOUBT
    answers.open = {name: entry(call(f"{name}~2"), state, live=live) for name in "ab"}
    edited = call("b", flow_variables={"n": 1})
    planned = list(plan_of([call("a"), edited, call("c")], ledger=answers, **HERE).calls)
    action = Action.IN_FLIGHT if live else Action.IN_DOUBT
    assert [item.action for item in planned] == [action, action, Action.PLACE]
    assert [item.reasons[0] for item in planned[:2]] == ["as a~2", "as b~2"]


def test_calls_stay_in_the_order_of_the_files(call: Any, ledger: Any) -> None:
    plan = plan_of([call("b"), call("a")], ledger=ledger(), **HERE)
    assert [item.call.reference_id for item in plan.calls] == ["b", "a"]


def test_a_call_without_a_fingerprint_is_told(call: Any) -> None:
    calls = [call(name, flow_variables={"n": number}) for name, number in (("a", 2**53), ("b", 1), ("c", 2**54))]
    with pytest.raises(ValueError, match="cannot be planned"):
        plan_of(calls, ledger=None, **HERE)
    assert [problem.message.split(" ")[0] for problem in unfit(calls)] == ["flow-variables.n:"] * 2


def test_a_reference_that_a_shell_would_take_apart_is_quoted(call: Any, entry: Any, ledger: Any) -> None:
    spec = call("a; rm -rf b")
    plan = plan_of([spec], ledger=ledger(entry(spec, State.IN_DOUBT)), **HERE)
    assert "resolve 'a; rm -rf b' --env production" in next(iter(plan.calls)).reasons[-1]


class TestDigest:
    def test_says_nothing_of_files_and_their_order(self, call: Any, ledger: Any) -> None:
        one = plan_of([call("a", line=1), call("b")], ledger=ledger(), **HERE)
        other = plan_of([call("b"), call("a", line=7)], ledger=ledger(), **HERE)
        assert one.digest == other.digest

    @pytest.mark.parametrize(
        "change",
        [
            lambda call: {"environment": "staging"},
            lambda call: {"calls": [call("a")]},
            lambda call: {"calls": [call("a"), call("b", anonymous=True)]},
        ],
        ids=["environment", "calls", "fingerprint"],
    )
    def test_moves_with_what_decides(self, change: Callable[..., Any], call: Any, ledger: Any) -> None:
        usual = {"calls": [call("a"), call("b")], "environment": "production"}
        made = [usual, usual | change(call)]
        digests = {plan_of(each.pop("calls"), **each, revision=None, ledger=ledger()).digest for each in made}
        assert len(digests) == 2

    def test_moves_with_whether_a_call_may_be_placed_and_with_what_is_around_it(self) -> None:
        line = decision_line("a", "v1:sha256:00", "", True)
        settings = {"api": "https://api.cm.com/voiceapi/v2"}
        digests = [
            digest("e", "one", settings, [line]),
            digest("e", "one", settings, [decision_line("a", "v1:sha256:00", "", False)]),
            digest("e", "one", settings, [decision_line("a", "v1:sha256:00", "00", True)]),
            digest("e", "two", settings, [line]),
            digest("e", None, settings, [line]),
            digest("e", "one", {"api": "https://api.example.org"}, [line]),
            digest("e", "one", settings | {"token": "{env: FLOWOPS_TOKEN}"}, [line]),
        ]
        assert len(set(digests)) == len(digests)

    def test_is_stable_across_versions(self) -> None:
        lines = [
            decision_line("b", "v1:f", "", True),
            decision_line("a", "v1:f", "00", False),
        ]
        assert digest("production", "x", {"api": "sandbox"}, lines) == (
            "sha256:0527b30254d31c70cdae3db1ec14351abdcf4113970d998564ac2a988df00d79"
        )
