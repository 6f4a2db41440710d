"""A call that the API refuses again and again is given up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from flowops.ledger import store as module
from flowops.ledger.operations import imported_call
from flowops.model.claims import Record
from flowops.model.ledger import EventType, GivenUp, State

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REFUSED = (EventType.REFUSED, EventType.FORBIDDEN)


def at(hours: float) -> str:
    return (NOON + timedelta(hours=hours)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def refuse(address, make, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets a run of its own claim calls at an hour, and the API say something of each."""
    address.init()

    def run(
        hours: float,
        *references: str,
        event_type: EventType = EventType.REFUSED,
        digit: str = "0",
        placed: tuple[str, ...] = (),
    ) -> None:
        monkeypatch.setattr(module, "now", lambda: at(hours))
        with address.open() as store:
            store.write([make.claim(name, digit=digit) for name in (*references, *placed)])
            store.write([Record(name, event_type, detail="unknown number") for name in references])
            store.write([make.accepted(name) for name in placed])

    return run


@pytest.mark.parametrize("event_type", REFUSED)
def test_three_refusals_an_hour_apart_give_it_up(address, make, refuse, event_type: EventType) -> None:
    for hours in (0, 1):
        refuse(hours, "a", event_type=event_type)
        assert address.open().given_up({"a": make.fingerprint()}) == {}
    refuse(2, "a", event_type=event_type)
    expected = {"a": GivenUp("a", make.fingerprint(), 3, at(2), "unknown number")}
    store = address.open()
    assert store.given_up({"a": make.fingerprint(), "b": make.fingerprint()}) == expected
    assert store.given_up() == expected
    state = State.REJECTED if event_type is EventType.REFUSED else None
    assert [entry.state for entry in store.look_up(["a"]).values()] == ([state] if state else [])
    assert store.verify() is None


@pytest.mark.parametrize("event_type", REFUSED)
def test_it_stays_given_up_in_the_ledger_that_an_export_is_imported_into(
    address, make, refuse, event_type: EventType
) -> None:
    for hours in (0, 1, 2):
        refuse(hours, "a", event_type=event_type)
    rows = [json.loads(json.dumps(row)) for row in address.open().export()]
    address.init("elsewhere")
    other = address.open("elsewhere")
    assert other.import_calls(map(imported_call, rows)).added == ["a"]
    same = {"a": GivenUp("a", make.fingerprint(), 3, at(2), "unknown number")}
    assert other.given_up({"a": make.fingerprint()}) == same
    assert other.given_up() == same
    assert next(iter(other.export()))["given_up"] == at(2)
    assert other.given_up({"a": make.fingerprint("1")}) == {}, "an edited one is not"
    # Asked for again, with the edit, it is refused as any other is.
    other.write([make.claim("a", digit="1"), Record("a", event_type, detail="still unknown")])
    assert other.given_up({"a": make.fingerprint("1")}) == {}
    assert other.given_up({"a": make.fingerprint()}) != {}
    assert other.verify() is None


def test_less_than_an_hour_apart_they_are_one(address, refuse) -> None:
    for hours in (0, 0.5, 0.99, 1.5):
        refuse(hours, "a")
    assert address.open().given_up() == {}
    refuse(2, "a")
    assert address.open().given_up() == {}, "an hour behind the last that counts, not behind the first"
    refuse(2.5, "a")
    assert list(address.open().given_up()) == ["a"]


def test_an_edit_begins_again_and_the_old_text_stays_given_up(address, make, refuse) -> None:
    for hours in (0, 1, 2):
        refuse(hours, "a")
    refuse(3, "a", digit="1")
    store = address.open()
    assert store.given_up({"a": make.fingerprint("1")}) == {}
    assert list(store.given_up({"a": make.fingerprint("0")})) == ["a"]
    assert store.given_up() == {}, "as it was sent last"


def test_a_run_of_which_everything_was_refused_says_nothing(address, refuse) -> None:
    whole = ("a", "b", "c", "d", "e")
    for hours in (0, 1, 2):
        refuse(hours, *whole)
    assert address.open().given_up() == {}
    for hours in (3, 4, 5):
        refuse(hours, *whole, placed=(f"x{hours}",))
    assert sorted(address.open().given_up()) == list(whole)


def test_of_four_or_fewer_all_may_be_refused(address, refuse) -> None:
    for hours in (0, 1, 2):
        refuse(hours, "a", "b", "c", "d")
    assert sorted(address.open().given_up()) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("event_type", [EventType.UNSENT, EventType.THROTTLED, EventType.UNAUTHORIZED])
def test_what_says_nothing_of_the_call_does_not_count(address, refuse, event_type: EventType) -> None:
    for hours in range(4):
        refuse(hours, "a", event_type=event_type)
    assert address.open().given_up() == {}


def test_a_call_that_was_placed_since_is_not_given_up(address, make, refuse) -> None:
    for hours in (0, 1, 2):
        refuse(hours, "a")
    with address.open() as store:
        store.write([make.claim(), make.accepted()])
    assert address.open().given_up() == {}


def test_a_purge_forgets_it(address, refuse) -> None:
    for hours in (0, 1, 2):
        refuse(hours, "a")
    store = address.open()
    store.purge(NOON + timedelta(days=1))
    assert store.given_up() == {}
    assert store.verify() is None
