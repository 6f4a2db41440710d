"""Workers of one campaign: whatever happens to one of them, no call is posted twice, and the others finish."""

from __future__ import annotations

import random
import re
import signal
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from support import postgres
from support.repository import make
from support.tcp import TcpProxy
from support.workers import PATIENCE, SETTINGS, SHORT, E, FaithlessEngine, Workers, workers_of

from flowops.app import worker as app_worker
from flowops.app.observer import SILENT
from flowops.app.turns import Turns
from flowops.app.worker import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.forks import Child, Forks
    from support.postgres import Server
    from support.repository import Maker
    from support.server import ApiServer

#: A worker has two connections here, and claims at most twice as many calls ahead (docs/scale.md): what it may have
#: claimed when it is killed.
MOST_UNCLEAR = 2 + 2 * 2


@pytest.fixture
def workers(postgresql: Maker, forks: Forks) -> Iterator[Workers]:
    """A campaign of calls that was handed over, with no worker yet."""
    with workers_of(postgresql(30, workers=SETTINGS), forks) as found:
        yield found


def test_a_worker_that_is_killed_is_taken_over_from(workers: Workers, api: ApiServer) -> None:
    api.delay = 0.1
    workers.start(2)
    api.wait_for(5)
    workers.kill(random.randrange(2))
    workers.wait()
    assert len(workers.unclear(api)) <= MOST_UNCLEAR


def test_jobs_that_were_lost_are_found_again(workers: Workers, api: ApiServer) -> None:
    workers.start(2, constants=SHORT)
    api.delay = 0.1
    api.wait_for(10)
    with psycopg.connect(workers.here.ledger_url, autocommit=True) as connection:
        connection.execute("TRUNCATE flowops_work.workflow_status CASCADE")
    workers.wait()
    assert workers.unclear(api) == set()


def test_a_worker_that_is_frozen_beyond_its_lease_posts_nothing_more(workers: Workers, api: ApiServer) -> None:
    api.delay = 0.1
    workers.start(2, constants=SHORT)
    api.wait_for(5)
    workers.running[0].send(signal.SIGSTOP)
    workers.wait()
    workers.running[0].send(signal.SIGCONT)
    time.sleep(1)
    assert len(workers.unclear(api)) <= MOST_UNCLEAR


def test_what_a_frozen_worker_has_claimed_is_in_doubt_before_the_campaign_is_over(
    postgresql: Maker, forks: Forks, api: ApiServer
) -> None:
    """It put back what it had not sent, once it went on: nobody placed that any more."""
    with workers_of(postgresql(4, workers=SETTINGS), forks) as workers:
        api.delay = 0.5
        frozen = workers.start(constants=SHORT)
        api.wait_for(1)
        frozen.send(signal.SIGSTOP)
        workers.start(constants=SHORT)
        workers.wait()
        with psycopg.connect(workers.here.ledger_url) as connection:
            states = connection.execute("SELECT DISTINCT state FROM flowops_calls").fetchall()
        assert ("in-doubt",) in states
        assert ("in-flight",) not in states
        frozen.send(signal.SIGCONT)
        time.sleep(3)
        assert workers.unclear(api)


def test_one_that_is_frozen_inside_of_a_transaction_keeps_nobody_waiting(workers: Workers, api: ApiServer) -> None:
    frozen = workers.start(constants=SHORT, freeze=4)
    frozen.wait_until_stopped()
    workers.start(constants=SHORT)
    workers.wait()
    frozen.send(signal.SIGCONT)
    time.sleep(1)
    assert len(workers.unclear(api)) <= MOST_UNCLEAR


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_hand_over_that_is_killed_is_undone_by_the_next_one(
    repository: Maker, api: ApiServer, forks: Forks, written: int
) -> None:
    workers = Workers(repository(30, workers=SETTINGS), forks)
    detach, prepared = ("apply", "--detach", "--auto-approve", *E), {"batch": 1, "written": written}
    killed = forks.run(*detach, cwd=workers.here.root, env=workers.env, prepare=prepared)
    assert killed.code == -signal.SIGKILL
    until = time.monotonic() + PATIENCE
    while (ran := forks.run(*detach, cwd=workers.here.root, env=workers.env)).code != 0:  # a session ends in its time
        assert "plan again" in ran.err
        assert time.monotonic() < until, ran.err
    with workers.here.open() as store:
        (campaign,) = store.campaigns.all()
        assert (campaign.calls, len(store.campaigns.references(campaign.id))) == (30, 30)
        assert store.campaigns.sealed(campaign.id, 0) is not None
        assert len(store.campaigns.open_batches()) == 1


def test_apply_of_the_same_files_takes_nothing_of_a_campaign(workers: Workers, api: ApiServer) -> None:
    api.delay = 0.05
    workers.start(2)
    api.wait_for(3)
    for _ in range(2):
        assert workers.apply().code == 0
    workers.wait()
    assert workers.unclear(api) == set()


@pytest.mark.parametrize("hours", [1, -1])
def test_one_whose_clock_is_wrong_places_nothing(workers: Workers, api: ApiServer, hours: int) -> None:
    workers.start(clock=hours * 3600)
    ended = workers.running.pop().wait()
    assert ended.code == 5
    assert re.search("the clock of this machine is 3,(59|60)[0-9] s", ended.err)
    assert api.received.total() == 0


def restart(tmp_path: Path, api: ApiServer, forks: Forks, mode: str, behind: int, calls: int = 20) -> None:
    """Restart the database of two workers once so many calls were received."""
    with postgres.serve() as server:
        here = make(tmp_path / "work", api.url, calls, ledger=server.uri.format("postgres"), workers=SETTINGS)
        with workers_of(here, forks) as workers:
            api.delay = 0.05
            workers.start(2, constants=SHORT)
            api.wait_for(behind)
            server.restart(mode)
            if behind == 0:
                # One that has not begun when the database goes away ends with 5: what supervises it starts it again.
                workers.start(2, constants=SHORT)
            workers.wait()
            assert len(workers.unclear(api)) <= 2 * MOST_UNCLEAR


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_that_restarts_is_waited_for(mode: str, tmp_path: Path, api: ApiServer, forks: Forks) -> None:
    restart(tmp_path, api, forks, mode, 4)


@pytest.mark.long
@pytest.mark.parametrize("behind", [0, 1, 2, 3, 7, 12, 18, 25, 39])
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_may_restart_at_each_step(
    mode: str, behind: int, tmp_path: Path, api: ApiServer, forks: Forks
) -> None:
    restart(tmp_path, api, forks, mode, behind, 40)


@pytest.mark.parametrize("hard", [True, False], ids=["reset", "silent"])
def test_a_worker_that_is_cut_off_from_the_database(
    hard: bool, tmp_path: Path, api: ApiServer, server: Server, forks: Forks
) -> None:
    with server.database() as url, TcpProxy(server.socket) as proxy:
        here = make(tmp_path / "work", api.url, 40, ledger=url, workers=SETTINGS)
        with workers_of(here, forks) as workers:
            api.delay = 0.1
            workers.start(constants=SHORT)
            name = url.partition("?")[0].rpartition("/")[2]
            workers.env["FLOWOPS_LEDGER"] = f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}"
            workers.start(constants=SHORT)
            api.wait_for(8)
            proxy.cut(hard=hard)
            workers.wait()
            proxy.mend()
            time.sleep(1)
            assert len(workers.unclear(api)) <= MOST_UNCLEAR


def test_a_worker_begins_again_and_again_until_the_database_is_back(
    tmp_path: Path, api: ApiServer, server: Server, forks: Forks
) -> None:
    with server.database() as url, TcpProxy(server.socket) as database, TcpProxy(api.port) as way:
        there = api.url.replace(str(api.port), str(way.port))
        here = make(tmp_path / "work", there, 30, ledger=url, workers=SETTINGS)
        with workers_of(here, forks) as workers:
            name = url.partition("?")[0].rpartition("/")[2]
            workers.env["FLOWOPS_LEDGER"] = f"postgresql://postgres@127.0.0.1:{database.port}/{name}"
            way.cut(hard=True)
            alone = workers.start(constants={**SHORT, "flowops.app.services.PAUSE": 2.0})
            runs_ended(alone, 1)
            database.cut(hard=True)
            runs_ended(alone, 3)  # those that find no database end at once
            database.mend()
            way.mend()
            workers.wait()
            assert workers.unclear(api) == set()


def runs_ended(worker: Child, number: int) -> None:
    """Wait until so many runs of a worker have ended."""
    until = time.monotonic() + PATIENCE
    while worker.said().count("another one begins in") < number:
        assert time.monotonic() < until, worker.said()
        time.sleep(0.05)


def test_workers_that_are_cut_off_from_the_api_go_on_when_they_reach_it(
    tmp_path: Path, api: ApiServer, server: Server, forks: Forks
) -> None:
    with server.database() as url, TcpProxy(api.port) as proxy:
        there = api.url.replace(str(api.port), str(proxy.port))
        here = make(tmp_path / "work", there, 30, ledger=url, workers=SETTINGS)
        with workers_of(here, forks) as workers:
            api.delay = 0.1
            workers.start(2, constants=SHORT)
            api.wait_for(6)
            proxy.cut(hard=True)
            time.sleep(1.5)
            proxy.mend()
            workers.wait()
            assert len(workers.unclear(api)) <= 2 * MOST_UNCLEAR


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_one_of_four_workers_is_killed_at_random_again_and_again(
    postgresql: Maker, api: ApiServer, forks: Forks, seed: int
) -> None:
    """Twenty times each: another one takes the place of the one that was killed."""
    chance, kills, calls = random.Random(seed), 20, 2_000
    with workers_of(postgresql(calls, workers=SETTINGS), forks) as found:
        api.delay = 0.02
        found.start(4)
        for kill in range(1, kills + 1):
            reach(api, kill * (calls - 200) // kills + chance.randrange(100))
            time.sleep(chance.random() * 0.05)
            found.kill(chance.randrange(len(found.running)))
            found.start()
        found.wait(1_200)
        assert len(found.unclear(api)) <= kills * MOST_UNCLEAR


def reach(api: ApiServer, count: int) -> None:
    """Wait until so many requests have been received, on a machine that may have other things to do."""
    until = time.monotonic() + 600
    while api.received.total() < count:
        assert time.monotonic() < until, "they do not come"
        time.sleep(0.005)


class TestAFaithlessEngine:
    """The real worker, with an engine that loses, repeats, delays and reorders: the claims decide."""

    @pytest.fixture
    def small(self, sqlite: Maker, forks: Forks, monkeypatch: pytest.MonkeyPatch) -> Workers:
        """A repository of fifty calls, handed over; waits are short."""
        given = {"worker.LOOK": 0.05, "worker.AUDIT": 0.2, "turns.AGAIN": timedelta(seconds=0.3)}
        for name, value in given.items():
            monkeypatch.setattr(f"flowops.app.{name}", value)
        found = Workers(sqlite(50, workers=SETTINGS), forks)
        for name, value in found.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(found.here.root)
        found.hand_over()
        return found

    @pytest.mark.parametrize("seed", range(3))
    def test_no_call_is_posted_twice_or_lost(
        self, small: Workers, api: ApiServer, seed: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world(small, api, FaithlessEngine(seed), monkeypatch)

    @pytest.mark.long
    @pytest.mark.parametrize("seed", range(3, 200))
    def test_nor_in_many_worlds(
        self, small: Workers, api: ApiServer, seed: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world(small, api, FaithlessEngine(seed), monkeypatch)

    def test_one_batch_is_opened_at_a_time(
        self, small: Workers, api: ApiServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While others wait, the connections have the processor for what was opened."""
        opening, most, find = [], [0], Turns._find

        def watched(*args: Any) -> Any:
            opening.append(1)
            most[0] = max(most[0], len(opening))
            time.sleep(0.02)
            try:
                return find(*args)
            finally:
                opening.pop()

        monkeypatch.setattr(Turns, "_find", watched)
        world(small, api, FaithlessEngine(0, lost=0.0, fewest=4), monkeypatch)
        assert most == [1]

    def test_nor_where_each_job_comes_ten_times(
        self, small: Workers, api: ApiServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = FaithlessEngine(0, lost=0.0, fewest=10, most=10)
        world(small, api, engine, monkeypatch)
        assert engine.handed_out >= 10


def world(small: Workers, api: ApiServer, engine: FaithlessEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one worker after the other place what is due, in this process, until nothing is left."""
    monkeypatch.setattr(app_worker._Worker, "_open_engine", lambda _self: engine.opened())
    until = time.monotonic() + PATIENCE
    while small.state() != "finished":
        assert time.monotonic() < until, "the campaign is not finished"
        assert app_worker.run(WorkerOptions("production", once=True, concurrency=4), SILENT) == 0
    assert small.unclear(api) == set()
    assert dict(api.received) == dict.fromkeys(small.here.references, 1)
