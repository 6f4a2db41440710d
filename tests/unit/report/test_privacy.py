"""No phone number in anything that is printed, unless somebody asked for it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.reports import markdown_of, text_of

from flowops.model.document import ABSENT
from flowops.model.ledger import Leg, State
from flowops.model.plan import Action, Change
from flowops.model.result import CallResult, Outcome, Result
from flowops.model.status import LedgerStatus
from flowops.report.json.ledger import ledger_list_json, status_json
from flowops.report.json.plan import plan_json, result_json
from flowops.report.json.text import dumps
from flowops.report.views.ledger import Entries, EntryView
from flowops.report.views.plan import of_plan
from flowops.report.views.result import ResultView

# The ranges for fiction.
NUMBERS = st.builds(
    lambda prefix, rest: f"{prefix}{rest}",
    st.sampled_from(["+442079460", "+12125550", "+3319900", "+4930901820"]),
    st.integers(100, 199),
)
SENTENCES = st.builds(
    lambda before, number, after: f"{before}{number}{after}",
    st.sampled_from(["", "no route to ", "callee '", "(", "sip:", "a=", "x, "]),
    NUMBERS,
    st.sampled_from(["", ".", "' is refused", ")", ": busy", ", y", "\n", "…"]),
)
VALUES = st.recursive(
    SENTENCES | NUMBERS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SENTENCES | st.just("key"), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(NUMBERS, min_size=1, max_size=5, unique=True),
    st.sampled_from(Action),
    st.lists(SENTENCES, max_size=2),
    st.lists(st.tuples(VALUES | st.just(ABSENT), VALUES), max_size=3),
    SENTENCES,
)
def test_no_number_is_in_any_output(
    make: Any, callees: list[str], action: Action, reasons: list[str], changes: list[tuple[Any, Any]], error: str
) -> None:
    call = make.call("reminder-7", *callees, variables={"patient": "Ada"})
    told = tuple(Change(f"/flow-variables/v{number}", *sides) for number, sides in enumerate(changes))
    plan = make.plan(make.planned(call, action, *reasons, changes=told))
    result = Result(
        "production",
        None,
        plan.digest,
        tuple(CallResult(f"r-{outcome}", outcome, ("c-1",), 1, error, 1) for outcome in Outcome),
        failure=error,
    )
    entry = make.entry("a", State.IN_DOUBT, Leg(None, "c", error, 11, error, "+44 20 79•• ••23"), error=error)
    status = LedgerStatus("production", plan.ledger, {}, {}, [entry])
    outputs = [
        text_of(of_plan(plan)),
        text_of(of_plan(plan, full=True)),
        markdown_of(of_plan(plan, full=True)),
        "".join(dumps(plan_json(plan))),
        text_of(ResultView(result, full=True)),
        markdown_of(ResultView(result)),
        "".join(dumps(result_json(ResultView(result)))),
        text_of(Entries([entry])),
        text_of(EntryView(entry)),
        "".join(dumps(ledger_list_json(Entries([entry])))),
        text_of(status),
        "".join(dumps(status_json(status))),
    ]
    for output in outputs:
        for prefix in ("4420794601", "121255501", "33199001", "49309018201"):
            assert prefix not in output


@given(st.lists(NUMBERS, min_size=1, max_size=3, unique=True))
def test_numbers_are_shown_to_those_who_ask(make: Any, callees: list[str]) -> None:
    plan = make.plan(make.planned(make.call("a", *callees), Action.PLACE))
    text = text_of(of_plan(plan, show_pii=True))
    assert all(number in text for number in callees)


def test_rendering_for_show_pii_leaves_the_plan_as_it_is(make: Any) -> None:
    change = Change("/callee", make.hidden("+44 20 79•• ••01"), make.hidden("+44 20 79•• ••23"))
    plan = make.plan(make.planned(make.call("a"), Action.CONFLICT, changes=(change,)))
    list(text_of(of_plan(plan, show_pii=True)))
    plan_json(plan)
    assert plan.calls[0].changes == (change,)
    assert plan.calls[0].call.callees == ("+442079460023",)
