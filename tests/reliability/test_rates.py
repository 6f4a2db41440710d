"""The rate is that of an environment: however many runs place in it, and whatever becomes of them."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from support.oracle import hold_after_a_kill
from support.repository import PLACE
from support.server import accept, respond

if TYPE_CHECKING:
    import socket

    from support.forks import Forks
    from support.repository import Maker
    from support.server import ApiServer

RATE, CALLS = 40, 60
#: How long that takes at least, between the first request and the last; less, since a machine may be slow to begin, and
#: more than two runs need that do not know of each other.
SPAN = 0.6 * (CALLS - 1) / RATE


@pytest.mark.parametrize("runs", [2, 4])
def test_runs_beside_each_other_place_at_the_rate_of_one(
    repository: Maker, api: ApiServer, forks: Forks, runs: int
) -> None:
    here = repository(CALLS, rate=f"{RATE}/s", concurrency=5)
    beside = [forks.start(*PLACE, cwd=here.root, env=here.env) for _ in range(runs)]
    ended = [child.wait() for child in beside]
    assert [ran.code for ran in ended] == [0] * runs, [ran.err for ran in ended]
    assert api.received == dict.fromkeys(here.references, 1)
    assert max(api.times) - min(api.times) >= SPAN


def test_a_run_that_is_killed_leaves_the_rate_to_the_others(sqlite: Maker, api: ApiServer, forks: Forks) -> None:
    here = sqlite(CALLS, rate=f"{RATE}/s", concurrency=5)
    killed = forks.start(*PLACE, cwd=here.root, env=here.env, failpoint={"point": "claimed", "nth": 2})
    other = forks.start(*PLACE, cwd=here.root, env=here.env)
    assert killed.wait().code == -signal.SIGKILL
    assert other.wait().code in (0, 7)
    hold_after_a_kill(here, api, forks)


def test_a_pause_that_the_api_asks_for_is_said_while_it_lasts(sqlite: Maker, api: ApiServer, forks: Forks) -> None:
    here = sqlite(3, concurrency=1)
    asked: list[str] = []

    def throttle_once(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        if asked:
            accept(connection, request, headers)
            return
        asked.append(request["instruction-id"])
        respond(connection, "429 Too Many Requests", b"{}", ("Retry-After: 1",))

    api.behave = throttle_once
    ran = forks.run(*PLACE, "--events", here.root / "events.jsonl", cwd=here.root, env=here.env)
    assert ran.code == 0, ran.err
    told = "the API asks to wait: nothing is sent for 1 s"
    assert ran.err.count(told) == 1
    events = [json.loads(line) for line in (here.root / "events.jsonl").read_text().splitlines()]
    names = [event["event"] for event in events]
    paused = next(at for at, event in enumerate(events) if event.get("message") == told)
    assert names.index("claimed") < paused < names.index("placed")
    assert api.received == {name: 1 + (name in asked) for name in here.references}
