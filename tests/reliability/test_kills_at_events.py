"""A run is killed at every event that there is, one run an event; the judge is what the server has received."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from support.killing import Killer, kill_at_every_event
from support.oracle import hold_after_a_kill
from support.repository import PLACE
from support.server import accept

if TYPE_CHECKING:
    from support.forks import Forks
    from support.repository import Maker
    from support.server import ApiServer


#: The ledger; calls of a run, its workers, and that every so-manieth event is killed at.
SHORT = [("sqlite", (3, 1, 1)), ("sqlite", (6, 3, 3)), ("postgresql", (4, 2, 2))]
LONG = [(5, 1, 1), (5, 2, 1), (8, 4, 1), (12, 3, 1), (20, 10, 1), (30, 5, 1), (40, 1, 1)]


def kill_at_every_request(repository: Maker, api: ApiServer, forks: Forks, calls: int, workers: int, step: int) -> int:
    """The server kills the run when it has read a request: before it answers, and when it has answered."""
    kills = 0
    for nth in range(1, calls + 1, step):
        for before in (True, False):
            api.received.clear()
            here = repository(calls, concurrency=workers)
            killer = Killer(nth, before=before)
            api.behave = killer
            child = forks.start(*PLACE, cwd=here.root, env=here.env)
            killer.aim(child)
            assert child.wait().code == -signal.SIGKILL
            api.behave = accept
            hold_after_a_kill(here, api, forks)
            kills += 1
    return kills


@pytest.mark.parametrize(("repository", "budget"), SHORT, indirect=["repository"], ids=str)
def test_a_run_killed_at_an_event_posts_nothing_twice_and_loses_nothing(
    repository: Maker, api: ApiServer, forks: Forks, budget: tuple[int, int, int]
) -> None:
    assert kill_at_every_event(repository, api, forks, *budget) >= 5


def test_a_run_killed_while_the_server_answers_posts_nothing_twice_and_loses_nothing(
    repository: Maker, api: ApiServer, forks: Forks
) -> None:
    assert kill_at_every_request(repository, api, forks, 4, 2, 2) == 4


@pytest.mark.long
@pytest.mark.parametrize("budget", LONG, ids=str)
def test_a_long_run_killed_at_any_event(
    repository: Maker, api: ApiServer, forks: Forks, budget: tuple[int, int, int]
) -> None:
    kills = kill_at_every_event(repository, api, forks, *budget) + kill_at_every_request(
        repository, api, forks, *budget
    )
    print(f"{kills} kills")
