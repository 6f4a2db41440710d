"""What a worker says of itself: alive, ready, and numbers, whatever becomes of its runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flowops.app import services
from flowops.app.access import open_for
from flowops.app.load import project_of
from flowops.app.services import Monitor
from flowops.common.metrics import CONTENT_TYPE
from flowops.errors import LedgerError
from flowops.httpd import Request
from flowops.model.result import CallResult, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowops.ledger.store import Store


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    """The sandbox's ledger."""
    with open_for(*project_of("sandbox"), places=True) as ledger:
        yield ledger


class NoBody:
    async def read(self, limit: int) -> bytes:
        return b""


def asked(monitor: Monitor, path: str, method: str = "GET") -> tuple[int, str]:
    response = asyncio.run(monitor(Request(method, path, "", {}), NoBody()))
    return response.status, response.body.decode()


def numbers(page: str) -> dict[str, float]:
    """All numbers, by their names and labels; it fails for what Prometheus would not read."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_it_lives_as_long_as_it_looks_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor("production", None)
    assert asked(monitor, "/healthz") == (200, "ok\n")
    monkeypatch.setattr(services, "STUCK", -1.0)
    assert asked(monitor, "/healthz") == (503, "the worker is stuck\n")


def test_it_is_ready_while_a_run_is_under_way(store: Store) -> None:
    monitor = Monitor("production", None)
    assert asked(monitor, "/readyz")[0] == 503
    monitor.begin(store, None)
    assert asked(monitor, "/readyz") == (200, "ok\n")
    monitor.end()
    assert asked(monitor, "/readyz")[0] == 503


def test_it_is_not_ready_while_the_ledger_does_not_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise LedgerError("gone")

    monitor = Monitor("production", None)
    monitor.begin(store, None)
    monkeypatch.setattr(store, "checkpoint", broken)
    assert asked(monitor, "/readyz") == (503, "the ledger does not answer\n")
    assert asked(monitor, "/healthz")[0] == 200


def test_it_counts_what_it_does_and_what_all_have_in_common(store: Store) -> None:
    monitor = Monitor("production", 10.0)
    monitor.begin(store, None)
    monitor.done(CallResult("a", Outcome.PLACED))
    monitor.took_turn()
    store.begin()
    status, page = asked(monitor, "/metrics")
    assert status == 200
    found = numbers(page)
    assert found["flowops_worker_calls_total['placed']"] == 1
    assert found["flowops_worker_calls_total['rejected']"] == 0
    assert found["flowops_worker_turns_total[]"] == 1
    assert found["flowops_rate_phones[]"] == 10
    assert found["flowops_ledger_up['production']"] == 1
    assert found["flowops_oldest_doubt_seconds[]"] == 0
    assert found[f"flowops_lease_age_seconds['{store.run}']"] == 0


def test_there_are_numbers_between_two_runs() -> None:
    status, page = asked(Monitor("production", None), "/metrics")
    assert status == 200
    assert numbers(page)["flowops_ledger_up['production']"] == 0


def test_callbacks_come_again_when_there_is_a_run() -> None:
    assert asked(Monitor("production", None), "/flowops/token", "POST")[0] == 503


def test_the_format_is_one_that_every_prometheus_reads() -> None:
    response = asyncio.run(Monitor("production", None)(Request("GET", "/metrics", "", {}), NoBody()))
    assert response.headers["Content-Type"] == CONTENT_TYPE
