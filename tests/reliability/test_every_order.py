"""Every order of what two runners and others do to one call, not only some: no phone rings twice, and nothing is lost.

What is walked is told (-s), and may not become less. A law that fails names a shortest order in which it does.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from support.asked import WAYS, Way
from support.orders import Orders
from support.walk import Broken, Walked, walk

from flowops.ledger.leases import FileLease
from flowops.ledger.states import TRANSITIONS
from flowops.ledger.transaction import Transaction
from flowops.model.ledger import EventType, State

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Who has to do with a call besides two runners, and how often each may act in the long walks. A spool comes about
#: where a ledger fails.
PARTS: Mapping[str, Mapping[str, int]] = {
    "callback": {"callback": 1},
    "record": {"record": 1},
    "spool": {"faults": 1, "spool": 1},
    "operator": {"operator": 1},
    "rename": {"rename": 1},
}
#: Any two of them; a second callback is the first one again, and a second operator does not know of the first one.
PAIRS = [*combinations(PARTS, 2), ("callback", "callback")]
RINGS = (Way.ACCEPTED, Way.LOST)
#: Worlds that are walked in a second or two, each with how many states it has at least.
QUICK: Mapping[str, tuple[dict[str, Any], int]] = {
    "callback": ({"ways": RINGS, "crashes": 1, "callback": 1}, 550),
    "record": ({"ways": RINGS, "crashes": 1, "record": 1}, 550),
    "spool": ({"ways": (Way.ACCEPTED,), "faults": 1, "spool": 1}, 320),
    "operator": ({"ways": (Way.BROKEN,), "crashes": 1, "operator": 1}, 960),
    "rename": ({"ways": RINGS, "crashes": 1, "rename": 1}, 440),
    "refusals": ({"crashes": 0}, 700),
}


def walked(name: str, **options: Any) -> Walked:
    """Walk through a world, and tell how far that went."""
    with Orders(**options) as world:
        found = walk(world)
    print(f"{name}: {found}")
    return found


@pytest.mark.parametrize("name", QUICK)
def test_in_no_order_does_a_call_ring_twice_or_get_lost(name: str) -> None:
    options, least = QUICK[name]
    assert walked(name, **options).states >= least


def both_of(one: str, other: str) -> dict[str, Any]:
    """The world of two parts. Where a ledger fails at any write there are many orders: fewer answers are enough."""
    both = {name: PARTS[one].get(name, 0) + PARTS[other].get(name, 0) for name in {**PARTS[one], **PARTS[other]}}
    return {"crashes": 1, "ways": RINGS if "spool" in both else WAYS, **both}


@pytest.mark.long
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_in_no_order_of_any_two_does_a_call_ring_twice_or_get_lost(one: str, other: str) -> None:
    least = 1_500 if "spool" in (one, other) else 4_000  # settled rows are not kept: fewer states of a spool differ
    assert walked(f"{one} and {other}", **both_of(one, other)).states >= least


@pytest.mark.long
def test_in_no_order_does_the_word_of_one_operator_undo_what_another_one_has_let_happen() -> None:
    options = {"ways": (Way.LOST, Way.BROKEN), "crashes": 1, "operator": 1, "another operator": 1}
    assert walked("two operators", **options).states >= 8_000


def _claimed_whatever_it_is() -> mock._patch_dict:
    """A claim that does not look whether another run has the call."""
    return mock.patch.dict(TRANSITIONS, {(State.IN_FLIGHT, EventType.CLAIMED): (State.IN_FLIGHT,)})  # type: ignore[arg-type]


def _swept_to_be_placed() -> mock._patch_dict:
    """A sweep that takes a call of a dead run for one that was not placed."""
    return mock.patch.dict(TRANSITIONS, {(State.IN_FLIGHT, EventType.ABANDONED): (State.REJECTED,)})  # type: ignore[arg-type]


def _nobody_lives() -> mock._patch[Any]:
    """A lease of which others cannot tell that somebody holds it."""
    return mock.patch.object(FileLease, "alive", return_value=False)


def _no_tombstone() -> mock._patch[Any]:
    """A call that goes on under a new name, and is free to be placed under the old one."""
    return mock.patch.object(Transaction, "_bury")


@pytest.mark.parametrize(
    ("mutation", "name"),
    [
        (_claimed_whatever_it_is, "callback"),
        (_swept_to_be_placed, "callback"),
        (_nobody_lives, "operator"),
        (_no_tombstone, "rename"),
    ],
    ids=["claim", "sweep", "lease", "tombstone"],
)
def test_a_mutation_of_what_keeps_the_promise_is_found(mutation: Any, name: str) -> None:
    options, _least = QUICK[name]
    with mutation(), pytest.raises(Broken) as found:
        walked(name, **options)
    print(found.value)
    assert 1 < len(found.value.order) < 20
