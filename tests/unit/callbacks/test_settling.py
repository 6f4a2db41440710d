"""Callbacks, the receiver and a real ledger together: whatever comes in whatever order, calls settle the same."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.values import document_at

from flowops.callbacks.app import Endpoint, application
from flowops.callbacks.token import callback_url
from flowops.httpd import open_listener, serving
from flowops.ledger.open import open_ledger
from flowops.model.call import Call, Origin
from flowops.model.claims import Claim, Record
from flowops.model.ledger import Actor, EventType, Leg, State
from flowops.sandbox.server import serve
from flowops.sandbox.settings import CallbackFaults, Settings, Span

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowops.ledger.store import Store

SECRET = "a secret of more than 16 characters"
ENVIRONMENT = "sandbox"
CALLEES = ["+442079460018", "+12125550143"]
TOKEN = "11111111-2222-4333-8444-555555555555"
DOCUMENT = document_at("calls.yaml", "Call")


def body_of(reference: str) -> dict[str, Any]:
    return {
        "instruction-id": reference,
        "callees": CALLEES,
        "caller": "+442079460000",
        "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
        "voicemail-response": "Stop",
    }


def claimed(file: Path, references: list[str]) -> Store:
    """A ledger where these calls have been claimed and nothing is known yet of what became of them."""
    store = open_ledger(f"sqlite:///{file}", ENVIRONMENT, actor=Actor("tester", "host"), create=True)
    sensitive = frozenset({("callees", 0), ("callees", 1)})
    calls = [Call(name, body_of(name), None, sensitive, Origin(DOCUMENT, {})) for name in references]
    store.write([Claim(call, f"v1:sha256:{call.reference_id}") for call in calls])
    return store


def settled(store: Store, references: list[str]) -> dict[str, tuple[State, dict[str, int | None]]]:
    """The state of each call, and how each leg ended."""
    entries = store.look_up(references)
    return {
        reference: (entry.state, {leg.shown or "": leg.code for leg in entry.legs})
        for reference, entry in entries.items()
    }


def settle(tmp_path: Path, event: Callable[..., Any], receiving: Any, count: int) -> None:
    references = [f"r{number}" for number in range(count)]
    choose = random.Random(1)
    deliveries = [
        (
            callback_url("", SECRET, ENVIRONMENT, reference),
            event(reference, callee=callee, call_id=f"{reference}-{leg}", result={"code": choose.choice([9, 10, 12])}),
        )
        for reference in references
        for leg, callee in enumerate(CALLEES)
    ]

    def after(name: str, order: list[tuple[str, Any]]) -> dict[str, Any]:
        with closing(claimed(tmp_path / name, references)) as store:
            receiver = receiving(store)
            receiver.app = application([Endpoint(ENVIRONMENT, (SECRET,), store, ENVIRONMENT)], receiver.log.append)

            async def deliver() -> None:
                for start in range(0, len(order), 50):
                    answers = await asyncio.gather(*(receiver.ask(*one) for one in order[start : start + 50]))
                    assert set(answers) == {(200, "received")}

            asyncio.run(deliver())
            return settled(store, references)

    shuffled = deliveries * 2
    random.Random(2).shuffle(shuffled)
    in_order = after("in-order.db", deliveries)
    assert {state for state, _ in in_order.values()} == {State.FINISHED}
    assert after("shuffled.db", shuffled) == in_order


def test_callbacks_in_any_order_and_twice_settle_like_in_order(tmp_path, event, receiving):
    settle(tmp_path, event, receiving, 40)


@pytest.mark.long
def test_ten_thousand_callbacks_in_any_order_settle_like_in_order(tmp_path, event, receiving):
    settle(tmp_path, event, receiving, 2500)


def test_a_call_of_this_ledger_that_it_does_not_know_is_finished(tmp_path, event, receiving):
    with closing(claimed(tmp_path / "ledger.db", ["a"])) as store:
        receiver = receiving(store)
        receiver.app = application([Endpoint(ENVIRONMENT, (SECRET,), store, store.id)], receiver.log.append)
        assert receiver.post(callback_url("", SECRET, store.id, "b"), event("b")) == (200, "received")
        assert receiver.outcomes == ["recorded"]
        assert settled(store, ["b"])["b"][0] is State.FINISHED
        assert store.verify() is None


@pytest.mark.parametrize(("named", "outcome", "state"), [(True, "doubtful", State.IN_DOUBT), (False, "foreign", None)])
def test_another_ledgers_call_is_in_doubt_where_the_files_name_it(tmp_path, event, receiving, named, outcome, state):
    with closing(claimed(tmp_path / "ledger.db", ["a"])) as store:
        receiver = receiving(store)
        endpoint = Endpoint(ENVIRONMENT, (SECRET,), store, store.id, lambda reference: named and reference == "b")
        receiver.app = application([endpoint], receiver.log.append)
        assert receiver.post(callback_url("", SECRET, "another ledger", "b"), event("b")) == (404, "not found")
        assert receiver.outcomes == [outcome]
        assert {name: found for name, (found, _) in settled(store, ["b"]).items()} == ({"b": state} if state else {})


@pytest.mark.parametrize(
    ("before", "call_id", "outcome", "after"),
    [
        ("accepted", "another", "foreign", State.PLACED),
        ("accepted", "own", "recorded", State.FINISHED),
        ("unclear", "another", "doubtful", State.IN_DOUBT),
        ("refused", "another", "doubtful", State.IN_DOUBT),
        ("claimed", "another", "foreign", State.IN_FLIGHT),
    ],
)
def test_how_another_ledgers_call_of_the_same_name_ended_says_nothing_of_this_one(
    tmp_path, event, receiving, before, call_id, outcome, after
):
    """Two environments share a secret and an account; an import has the call-ids of what it took over."""
    with closing(claimed(tmp_path / "ledger.db", ["a"])) as store:
        legs = tuple(Leg(callee, f"own-{at}") for at, callee in enumerate(CALLEES)) if before == "accepted" else ()
        if before != "claimed":
            store.write([Record("a", EventType(before), legs)])
        receiver = receiving(store)
        endpoint = Endpoint(ENVIRONMENT, (SECRET,), store, store.id, lambda _: True)
        receiver.app = application([endpoint], receiver.log.append)
        for at, callee in enumerate(CALLEES):
            told = event("a", callee=callee, call_id=f"{call_id}-{at}", result={"code": 9})
            status, _ = receiver.post(callback_url("", SECRET, "another ledger", "a"), told)
            assert status == (200 if outcome == "recorded" else 404)
        assert receiver.outcomes == [outcome] * 2
        [entry] = store.look_up(["a"]).values()
        assert (entry.state, len(entry.legs) <= len(CALLEES)) == (after, True)
        told = outcome == "recorded" or before == "refused"
        assert {leg.code for leg in entry.legs} - {None} == ({9} if told else set())
        assert store.verify() is None


def test_a_callback_signed_with_the_secret_before_is_taken(tmp_path, event, receiving):
    with closing(claimed(tmp_path / "ledger.db", ["a"])) as store:
        receiver = receiving(store)
        secrets = ("a new secret of more than 16 characters", SECRET)
        receiver.app = application([Endpoint(ENVIRONMENT, secrets, store, store.id)], receiver.log.append)
        assert receiver.post(callback_url("", SECRET, store.id, "a"), event("a"))[0] == 200


def test_the_bad_habits_of_callbacks_do_not_change_what_becomes_of_calls(tmp_path):
    references = [f"r{number}" for number in range(40)]
    log = tmp_path / "sandbox.log"
    lines: list[str] = []
    bad = CallbackFaults(duplicate=0.5, late=0.3, early=0.3, separate=0.5)
    settings = Settings(token=TOKEN, seed=4, log=log, outcomes={9: 0.5, 10: 0.5}, ring=Span(0, 0.05), callbacks=bad)

    async def scenario(store: Store) -> None:
        app = application([Endpoint(ENVIRONMENT, (SECRET,), store, ENVIRONMENT)], lines.append)
        with open_listener("127.0.0.1", 0) as listener:
            base = f"http://127.0.0.1:{listener.getsockname()[1]}/flowops"
            async with serving(listener, app), serve(settings) as sandbox, httpx.AsyncClient(trust_env=False) as client:
                for reference in references:
                    url = callback_url(base, SECRET, ENVIRONMENT, reference)
                    answer = await client.post(
                        f"{sandbox.url}/FlowBuilder",
                        json=body_of(reference) | {"callback-url": url},
                        headers={"X-CM-PRODUCTTOKEN": TOKEN},
                    )
                    assert answer.status_code == 200
                while any(state is not State.FINISHED for state, _ in settled(store, references).values()):
                    await asyncio.sleep(0.02)

    with closing(claimed(tmp_path / "ledger.db", references)) as store:
        asyncio.run(asyncio.wait_for(scenario(store), 60))
        codes = {code for _, legs in settled(store, references).values() for code in legs.values()}
    assert codes == {9, 10}
    assert len(lines) > len(references)
    assert {json.loads(line)["outcome"] for line in lines} == {"recorded"}
    assert '"outcome": "delivered", "status": 200' in log.read_text()
