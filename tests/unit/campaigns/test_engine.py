"""What every engine of jobs does, on SQLite and PostgreSQL."""

from __future__ import annotations

import base64
import pickle
import sqlite3
import threading
import time
from functools import partial
from typing import TYPE_CHECKING
from unittest import mock

import psycopg
import pytest

from flowops.campaigns.dbos import DbosEngine
from flowops.campaigns.engine import Job
from flowops.common import addresses
from flowops.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.postgres import Server

PATIENCE = 30.0
pytestmark = pytest.mark.usefixtures("_quiet")


@pytest.fixture
def _quiet(recwarn: pytest.WarningsRecorder) -> None:
    """Take what libraries of the engine say of themselves."""


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.05)


class Handled(list[Job]):
    """The jobs that were handed out; each waits for `go_on`."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, job: Job) -> None:
        with self._lock:
            self.append(job)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.go_on.wait(PATIENCE)
        with self._lock:
            self.at_once -= 1


def jobs(*numbers: int, campaign: str = "a", turn: int = 0) -> list[Job]:
    return [Job(campaign, number, turn) for number in numbers]


def now(*some: Job) -> list[tuple[Job, float]]:
    return [(job, 0.0) for job in some]


def test_each_job_is_handed_out_once_it_is_due(engine) -> None:
    handled = Handled()
    with engine("one") as it:
        it.enqueue([*now(*jobs(1, 2)), (Job("a", 3, 0), 3600.0)])
        it.enqueue(now(*jobs(1)))
        assert it.known() == set(jobs(1, 2, 3))
        it.start(handled, 4)
        until(lambda: it.known() == set(jobs(3)))
        assert sorted(handled) == jobs(1, 2)


def test_not_more_at_once_than_there_are_slots(engine) -> None:
    handled = Handled()
    with engine("one") as it:
        it.enqueue(now(*jobs(*range(7))))
        it.start(handled, 2)
        until(lambda: len(handled) == 7)
        assert handled.most <= 2


def test_a_job_that_fails_is_not_known_any_more(engine) -> None:
    def fail(_job: Job) -> None:
        raise ValueError

    with engine("one") as it:
        it.enqueue(now(*jobs(1)))
        it.start(fail, 1)
        until(lambda: not it.known())


def test_jobs_that_have_ended_are_dropped_with_their_campaign(sqlite_engine, tmp_path) -> None:
    it: DbosEngine = sqlite_engine("one")
    try:
        it.enqueue(now(*jobs(1, 2)))
        it.start(Handled(), 4)
        until(lambda: not it.known())
        it.drop("a")
    finally:
        it.stop(0)
    with sqlite3.connect(tmp_path / "work.db") as tables:
        assert tables.execute("SELECT count(*) FROM workflow_status").fetchone() == (0,)
    tables.close()


def test_jobs_of_a_campaign_are_dropped(engine) -> None:
    with engine("one") as it:
        it.enqueue([*now(*jobs(1, 2)), *now(*jobs(1, campaign="ab")), (Job("a", 3, 0), 60.0)])
        it.drop("a")
        assert it.known() == set(jobs(1, campaign="ab"))


def test_what_a_process_that_is_gone_had_in_hand_is_handed_out_again(engine) -> None:
    handled = Handled()
    handled.go_on.clear()
    with engine("gone") as it:
        it.enqueue(now(*jobs(1)))
        it.start(handled, 1)
        until(lambda: len(handled) == 1)
    again = Handled()
    with engine("next") as it:
        it.start(again, 1)
        assert it.take_over(lambda names: names) == 0
        assert it.known() == set(jobs(1))
        asked: list[str] = []
        assert it.take_over(lambda names: asked.extend(names) or ()) == 1
        assert asked == ["gone"]
        until(lambda: len(again) == 1)
    handled.go_on.set()
    assert again == jobs(1)


def test_a_job_that_another_process_has_taken_over_and_dropped_meanwhile_is_none(engine) -> None:
    handled = Handled()
    handled.go_on.clear()
    with engine("gone") as it:
        it.enqueue(now(*jobs(1, 2)))
        it.start(handled, 2)
        until(lambda: len(handled) == 2)
    again = Handled()
    with engine("next") as it:
        it.start(again, 1)

        def alive(_names: set[str]) -> tuple[str, ...]:
            it._dbos.delete_workflow("a/1/0")
            return ()

        assert it.take_over(alive) == 1
        until(lambda: again == jobs(2))
    handled.go_on.set()


@pytest.mark.parametrize("begun", [True, False])
def test_a_database_that_is_gone_is_a_failure_of_the_ledger_and_the_next_engine_works(
    server: Server, begun: bool
) -> None:
    """Not one that ends the worker: a run of it that ends so is followed by another one."""
    gone = psycopg.OperationalError("connection is bad: no such file")
    with server.database() as url:
        connect = mock.Mock(side_effect=partial(addresses.connect, addresses.parameters(url)))
        if begun:
            it = DbosEngine("one", connect)
            connect.side_effect = gone
            server.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                url,
            )
            for ask in (it.known, lambda: it.take_over(set), lambda: it.enqueue(now(*jobs(1))), lambda: it.drop("a")):
                with pytest.raises(LedgerError, match="the jobs of campaigns: connection is bad: no such file"):
                    ask()
            it.stop(0)
        else:
            connect.side_effect = gone
            with pytest.raises(LedgerError, match="connection is bad"):
                DbosEngine("one", connect)
        connect.side_effect = partial(addresses.connect, addresses.parameters(url))
        again = DbosEngine("two", connect)
        try:
            again.enqueue(now(*jobs(1)))
            assert again.known() == set(jobs(1))
        finally:
            again.stop(0)


def test_two_that_take_over_at_once_hand_out_nothing_twice(engine) -> None:
    handled = Handled()
    handled.go_on.clear()
    with engine("gone") as it:
        it.enqueue(now(*jobs(*range(4))))
        it.start(handled, 4)
        until(lambda: len(handled) == 4)
    again = Handled()
    with engine("next") as it:
        reapers = [threading.Thread(target=it.take_over, args=(lambda _names: (),)) for _ in range(2)]
        for reaper in reapers:
            reaper.start()
        for reaper in reapers:
            reaper.join()
        it.start(again, 4)
        until(lambda: len(again) == 4)
        until(lambda: not it.known())
    handled.go_on.set()
    assert sorted(again) == jobs(*range(4))


def test_its_tables_hold_names_of_batches_and_no_pickle(sqlite_engine, tmp_path) -> None:
    it: DbosEngine = sqlite_engine("one")
    it.enqueue(now(*jobs(1)))
    it.stop(0)
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b'["a",1,0]' in kept
    assert b"pickle" not in kept


class Harm:
    """What runs when it is read from a pickle: it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return exec, (f"open({str(self.path)!r}, 'w')",)


def test_a_job_that_is_a_pickle_runs_nothing_and_holds_up_no_other(
    sqlite_engine: Callable[[str], DbosEngine], tmp_path: Path
) -> None:
    engine = sqlite_engine("before")
    engine.enqueue(now(*jobs(1, 2)))
    engine.stop(0)
    pickled = base64.b64encode(pickle.dumps(Harm(tmp_path / "harm"))).decode()
    with sqlite3.connect(tmp_path / "work.db") as tables:
        tables.execute("update workflow_status set serialization = 'py_pickle' where workflow_uuid = 'a/1/0'")
        assert tables.execute("update workflow_input set inputs = ? where workflow_uuid = 'a/1/0'", [pickled]).rowcount
    tables.close()
    engine = sqlite_engine("after")
    handled = Handled()
    engine.start(handled, 4)
    until(lambda: jobs(2) == handled and not engine.known())
    engine.stop(0)
    assert not (tmp_path / "harm").exists()
