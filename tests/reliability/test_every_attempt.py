"""Every order of what two runners and others do to a call that may be tried three times.

It is posted three times at most, never twice at once, and not again once anybody has said that it was completed; nor
where its document had no attempts when it was claimed.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any
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
    from collections.abc import Mapping

PLACE = Place("flowops.yaml", 3, 1)
RINGS = (Way.ACCEPTED, Way.LOST)
#: Worlds in which two runners race for the second attempt, each with how many states it has at least.
QUICK: Mapping[str, tuple[dict[str, Any], int]] = {
    "crash": ({"crashes": 1}, 300),
    "callback": ({"callback": 1, "ways": (Way.ACCEPTED,)}, 400),
    "record": ({"record": 1}, 430),
    "operator": ({"operator": 1, "ways": (Way.ACCEPTED,)}, 600),
    "edit": ({"edit": 1}, 850),
    "rename": ({"rename": 1}, 600),
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


def walked(name: str, **options: Any) -> Walked:
    """Walk through a world, and tell how far that went."""
    with AttemptOrders(**options) as world:
        found = walk(world)
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
    assert walked(f"{one} and {other}", behind=True, ways=RINGS, crashes=1, **options).states >= 500


@pytest.mark.long
def test_in_no_order_is_a_chain_longer_than_its_document_says() -> None:
    """From its first attempt to its last, by two runners that begin three times."""
    options = {"ways": (Way.ACCEPTED,), "callback": 2, "clock": 2}
    assert walked("the whole chain", runs=(2, 1), **options).states >= 10_000


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


def live(data: st.DataObject, *, mornings: bool, blocks: int) -> None:
    """Take steps, any that may come next, until none may, or there were many."""
    policy = MORNINGS if mornings else None
    with AttemptOrders(policy=policy, runs=(4, 4), ways=tuple(Way), known=KNOWN, block=blocks, **ALL) as world:
        order: list[str] = []
        while (steps := world.steps()) and len(order) < STEPS:
            # Runners more often than all others: there is little to be told of calls that nobody places.
            names = [name for name, _ in steps]
            runners = [at for at, name in enumerate(names) if name.startswith(("one", "two")) and "dies" not in name]
            at = data.draw(st.sampled_from([*range(len(steps)), *runners, *runners]))
            order.append(names[at])
            try:
                steps[at][1]()
                world.judge()
                world.seconds += 1
                closed = [name for name, pauses in world.claimed.items() if mornings and pauses > 1]
                assert not closed, f"{closed} were claimed out of hours"
            except AssertionError as error:
                raise Broken(tuple(order), error) from error
        world.judge_end()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), mornings=st.booleans(), blocks=st.integers(0, 1))
def test_in_any_order_of_everything_no_attempt_is_one_too_many(
    data: st.DataObject, mornings: bool, blocks: int
) -> None:
    live(data, mornings=mornings, blocks=blocks)


@pytest.mark.long
@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), mornings=st.booleans(), blocks=st.integers(0, 1))
def test_in_thousands_of_orders_of_everything_no_attempt_is_one_too_many(
    data: st.DataObject, mornings: bool, blocks: int
) -> None:
    live(data, mornings=mornings, blocks=blocks)


def test_a_claim_that_does_not_look_again_is_found() -> None:
    options, _least = QUICK["callback"]
    with mock.patch("flowops.app.policy_run.not_due", return_value=None), pytest.raises(Broken) as found:
        walked("a claim that does not look again", behind=True, **options)
    print(found.value)
    assert "although" in str(found.value)
