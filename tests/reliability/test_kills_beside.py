"""A run that has another process write its ledger: either one is killed, at every event and at every request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.killing import Killer, kill_at_every_event
from support.oracle import hold_after_a_kill, nothing_is_lost
from support.processes import PROC, child_of
from support.repository import PLACE
from support.server import accept

if TYPE_CHECKING:
    from support.forks import Forks
    from support.repository import Maker
    from support.server import ApiServer

pytestmark = pytest.mark.skipif(not PROC.joinpath("self/stat").exists(), reason="looks processes up in /proc")

#: The ledger; calls of a run, its workers, and that every so-manieth event is killed at.
SHORT = [("sqlite", (3, 1, 3)), ("postgresql", (4, 2, 5))]
LONG = [(5, 1, 1), (5, 2, 1), (8, 4, 1), (12, 3, 1)]


def kill_the_writer_at_every_request(
    repository: Maker, api: ApiServer, forks: Forks, calls: int, workers: int, step: int
) -> int:
    kills = 0
    for nth in range(1, calls + 1, step):
        for before in (True, False):
            api.received.clear()
            here = repository(calls, concurrency=workers)
            killer = Killer(nth, before=before, victim=child_of)
            api.behave = killer
            child = forks.start(*PLACE, cwd=here.root, env=here.env, failpoint={"beside": True})
            killer.aim(child)
            ran = child.wait()
            api.behave = accept
            # What had been answered is on record all the same: the run itself writes it, before it ends.
            assert nothing_is_lost(here, api) == set()
            if ran.code != 0:  # it was killed when there was still something to write
                assert ran.code == 5, ran.err
                assert "the process that writes the ledger has ended (signal 9)" in ran.json["failure"]
            hold_after_a_kill(here, api, forks)
            kills += 1
    return kills


@pytest.mark.parametrize(("repository", "budget"), SHORT, indirect=["repository"], ids=str)
def test_a_run_killed_at_an_event_posts_nothing_twice_and_loses_nothing(
    repository: Maker, api: ApiServer, forks: Forks, budget: tuple[int, int, int]
) -> None:
    assert kill_at_every_event(repository, api, forks, *budget, beside=True) >= 3


def test_a_run_whose_writer_is_killed_says_so_and_knows_what_it_has_placed(
    repository: Maker, api: ApiServer, forks: Forks
) -> None:
    assert kill_the_writer_at_every_request(repository, api, forks, 4, 2, 3) == 4


@pytest.mark.long
@pytest.mark.parametrize("budget", LONG, ids=str)
def test_a_long_run_killed_at_any_event_or_whose_writer_is_killed(
    repository: Maker, api: ApiServer, forks: Forks, budget: tuple[int, int, int]
) -> None:
    kills = kill_at_every_event(repository, api, forks, *budget, beside=True)
    kills += kill_the_writer_at_every_request(repository, api, forks, *budget)
    print(f"{kills} kills")
