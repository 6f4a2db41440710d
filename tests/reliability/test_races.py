"""Several runs of one repository at the same time: each call is posted by exactly one of them."""

from __future__ import annotations

import itertools
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from support.oracle import nothing_is_lost
from support.repository import PLACE
from support.server import accept, answer_with
from support.values import call

from flowops.model.claims import Claim

if TYPE_CHECKING:
    import socket

    from support.commands import Ran
    from support.forks import Child, Forks
    from support.repository import Maker, Repository
    from support.server import ApiServer


def outcomes(ran: Ran) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What a run says of each call, and the call-ids that it has for it."""
    return {call["reference_id"]: (call["outcome"], tuple(call["call_ids"])) for call in ran.json["calls"]}


def start(here: Repository, forks: Forks, runners: int) -> list[Child]:
    return [forks.start(*PLACE, cwd=here.root, env=here.env) for _ in range(runners)]


def race(repository: Maker, api: ApiServer, forks: Forks, runners: int, calls: int) -> None:
    here = repository(calls, concurrency=10)
    api.delay = 0.01  # so that no run is done before the others have begun
    ended = [child.wait() for child in start(here, forks, runners)]
    assert [ran.code for ran in ended] == [0] * runners, [ran.err for ran in ended]
    assert api.received == dict.fromkeys(here.references, 1)
    results = [outcomes(ran) for ran in ended]
    for name in here.references:
        said = [result[name] for result in results]
        assert sorted(outcome for outcome, _ in said) == ["placed", *["unchanged"] * (runners - 1)], name
        # A run that had planned after another one's answer has nothing to tell but that it is done.
        assert len({ids for _, ids in said} - {()}) == 1, name
    assert nothing_is_lost(here, api) == set()


@pytest.mark.parametrize(("runners", "calls"), [(2, 40), (4, 120)])
def test_runs_at_the_same_time_post_each_call_once_and_all_succeed(
    repository: Maker, api: ApiServer, forks: Forks, runners: int, calls: int
) -> None:
    race(repository, api, forks, runners, calls)


@pytest.mark.long
@pytest.mark.parametrize("runners", [2, 4])
def test_a_thousand_calls_and_several_runs(repository: Maker, api: ApiServer, forks: Forks, runners: int) -> None:
    race(repository, api, forks, runners, 1_000)


@pytest.mark.parametrize(
    ("policy", "placed"),
    [
        ("{max-calls: {per-day: 25}}", 25),
        ("{per-callee: {calls: 1, within: 1d}}", 20),
        ("{per-callee: {calls: 3, within: 1d}, max-calls: {per-day: 33}}", 33),
    ],
)
def test_runs_at_the_same_time_share_a_limit_and_use_it_up_exactly(
    repository: Maker, api: ApiServer, forks: Forks, policy: str, placed: int
) -> None:
    """Each run has calls of its own to the same people: nothing but the limit stands between them."""
    here = repository(20, concurrency=5)
    api.delay = 0.01
    document = here.root / "calls/all.yaml"
    for name in ("first", "second"):
        (here.root / f"calls/{name}.yaml").write_text(document.read_text().replace("call-", f"{name}-"))
    document.unlink()
    with (here.root / "flowops.yaml").open("a") as project:
        project.write(f"policy: {policy}\n")
    children = [forks.start(*PLACE, f"calls/{name}.yaml", cwd=here.root, env=here.env) for name in ("first", "second")]
    ended = [child.wait() for child in children]
    assert [ran.code for ran in ended] == [0, 0], [ran.err for ran in ended]
    assert api.received.total() == len(api.received) == placed
    said = [outcome for ran in ended for outcome, _ in outcomes(ran).values()]
    assert sorted(set(said)) == ["deferred", "placed"]
    assert said.count("placed") == placed
    held = [call for ran in ended for call in ran.json["calls"] if call["outcome"] == "deferred"]
    assert all("flowops.yaml:12" in call["error"] and "may be placed from" in call["error"] for call in held), held


def test_when_one_of_the_runs_is_killed_the_others_place_the_rest_and_tell_what_is_in_doubt(
    repository: Maker, api: ApiServer, forks: Forks
) -> None:
    here = repository(60, concurrency=5)
    victim = forks.start(*PLACE, cwd=here.root, env=here.env, failpoint={"point": "answered", "nth": 6})
    api.wait_for(1)
    others = start(here, forks, 2)
    assert victim.wait().code == -signal.SIGKILL
    ended = [child.wait() for child in others]
    unclear = nothing_is_lost(here, api)
    assert unclear
    assert {ran.code for ran in ended} == {7}, [ran.err for ran in ended]
    for ran in ended:
        assert {name for name, (outcome, _) in outcomes(ran).items() if outcome == "in-doubt"} == unclear
    placed = [name for ran in ended for name, (outcome, _) in outcomes(ran).items() if outcome == "placed"]
    assert len(placed) == len(set(placed))
    assert set(api.received) >= set(here.references) - unclear


def test_runs_at_the_same_time_agree_on_what_the_api_refuses(repository: Maker, api: ApiServer, forks: Forks) -> None:
    refuse = answer_with("400 Bad Request", b'{"error": "caller not allowed"}')
    here = repository(40, concurrency=5)
    even = set(here.references[::2])

    def behave(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        (accept if request["instruction-id"] in even else refuse)(connection, request, headers)

    api.behave = behave
    ended = [child.wait() for child in start(here, forks, 2)]
    assert {ran.code for ran in ended} == {6}, [ran.err for ran in ended]
    assert {name: api.received[name] for name in even} == dict.fromkeys(even, 1)
    # A refused call may be placed again, and the second run may have planned it so.
    assert all(1 <= api.received[name] <= 2 for name in here.references)
    states = {name: entry.state for name, entry in here.entries().items()}
    assert {name for name, state in states.items() if state == "placed"} == even


def test_a_ledger_can_be_opened_and_verified_while_others_write_to_it(repository: Maker) -> None:
    """What is compared with each other, such as the record with the last event, is of one moment."""
    here = repository(1)
    enough = threading.Event()

    def write() -> None:
        store = here.open(readonly=False)
        for number in itertools.count():
            if enough.is_set():
                break
            store.write([Claim(call(f"other-{number}"), "v1:sha256:00")])
        store.close()

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)
        try:
            for number in range(25):
                store = here.open()
                if number % 12 == 0:
                    assert store.verify() is None
                store.close()
        finally:
            enough.set()
        writer.result()
    assert here.entries() == {}
