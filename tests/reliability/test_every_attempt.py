"""Every order of what two runners and others do to a call that may be tried three times.

It is posted three times at most, never twice at once, and not again once anybody has said that it was completed; nor
where its document had no attempts when it was claimed.
"""

from __future__ import annotations

import random
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.asked import Runs, Way
from support.attempt_orders import AttemptOrders
from support.walk import Broken, Walked, walk

from flowops.model.document import Place
from flowops.policy.policy import Policy
from flowops.policy.rules.windows import Holidays, Window, Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PLACE = Place("flowops.yaml", 3, 1)
RINGS = (Way.ACCEPTED, Way.LOST)
#: Worlds in which two runners race for the second attempt, each with how many states it has at least.
QUICK: Mapping[str, tuple[dict[str, Any], int]] = {
    "crash": ({"crashes": 1}, 300),
    "callback": ({"callback": 1, "ways": (Way.ACCEPTED,)}, 350),
    "record": ({"record": 1}, 430),
    "operator": ({"operator": 1, "ways": (Way.ACCEPTED,)}, 580),
    "edit": ({"edit": 1}, 850),
    "rename": ({"rename": 1}, 470),
    "block": ({"block": 1}, 250),
}
#: The same, twice where an order needs that.
PARTS: Mapping[str, Mapping[str, int]] = {
    "callback": {"callback": 2},
    "record": {"record": 1},
    "spool": {"faults": 1, "spool": 1},
    "operator": {"operator": 1},
    "edit": {"edit": 1},
    "rename": {"rename": 1},
    "block": {"block": 1},
    "clock": {"clock": 1},
}


#: Where two parts have more states, every order up to some length is walked: that takes some minutes of processor.
MANY = 20_000


def walked(name: str, most: int | None = None, **options: Any) -> Walked:
    """Walk through a world, or up to so many states of it, and tell how far that went."""
    with AttemptOrders(**options) as world:
        found = walk(world, most)
    print(f"{name}: {found}")
    return found


@pytest.mark.parametrize("name", QUICK)
def test_in_no_order_is_a_second_attempt_one_too_many(name: str) -> None:
    options, least = QUICK[name]
    assert walked(name, behind=True, **{"ways": RINGS, **options}).states >= least


def test_a_document_that_had_no_attempts_when_it_was_claimed_has_one() -> None:
    options = {"attempts": "no attempts", "edit": 1, "callback": 1}
    assert walked("edit", behind=True, ways=(Way.ACCEPTED,), **options).states >= 110


@pytest.mark.long
@pytest.mark.parametrize(("one", "other"), list(combinations(PARTS, 2)))
def test_in_no_order_of_any_two_is_an_attempt_one_too_many(one: str, other: str) -> None:
    options = {**PARTS[one], **PARTS[other]}
    assert walked(f"{one} and {other}", MANY, behind=True, ways=RINGS, crashes=1, **options).states >= 500


@pytest.mark.long
def test_in_no_order_is_a_chain_longer_than_its_document_says() -> None:
    """From its first attempt to its last, by two runners that begin three times."""
    options = {"ways": (Way.ACCEPTED,), "callback": 2, "clock": 2}
    assert walked("the whole chain", MANY, runs=(2, 1), **options).states >= 5_000


#: From eight to noon, in London: behind two pauses it is closed.
MORNINGS = Policy((Windows((Window(frozenset(range(7)), ((480, 720),), frozenset(), Holidays.OPEN, PLACE),), PLACE),))
#: Everything at once, more often than can be walked.
ALL = {
    "crashes": 2,
    "faults": 1,
    "callback": 5,
    "record": 1,
    "spool": 2,
    "operator": 3,
    "rename": 1,
    "edit": 2,
    "clock": 3,
}
KNOWN, STEPS = Runs(), 120
RUNNERS = ("one", "two")
#: How much more often than others some act: a call is rung before there is anything to be told of it.
WEIGHTS = {"one": 12, "two": 12, "a callback": 6, "two hours": 4}


class Lived(NamedTuple):
    """What happened in one order: its steps, which attempts were claimed, and what the policy held back."""

    order: Sequence[str]
    claimed: frozenset[str]
    held: Sequence[str]


def _actor(step: str) -> str:
    """Who takes a step, or what happens."""
    who, *rest = step.split()
    return who if who in RUNNERS and rest[0] != "hours" else f"{who} {rest[0]}"


def _next(choose: Callable[[Sequence[Any]], Any], names: Sequence[str]) -> int:
    """Choose who acts, runners more often than all others, as there is little to be told of calls that nobody places;
    and what they do: every other time what comes first, which is what mostly comes."""
    steps: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        steps.setdefault(_actor(name), []).append(at)
    weighed = [some for who, some in steps.items() for _ in range(WEIGHTS.get(who, 1))]
    some = choose(weighed)
    return choose([*some, *len(some) * some[:1]])


def live(choose: Callable[[Sequence[Any]], Any], *, mornings: bool, behind: bool, blocks: int) -> Lived:
    """Take steps, any that may come next, until none may, or there were many; `behind` an attempt or from the first."""
    policy = MORNINGS if mornings else None
    with AttemptOrders(
        behind=behind, policy=policy, runs=(9, 9), ways=tuple(Way), known=KNOWN, block=blocks, **ALL
    ) as world:
        order: list[str] = []
        while (steps := world.steps()) and len(order) < STEPS:
            at = _next(choose, [name for name, _ in steps])
            order.append(steps[at][0])
            try:
                steps[at][1]()
                world.judge()
                world.seconds += 1
                closed = [name for name, pauses in world.claimed.items() if mornings and pauses > 1]
                assert not closed, f"{closed} were claimed out of hours"
            except AssertionError as error:
                raise Broken(tuple(order), error) from error
        world.judge_end()
        return Lived(order, frozenset(world.claimed), world.held)


def _twice(lived: Lived) -> bool:
    told = [step for step in lived.order if step.startswith("a callback of")]
    return len(set(told)) < len(told)


def _both(lived: Lived) -> bool:
    told = {step.rpartition(": ")[0] for step in lived.order if step.endswith(": 9")}
    return any(f"{callback}: 10" in lived.order for callback in told)


#: What may happen to a call, and how it is seen that it did.
EVENTS: Mapping[str, Callable[[Lived], bool]] = {
    "claim": lambda lived: {"old", "old~2"} <= lived.claimed,
    "answer": lambda lived: any("records that it was" in step for step in lived.order),
    "crash": lambda lived: any("dies before" in step for step in lived.order),
    "callback": lambda lived: any("a callback of" in step for step in lived.order),
    "duplicate": _twice,
    "contradiction": _both,
    "record": lambda lived: any("a record of" in step for step in lived.order),
    "operator": lambda lived: any("operator says it" in step for step in lived.order),
    "edit": lambda lived: any("the files say" in step for step in lived.order),
    "window": lambda lived: any("windows" in why for why in lived.held),
    "clock": lambda lived: any("two hours pass" in step for step in lived.order),
}


def test_each_event_is_among_what_happens() -> None:
    left, seed = set(EVENTS), 0
    while left:
        assert seed < 60, f"{sorted(left)} did not happen in {seed} orders"
        lived = live(random.Random(seed).choice, mornings=seed % 4 == 0, behind=seed % 2 == 1, blocks=0)
        left -= {name for name in left if EVENTS[name](lived)}
        seed += 1
    print(f"all of it happened in {seed} orders")


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data(), mornings=st.booleans(), behind=st.booleans(), blocks=st.integers(0, 1))
def test_in_any_order_of_everything_no_attempt_is_one_too_many(
    data: st.DataObject, mornings: bool, behind: bool, blocks: int
) -> None:
    live(lambda steps: data.draw(st.sampled_from(steps)), mornings=mornings, behind=behind, blocks=blocks)


@pytest.mark.long
@settings(max_examples=2_000, suppress_health_check=list(HealthCheck))
@given(data=st.data(), mornings=st.booleans(), behind=st.booleans(), blocks=st.integers(0, 1))
def test_in_thousands_of_orders_of_everything_no_attempt_is_one_too_many(
    data: st.DataObject, mornings: bool, behind: bool, blocks: int
) -> None:
    live(lambda steps: data.draw(st.sampled_from(steps)), mornings=mornings, behind=behind, blocks=blocks)


def test_a_claim_that_does_not_look_again_is_found() -> None:
    options, _least = QUICK["callback"]
    with mock.patch("flowops.app.policy_run.not_due", return_value=None), pytest.raises(Broken) as found:
        walked("a claim that does not look again", behind=True, **options)
    print(found.value)
    assert "although" in str(found.value)
