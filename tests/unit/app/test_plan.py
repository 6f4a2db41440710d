"""From files and ledger to a plan, as Python users and the command line make it."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from flowops.app.plan import planned
from flowops.app.render import render
from flowops.app.walk import Walk
from flowops.errors import Invalid, StalePlan
from flowops.model.plan import Action
from flowops.model.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.app.plan import Planned

SANDBOX = Selection((), "sandbox")
POLICY = (
    "apiVersion: flowops/v1\nkind: Project\npolicy:\n  countries: [GB]\n  number-types: [fixed-line, unknown, mobile]\n"
)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def opened(**options: Any) -> Any:
    return planned(SANDBOX, **{"readonly": True, **options})


def told(found: Planned) -> list[tuple[str, Action]]:
    return [(item.reference_id, item.action) for item in found.plan.references()]


def test_the_calls_of_a_plan_are_what_it_keeps_as_often_as_they_are_asked_for(root: Path, rows: Any) -> None:
    rows(root, 2_345)
    with opened() as found:
        for _ in range(2):
            whole = [(item.reference_id, item.fingerprint, item.action) for item in found.plan.calls]
            assert whole == [(item.reference_id, item.fingerprint, item.action) for item in found.plan.references()]
        assert [call.reference_id for call in render(SANDBOX)] == [name for name, *_ in whole]
        assert [item.reference_id for item in found.plan.shown] == ["r-0", "r-1", "r-2"]


def test_calls_that_are_asked_for_when_the_files_have_changed_are_an_error(root: Path, rows: Any) -> None:
    with opened() as found:
        rows(root, 5, first="Bye")
        with pytest.raises(StalePlan):
            list(found.plan.calls)


def test_a_plan_keeps_little_of_each_row(root: Path, rows: Any) -> None:
    def kept(count: int) -> int:
        rows(root, count, "some words that are not kept " * 10)
        tracemalloc.start()
        with opened() as found:
            size, _ = tracemalloc.get_traced_memory()
            assert found.plan.size == count
        tracemalloc.stop()
        return size

    kept(1)  # what is imported and cached stays
    assert (kept(6_000) - kept(1_000)) / 5_000 < 160


def test_the_same_reference_twice_is_told_at_both_places_however_far_apart(root: Path, rows: Any) -> None:
    rows(root, 2_200)
    file = root / "calls/rows.csv"
    file.write_text(f"{file.read_text()}7,+442079400007,again\n")
    with pytest.raises(Invalid) as caught, opened():
        pass
    (problem,) = caught.value.problems
    assert problem.message == "reference-id: row 2201 and row 8 of calls/rows.csv both make the reference-id 'r-7'"
    assert "row 8 of calls/rows.csv" in problem.message
    assert str(problem.row) == "row 2201 of calls/rows.csv"


def test_a_call_with_the_reference_of_a_row_is_told(root: Path) -> None:
    (root / "calls/one.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: r-3\ncallee: '+442079460101'\n"
        "caller: '+442079460900'\ncallflow-id: flow-1\n"
    )
    with pytest.raises(Invalid) as caught, opened():
        pass
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ("max-calls: 4", "the plan has 5 phones to ring, the limit is 4"),
        ("max-calls: {per-document: 4}", "calls/all.yaml:1 has 5 phones to ring, the limit is 4"),
        ("max-change: 50%", "the ledger knows no call yet, so that every plan is a large one"),
        ("do-not-call: dnc.txt", "dnc.txt does not exist"),
    ],
)
def test_a_guard_that_trips_leaves_the_actions_as_they_are(root: Path, limit: str, why: str) -> None:
    (root / "flowops.yaml").write_text(f"{POLICY}  {limit}\n")
    with opened(at=NOON) as found:
        assert {action for _, action in told(found)} == {Action.PLACE}
        (guard,) = found.plan.guards
        assert guard.reason.endswith(why)


def test_an_environment_that_is_stopped_is_a_guard(root: Path) -> None:
    with opened(readonly=False) as found:
        found.ledger.stop("wrong text")
    with opened() as found:
        assert {action for _, action in told(found)} == {Action.PLACE}
        assert [guard.name for guard in found.plan.guards] == ["stop"]
        reason = found.plan.guards[0].reason
        assert reason.endswith("wrong text; `flowops resume --env sandbox` lets runs claim calls again")


def test_the_unit_of_a_limit_is_a_phone(root: Path) -> None:
    (root / "calls/one.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: one\n"
        "callees: ['+442079460101', '+442079460102', '+442079460103']\n"
        "caller: '+442079460900'\ncallflow-id: flow-1\n"
    )
    (root / "flowops.yaml").write_text(f"{POLICY}  max-calls: {{per-run: 8, per-document: 2, per-day: 6}}\n")
    with opened(at=NOON) as found:
        assert found.plan.phones()[Action.PLACE] + found.plan.phones()[Action.DEFERRED] == 8
        assert dict(told(found))["one"] is Action.DEFERRED
        assert [guard.name for guard in found.plan.guards] == ["max-calls.per-document"]


def test_numbers_that_are_rung_by_several_calls_are_told(root: Path, rows: Any) -> None:
    rows(root, 1_500)
    file = root / "calls/rows.csv"
    file.write_text(f"{file.read_text()}x,+442079400007,again\ny,+442079401499,again\n")
    with opened() as found:
        assert found.plan.warnings == (
            "+44 20 79•• ••07 is called by 2 calls of this plan: r-7, r-x",
            "+44 20 79•• ••99 is called by 2 calls of this plan: r-1499, r-y",
        )


def test_a_list_is_read_once_before_the_calls(root: Path) -> None:
    (root / "dnc.txt").write_text("+44 20 79 400003\n")
    (root / "flowops.yaml").write_text(f"{POLICY}  do-not-call: dnc.txt\n")
    with opened(at=NOON) as found:
        assert [name for name, action in told(found) if action is Action.BLOCKED] == ["r-3"]


def test_a_walk_gives_the_same_calls_each_time(root: Path) -> None:
    with opened() as found:
        assert isinstance(found.walk, Walk)
        once, twice = ([batch.bodies for batch in found.walk] for _ in range(2))
        assert once == twice
