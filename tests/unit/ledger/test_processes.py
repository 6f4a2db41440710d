"""Several processes on one ledger: races, kills, and runs that are frozen behind a claim."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

import psycopg
import pytest
from support.operators import resolve

from flowops.model.claims import Written
from flowops.model.ledger import EventType, State

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNERS, CALLS = 4, 60


@pytest.fixture
def ready(address) -> Iterator[None]:
    address.init()


@pytest.mark.usefixtures("ready")
def test_of_many_runners_exactly_one_wins_each_call(address) -> None:
    runners = [address.process() for _ in range(RUNNERS)]
    with ThreadPoolExecutor(RUNNERS) as threads:
        answers = list(threads.map(lambda runner: runner.ask(f"race {CALLS}"), runners))
    won = [json.loads(answer) for answer in answers]
    assert sorted(chain.from_iterable(won)) == sorted(f"call-{number}" for number in range(CALLS))
    store = address.open()
    assert store.count()[State.IN_FLIGHT] == CALLS
    assert store.checkpoint().serial == CALLS
    assert store.verify() is None


def test_of_many_that_make_a_sandbox_ledger_one_does(address) -> None:
    with ThreadPoolExecutor(RUNNERS) as threads:
        runners = list(threads.map(lambda _: address.process("create", environment="sandbox"), range(RUNNERS)))
        answers = list(threads.map(lambda runner: runner.ask("race 20"), runners))
    assert sum(len(json.loads(answer)) for answer in answers) == 20
    store = address.open("sandbox", create=True)
    assert store.count()[State.IN_FLIGHT] == 20
    assert store.verify() is None


@pytest.mark.usefixtures("ready")
def test_the_calls_of_a_killed_run_are_in_doubt_and_stay_there(address, make) -> None:
    runner = address.process()
    runner.ask("claim a b c")
    runner.ask("record accepted c")
    store = address.open()
    assert store.look_up(["a"])["a"].live
    assert store.sweep() == []
    runner.end(signal.SIGKILL)
    if not address.is_sqlite:
        _wait_for_the_server_to_notice(store)
    assert not store.look_up(["a"])["a"].live
    assert store.sweep() == ["a", "b"]
    assert store.sweep() == []
    assert store.look_up(["a"])["a"].error == "the run that sent it ended before the answer"
    assert store.write([make.claim(name) for name in "abc"]) == [
        Written(False, State.IN_DOUBT),
        Written(False, State.IN_DOUBT),
        Written(False, State.PLACED),
    ]
    assert store.verify() is None
    store.close()
    assert sorted(path.name for path in address.root.glob("*.run-*")) == []


@pytest.mark.usefixtures("ready")
def test_the_calls_of_a_run_that_ended_without_recording_are_swept(address) -> None:
    runner = address.process()
    runner.ask("claim a")
    runner.ask("close")
    store = address.open()
    assert store.sweep() == ["a"]


@pytest.mark.usefixtures("ready")
def test_a_run_that_claimed_nothing_leaves_no_trace(address) -> None:
    runner = address.process()
    assert runner.ask("close") == "closed"
    assert sorted(path.name for path in address.root.glob("*.run-*")) == []


def test_a_frozen_process_keeps_its_lease_on_a_file(sqlite, make) -> None:
    sqlite.init()
    runner = sqlite.process()
    runner.ask("claim a")
    runner.popen.send_signal(signal.SIGSTOP)
    store = sqlite.open()
    assert store.look_up(["a"])["a"].live
    assert store.sweep() == []
    assert "still alive" in resolve(store, "a", placed=False)
    runner.popen.send_signal(signal.SIGCONT)
    assert json.loads(runner.ask("record accepted a")) == ["placed"]


def test_a_frozen_process_loses_its_lease_on_a_server_and_its_answer_is_not_lost(postgres, make) -> None:
    postgres.init()
    runner = postgres.process()
    runner.ask("claim a b c")
    runner.popen.send_signal(signal.SIGSTOP)
    store = postgres.open()
    assert store.look_up(["a"])["a"].live
    _age(postgres)
    assert not store.look_up(["a"])["a"].live
    assert store.sweep() == ["a", "b", "c"]
    # Its session is still there: it may be about to send. An operator has to end it first.
    assert "still alive" in resolve(store, "a", placed=False)
    runner.popen.send_signal(signal.SIGCONT)
    assert json.loads(runner.ask("record accepted a")) == ["placed"]
    assert json.loads(runner.ask("record refused b")) == ["in-doubt"]
    assert json.loads(runner.ask("record unsent c")) == ["in-doubt"]
    assert [event.event_type for event in store.events("b")] == [
        EventType.CLAIMED,
        EventType.ABANDONED,
        EventType.REFUSED,
    ]


def test_a_lease_is_renewed_while_the_writes_of_its_run_wait_for_somebody_else(postgres) -> None:
    postgres.init()
    runner = postgres.process("beat=0.05")
    runner.ask("claim a")
    _age(postgres, seconds=20)
    with closing(psycopg.connect(postgres.url)) as other:
        other.execute("SELECT * FROM flowops_ledgers FOR UPDATE")
        runner.say("claim b")
        for _ in range(3):
            _age(postgres, seconds=20)
            while _seconds_since_the_heartbeat(postgres) > 10:
                pass
        assert postgres.open(readonly=True).look_up(["a"])["a"].live
        other.rollback()
    assert json.loads(runner.hear())[1] == [True]


def test_a_run_whose_lease_has_ended_claims_nothing_more_and_still_records_what_it_hears(postgres) -> None:
    postgres.init()
    runner = postgres.process("beat=0.05")
    runner.ask("claim a")
    runner.popen.send_signal(signal.SIGSTOP)
    _age(postgres, seconds=60)
    store = postgres.open()
    assert store.sweep() == ["a"]
    runner.popen.send_signal(signal.SIGCONT)
    assert json.loads(runner.ask("claim b c"))[1] == [False, False]
    assert json.loads(runner.ask("record accepted a")) == ["placed"]
    assert set(store.look_up(["a", "b", "c"])) == {"a"}


def test_a_run_that_wakes_up_in_time_claims_before_its_heartbeat_does(postgres) -> None:
    postgres.init()
    runner = postgres.process("beat=3600")
    runner.ask("claim a")
    _age(postgres, seconds=20)
    assert json.loads(runner.ask("claim b"))[1] == [True]
    assert _seconds_since_the_heartbeat(postgres) < 10
    _age(postgres, seconds=31)
    assert json.loads(runner.ask("claim c"))[1] == [False]


def test_a_lost_session_ends_the_lease_until_the_run_is_back(postgres) -> None:
    postgres.init()
    runner = postgres.process("beat=1")
    runner.ask("claim a")
    store = postgres.open()
    postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
    )
    _wait_for_the_server_to_notice(store)
    # The heartbeat is fresh: nobody is told that it was not placed.
    assert "still alive" in resolve(store, "a", placed=False)
    while not store.look_up(["a"])["a"].live:
        pass
    assert json.loads(runner.ask("record accepted a")) == ["placed"]


def _age(postgres, seconds: int = 60) -> None:
    """Let the heartbeats be so old."""
    postgres.sql(f"UPDATE flowops_runs SET beat_at = clock_timestamp() - interval '{seconds} seconds'")


def _seconds_since_the_heartbeat(postgres) -> float:
    with closing(psycopg.connect(postgres.url)) as connection:
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp() - beat_at) FROM flowops_runs").fetchone()
    assert row is not None
    return float(row[0])


def _wait_for_the_server_to_notice(store) -> None:
    """A server frees the locks of a connection when it has seen its end, which takes it a moment."""
    while store.look_up(["a"])["a"].live:
        pass
