"""Short names for people: the same for the same number, shown where masked numbers look alike, and never a number."""

from __future__ import annotations

from typing import Any

from support.plans import decided
from support.reports import text_of

from flowops.model.plan import Action, Difference, DifferentCall, Shift
from flowops.report.difference import DifferenceOutput
from flowops.report.json.plan import plan_json
from flowops.report.json.reading import plan_of_json
from flowops.report.masking import PeopleCounter, distinguish
from flowops.report.views.plan import PlanView, of_plan

ANN, ALSO_ANN_TO_SEE, BOB = "+442079460023", "+442079461023", "+12125550123"
SHOWN = "+44 20 79•• ••23"


def plan_of(make: Any, *numbers: str, pseudonym: Any = None) -> Any:
    calls = [make.planned(make.call(f"r-{at}", number), Action.PLACE) for at, number in enumerate(numbers)]
    return make.plan(*calls)._replace(pseudonym=pseudonym)


def callees(found: PlanView) -> list[str]:
    return [callee for group in found.groups for call in group.shown for callee in call.callees]


def test_people_who_look_alike_are_told_apart_and_nobody_else_is_named(make: Any) -> None:
    plan = plan_of(make, ANN, ALSO_ANN_TO_SEE, ANN, BOB)
    assert callees(of_plan(plan, full=True)) == [
        f"{SHOWN} (1)",
        f"{SHOWN} (2)",
        f"{SHOWN} (1)",
        "+1 212 5•• ••23",
    ]
    assert callees(of_plan(plan_of(make, ANN, BOB))) == [SHOWN, "+1 212 5•• ••23"]


def test_the_same_person_has_the_same_name_in_every_document(make: Any) -> None:
    elsewhere = make.call("r-9", ANN, document=make.document("calls/other.yaml"))
    plan = plan_of(make, ALSO_ANN_TO_SEE, ANN)
    plan = plan._replace(**decided([*plan.calls, make.planned(elsewhere, Action.PLACE)]))
    assert callees(of_plan(plan)) == [f"{SHOWN} (1)", f"{SHOWN} (2)", f"{SHOWN} (2)"]


def test_the_ledgers_names_are_taken_where_there_is_a_ledger(make: Any) -> None:
    names = {ANN: "k7qm3", ALSO_ANN_TO_SEE: "zzzzz"}
    plan = plan_of(make, ALSO_ANN_TO_SEE, ANN, pseudonym=names.__getitem__)
    assert callees(of_plan(plan)) == [f"{SHOWN} (zzzzz)", f"{SHOWN} (k7qm3)"]
    assert [call["pseudonyms"] for call in plan_json(plan)["calls"]] == [["zzzzz"], ["k7qm3"]]


def test_json_names_every_callee(make: Any) -> None:
    calls = plan_json(plan_of(make, ANN, BOB, ANN))["calls"]
    assert [(call["callees"], call["pseudonyms"]) for call in calls] == [
        ([SHOWN], ["1"]),
        (["+1 212 5•• ••23"], ["2"]),
        ([SHOWN], ["1"]),
    ]


def test_a_plan_that_is_read_again_is_shown_as_it_was(make: Any) -> None:
    plan = plan_of(make, ANN, ALSO_ANN_TO_SEE, BOB)
    written = {**plan_json(plan), "calls": list(plan_json(plan)["calls"])}
    again = plan_of_json(written)
    assert callees(again) == callees(of_plan(plan))
    for call in written["calls"]:
        del call["pseudonyms"]
    assert callees(plan_of_json(written)) == [SHOWN, SHOWN, "+1 212 5•• ••23"]


def test_who_may_see_numbers_sees_no_names(make: Any) -> None:
    text = text_of(of_plan(plan_of(make, ANN, ANN), show_pii=True))
    assert ANN in text
    assert "(1)" not in text


def test_both_sides_of_a_difference_have_the_same_names(make: Any) -> None:
    found = Difference(
        "main",
        None,
        {Shift.ADDED: 1, Shift.REMOVED: 2},
        0,
        (
            DifferentCall(Shift.ADDED, make.call("new", ANN)),
            DifferentCall(Shift.REMOVED, make.call("old-1", ALSO_ANN_TO_SEE)),
            DifferentCall(Shift.REMOVED, make.call("old-2", ANN)),
        ),
    )
    shown = DifferenceOutput("production").take_all(found).view
    samples = [sample for group in (*shown.added, *shown.removed) for sample in group.shown]
    assert {sample.reference_id: sample.callees for sample in samples} == {
        "new": (f"{SHOWN} (1)",),
        "old-1": (f"{SHOWN} (2)",),
        "old-2": (f"{SHOWN} (1)",),
    }


def test_names_that_are_missing_leave_the_numbers_as_they_are() -> None:
    assert distinguish([(["a", "a"], ["1"]), (["a"], ["2", "3"])]) == [("a (1)", "a"), ("a (2)",)]


def test_people_are_counted_from_one() -> None:
    counted = PeopleCounter()
    assert [counted(number) for number in (BOB, ANN, BOB)] == ["1", "2", "1"]
