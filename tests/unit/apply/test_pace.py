"""When requests may begin, on a clock that is told what time it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.apply.pace import SLACK, Pace

WAITS = st.lists(st.floats(0, 3), min_size=1, max_size=60)


def starts(pace, rests):
    """The times at which requests begin when each asks so long after the one before began."""
    now, times = 1000.0, []
    for rest in rests:
        now += rest
        while (delay := pace.delay(now)) > 0.0:
            now += delay
        pace.take(now)
        times.append(now)
    return times


def test_the_first_request_begins_at_once_and_the_rest_at_even_intervals():
    assert starts(Pace(10.0), [0.0] * 4) == pytest.approx([1000.0, 1000.1, 1000.2, 1000.3])


def test_without_a_rate_nobody_waits():
    assert starts(Pace(None), [0.0] * 4) == [1000.0] * 4


def test_a_quiet_time_is_not_caught_up_with_a_burst():
    first, second, third = starts(Pace(2.0), [0.0, 60.0, 0.0])
    assert (second - first, third - second) == pytest.approx((60.0, 0.5))


def test_a_late_wake_up_costs_no_throughput():
    pace, now, times = Pace(1000.0), 0.0, []
    for _ in range(1000):
        now += pace.delay(now) + 0.0003  # the event loop wakes up a little late, each time
        pace.take(now)
        times.append(now)
    assert times[-1] - times[0] < 1.01


def test_a_pause_holds_everybody_and_the_longer_one_counts():
    pace = Pace(10.0)
    pace.pause(1000.0, 7.0)
    pace.pause(1000.0, 3.0)
    assert pace.delay(1001.0) == pytest.approx(6.0)
    assert starts(pace, [0.0, 0.0, 0.0]) == pytest.approx([1007.0, 1007.1, 1007.2])


@given(rate=st.floats(0.01, 5000), rests=WAITS)
def test_no_stretch_of_time_sees_more_than_its_share(rate, rests):
    times = starts(Pace(rate), rests)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first <= (times[last] - start + min(SLACK, 1 / rate)) * rate + 1e-3


@given(rate=st.floats(0.01, 5000), rests=WAITS)
def test_nobody_waits_longer_than_one_interval_for_a_free_slot(rate, rests):
    pace, now = Pace(rate), 1000.0
    for rest in rests:
        now += rest
        delay = pace.delay(now)
        assert delay <= 1 / rate + 1e-6
        now += delay
        pace.take(now)
