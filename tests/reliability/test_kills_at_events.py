"""A run is killed at every event that there is, one run an event; the judge is what the server has received."""

from __future__ import annotations

import os
import signal
import threading
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from support.oracle import hold_after_a_kill
from support.repository import PLACE
from support.server import accept

if TYPE_CHECKING:
    import socket

    from support.forks import Child, Forks
    from support.repository import Maker
    from support.server import ApiServer


#: The ledger; calls of a run, its workers, and that every so-manieth event is killed at.
SHORT = [("sqlite", (3, 1, 1)), ("sqlite", (6, 3, 3)), ("postgresql", (4, 2, 2))]
LONG = [(5, 1, 1), (5, 2, 1), (8, 4, 1), (12, 3, 1), (20, 10, 1), (30, 5, 1), (40, 1, 1)]


class Killer:
    """A server's behaviour: when the n-th request has come, its sender is killed, `before` or after the answer."""

    def __init__(self, nth: int, *, before: bool) -> None:
        self._nth = nth
        self._before = before
        self._received = count(1)
        self._known = threading.Event()
        self._victim: Child | None = None

    def aim(self, child: Child) -> None:
        """Say whom to kill."""
        self._victim = child
        self._known.set()

    def __call__(self, connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        now = next(self._received) == self._nth
        if now and self._before:
            self._kill()
        accept(connection, request, headers)
        if now:
            self._kill()

    def _kill(self) -> None:
        self._known.wait()
        assert self._victim is not None
        os.kill(self._victim.pid, signal.SIGKILL)


def kill_at_every_event(repository: Maker, api: ApiServer, forks: Forks, calls: int, workers: int, step: int) -> int:
    """Kill one run at its first event, one at its second, until one comes to its end; how many were killed."""
    for kills, nth in enumerate(count(1, step)):
        api.received.clear()
        here = repository(calls, concurrency=workers)
        ran = forks.run(*PLACE, cwd=here.root, env=here.env, failpoint={"nth": nth})
        if ran.code == 0:
            assert len(api.received) == calls
            return kills
        assert ran.code == -signal.SIGKILL, ran.err
        hold_after_a_kill(here, api, forks)
    raise AssertionError("unreachable")


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
