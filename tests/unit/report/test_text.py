"""What people read, as files under tests/cases/report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.reports import text_of

from flowops.errors import FlowopsError, LedgerError
from flowops.model.ledger import Leg, State
from flowops.model.plan import Action, Change
from flowops.model.result import CallResult, Outcome, Result
from flowops.model.status import LedgerStatus
from flowops.report.terminal import plain
from flowops.report.views.ledger import Entries, EntryView
from flowops.report.views.plan import Bodies, of_plan
from flowops.report.views.result import ResultView
from flowops.report.writers.text import error_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.ledger import Entry
    from flowops.model.plan import Plan

    Golden = Callable[[str, str], None]


class TestPlan:
    def test_shows_a_few_calls_of_each_document(self, plan: Plan, golden: Golden) -> None:
        golden("001-plan/few.txt", text_of(of_plan(plan)))

    def test_shows_every_call_when_asked(self, plan: Plan, golden: Golden) -> None:
        golden("001-plan/full.txt", text_of(of_plan(plan, full=True)))

    def test_shows_numbers_when_asked(self, plan: Plan, golden: Golden) -> None:
        golden("001-plan/show-pii.txt", text_of(of_plan(plan, show_pii=True)))

    def test_of_a_sandbox_says_that_no_phone_rings(self, make: Any, golden: Golden) -> None:
        calls = [make.planned(make.call(f"reminder-{row}", row=row), Action.PLACE) for row in range(1, 201)]
        empty = make.plan(*calls, environment="sandbox", revision=None, ledger=None)
        golden("001-plan/sandbox.txt", text_of(of_plan(empty, sandboxed=True)))

    def test_of_nothing_is_totals(self, make: Any, golden: Golden) -> None:
        golden("001-plan/empty.txt", text_of(of_plan(make.plan())))

    def test_never_leaves_out_what_needs_a_decision(self, make: Any) -> None:
        calls = [make.planned(make.call(f"c-{n}"), Action.CONFLICT, f"why {n}") for n in range(50)]
        calls += [make.planned(make.call(f"d-{n}"), Action.IN_DOUBT, f"settle {n}") for n in range(50)]
        text = text_of(of_plan(make.plan(*calls)))
        assert all(f"why {n}\n" in text and f"settle {n}\n" in text for n in range(50))

    def test_does_not_wrap(self, make: Any) -> None:
        long = make.planned(make.call("r" * 500, *["+442079460023"] * 9), Action.PLACE, "because " * 100)
        assert len(text_of(of_plan(make.plan(long))).splitlines()) == 9

    def test_names_many_flows_by_their_number(self, make: Any) -> None:
        calls = [make.planned(make.call(f"c-{n}", flow=f"flow-{n}"), Action.PLACE) for n in range(3)]
        assert "calls/reminders.yaml:12  3 flows  3 calls, 1 script\n" in text_of(of_plan(make.plan(*calls)))

    def test_counts_one_script_for_each_set_of_variables(self, make: Any) -> None:
        variables = [{"a": 1}, {"a": 2}, {"a": 1, "b": 1}, None]
        calls = [
            make.planned(make.call(f"c-{n}", **{"flow-variables": some}), Action.PLACE)
            for n, some in enumerate(variables)
        ]
        assert "4 calls, 3 scripts" in text_of(of_plan(make.plan(*calls)))


class TestResult:
    def test_says_what_needs_doing_then_the_totals(self, result: Result, golden: Golden) -> None:
        golden("002-result/result.txt", text_of(ResultView(result)))

    def test_of_a_good_run_is_its_totals(self, golden: Golden) -> None:
        good = Result("sandbox", None, "sha256:00", (CallResult("a", Outcome.PLACED, ("c",), 1),))
        golden("002-result/good.txt", text_of(ResultView(good)))

    def test_names_the_first_of_many_unless_all_are_asked_for(self) -> None:
        calls = tuple(CallResult(f"r-{n}", Outcome.IN_DOUBT, (), 1, "reset") for n in range(25))
        result = Result("production", None, "sha256:00", calls)
        few, full = text_of(ResultView(result)), text_of(ResultView(result, full=True))
        assert "? r-19\n    … 5 more (--full shows them)\n" in few
        assert ("? r-24\n" in full, full.count("reset")) == (True, 1)

    def test_names_a_signal_that_has_no_name_by_its_number(self) -> None:
        assert "Interrupted by signal 99;" in text_of(ResultView(Result("e", None, "d", (), interrupted=99)))


class TestLedger:
    def test_list_is_a_table(self, entries: list[Entry], golden: Golden) -> None:
        golden("003-ledger/list.txt", text_of(Entries(entries)))

    def test_list_of_nothing_is_a_head(self) -> None:
        assert text_of(Entries([])).splitlines()[-1] == "0 calls"

    @pytest.mark.parametrize("number", range(7))
    def test_show_tells_all_of_one_call(self, number: int, entries: list[Entry], history: Any, golden: Golden) -> None:
        events = history if number == 1 else ()
        golden(f"003-ledger/show-{number + 1}.txt", text_of(EntryView(entries[number], events)))

    def test_status_is_totals_and_what_is_in_doubt(self, status: LedgerStatus, golden: Golden) -> None:
        golden("003-ledger/status.txt", text_of(status))

    def test_status_before_there_is_a_ledger(self) -> None:
        text = text_of(LedgerStatus("sandbox", None, {}, {}, ()))
        assert text == "Ledger of sandbox\n  not made yet: nothing was placed\n"


class TestRender:
    VALUES = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(st.characters(exclude_categories=["Cs"]))
        | st.sampled_from(
            ["+31612345678", "no", "20:00", "1.50", "", "~", "null", "061234", "0x1f", "<<", "=", "2026-11-23"]
        )
        | st.floats(-1e9, 1e9).filter(lambda number: "e" not in repr(number)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
                | st.sampled_from(["no", "y", "+31", "a-b"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=10,
    )

    def test_is_a_document_for_each_call(self, plan: Plan, golden: Golden) -> None:
        golden("004-render/render.yaml", text_of(Bodies(item.call for item in plan.calls)))

    def test_of_a_standard_reader_gives_the_bodies_back(self, plan: Plan) -> None:
        bodies = [item.call.body for item in plan.calls]
        assert list(yaml.safe_load_all(text_of(Bodies(item.call for item in plan.calls)))) == bodies

    @given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=4))
    def test_of_any_body_is_read_back_as_it_was(
        self, make: Any, harmless: Callable[[str], bool], variables: dict[str, Any]
    ) -> None:
        call = make.call("a", **{"flow-variables": variables})
        text = text_of(Bodies([call]))
        assert yaml.safe_load(text) == call.body
        assert harmless(text)

    def test_of_a_hostile_file_name_stays_a_comment(self, make: Any, hostile: str) -> None:
        call = make.call("a", document=make.document(file=f"calls/{hostile}\nevil: true\n.yaml"))
        assert yaml.safe_load(text_of(Bodies([call]))) == call.body


class TestError:
    def test_has_a_message_and_a_hint(self) -> None:
        error = LedgerError("no ledger at x.db", hint="run `flowops ledger init --env production`")
        assert plain(error_lines(error)) == (
            "error: no ledger at x.db\nhint: run `flowops ledger init --env production`\n"
        )

    def test_without_a_hint_is_one_line(self) -> None:
        assert plain(error_lines(FlowopsError("no"))) == "error: no\n"


def test_nothing_that_a_terminal_obeys_gets_through(make: Any, harmless: Callable[[str], bool], hostile: str) -> None:
    call = make.call(
        hostile,
        document=make.document(file=hostile),
        flow=hostile,
        variables={hostile: hostile},
    )
    key = hostile.replace("~", "~0").replace("/", "~1")
    change = Change(f"/flow-variables/{key}", hostile, {hostile: [hostile]})
    item = make.planned(call, Action.CONFLICT, hostile, changes=(change,))
    plan = make.plan(item, environment=hostile, revision=hostile)
    entry = make.entry(
        hostile, State.FINISHED, Leg(None, hostile, hostile, 10, hostile, hostile), error=hostile, environment=hostile
    )
    result = Result(
        hostile, hostile, hostile, (CallResult(hostile, Outcome.REJECTED, (), 1, hostile),), failure=hostile
    )
    texts = [
        text_of(of_plan(plan, full=True, show_pii=True)),
        text_of(of_plan(plan)),
        text_of(ResultView(result)),
        text_of(Entries([entry])),
        text_of(EntryView(entry)),
        text_of(LedgerStatus(hostile, None, {}, {}, ())),
        text_of(Bodies([call])),
        plain(error_lines(FlowopsError(hostile, hint=hostile))),
    ]
    assert all(harmless(text) for text in texts)
