"""When the calls of a plan would be sent: held against a queue in which every call waits for its turn."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reports import page_of

from flowops.model.plan import Action
from flowops.report.json.plan import plan_json
from flowops.report.json.reading import plan_of_json
from flowops.report.json.text import dumps
from flowops.report.views.plan import Hour, Hours, PlanClock, Ready, hours_of, of_plan

AT = datetime(2026, 11, 25, 21, 30, tzinfo=UTC)
NOW = Ready(None, deferred=False)


def later(hours: float) -> Ready:
    return Ready(AT + timedelta(hours=hours), deferred=True)


def rows(found: Hours) -> list[tuple[str, int, int]]:
    return [(f"{start:%d %H:%M}" if start else "", placed, deferred) for start, placed, deferred in found.rows]


def one_by_one(ready: dict[Ready, int], timing: PlanClock) -> dict[tuple[datetime, bool], int]:
    """The same, slowly: every call on its own."""
    calls = sorted((max(at or AT, AT), deferred) for (at, deferred), count in ready.items() for _ in range(count))
    found: Counter[tuple[datetime, bool]] = Counter()
    turn = AT
    for at, deferred in calls:
        turn = max(at, turn)
        found[turn.replace(minute=0, second=0, microsecond=0), deferred] += 1
        turn += timedelta(seconds=1 / timing.rate) if timing.rate else timedelta()
    return dict(found)


def test_without_a_rate_all_go_out_in_the_first_hour() -> None:
    assert rows(hours_of({NOW: 1_000_000}, PlanClock(AT, None))) == [("25 21:00", 1_000_000, 0)]


def test_a_rate_spreads_them() -> None:
    found = hours_of({NOW: 90_000}, PlanClock(AT, 10.0))
    assert rows(found) == [("25 21:00", 18_000, 0), ("25 22:00", 36_000, 0), ("25 23:00", 36_000, 0)]


def test_what_is_deferred_counts_from_its_opening_on() -> None:
    found = hours_of({NOW: 3, later(12): 40, later(36): 5}, PlanClock(AT, 10.0))
    assert rows(found) == [("25 21:00", 3, 0), ("26 09:00", 0, 40), ("27 09:00", 0, 5)]


def test_an_opening_does_not_jump_the_queue() -> None:
    found = hours_of({NOW: 54_000, later(1): 36_000}, PlanClock(AT, 10.0))
    assert rows(found) == [("25 21:00", 18_000, 0), ("25 22:00", 36_000, 0), ("25 23:00", 0, 36_000)]


@given(
    st.dictionaries(
        # Quarters of a second and rates with few bits: no rounding decides in which hour a call is.
        st.just(NOW) | st.integers(-8_000, 80_000).map(lambda quarters: later(quarters / 14_400)),
        st.integers(1, 60),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([None, 1 / 4096, 1 / 1024, 1 / 256, 1 / 64, 0.25, 4.0]),
)
def test_they_are_spread_as_a_queue_would_be(ready: dict[Ready, int], rate: float | None) -> None:
    timing = PlanClock(AT, rate)
    found = hours_of(ready, timing)
    told = {(start, deferred): count for start, *counts in found.rows for deferred, count in enumerate(counts) if count}
    assert told == {(start, int(deferred)): count for (start, deferred), count in one_by_one(ready, timing).items()}
    assert [row.start for row in found.rows] == sorted(row.start for row in found.rows if row.start)


def test_the_end_of_time_is_an_hour() -> None:
    end = Ready(datetime.max.replace(tzinfo=UTC), deferred=True)
    assert hours_of({end: 100_000}, PlanClock(AT, 0.1)).rows == (
        Hour(datetime(9999, 12, 31, 23, tzinfo=UTC), 0, 100_000),
    )


class TestAPlan:
    def plan(self, make: Any) -> Any:
        deferred = make.planned(make.call("late"), Action.DEFERRED, until=AT + timedelta(hours=12))
        placed = [make.planned(make.call(f"r-{n}"), Action.PLACE) for n in range(3)]
        others = [make.planned(make.call(str(action)), action) for action in (Action.BLOCKED, Action.UNCHANGED)]
        return make.plan(*placed, make.planned(make.call("again"), Action.RETRY), deferred, *others)

    def printed(self, make: Any) -> Any:
        return json.loads("".join(dumps(plan_json(self.plan(make)))))

    def test_only_what_would_be_sent_has_an_hour(self, make: Any) -> None:
        found = of_plan(self.plan(make), clock=PlanClock(AT, 10.0)).hours
        assert rows(found) == [("25 21:00", 4, 0), ("26 09:00", 0, 1)]

    def test_the_page_says_what_its_hours_are(self, make: Any) -> None:
        page = page_of(of_plan(self.plan(make), clock=PlanClock(AT, 10.0)))
        assert "<h2>Phones, by hour</h2>" in page
        assert "The calls to place go out from 2026-11-25 21:30 UTC on, the time of this plan, at the" in page
        assert "rate of 10 a second; a deferred call waits for its opening, and for an apply then." in page
        assert "Wed 2026-11-25 21:00 UTC" in page
        assert page.count('<td class="where">deferred</td>') == 1
        assert "all in one go: the environment sets no rate." in page_of(
            of_plan(make.plan(make.planned(make.call("a"), Action.PLACE)), clock=PlanClock(AT, None))
        )

    @pytest.mark.parametrize(
        ("rate", "told"),
        [
            (500.0, "500 a second"),
            (0.1, "6 a minute"),
            (1 / 3_600, "1 an hour"),
            (1 / 86_400, "0.042 an hour"),
        ],
    )
    def test_a_rate_is_told_as_people_write_it(self, make: Any, rate: float, told: str) -> None:
        one = make.plan(make.planned(make.call("a"), Action.PLACE))
        assert f"rate of {told}." in page_of(of_plan(one, clock=PlanClock(AT, rate)))

    def test_an_hour_of_both_kinds_says_how_many_are_deferred(self, make: Any) -> None:
        soon = make.planned(make.call("late"), Action.DEFERRED, until=AT + timedelta(minutes=10))
        placed = [make.planned(make.call(f"r-{n}"), Action.PLACE) for n in range(3)]
        page = page_of(of_plan(make.plan(*placed, soon), clock=PlanClock(AT, None)))
        assert '<td class="number">4</td><td class="where">1 deferred</td>' in page

    def test_a_plan_of_nothing_to_send_has_none(self, make: Any) -> None:
        nothing = make.plan(make.planned(make.call("a"), Action.UNCHANGED))
        assert "by hour" not in page_of(of_plan(nothing, clock=PlanClock(AT, 10.0)))

    def test_a_plan_that_is_read_again_knows_its_openings(self, make: Any) -> None:
        document = self.printed(make)
        found = plan_of_json(document)
        assert rows(found.hours) == [("", 4, 0), ("26 09:00", 0, 1)]
        assert "What would be placed goes out at once, whenever that is" in page_of(found)

    def test_somebody_elses_times_are_no_times(self, make: Any) -> None:
        for text in ("soon", "2026-11-26T09:00:00", "", None):
            document = self.printed(make)
            document["calls"][4]["deferred_until"] = text
            assert rows(plan_of_json(document).hours) == [("", 4, 0), ("", 0, 1)]
