"""A campaign is written while its plan is made, and is there once that is approved, or not at all."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flowops import Project
from flowops.app import hand_over
from flowops.errors import FlowopsError, Invalid, StalePlan
from flowops.model.campaign import CampaignState
from flowops.model.plan import Pacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowops.app.hand_over import HandOver

WORKERS = "environments: {sandbox: {api: sandbox, workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}}}\n"
TABLES = ("flowops_campaigns", "flowops_batches", "flowops_scheduled")


@pytest.fixture(autouse=True)
def workers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two calls."""
    (root / "flowops.yaml").write_text((root / "flowops.yaml").read_text() + WORKERS)
    monkeypatch.setenv("FLOWOPS_CAMPAIGN_KEY", "c" * 64)
    monkeypatch.setattr(hand_over, "BATCH", 2)


def handed_over(**options: Any) -> HandOver:
    return Project(environment="sandbox").hand_over("spring", **options)


def batches() -> list[int]:
    """How many calls each batch of the campaign has."""
    with Project(environment="sandbox").ledger() as ledger:
        (campaign,) = ledger.campaigns.all()
        found = [ledger.campaigns.sealed(campaign.id, number) for number in range(campaign.batches)]
        assert len(ledger.campaigns.references(campaign.id)) == campaign.calls
    return [batch.calls for batch in found if batch is not None]


def left(root: Path) -> list[int]:
    """How many rows the tables of campaigns have."""
    (file,) = root.rglob("*.db")
    with sqlite3.connect(file) as ledger:
        return [ledger.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]


@pytest.mark.parametrize("asks", [False, True])
def test_it_has_all_calls_of_the_plan_in_order(asks: bool) -> None:
    seen = []
    made = handed_over(asks=asks, approve=lambda found: seen.append(found.plan)).campaign
    assert made is not None
    assert (made.state, made.calls, made.phones, made.digest) == (CampaignState.RUNNING, 5, 5, seen[0].digest)
    assert made.settings == seen[0].settings
    assert batches() == [2, 2, 1]


@pytest.mark.parametrize("asks", [False, True])
def test_nothing_is_left_of_what_is_not_approved(root: Path, asks: bool) -> None:
    def refuse(_: object) -> None:
        raise FlowopsError("no")

    with pytest.raises(FlowopsError, match="no"):
        handed_over(asks=asks, approve=refuse)
    assert left(root) == [0, 0, 0]
    with pytest.raises(StalePlan, match="digest"):
        handed_over(asks=asks, digest="sha256:00")
    assert left(root) == [0, 0, 0]
    assert handed_over().campaign is not None


def test_nothing_is_left_where_a_row_far_behind_is_wrong(root: Path, rows: Callable[..., None]) -> None:
    rows(root, 1_000)
    with (root / "calls/rows.csv").open("a") as file:
        file.write("x,nobody,Hello\n")
    with pytest.raises(Invalid):
        handed_over()
    assert left(root) == [0, 0, 0]


def test_nothing_is_handed_over_of_files_that_changed_meanwhile(root: Path, rows: Callable[..., None]) -> None:
    with pytest.raises(StalePlan, match="changed"):
        handed_over(approve=lambda _: rows(root, 6))
    assert left(root) == [0, 0, 0]


def test_nothing_is_written_while_somebody_is_asked(root: Path) -> None:
    asked = []
    handed_over(approve=lambda _: asked.append(left(root)))
    assert asked == [[0, 0, 0]]


def test_a_guard_leaves_nothing(root: Path) -> None:
    Project(environment="sandbox").stop("for now")
    made = handed_over()
    assert (made.campaign, [guard.name for guard in made.guards]) == (None, ["stop"])
    assert left(root) == [0, 0, 0]


def test_what_waits_already_is_not_handed_over_twice(root: Path, rows: Callable[..., None]) -> None:
    handed_over()
    assert handed_over().campaign is None
    rows(root, 7)
    more = handed_over().campaign
    assert more is not None
    assert more.calls == 2


@pytest.mark.parametrize(("limit", "calls"), [(1, 1), (3, 3), (5, 5), (9, 5)])
def test_a_limit_takes_the_first_calls(limit: int, calls: int) -> None:
    made = handed_over(pacing=Pacing(limit=limit)).campaign
    assert made is not None
    assert (made.calls, made.phones) == (calls, calls)


@pytest.mark.parametrize(
    ("canary", "sizes"), [(1, [1, 2, 2]), (3, [3, 2]), (4, [4, 1]), (5, [2, 2, 1]), (9, [2, 2, 1])]
)
def test_a_canary_is_the_first_batch_unless_it_is_all(canary: int, sizes: list[int]) -> None:
    made = handed_over(pacing=Pacing(canary, 0.1, timedelta(minutes=5))).campaign
    assert made is not None
    assert (made.canary is not None) == (canary < 5)
    assert batches() == sizes
