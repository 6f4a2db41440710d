"""Claims on a condition: what was used up is counted, and the claim decided, in one transaction."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from flowops.model.claims import Claim, Condition, Labelled, Record, Used, Written
from flowops.model.ledger import EventType, State
from flowops.model.plan import Action, Decision

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.ledger.store import Store

LONDON, NEW_YORK, PARIS = "+442079460023", "+12125550123", "+33199001018"
BEGIN = datetime.now(UTC) - timedelta(days=1)
FULL = Decision(Action.DEFERRED, reasons=("there is no room",))


def room_for(most: int) -> Callable[[Claim], Claim]:
    """Claims of which only so many are taken."""
    return on(lambda used: FULL if used.claimed[BEGIN] >= most else None)


def on(decide: Callable[[Used], Decision | None], *numbers: str) -> Callable[[Claim], Claim]:
    """Claims on a condition that counts from `BEGIN`."""
    condition = Condition(frozenset({BEGIN}), numbers, BEGIN if numbers else None, decide)
    return lambda claim: claim._replace(condition=condition)


def test_a_claim_is_taken_as_long_as_there_is_room_and_the_rest_are_told_why(store: Store, make) -> None:
    some = room_for(2)
    written = store.write([some(make.claim(name)) for name in "abc"])
    assert written == [Written(True, State.IN_FLIGHT)] * 2 + [Written(False, None, decision=FULL)]
    assert store.write([some(make.claim("d"))]) == [Written(False, None, decision=FULL)]
    assert store.look_up(["c", "d"]) == {}
    assert store.checkpoint().serial == 2
    assert store.verify() is None


def test_what_is_refused_or_unsent_makes_room_in_the_same_transaction(store: Store, make) -> None:
    some = room_for(2)
    store.write([some(make.claim("a")), some(make.claim("b"))])
    written = store.write(
        [
            some(make.claim("c")),
            Record("a", EventType.REFUSED, detail="400"),
            Record("b", EventType.UNSENT, detail="no connection"),
            some(make.claim("b")),
            some(make.claim("c")),
            some(make.claim("d")),
        ]
    )
    assert [answer.decision for answer in written] == [FULL, None, None, None, None, FULL]


def test_what_has_been_placed_takes_room(store: Store, make) -> None:
    some = room_for(1)
    store.write([some(make.claim("a")), make.accepted("a")])
    assert store.write([some(make.claim("b"))])[0].decision is FULL


def test_a_call_that_another_run_has_is_lost_and_not_held_back(store: Store, make) -> None:
    store.write([make.claim("a")])
    assert store.write([room_for(0)(make.claim("a"))]) == [Written(False, State.IN_FLIGHT)]


def test_claims_without_a_condition_are_counted_and_not_asked(store: Store, make) -> None:
    written = store.write([make.claim("a"), room_for(1)(make.claim("b")), make.claim("c")])
    assert [answer.done for answer in written] == [True, False, True]


def test_the_calls_to_a_number_are_told_from_all_states_and_from_this_transaction(store: Store, make) -> None:
    heard: list[dict[str, int]] = []

    def hear(used: Used) -> None:
        heard.append({number: len(times) for number, times in used.rung.items()})

    some = on(hear, LONDON, NEW_YORK)
    store.write([make.claim("placed", LONDON), make.accepted("placed"), make.claim("refused", LONDON)])
    store.write([make.claim("doubt", LONDON, NEW_YORK), Record("doubt", EventType.UNCLEAR, detail="time-out")])
    store.write(
        [
            Record("refused", EventType.REFUSED, detail="400"),
            some(make.claim("a", LONDON)),
            some(make.claim("b", PARIS)),
            some(make.claim("c", LONDON, NEW_YORK)),
            some(make.claim("d", PARIS)),
            make.accepted("a"),
            some(make.claim("e", PARIS)),
        ]
    )
    expected = [(2, 1), (3, 1), (3, 1), (4, 2), (4, 2)]
    assert heard == [{LONDON: london, NEW_YORK: new_york} for london, new_york in expected]


def test_what_lies_further_back_than_is_asked_for_is_not_told(store: Store, make) -> None:
    heard: list[Used] = []
    ahead = datetime.now(UTC) + timedelta(hours=1)
    store.write([make.claim("a", LONDON)])
    claim = make.claim("b", PARIS)._replace(condition=Condition(frozenset({ahead}), (LONDON,), ahead, heard.append))
    store.write([make.accepted("a"), claim])
    assert heard[0].claimed == {ahead: 0}


def test_a_stopped_ledger_asks_nobody(store: Store, make) -> None:
    store.stop("wrong text")
    (answer,) = store.write([room_for(0)(make.claim("a"))])
    assert (answer.done, answer.decision) == (False, None)
    assert answer.stopped is not None


@pytest.mark.parametrize("most", [1, 25])
def test_of_runners_in_a_race_exactly_as_many_claims_as_there_is_room_for_are_taken(address, most: int) -> None:
    address.init()
    runners = [address.process() for _ in range(3)]
    with ThreadPoolExecutor(len(runners)) as threads:
        answers = list(threads.map(lambda runner: runner.ask(f"race_for {most}"), runners))
    won = list(chain.from_iterable(json.loads(answer) for answer in answers))
    assert len(won) == len(set(won)) == most
    store = address.open()
    assert store.count()[State.IN_FLIGHT] == most
    assert store.verify() is None


def test_of_runners_in_a_race_each_callee_is_rung_as_often_as_may_be(address) -> None:
    address.init()
    runners = [address.process() for _ in range(3)]
    with ThreadPoolExecutor(len(runners)) as threads:
        answers = list(threads.map(lambda runner: runner.ask("race_for 2 +442079460023 +12125550123"), runners))
    won = list(chain.from_iterable(json.loads(answer) for answer in answers))
    assert len(won) == len(set(won)) == 4
    assert len(address.open().rung_since([LONDON], BEGIN)[LONDON]) == 2
    assert len(address.open().rung_since([NEW_YORK], BEGIN)[NEW_YORK]) == 2


PAGER = Labelled("hook", "pager", BEGIN)


def labelled(claim: Claim, most: int, name: str = "hook", value: str = "pager") -> Claim:
    """A claim of a call with a label, as long as calls with that of the pager ring at most so many phones."""
    document = claim.call.origin.document
    own = document.with_value({**document.value, "labels": {name: value, "team": 'a "hook":"pager" b'}})
    call = claim.call._replace(origin=claim.call.origin._replace(document=own))

    def decide(used: Used) -> Decision | None:
        return FULL if used.labelled + len(call.callees) > most else None

    return claim._replace(call=call, condition=Condition(frozenset(), (), None, decide, labelled=PAGER))


def test_the_phones_of_calls_with_a_label_are_counted_over_transactions_and_within_one(store: Store, make) -> None:
    first = store.write([labelled(make.claim("a", LONDON, PARIS), 4), labelled(make.claim("b"), 4)])
    assert [written.decision for written in first] == [None, None]
    assert store.labelled_since(PAGER) == 3
    store.write([Record("a", EventType.REFUSED, detail="400"), Record("b", EventType.UNCLEAR, detail="time-out")])
    again = store.write([labelled(make.claim(name), 4) for name in "cde"])
    assert [written.decision for written in again] == [None, FULL, FULL]
    assert store.labelled_since(PAGER) == 4  # what was refused counts, too


def test_another_label_another_value_and_another_time_count_for_themselves(store: Store, make) -> None:
    other = [("hook", "pager2"), ("xhook", "pager"), ("label", "hook"), ("pager", "hook")]
    store.write([labelled(make.claim(f"o{at}"), 9, *each) for at, each in enumerate(other)])
    store.write([make.claim("plain")])
    assert store.labelled_since(PAGER) == 0
    store.write([labelled(make.claim("a"), 9)])
    assert store.labelled_since(PAGER) == 1
    assert store.labelled_since(PAGER._replace(since=datetime.now(UTC) + timedelta(hours=1))) == 0
    store.write([Record("a", EventType.UNSENT, detail="no connection")])
    assert store.labelled_since(PAGER) == 0  # nothing was sent
