"""Worlds in which everything goes wrong, one a seed. A seed that fails is told, and can be lived through again:

SEED=1234 .venv/bin/pytest tests/reliability/test_seeds.py -n0 -s
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from support.world import World

from flowops.model.ledger import State
from flowops.model.result import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.model.result import Result

CALLS, RUNS = 8, 6
SHORT, LONG = range(30), range(1_000, 4_000)
#: Long enough for everything that was set in motion to have come to its end.
AFTERMATH = 1_000.0


async def history(world: World) -> None:
    """Several runs amid all kinds of trouble; then peace, a run, an operator's words, and another run."""
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
    hold(world)
    _, result = await world.run("the run in peace")
    assert result is not None
    unclear = {name for name, entry in world.entries().items() if entry.state is State.IN_DOUBT}
    assert {made.reference_id for made in result.calls if made.outcome is Outcome.IN_DOUBT} == unclear
    for name in sorted(unclear):
        world.resolve(name)
    await world.run("the last run")
    await asyncio.sleep(AFTERMATH)
    hold(world)
    assert {entry.state for entry in world.entries().values()} <= {State.PLACED, State.FINISHED}
    assert set(world.rang) == set(world.references), "not every call was placed in the end"


def hold(world: World) -> None:
    """The promise, by what the server has received."""
    entries = world.entries()
    for name, times in world.rang.items():
        # An operator who says that a call was not placed has asked whoever knows: that word excuses nothing here.
        assert times - world.late[name] <= 1, f"{name} rang twice"
        assert name in entries, f"{name} rang, and the ledger does not know"
        assert entries[name].state is not State.REJECTED or world.late[name], f"{name} rang, and may ring again"
    assert world.listener.verify() is None


def hold_result(world: World, result: Result, who: str) -> None:
    """What a run says is true; it may know less than the ledger, never more."""
    for made in result.calls:
        if made.outcome is Outcome.PLACED:
            assert made.reference_id in world.rang, f"{who} says that {made.reference_id} was placed"


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


def test_a_seed_tells_the_same_story_again(tmp_path: Path) -> None:
    assert live(1, tmp_path / "one").story == live(1, tmp_path / "two").story
