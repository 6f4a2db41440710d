"""The registry: what it promises is written, and every format says what there is to say."""

from __future__ import annotations

import io
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from flowops.common.exit_codes import ExitCode
from flowops.errors import UsageError
from flowops.model.campaign import Campaign, CampaignProgress, CampaignState, Wait
from flowops.model.document import ABSENT, Field, Place, Problem
from flowops.model.ledger import EventType, LedgerRun, NumberBlock, OperatorStep, State
from flowops.model.plan import Action, Difference, DifferentCall, Shift
from flowops.model.result import CallResult, CaseResult, Outcome, Result
from flowops.model.status import Check, Diagnosis, Status
from flowops.report import formats
from flowops.report.difference import DifferenceOutput
from flowops.report.json.plan import difference_line, plan_json
from flowops.report.views.ledger import (
    BlockedView,
    CampaignsView,
    Done,
    Entries,
    EntryView,
    Exported,
    OperationView,
    Runs,
)
from flowops.report.views.plan import Bodies, PlanOutput, of_plan
from flowops.report.views.problems import CasesView, ProblemsView
from flowops.report.views.result import ResultView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.ledger import Entry
    from flowops.model.plan import Plan
    from flowops.model.status import LedgerStatus
    from flowops.report.layouts import Output

#: What became of calls that an operator settled: done, done already, refused.
STEPS = (
    OperatorStep("a", State.IN_DOUBT, State.PLACED, changed=True),
    OperatorStep("b", State.PLACED, State.PLACED),
    OperatorStep("c", State.IN_FLIGHT, State.IN_FLIGHT, refused="the run of +442079460018 is still alive"),
)
RUN = LedgerRun(
    "4f2a9c1e", "ada", "ci-1", None, None, "2026-03-02T09:00:00Z", None, 1, live=False, events={EventType.CLAIMED: 2}
)
CAMPAIGN = Campaign(
    *("01jf", "spring", CampaignState.PAUSED, "canary: 1 of 2 phones failed", "2026-03-02T09:00:00.000Z"),
    *("2026-03-02T09:00:00.000Z", None, "ada", "ci-1", None, "sha256:00", {}, 2, 2, 1),
)
PAIRS = [(kind, name) for name, each in formats.listed().items() for kind in each.kinds]
FIELD = Field(("call", "callee"), "text", "who is called", False, ABSENT)
#: The formats that count calls, or speak of problems only, and do not name each call.
COUNTING = ("github", "gitlab", "sarif")


def naming(kind: str) -> list[str]:
    """Return the formats that name each call of a result."""
    return [name for name in formats.names(kind) if name not in COUNTING]


def written(kind: str, output: Output, name: str) -> str:
    stream = io.StringIO()
    formats.write(kind, output, name, formats.Target(stream))
    return stream.getvalue()


BLOCK = NumberBlock("+44 20 79•• ••18", "k7qm3", "2026-11-27T09:00:00.000Z", "ada", "build-7", "asked us to stop")
LIFTED = BLOCK._replace(lifted_at="2026-11-28T09:00:00.000Z", lifted_by="ada on build-7", lifted_reason="a mistake")


@pytest.fixture
def outputs(
    make: Any, plan: Plan, result: Result, entries: list[Entry], status: LedgerStatus, history: Any
) -> Iterator[dict[str, Output]]:
    """One result of each kind."""
    added = DifferentCall(Shift.ADDED, make.call("new"))
    found = Difference("main", None, {Shift.ADDED: 1, Shift.CHANGED: 0, Shift.REMOVED: 0}, 0, (added,))
    difference = DifferenceOutput("production", line=difference_line).take_all(found)
    yield {
        formats.PROBLEMS: ProblemsView([Problem(Place("a.yaml", 9, 3), None, "wrong", "x")], "production"),
        formats.CASES: CasesView(
            [
                CaseResult("it holds", Place("t.yaml", 1, 1)),
                CaseResult("it does not", Place("t.yaml", 9, 1), (Problem(Place("t.yaml", 11, 3), None, "x", "test"),)),
            ]
        ),
        formats.FIELD: Field(("call",), "text", "a call", True, None, ("x",), ("x", "y"), (FIELD,)),
        formats.DIAGNOSIS: Diagnosis("production", (Check("api", Status.FAILED, "closed", "curl", ExitCode.API),)),
        formats.PLAN: PlanOutput(lambda full: of_plan(plan, full=full), lambda: plan_json(plan)),
        formats.RESULT: ResultView(result),
        formats.DIFFERENCE: difference,
        formats.STATUS: status,
        formats.ENTRIES: Entries(entries),
        formats.ENTRY: EntryView(entries[1], history),
        formats.BODIES: Bodies([make.call("a")]),
        formats.BLOCKED: BlockedView("production", [BLOCK, LIFTED]),
        formats.RUNS: Runs("production", [RUN]),
        formats.CAMPAIGNS: CampaignsView("production", [(CAMPAIGN, CampaignProgress({None: 2}, None, {Wait.TIME: 2}))]),
        formats.EXPORT: Exported([]),
        formats.DONE: Done("production", "ledger import", {"added": 3, "present": 1}, ["3 adopted"]),
        formats.OPERATION: OperationView("production", "resolve", "resolved", "seen it", STEPS, is_done=True),
    }
    difference.close()


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_a_format_writes_every_kind_that_it_promises(kind: str, name: str, outputs: dict[str, Output]) -> None:
    assert written(kind, outputs[kind], name) or (kind, name) == (formats.EXPORT, "jsonl")


def test_every_kind_is_printed_in_some_format(outputs: dict[str, Output]) -> None:
    assert all(formats.names(kind) for kind in outputs)


def test_a_format_that_does_not_exist_for_a_kind_is_refused(outputs: dict[str, Output]) -> None:
    with pytest.raises(UsageError, match="cannot be printed as sarif") as refused:
        formats.write(formats.RESULT, outputs[formats.RESULT], "sarif", formats.Target(io.StringIO()))
    assert refused.value.hint == f"it can be as {', '.join(formats.names(formats.RESULT))}"


@pytest.mark.parametrize("name", naming(formats.RESULT))
def test_every_call_that_was_not_placed_has_its_reason(name: str) -> None:
    unplaced = [outcome for outcome in Outcome if outcome not in (Outcome.PLACED, Outcome.UNCHANGED)]
    calls = [CallResult(f"r-{outcome}", outcome, (), 1, f"because {outcome}") for outcome in unplaced]
    run = Result("production", None, "sha256:00", tuple(calls), failure="nobody answers")
    text = unescape(written(formats.RESULT, ResultView(run), name))
    assert "nobody answers" in text
    for outcome in unplaced:
        assert f"r-{outcome}" in text
        assert f"because {outcome}" in text


@pytest.mark.parametrize("name", naming(formats.PLAN))
def test_every_action_of_a_plan_has_its_reason(name: str, make: Any) -> None:
    calls = [make.planned(make.call(f"r-{action}"), action, f"because {action}") for action in Action]
    plan = make.plan(*calls)
    output = PlanOutput(lambda full: of_plan(plan, full=full), lambda: plan_json(plan), full=True)
    text = unescape(written(formats.PLAN, output, name))
    for action in Action:
        assert f"r-{action}" in text
        assert f"because {action}" in text


@pytest.mark.parametrize("name", [name for name in naming(formats.PLAN) if name != "junit"])
def test_warnings_and_notes_of_a_plan_are_said(name: str, make: Any) -> None:
    plan = make.plan(make.planned(make.call("a"), Action.PLACE), warnings=("mind this",), notes=("and know that",))
    output = PlanOutput(lambda full: of_plan(plan, full=full), lambda: plan_json(plan))
    text = written(formats.PLAN, output, name)
    assert "mind this" in text
    assert "and know that" in text


@pytest.mark.parametrize("name", formats.names(formats.OPERATION))
def test_what_an_operator_was_refused_is_said_in_every_format_without_a_number(
    name: str, outputs: dict[str, Output]
) -> None:
    text = unescape(written(formats.OPERATION, outputs[formats.OPERATION], name))
    assert "is still alive" in text
    assert "+442079460018" not in text
