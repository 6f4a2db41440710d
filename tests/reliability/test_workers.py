"""Workers of one campaign: whatever happens to one of them, no call is posted twice, and the others finish."""

from __future__ import annotations

import random
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest
from support.commands import flowops, start
from support.oracle import nothing_is_lost

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from support.repository import Maker, Repository
    from support.server import ApiServer

E = ("--env", "production")
KEY = {"FLOWOPS_CAMPAIGN_KEY": "c" * 64}
WORKERS = "{key: {env: FLOWOPS_CAMPAIGN_KEY}}"
PATIENCE = 90.0


class Workers:
    """Workers on one ledger, which are killed when the test ends."""

    def __init__(self, here: Repository) -> None:
        self.here = here
        self.running: list[subprocess.Popen[str]] = []

    def start(self, count: int) -> None:
        env = {**self.here.env, **KEY}
        self.running += [start("worker", *E, "--concurrency", "2", cwd=self.here.root, env=env) for _ in range(count)]

    def hand_over(self) -> None:
        env = {**self.here.env, **KEY}
        ran = flowops("apply", "--detach", "--auto-approve", *E, cwd=self.here.root, env=env)
        assert ran.code == 0, ran.err

    def state(self) -> str:
        store = self.here.open()
        try:
            (campaign,) = store.campaigns.all()
            return str(campaign.state)
        finally:
            store.close()

    def wait(self) -> None:
        """Wait until the campaign is over."""
        until = time.monotonic() + PATIENCE
        while self.state() != "finished":
            assert time.monotonic() < until, "the campaign is not finished"
            time.sleep(0.3)

    def stop(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.communicate()


@pytest.fixture
def workers(postgresql: Maker) -> Iterator[Workers]:
    """A campaign of forty calls that was handed over, with no worker yet."""
    with ExitStack() as stopped:
        found = Workers(postgresql(40, workers=WORKERS))
        stopped.callback(found.stop)
        found.hand_over()
        yield found


def test_a_worker_that_is_killed_is_taken_over_from(workers: Workers, api: ApiServer) -> None:
    api.delay = 0.1
    workers.start(2)
    api.wait_for(5)
    workers.running[random.randrange(2)].kill()
    workers.wait()
    unclear = nothing_is_lost_of(workers, api)
    assert len(unclear) <= 3, "more was claimed than one worker has connections, and half as many"
    assert set(workers.here.references) - unclear <= set(api.received)


def test_jobs_that_were_lost_are_found_again(workers: Workers, api: ApiServer) -> None:
    workers.start(1)
    api.wait_for(40)
    workers.wait()
    with psycopg.connect(workers.here.ledger_url, autocommit=True) as connection:
        connection.execute("TRUNCATE flowops_work.workflow_status CASCADE")
    here = workers.here
    (here.root / "rows.csv").write_text("id,phone\n" + "".join(f"{n},+442079460{n:03}\n" for n in range(45)))
    workers.hand_over()
    api.wait_for(45)
    assert set(api.received.values()) == {1}


def test_a_worker_that_was_frozen_posts_nothing_that_others_have(workers: Workers, api: ApiServer) -> None:
    api.delay = 0.1
    workers.start(2)
    api.wait_for(5)
    workers.running[0].send_signal(signal.SIGSTOP)
    time.sleep(2)
    workers.running[0].send_signal(signal.SIGCONT)
    workers.wait()
    assert nothing_is_lost_of(workers, api) == set()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(200))
def test_one_of_four_workers_is_killed_at_random(postgresql: Maker, api: ApiServer, seed: int) -> None:
    moment = random.Random(seed)
    found = Workers(postgresql(60, workers=WORKERS))
    api.delay = 0.05
    try:
        found.hand_over()
        found.start(4)
        api.wait_for(moment.randrange(1, 50))
        found.running[moment.randrange(4)].kill()
        found.wait()
        assert len(nothing_is_lost_of(found, api)) <= 3
    finally:
        found.stop()


def nothing_is_lost_of(workers: Workers, api: ApiServer) -> set[str]:
    workers.stop()
    workers.running.clear()
    return nothing_is_lost(workers.here, api)
