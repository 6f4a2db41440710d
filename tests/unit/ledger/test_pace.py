"""The rate of an environment: phones at even intervals over all runs, by the database's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.ledger.pace import HORIZON, LEAD, LONGEST_PAUSE, MOST_PHONES, Pace
from flowops.ledger.usage import standing
from flowops.model.claims import Later

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.ledger.store import Store

RATES = st.floats(0.01, 5000)


class Slots:
    """What a ledger keeps, and claims of one phone or more by this process and others."""

    def __init__(self, rate: float | None, now: float = 1_000.0) -> None:
        self.rate, self.now = rate, now
        self.next_slot = self.paused_until = 0.0

    def claim(self, *phones: int) -> list[float | Later | None]:
        """Claim at once; the slots, from now on, or when to come again."""
        pace = Pace(self.now, 0.0, self.next_slot, self.paused_until, self.rate)
        found = [
            pace.take(number) if later is None else later
            for number, later in zip(phones, pace.answers(phones), strict=True)
        ]
        self.next_slot = pace.next_slot
        return found


def slots(found: Sequence[float | Later | None]) -> list[float]:
    return [slot for slot in found if isinstance(slot, float)]


def test_the_first_slot_comes_at_once_and_the_rest_at_even_intervals() -> None:
    assert slots(Slots(10.0).claim(1, 1, 1, 1)) == pytest.approx([LEAD, LEAD + 0.1, LEAD + 0.2, LEAD + 0.3])


def test_without_a_rate_nobody_waits_but_in_a_pause() -> None:
    ledger = Slots(None)
    assert ledger.claim(1, 5, 1) == [None, None, None]
    ledger.paused_until = ledger.now + 7.0
    assert ledger.claim(1, 5) == [Later(7.0, is_pause=True)] * 2
    ledger.now += 7.0
    assert ledger.claim(1) == [None]


def test_runs_that_claim_beside_each_other_share_the_slots() -> None:
    """Each claims in a transaction of its own; all see the same row."""
    ledger = Slots(10.0)
    found = [slot for _ in range(4) for slot in slots(ledger.claim(1))]
    assert found == pytest.approx([LEAD, LEAD + 0.1, LEAD + 0.2, LEAD + 0.3])


def test_a_call_to_several_phones_takes_a_slot_for_each() -> None:
    assert slots(Slots(10.0).claim(3, 2, 1)) == pytest.approx([LEAD, LEAD + 0.3, LEAD + 0.5])


def test_nothing_is_claimed_more_than_a_second_ahead_and_who_comes_too_early_is_told_when_to_come() -> None:
    ledger = Slots(10.0)
    found = ledger.claim(*[1] * 15)
    assert max(slots(found)) <= HORIZON
    assert len(slots(found)) == 10
    told = [later for later in found if isinstance(later, Later)]
    assert [later.seconds for later in told] == pytest.approx([LEAD + 0.5 + number / 10 for number in range(5)])
    ledger.now += told[0].seconds
    assert slots(ledger.claim(1)) == pytest.approx([HORIZON / 2])


def test_a_call_of_many_phones_is_claimed_though_its_last_slot_is_far_ahead() -> None:
    ledger = Slots(1.0)
    assert slots(ledger.claim(MOST_PHONES)) == pytest.approx([LEAD])
    assert ledger.claim(1) == [Later(pytest.approx(LEAD + MOST_PHONES - HORIZON / 2))]


def test_a_quiet_time_is_not_caught_up_with_a_burst() -> None:
    ledger = Slots(2.0)
    ledger.claim(1)
    ledger.now += 60.0
    assert slots(ledger.claim(1, 1)) == pytest.approx([LEAD, LEAD + 0.5])


def test_a_run_that_dies_takes_no_more_than_a_second_with_it() -> None:
    ledger = Slots(100.0)
    ledger.claim(*[1] * 500)
    ledger.now += HORIZON
    assert slots(ledger.claim(1)) == pytest.approx([LEAD], abs=0.03)


def test_a_clock_that_is_set_back_holds_nobody_up() -> None:
    ledger = Slots(10.0)
    ledger.claim(1, 1)
    ledger.paused_until = ledger.now + 1.0
    ledger.now -= 3600.0
    assert slots(ledger.claim(1)) == pytest.approx([LEAD])


def test_a_pause_is_no_longer_than_a_run_waits() -> None:
    ledger = Slots(10.0)
    ledger.paused_until = ledger.now + LONGEST_PAUSE
    assert ledger.claim(1) == [Later(LONGEST_PAUSE, is_pause=True)]


@given(rate=RATES, rests=st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(1, 4)), min_size=1, max_size=30))
def test_no_stretch_of_time_has_more_than_its_share(rate: float, rests: list[tuple[float, int]]) -> None:
    ledger, times = Slots(rate, now=0.0), list[float]()
    for rest, claims in rests:
        ledger.now += rest
        times += [ledger.now + slot for slot in slots(ledger.claim(*[1] * claims))]
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first <= (times[last] - start) * rate + 1e-3


@given(rate=RATES, rests=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=30))
def test_nobody_waits_longer_than_the_slots_before_take(rate: float, rests: list[float]) -> None:
    ledger = Slots(rate, now=0.0)
    for rest in rests:
        ledger.now += rest
        [answer] = ledger.claim(1)
        while isinstance(answer, Later):
            assert 0.0 < answer.seconds <= 1 / rate + HORIZON
            ledger.now += answer.seconds
            [answer] = ledger.claim(1)
        assert answer is not None
        assert answer <= 1 / rate + HORIZON


def next_slot(store: Store) -> float:
    """Return when the next phone may ring, by the database's clock: that of this process is only compared with it."""
    return store._database.read(lambda connection: standing(connection, store.number)).next_slot


@pytest.mark.usefixtures("ready")
def test_two_runs_on_a_ledger_take_slots_in_turn_and_a_call_that_is_lost_takes_none(address, make) -> None:
    first, second = address.open(), address.open()
    one = first.write([make.claim("a"), make.claim("b")], rate=5.0)
    before = next_slot(first)
    two = second.write([make.claim("a"), make.claim("c"), make.claim("d")], rate=5.0)
    assert next_slot(first) - before == pytest.approx(0.4, abs=0.001)
    assert [it.done for it in two] == [False, True, True]
    assert two[0].slot is None
    assert one[0].slot < one[1].slot < two[1].slot < two[2].slot
    assert [one[1].slot - one[0].slot, two[2].slot - two[1].slot] == pytest.approx([0.2] * 2, abs=0.001)
    early = second.write([make.claim(name) for name in "efghij"], rate=5.0)
    assert not early[-1].done
    assert early[-1].later is not None
    assert second.look_up(["j"]) == {}


@pytest.mark.usefixtures("ready")
def test_what_the_api_asks_of_one_run_holds_for_all_with_a_rate_and_without(address, make) -> None:
    first, second = address.open(), address.open()
    first.pause(100.0)
    first.pause(50.0)
    for rate in (None, 5.0):
        [answer] = second.write([make.claim("a")], rate=rate)
        assert not answer.done
        assert answer.later is not None
        assert answer.later.is_pause
        assert answer.later.seconds == pytest.approx(100.0, abs=20.0)
    assert address.open().take_slot(5.0).is_pause


@pytest.mark.usefixtures("ready")
def test_a_phone_that_rings_without_a_call_takes_a_slot_as_well(address, make) -> None:
    store = address.open()
    first, before = store.take_slot(5.0), next_slot(store)
    [claimed] = store.write([make.claim("a")], rate=5.0)
    assert claimed.slot > first
    assert next_slot(store) - before == pytest.approx(0.2, abs=0.001)
    assert store.take_slot(None) is None


@pytest.fixture
def ready(address) -> None:
    address.init()
