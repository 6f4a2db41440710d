"""The name of a rehearsal: never the same twice, in the order of time, and short enough for the API."""

from __future__ import annotations

from flowops.app import rehearsal
from flowops.common.names import ulid, why_unusable


def test_names_are_new_and_in_the_order_of_time() -> None:
    names = [rehearsal.PREFIX + ulid() for _ in range(100)]
    assert len(set(names)) == 100
    times = [name[len(rehearsal.PREFIX) :][:10] for name in names]
    assert times == sorted(times)
    assert {len(name) for name in names} == {36}
    assert all(why_unusable(name) is None for name in names)
