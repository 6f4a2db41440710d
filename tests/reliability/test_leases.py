"""A run that stands still, behind a claim or in the middle of one: its calls are posted once at most, and others go on.

On SQLite the lease is a lock on a file, which a frozen process keeps. On PostgreSQL it is a heartbeat, which a frozen
process loses, and a session, which it keeps until the server ends it.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from support.oracle import nothing_is_lost
from support.repository import PLACE
from support.server import Gate

from flowops.ledger.database import LEASE_LOST
from flowops.model.ledger import State

if TYPE_CHECKING:
    from support.commands import Ran
    from support.forks import Child, Forks
    from support.postgres import Server
    from support.repository import Maker, Repository
    from support.server import ApiServer


CALLS = 4
#: The call that the frozen run has claimed.
FROZEN = "call-0"


def freeze(here: Repository, forks: Forks, point: str, nth: int = 1, **more: Any) -> Child:
    """Start a run that stops itself at a failpoint, and wait until it has."""
    failpoint = {"point": point, "nth": nth, "signal": signal.SIGSTOP, **more}
    child = forks.start(*PLACE, cwd=here.root, env=here.env, failpoint=failpoint)
    child.wait_until_stopped()
    return child


def freeze_behind_a_claim(here: Repository, forks: Forks, **timing: float) -> Child:
    """Start a run that stops itself when its first claim is durable, and wait until it has."""
    child = freeze(here, forks, "claimed", **timing)
    assert here.entries()[FROZEN].state is State.IN_FLIGHT
    return child


def resolve(here: Repository, forks: Forks, *word: str) -> Ran:
    return forks.run(
        "ledger",
        "resolve",
        FROZEN,
        "--env",
        "production",
        "--yes",
        "--reason",
        "it hangs",
        *word,
        cwd=here.root,
        env=here.env,
    )


def not_placed(here: Repository, forks: Forks) -> Ran:
    return resolve(here, forks, "--not-placed")


def outcome(ran: Ran) -> str:
    """What a run says of the call that was frozen."""
    return next(call["outcome"] for call in ran.json["calls"] if call["reference_id"] == FROZEN)


def lose_the_heartbeat(here: Repository, server: Server) -> None:
    """Let a minute pass without a sign of life, by the server's clock."""
    server.execute("UPDATE flowops_runs SET beat_at = beat_at - interval '1 minute'", here.ledger_url)


def lose_the_session(here: Repository, server: Server) -> None:
    """Let the server take the frozen client for gone, and wait until it has cleared up behind it."""
    server.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE application_name = 'flowops' AND datname = current_database()",
        here.ledger_url,
    )


def test_a_second_run_waits_for_a_frozen_one_that_holds_its_file(sqlite: Maker, api: ApiServer, forks: Forks) -> None:
    here = sqlite(CALLS, concurrency=1)
    frozen = freeze_behind_a_claim(here, forks)
    second = forks.start(*PLACE, cwd=here.root, env=here.env)
    api.wait_for(CALLS - 1)
    refused = not_placed(here, forks)
    assert refused.code == 1
    assert "still alive" in refused.out
    assert api.received[FROZEN] == 0
    frozen.send(signal.SIGCONT)
    ended = [frozen.wait(), second.wait()]
    assert [ran.code for ran in ended] == [0, 0], [ran.err for ran in ended]
    assert sorted(outcome(ran) for ran in ended) == ["placed", "unchanged"]
    assert api.received == dict.fromkeys(here.references, 1)


def test_a_run_that_wakes_up_behind_a_claim_takes_it_anew_before_it_sends(
    sqlite: Maker, api: ApiServer, forks: Forks
) -> None:
    here = sqlite(CALLS, concurrency=1)
    frozen = freeze_behind_a_claim(here, forks, stale=0.2)
    time.sleep(0.4)
    frozen.send(signal.SIGCONT)
    assert frozen.wait().code == 0
    assert api.received == dict.fromkeys(here.references, 1)
    store = here.open()
    event_types = [event.event_type for event in store.events(FROZEN)]
    store.close()
    assert event_types[:3] == ["claimed", "unsent", "claimed"]
    # On a busy machine this one may get too old as well, and is taken anew.
    assert event_types[-1] == "accepted"
    assert set(event_types[3:-1]) <= {"unsent", "claimed"}


def test_a_frozen_run_without_a_heartbeat_leaves_its_call_in_doubt_and_may_still_place_it(
    postgresql: Maker, api: ApiServer, forks: Forks, server: Server
) -> None:
    here = postgresql(CALLS, concurrency=1)
    frozen = freeze_behind_a_claim(here, forks)
    lose_the_heartbeat(here, server)
    second = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert (second.code, outcome(second)) == (7, "in-doubt"), second.err
    assert sorted(api.received) == sorted(set(here.references) - {FROZEN})
    # Its session is still there, so it may be about to send: nobody may say that it did not.
    assert "still alive" in not_placed(here, forks).out
    frozen.send(signal.SIGCONT)
    first = frozen.wait()
    assert (first.code, outcome(first)) == (5, "placed"), first.err
    assert LEASE_LOST in first.out, "and it claims nothing more"
    assert api.received == dict.fromkeys(here.references, 1)
    assert nothing_is_lost(here, api) == set()


def test_a_run_that_was_frozen_for_long_sends_nothing_of_what_others_have_taken_over(
    postgresql: Maker, api: ApiServer, forks: Forks, server: Server
) -> None:
    """Heartbeat and session are gone, an operator has given the call up, another run has placed it; then it wakes."""
    here = postgresql(CALLS, concurrency=1)
    frozen = freeze_behind_a_claim(here, forks, stale=0.2)
    lose_the_heartbeat(here, server)
    lose_the_session(here, server)
    assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 7
    resolved = not_placed(here, forks)
    assert resolved.code == 0, resolved.err
    second = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert (second.code, outcome(second)) == (0, "placed"), second.err
    assert api.received == dict.fromkeys(here.references, 1)
    frozen.send(signal.SIGCONT)
    first = frozen.wait()
    assert first.code == 5, first.err
    assert LEASE_LOST in first.out
    assert api.received == dict.fromkeys(here.references, 1)
    assert nothing_is_lost(here, api) == set()


STALE = "SELECT max(beat_at) < clock_timestamp() - interval '10 seconds' FROM flowops_runs"
#: Waits of seconds, a tenth as long.
SHORT_ON_A_SERVER = {"flowops.ledger.postgres.IDLE_TIMEOUT": 500, "flowops.ledger.postgres.BEAT": 0.3}


@pytest.mark.parametrize("nth", [1, 2], ids=["before its first call", "behind it"])
def test_a_run_frozen_inside_a_transaction_keeps_nobody_from_placing_and_posts_nothing_when_it_wakes(
    postgresql: Maker, api: ApiServer, forks: Forks, server: Server, nth: int
) -> None:
    """It holds the ledger's lock until the server ends its transaction; then its lease ends, and it wakes up."""
    here = postgresql(CALLS, concurrency=1)
    frozen = freeze(here, forks, "flushed", nth, constants=SHORT_ON_A_SERVER)
    posted = Counter(api.received)
    lose_the_heartbeat(here, server)
    second = forks.run(*PLACE, cwd=here.root, env=here.env)
    # What it had posted and not yet recorded is in doubt, until it wakes up and says so.
    assert second.code == (7 if posted else 0), second.err
    assert api.received == dict.fromkeys(here.references, 1)
    frozen.send(signal.SIGCONT)
    first = frozen.wait()
    assert first.code in (0, 5), first.err
    if posted:
        assert LEASE_LOST in first.out
        assert here.entries()[FROZEN].state is State.PLACED
    assert api.received == dict.fromkeys(here.references, 1)
    assert nothing_is_lost(here, api) == set()


def test_the_lease_of_a_run_goes_on_while_another_one_is_frozen_with_the_lock(
    postgresql: Maker, api: ApiServer, forks: Forks, server: Server
) -> None:
    here = postgresql(CALLS, concurrency=1)
    gate = Gate()
    api.behave = gate
    slow = {**SHORT_ON_A_SERVER, "flowops.ledger.postgres.IDLE_TIMEOUT": 60_000}
    well = forks.start(*PLACE, cwd=here.root, env=here.env, failpoint={"constants": slow})
    api.wait_for(1)
    frozen = freeze(here, forks, "flushed", constants=slow)
    gate.open()  # the answer waits for the lock, too
    for _ in range(3):
        server.execute("UPDATE flowops_runs SET beat_at = beat_at - interval '20 seconds'", here.ledger_url)
        deadline = time.monotonic() + 20
        while server.value(STALE, here.ledger_url):
            assert time.monotonic() < deadline, "its heartbeat waits for the lock"
    frozen.send(signal.SIGCONT)
    assert [frozen.wait().code, well.wait().code] == [0, 0]
    assert api.received == dict.fromkeys(here.references, 1)


def test_a_run_frozen_inside_a_transaction_on_a_file_is_waited_for_and_nothing_is_posted_twice(
    sqlite: Maker, api: ApiServer, forks: Forks
) -> None:
    here = sqlite(CALLS, concurrency=1)
    frozen = freeze(here, forks, "flushed")
    short = {"flowops.ledger.sqlite.PATIENCE": 0.05, "flowops.ledger.transaction.PAUSE": 0.01}
    second = forks.run(*PLACE, cwd=here.root, env=here.env, failpoint={"constants": short})
    assert second.code == 5, second.err
    assert "locked by another process" in second.out
    assert not api.received
    third = forks.start(*PLACE, cwd=here.root, env=here.env)
    frozen.send(signal.SIGCONT)
    assert [frozen.wait().code, third.wait().code] == [0, 0]
    assert api.received == dict.fromkeys(here.references, 1)


def test_a_lease_that_nobody_holds_and_no_ledger_knows_is_cleared_away(sqlite: Maker, forks: Forks) -> None:
    """A run may be killed when it has its lease and the ledger does not know it yet."""
    here = sqlite(1)
    left = here.root / f"ledger.db.run-{'0' * 16}"
    left.touch()
    strangers = [here.root / "ledger.db.run-notes.txt", here.root / f"{'0' * 16}"]
    for stranger in strangers:
        stranger.touch()
    assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 0
    assert not left.exists()
    assert all(stranger.exists() for stranger in strangers)
