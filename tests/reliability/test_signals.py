"""A run that is asked to end: once, it lets what is in flight finish; again two seconds later, that is in doubt."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from support.oracle import nothing_is_lost
from support.repository import PLACE
from support.server import Gate

from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.forks import Failpoint, Forks
    from support.repository import Maker
    from support.server import ApiServer


CALLS, WORKERS = 6, 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def gate(api: ApiServer) -> Iterator[Gate]:
    """The server holds its answers back."""
    gate = Gate()
    api.behave = gate
    yield gate
    gate.open()


def as_one_request(seconds: float) -> Failpoint:
    """Let signals be one request for so long: a busy machine hands them over as late as it likes."""
    return {"constants": {"flowops.apply.control.ONE_REQUEST": seconds}}


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_lets_what_is_in_flight_finish_and_the_next_run_places_the_rest(
    sqlite: Maker, api: ApiServer, forks: Forks, gate: Gate, number: signal.Signals
) -> None:
    here = sqlite(CALLS, concurrency=WORKERS)
    running = forks.start(*PLACE, cwd=here.root, env=here.env)
    api.wait_for(WORKERS)
    running.send(number)
    time.sleep(0.1)
    gate.open()
    ran = running.wait()
    assert ran.code == 128 + number, ran.err
    summary = ran.json["summary"]
    assert (summary["placed"], summary["not_attempted"], summary["in_doubt"]) == (WORKERS, CALLS - WORKERS, 0)
    assert nothing_is_lost(here, api) == set()
    assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 0
    assert api.received == dict.fromkeys(here.references, 1)


@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_that_comes_soon_is_the_first_one(
    sqlite: Maker, api: ApiServer, forks: Forks, gate: Gate, second: signal.Signals
) -> None:
    """As GNU `timeout` sends it, to the process and then to its group."""
    here = sqlite(CALLS, concurrency=WORKERS)
    running = forks.start(*PLACE, cwd=here.root, env=here.env, failpoint=as_one_request(60))
    api.wait_for(WORKERS)
    running.send(signal.SIGINT)
    time.sleep(0.2)
    running.send(second)
    time.sleep(0.2)
    gate.open()
    ran = running.wait()
    assert ran.code == 128 + signal.SIGINT, ran.err
    summary = ran.json["summary"]
    assert (summary["placed"], summary["not_attempted"], summary["in_doubt"]) == (WORKERS, CALLS - WORKERS, 0)
    assert nothing_is_lost(here, api) == set()


@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_that_comes_later_leaves_what_is_in_flight_in_doubt(
    repository: Maker, api: ApiServer, forks: Forks, gate: Gate, second: signal.Signals
) -> None:
    here = repository(CALLS, concurrency=WORKERS)
    running = forks.start(*PLACE, cwd=here.root, env=here.env, failpoint=as_one_request(0.1))
    api.wait_for(WORKERS)
    running.send(signal.SIGTERM)
    time.sleep(1)
    running.send(second)
    ran = running.wait()
    assert ran.code == 7, ran.err
    gate.open()
    unclear = {name for name, entry in here.entries().items() if entry.state is State.IN_DOUBT}
    assert unclear == set(api.received)
    assert nothing_is_lost(here, api) == unclear
    again = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert again.code == 7, again.err
    assert again.json["summary"]["placed"] == CALLS - WORKERS
    assert api.received == dict.fromkeys(here.references, 1)


def test_a_signal_at_any_event_leaves_nothing_in_doubt(sqlite: Maker, api: ApiServer, forks: Forks) -> None:
    """The run ends when what was in flight is recorded, whatever it was doing when the signal came."""
    interrupted = 0
    for nth in range(1, 20, 2):
        api.received.clear()
        here = sqlite(4, concurrency=2)
        ran = forks.run(*PLACE, cwd=here.root, env=here.env, failpoint={"nth": nth, "signal": signal.SIGTERM})
        assert ran.code in (0, 128 + signal.SIGTERM), ran.err
        interrupted += ran.code != 0
        assert nothing_is_lost(here, api) == set()
        placed = {name for name, entry in here.entries().items() if entry.state is State.PLACED}
        assert placed == set(api.received)
        assert ran.json["summary"]["placed"] == len(placed)
        assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 0
        assert api.received == dict.fromkeys(here.references, 1)
    assert interrupted >= 5
