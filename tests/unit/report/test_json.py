"""What machines read: exact shapes, one call a line, nothing that a terminal obeys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from support.reports import text_of

from flowops.common.text import Lines
from flowops.model.document import ABSENT, Document, Place, Problem, RowPlace, SourceMap
from flowops.model.ledger import Checkpoint, State
from flowops.model.plan import Action, Change
from flowops.model.status import LedgerStatus
from flowops.report.json.ledger import entry_json, ledger_list_json, status_json
from flowops.report.json.plan import plan_json, render_json, result_json, validate_json
from flowops.report.json.reading import plan_of_json, result_of_json
from flowops.report.json.text import dumps
from flowops.report.views.ledger import Entries, EntryView
from flowops.report.views.plan import Bodies, of_plan
from flowops.report.views.problems import ProblemsView
from flowops.report.views.result import ResultView

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.ledger import Entry
    from flowops.model.plan import Plan
    from flowops.model.result import Result

    Golden = Callable[[str, str], None]

SCHEMAS = Path(__file__).parents[3] / "schemas"


def text(value: Any) -> str:
    return "".join(dumps(value))


def fits(name: str, value: Any) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(text(value)))


def test_plan(plan: Plan, golden: Golden) -> None:
    golden("001-plan/plan.json", text(plan_json(plan)))
    fits("plan", plan_json(plan))


def test_result(result: Result, golden: Golden) -> None:
    document = result_json(ResultView(result))
    golden("002-result/result.json", text(document))
    fits("result", document)


def test_render_is_exact(plan: Plan, golden: Golden) -> None:
    document = text(render_json(Bodies((item.call for item in plan.calls), "production")))
    golden("004-render/render.json", document)
    assert [item["body"] for item in json.loads(document)["calls"]] == [item.call.body for item in plan.calls]
    fits("render", json.loads(document))


def test_ledger_list(entries: list[Entry], golden: Golden) -> None:
    golden("003-ledger/list.json", text(ledger_list_json(Entries(entries, "production"))))
    fits("ledger-list", ledger_list_json(Entries(entries, "production")))


def test_ledger_show(entries: list[Entry], history: Any, golden: Golden) -> None:
    document = entry_json(EntryView(entries[1], history))
    golden("003-ledger/show-2.json", text(document))
    fits("ledger-show", document)


def test_an_imported_call_has_no_fingerprint(entries: list[Entry]) -> None:
    assert list(ledger_list_json(Entries(entries))["calls"])[-1]["fingerprint"] is None


def test_status(status: LedgerStatus, golden: Golden) -> None:
    golden("003-ledger/status.json", text(status_json(status)))
    fits("status", status_json(status))


def test_status_before_there_is_a_ledger() -> None:
    document = status_json(LedgerStatus("sandbox", None, {}, {}, ()))
    fits("status", document)
    assert document["ledger"] is None
    assert document["counts"] == {state.value.replace("-", "_"): 0 for state in State}


def test_validate(golden: Golden) -> None:
    row = RowPlace("data/a.csv", 12, 13)
    problems = [
        Problem(Place("calls/b.yaml", 2, 1), row, "callee: 'x' is not a number", "number", "write +44…"),
        Problem(Place("calls/a.yaml", 9, 3), None, "kind: missing", "schema"),
        Problem(Place("calls/a.yaml", 9, 3), None, "kind: missing", "schema"),
        Problem(Place("calls/b.yaml", 2, 1), RowPlace("data/a.csv", 2, 3), "callee: 'x' is not a number", "number"),
    ]
    written = "apiVersion: flowops/v1\nkind: CallSet\n\nfor-each:\n  source: crm\n"
    at, end, lines = written.index("source"), len(written) - 1, Lines(written)
    inside = SourceMap(lines, at, end, {"source": "crm"}, [at, written.index("crm"), end])
    value = {"for-each": {"source": "crm"}}
    source_map = SourceMap(lines, 0, end, value, [written.index("for-each"), at, end], {"for-each": inside})
    unread = [(Document("calls/crm.yaml", "CallSet", value, source_map, written), "crm")]
    document = validate_json(ProblemsView(problems, "production", 2, 3, 14, unread))
    golden("005-problems/validate.json", text(document))
    fits("validate", document)


@pytest.mark.parametrize("document", [[], {"a": []}, {"a": [], "b": {}}, [{}], {"calls": [{"a": [1]}, {"b": None}]}])
def test_the_text_is_json(document: Any) -> None:
    assert json.loads(text(document)) == document


def test_each_call_is_one_line(plan: Plan) -> None:
    lines = text(plan_json(plan)).splitlines()
    assert sum(line.startswith('    {"reference_id"') for line in lines) == len(plan.calls)


def test_what_a_terminal_obeys_is_escaped_and_comes_back(hostile: str, harmless: Callable[[str], bool]) -> None:
    written = text({"a": hostile, "calls": [{hostile: hostile}]})
    assert harmless(written)
    assert json.loads(written) == {"a": hostile, "calls": [{hostile: hostile}]}
    written.encode()


class TestShownAgain:
    def test_a_plan_reads_as_it_did(self, plan: Plan) -> None:
        again = plan_of_json(json.loads(text(plan_json(plan))))
        lines = text_of(again).replace("the data", "data/appointments.csv")
        first = text_of(of_plan(plan))
        told = [line for line in first.splitlines() if not line.startswith("calls/")]
        assert [line for line in lines.splitlines() if not line.startswith("calls/")] == told

    def test_a_saved_plan_has_only_names_and_actions(self, make: Any) -> None:
        document = plan_json(make.plan(make.planned(make.call("a"), Action.PLACE), unnamed=2))
        kept = ("reference_id", "fingerprint", "action")
        document["calls"] = [{key: call[key] for key in kept} for call in document["calls"]]
        assert text_of(plan_of_json(document)).splitlines()[2:6] == [
            "",
            "  + a",
            "",
            "Plan: 1 to place, 0 to retry, 0 unchanged.",
        ]

    def test_a_result_reads_as_it_did(self, result: Result) -> None:
        again = result_of_json(json.loads(text(result_json(ResultView(result)))))
        lines = text_of(ResultView(again)).splitlines()
        assert [line for line in text_of(ResultView(result)).splitlines() if line in lines] == lines

    @pytest.mark.parametrize(
        "broken",
        [
            {},
            {"calls": 7},
            {"calls": [{}]},
            {"calls": [{"reference_id": "a", "fingerprint": "", "action": "ring"}]},
            {"calls": [], "ledger": "x", "environment": "e", "revision": None, "digest": "d"},
        ],
    )
    def test_what_flowops_did_not_write_is_refused(self, broken: Any) -> None:
        with pytest.raises(ValueError):
            plan_of_json(broken)
        with pytest.raises(ValueError):
            result_of_json(broken)

    def test_numbers_that_somebody_put_in_are_masked(self, make: Any) -> None:
        document = plan_json(make.plan(make.planned(make.call("a"), Action.PLACE)))
        number = "+442079460023"
        (call,) = document["calls"] = list(document["calls"])
        call["callees"], call["reasons"] = [number], [f"why {number}"]
        call["changes"] = [{"path": "/x", "before": [number], "after": {"k": number}}]
        assert number not in text_of(plan_of_json(document))


def test_a_plan_keeps_null_and_absent_apart(make: Any) -> None:
    changes = (Change("/a", None, ABSENT), Change("/b", ABSENT, None))
    (call,) = plan_json(make.plan(make.planned(make.call("a"), Action.CONFLICT, changes=changes)))["calls"]
    assert call["changes"] == [{"path": "/a", "before": None}, {"path": "/b", "after": None}]


def test_no_ledger_is_null(make: Any) -> None:
    assert plan_json(make.plan(ledger=None))["ledger"] is None
    checkpoint = Checkpoint("x", 0, "h")
    assert plan_json(make.plan(ledger=checkpoint))["ledger"] == {"id": "x", "serial": 0, "head": "h"}


def test_every_state_is_counted(status: LedgerStatus) -> None:
    assert set(status_json(status)["counts"]) == {state.value.replace("-", "_") for state in State}
