"""Every order of what two runners and others do to a call that may be tried three times.

It is posted three times at most, never twice at once, and not again once anybody has said that it was completed; nor
where its document had no attempts when it was claimed.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from support.attempt_orders import AttemptOrders
from support.orders import Way
from support.walk import Broken, Walked, walk

if TYPE_CHECKING:
    from collections.abc import Mapping

RINGS = (Way.ACCEPTED, Way.LOST)
#: Worlds in which two runners race for the second attempt, each with how many states it has at least.
QUICK: Mapping[str, tuple[dict[str, Any], int]] = {
    "crash": ({"crashes": 1}, 300),
    "callback": ({"callback": 1, "ways": (Way.ACCEPTED,)}, 400),
    "record": ({"record": 1}, 430),
    "operator": ({"operator": 1}, 600),
    "edit": ({"edit": 1}, 400),
    "block": ({"block": 1}, 250),
}
#: The same, twice where an order needs that.
PARTS: Mapping[str, Mapping[str, int]] = {
    "callback": {"callback": 2},
    "record": {"record": 1},
    "spool": {"faults": 1, "spool": 1},
    "operator": {"operator": 1},
    "edit": {"edit": 1},
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
    options = {"ways": (Way.ACCEPTED,), "callback": 1, "clock": 1, "edit": 1}
    assert walked("edit", attempts="no attempts", **options).states >= 500


@pytest.mark.long
@pytest.mark.parametrize(("one", "other"), list(combinations(PARTS, 2)), ids=" and ".join)
def test_in_no_order_of_any_two_is_an_attempt_one_too_many(one: str, other: str) -> None:
    options = {**PARTS[one], **PARTS[other]}
    assert walked(f"{one} and {other}", behind=True, ways=RINGS, crashes=1, **options).states >= 1_000


@pytest.mark.long
def test_in_no_order_is_a_chain_longer_than_its_document_says() -> None:
    """From its first attempt to its last, by two runners that begin four times."""
    options = {"ways": (Way.ACCEPTED,), "callback": 4, "clock": 3}
    assert walked("the whole chain", runs=(2, 2), **options).states >= 5_000


def test_a_claim_that_does_not_look_again_is_found() -> None:
    options, _least = QUICK["callback"]
    with mock.patch("flowops.app.policy_run.not_due", return_value=None), pytest.raises(Broken) as found:
        walked("a claim that does not look again", behind=True, **options)
    print(found.value)
    assert "although" in str(found.value)
