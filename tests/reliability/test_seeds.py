"""Worlds in which everything goes wrong, one a seed. A seed that fails is told, and can be lived through again:

SEED=1234 .venv/bin/pytest tests/reliability/test_seeds.py -n0 -s
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from support.people import occasion
from support.world import World

from flowops.model.ledger import State
from flowops.model.result import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from support.world import Process

    from flowops.model.result import Result

CALLS, RUNS = 8, 6
SHORT, LONG = range(30), range(1_000, 4_000)
#: Long enough for everything that was set in motion to have come to its end.
AFTERMATH = 1_000.0
MINUTE = 60.0


async def history(world: World) -> None:
    """Several runs amid all kinds of trouble; then peace, a run, an operator's words, and another run."""
    world.people.bring_evidence()
    operator = asyncio.create_task(world.operate())
    running = []
    for number in range(RUNS):
        await asyncio.sleep(world.random.choice([0.0, 1.0, 10.0, 200.0]) * world.random.random())
        running.append(asyncio.create_task(world.run(f"run {number}")))
    for ended in asyncio.as_completed(running):
        process, result = await ended
        if result is not None:
            hold_result(world, result, process.name)
    hold(world)
    world.calm = True
    await asyncio.sleep(AFTERMATH)
    await operator
    await settle(world)


async def settle(world: World) -> None:
    """Peace: a run places what is left, an operator says what became of the doubtful, and another run comes."""
    world.people.take_back()
    hold(world)
    _, result = await world.run("the run in peace")
    assert result is not None
    unclear = {name for name, entry in world.entries().items() if entry.state is State.IN_DOUBT}
    assert {occasion(made.reference_id) for made in result.calls if made.outcome is Outcome.IN_DOUBT} == set(
        map(occasion, unclear)
    )
    for name in sorted(unclear):
        world.people.resolve(name)
    await world.run("the last run")
    await asyncio.sleep(AFTERMATH)
    hold(world)
    assert {entry.state for entry in world.entries().values()} <= {State.PLACED, State.FINISHED}
    assert set(world.rung()) == set(world.references), "not every call was placed in the end"


#: Writers who work at once, for how long, and their rate together.
WRITERS, HOUR, RATE = 4, 3_600.0, 0.5


async def an_hour(world: World) -> None:
    """Four writers at a rate for an hour: whoever ends or is killed is followed by another one; then peace."""
    world.people.bring_evidence()
    operator = asyncio.create_task(world.operate())
    await asyncio.gather(*(_keep_writing(world, number) for number in range(WRITERS)))
    hold(world)
    world.calm = True
    await asyncio.sleep(AFTERMATH)
    await operator
    await settle(world)


async def _keep_writing(world: World, number: int) -> None:
    turn = 0
    while world.loop.time() < HOUR:
        turn += 1
        process, result = await _run_until_it_ends(world, f"writer {number}, turn {turn}")
        if result is not None:
            hold_result(world, result, process.name)


async def _run_until_it_ends(world: World, name: str) -> tuple[Process, Result | None]:
    """One run; of one that is killed nobody waits for the end."""
    running = asyncio.create_task(world.run(name))
    while not running.done():
        await asyncio.wait([running], timeout=5.0)
        killed = world.killed.get(name)
        if killed is not None:
            world.left_behind.append(running)
            return killed, None
    return running.result()


def hold(world: World) -> None:
    """The promise, by what the server has received."""
    entries, late = world.entries(), world.too_late()
    for name, times in world.rung().items():
        # An operator who says that a call was not placed has asked whoever knows: that word excuses nothing here.
        assert times - late[name] <= 1, f"{name} rang twice"
    for name in world.rang:
        assert name in entries, f"{name} rang, and the ledger does not know"
        may_ring = entries[name].state is State.REJECTED
        assert not may_ring or late[occasion(name)], f"{name} rang, and may ring again"
    assert world.listener.verify() is None


def hold_result(world: World, result: Result, who: str) -> None:
    """What a run says is true; it may know less than the ledger, never more."""
    for made in result.calls:
        if made.outcome is Outcome.PLACED:
            assert occasion(made.reference_id) in world.rung(), f"{who} says that {made.reference_id} was placed"


def live(seed: int, directory: Path) -> World:
    """Live through one world; on a failure its story is printed."""
    world = World(seed, directory, [f"call-{number}" for number in range(CALLS)])
    try:
        world.live(history)
    except BaseException:
        print("\n".join(world.story))
        print(f"\nSEED={seed} .venv/bin/pytest tests/reliability/test_seeds.py -n0 -s")
        raise
    return world


@pytest.mark.parametrize("seed", [int(os.environ["SEED"])] if "SEED" in os.environ else SHORT)
def test_the_promise_holds_in_every_world(seed: int, tmp_path: Path) -> None:
    world = live(seed, tmp_path)
    if "SEED" in os.environ:
        print("\n".join(world.story))


@pytest.mark.long
def test_the_promise_holds_in_thousands_of_worlds(tmp_path: Path) -> None:
    for seed in LONG:
        live(seed, tmp_path / str(seed))


@pytest.mark.long
def test_four_writers_keep_the_promise_and_the_rate_for_an_hour(tmp_path: Path) -> None:
    world = World(7, tmp_path, [f"call-{number}" for number in range(int(HOUR * RATE))])
    world.rate = RATE
    world.live(an_hour)
    times = sorted(world.sent)
    first = 0
    for last, time in enumerate(times):
        while times[first] <= time - MINUTE:
            first += 1
        # Besides the rate, each writer may have been frozen with what it had claimed: half a second's calls, or one.
        assert last - first + 1 <= RATE * MINUTE + 2 * WRITERS, f"too many in the minute before {time}"


def test_a_seed_tells_the_same_story_again(tmp_path: Path) -> None:
    assert live(1, tmp_path / "one").story == live(1, tmp_path / "two").story
