"""What the receiver does with what comes: law by law, without a socket."""

from __future__ import annotations

import asyncio
import json
import random
import sys

import pytest

from flowops.callbacks import app
from flowops.callbacks.app import BODY_LIMIT, Endpoint, Outcome, application
from flowops.common.called import LIBRARIES
from flowops.common.metrics import CONTENT_TYPE
from flowops.errors import UsageError
from flowops.httpd import BodyCutOff, BodyMalformed, BodyTooSlow, Request
from flowops.model.ledger import Leg, State

SECRET = "a secret of more than 16 characters"


def test_an_authentic_callback_is_recorded_before_it_is_answered(receiver, path_of, event):
    assert receiver.post(path_of(), event()) == (200, "received")
    assert receiver.ledger.calls == {"a": {"id-a": 10}}
    assert receiver.outcomes == ["recorded"]


def test_a_duplicate_is_answered_like_the_first(receiver, path_of, event):
    answers = [receiver.post(path_of(), event()) for _ in range(3)]
    assert answers == [(200, "received")] * 3
    assert receiver.ledger.calls == {"a": {"id-a": 10}}


def test_a_callback_may_tell_of_several_legs(receiver, path_of, event):
    receiver.post(path_of(), [event(), event(call_id="id-b", result={"code": 12})])
    assert receiver.ledger.calls == {"a": {"id-a": 10, "id-b": 12}}


def test_a_proxy_may_cut_the_path_or_add_to_it(receiver, path_of, event):
    address = path_of().rpartition("/")[2]
    assert receiver.post(f"/{address}", event())[0] == 200
    assert receiver.post(f"/somewhere/else/{address}", event())[0] == 200


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "another secret of enough characters"},
        {"environment": "staging"},
        {"environment": ""},
        {"reference": "b", "secret": "another secret of enough characters"},
    ],
)
def test_nobody_learns_which_calls_there_are(receiver, path_of, event, change):
    path = path_of(**{"reference": "a", **change})
    assert receiver.post(path, event(change.get("reference", "a"))) == (404, "not found")
    assert receiver.ledger.calls == {"a": {}}


@pytest.mark.parametrize("path", ["/", "/flowops", "/flowops/x.y.z", "/healthz", "/metrics", "/../../etc/passwd"])
def test_any_other_path_is_not_found(receiver, event, path):
    assert receiver.post(path, event()) == (404, "not found")
    assert receiver.outcomes == ["forged"]


@pytest.mark.parametrize("path", ["/%6detrics", "/%68ealthz", "/healthz%2f", "//metrics", "/./metrics", "/metrics/"])
def test_what_a_proxy_keeps_to_itself_is_not_had_in_another_writing(receiver, path):
    assert receiver.post(path, b"", method="GET")[0] == 405


class Failing:
    """A body that does not arrive."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def read(self, limit: int) -> bytes:
        raise self._error


def test_a_forged_callback_is_not_even_read(path_of, receiver):
    never = Failing(AssertionError("the body was asked for"))
    path = path_of(secret="another secret of enough characters")
    assert asyncio.run(receiver.app(Request("POST", path, "", {}), never)).status == 404


def test_the_same_work_is_done_for_every_forgery(receiver, path_of, event, monkeypatch):
    done = []

    def counting(*args: object) -> bool:
        done.append(len(args))
        return False

    monkeypatch.setattr(app, "verify", counting)
    for path in (path_of(), path_of(environment="staging"), "/nonsense"):
        receiver.post(path, event())
    assert done == [4, 4, 4]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_calls_back(receiver, path_of, event, method):
    assert receiver.post(path_of(), event(), method=method)[0] == 405
    assert receiver.ledger.calls == {"a": {}}


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 60_000, b"null"])
def test_a_body_that_says_nothing_of_the_call_changes_nothing(receiver, path_of, body):
    assert receiver.post(path_of(), body) == (400, "not a callback of this call")
    assert receiver.ledger.calls == {"a": {}}
    assert receiver.outcomes == ["malformed"]


def test_a_body_with_another_calls_event_changes_nothing_at_all(receiver, path_of, event):
    assert receiver.post(path_of(), [event("a"), event("b")])[0] == 400
    assert receiver.ledger.calls == {"a": {}}


def test_a_body_may_be_as_long_as_the_limit_and_no_longer(receiver, path_of, event):
    body = json.dumps(event()).encode()
    assert receiver.post(path_of(), body.ljust(BODY_LIMIT + 1)) == (413, "the body is too long")
    assert receiver.ledger.calls == {"a": {}}
    assert receiver.post(path_of(), body.ljust(BODY_LIMIT))[0] == 200


@pytest.mark.parametrize(
    ("error", "status", "outcome"), [(BodyTooSlow("x"), 408, "too-slow"), (BodyMalformed("x"), 400, "malformed")]
)
def test_a_body_that_does_not_arrive_is_told_so(receiver, path_of, error, status, outcome):
    answer = asyncio.run(receiver.app(Request("POST", path_of(), "", {}), Failing(error)))
    assert answer.status == status
    assert receiver.outcomes == [outcome]
    assert receiver.ledger.calls == {"a": {}}


def test_a_sender_that_goes_away_is_not_answered(receiver, path_of):
    with pytest.raises(BodyCutOff):
        asyncio.run(receiver.app(Request("POST", path_of(), "", {}), Failing(BodyCutOff())))
    assert receiver.outcomes == ["cut-off"]


def test_a_ledger_that_cannot_write_asks_for_another_delivery(receiver, path_of, event):
    receiver.ledger.broken = True
    assert receiver.post(path_of(), event()) == (503, "the ledger cannot take it now, send it again")
    receiver.ledger.broken = False
    assert receiver.post(path_of(), event())[0] == 200
    assert receiver.outcomes == ["unavailable", "recorded"]


def test_each_environment_has_its_own_secret_and_ledger(receiving, ledger, path_of, event):
    other = "the secret of the other environment"
    ledgers = {"production": ledger("a"), "staging": ledger("a")}
    receiver = receiving(None)
    receiver.app = application(
        [
            Endpoint("production", (SECRET,), ledgers["production"], "production"),
            Endpoint("staging", (other,), ledgers["staging"], "staging"),
        ],
        receiver.log.append,
    )
    assert receiver.post(path_of(environment="staging"), event())[0] == 404
    assert receiver.post(path_of(environment="staging", secret=other), event())[0] == 200
    assert [known.calls["a"] for known in ledgers.values()] == [{}, {"id-a": 10}]


def test_a_secret_that_could_be_guessed_is_refused_at_the_start(ledger):
    with pytest.raises(UsageError):
        application([Endpoint("production", ("short",), ledger(), "production")])


def test_neither_tokens_nor_numbers_nor_secrets_are_logged(receiver, path_of, event, capfd):
    receiver.post(path_of(), event())
    receiver.post(path_of(), event(callee="+442079460018", call_id=5))
    receiver.post(path_of(secret="another secret of enough characters"), event())
    receiver.post(path_of("unknown"), event("unknown"))
    text = "".join(receiver.log)
    assert len(receiver.log) == 4
    assert path_of().rpartition(".")[2] not in text
    assert not any(hidden in text for hidden in ("442079460018", "442079460000", SECRET))
    assert SECRET not in repr(Endpoint("production", (SECRET,), receiver.ledger, "id"))
    assert capfd.readouterr() == ("", "")


def test_a_line_of_the_log_says_what_became_of_a_callback(receiver, path_of, event):
    receiver.post(path_of(), event(result={}))
    line = json.loads(receiver.log[0])
    line.pop("time")
    assert line == {
        "event": "callback",
        "outcome": "malformed",
        "status": 400,
        "ledger": "production",
        "reference": "a",
        "legs": 0,
        "why": "it has no result code",
    }


def test_the_log_goes_to_stderr(ledger, receiving, path_of, event, capsys):
    receiver = receiving(ledger("a"))
    receiver.app = application([Endpoint("production", (SECRET,), receiver.ledger, "production")])
    receiver.post(path_of(), event())
    printed = capsys.readouterr()
    assert (printed.out, json.loads(printed.err)["outcome"]) == ("", "recorded")


def test_health_is_the_ledgers(receiver):
    assert receiver.post("/healthz", method="GET") == (200, "ok")
    receiver.ledger.broken = True
    assert receiver.post("/healthz", method="GET") == (503, "the ledger does not answer")


def test_metrics_count_callbacks_and_calls(receiver, path_of, event):
    for _ in range(2):
        receiver.post(path_of(), event())
    _, page = receiver.post("/metrics", method="GET")
    assert 'flowops_callbacks_total{outcome="recorded"} 2.0' in page
    assert 'flowops_callbacks_total{outcome="forged"} 0.0' in page
    assert 'flowops_ledger_up{environment="production"} 1.0' in page
    assert 'flowops_ledger_calls{environment="production",state="finished"} 1.0' in page
    own = {"flowops_build_info", "flowops_callbacks_total", "flowops_ledger_up", "flowops_ledger_calls"}
    typed = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")}
    assert {name for name in typed if not name.startswith("process_")} == own


def test_metrics_are_there_when_the_ledger_is_not(receiver):
    receiver.ledger.broken = True
    status, page = receiver.post("/metrics", method="GET")
    assert status == 200
    assert 'flowops_ledger_up{environment="production"} 0.0' in page
    assert "flowops_ledger_calls{" not in page


def test_metrics_say_what_they_need(receiver, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    status, said = receiver.post("/metrics", method="GET")
    assert status == 501
    assert f"install '{LIBRARIES['prometheus_client']}'" in said


def test_every_outcome_is_counted_from_the_start(receiver):
    _, page = receiver.post("/metrics", method="GET")
    assert all(f'{{outcome="{outcome}"}} 0.0' in page for outcome in Outcome)
    assert "version=0.0.4" in CONTENT_TYPE


def test_ten_thousand_callbacks_in_any_order_settle_like_in_order(receiving, ledger, path_of, event):
    references = [f"r{number}" for number in range(2500)]
    codes = random.Random(1)
    deliveries = [
        (path_of(reference), event(reference, call_id=f"{reference}-{leg}", result={"code": codes.choice([9, 10, 12])}))
        for reference in references
        for leg in range(2)
    ]

    in_order = ledger(*references, callees=2)
    for _, body in deliveries:
        in_order.called_back({body["instruction-id"]: [Leg(None, body["call-id"], code=body["result"]["code"])]})
    shuffled = deliveries * 2
    random.Random(2).shuffle(shuffled)
    receiver = receiving(ledger(*references, callees=2))

    async def deliver() -> set[tuple[int, str]]:
        batches = (shuffled[start : start + 100] for start in range(0, len(shuffled), 100))
        return {
            answer
            for batch in batches
            for answer in await asyncio.gather(*(receiver.ask(path, body) for path, body in batch))
        }

    assert len(shuffled) == 10_000
    assert asyncio.run(deliver()) == {(200, "received")}
    assert receiver.ledger.calls == in_order.calls
    assert receiver.ledger.count() == {State.PLACED: 0, State.FINISHED: len(references)}


def at_once(receiver, deliveries):
    """The answers to callbacks that come at the same moment."""

    async def deliver() -> list[tuple[int, str]]:
        return await asyncio.gather(*(receiver.ask(path, body) for path, body in deliveries))

    return [status for status, _ in asyncio.run(deliver())]


def test_callbacks_that_come_at_once_are_written_together(receiving, ledger, path_of, event):
    references = [f"r{number}" for number in range(300)]
    receiver = receiving(ledger(*references))
    assert at_once(receiver, [(path_of(each), event(each)) for each in references]) == [200] * 300
    assert [len(some) for some in receiver.ledger.writes] == [250, 50]
    assert all(receiver.ledger.calls.values())


def test_two_callbacks_of_one_call_keep_their_order(receiving, ledger, path_of, event):
    receiver = receiving(ledger("a", "b"))
    first, second = event("a", result={"code": 9}), event("a", result={"code": 10})
    assert at_once(receiver, [(path_of("a"), first), (path_of("b"), event("b")), (path_of("a"), second)]) == [200] * 3
    assert receiver.ledger.writes == [["a", "b"], ["a"]]
    assert receiver.ledger.calls["a"] == {"id-a": 9}


def test_one_callback_that_cannot_be_written_stops_no_other(receiving, ledger, path_of, event):
    receiver = receiving(ledger("a", "b", "c"))
    receiver.ledger.unwritable = {"b"}
    assert at_once(receiver, [(path_of(each), event(each)) for each in "abc"]) == [200, 503, 200]
    assert {reference for reference, legs in receiver.ledger.calls.items() if legs} == {"a", "c"}


def test_a_ledger_that_takes_nothing_is_not_asked_for_each_callback(receiving, ledger, path_of, event):
    references = [f"r{number}" for number in range(50)]
    receiver = receiving(ledger(*references))
    receiver.ledger.unwritable = set(references)
    assert at_once(receiver, [(path_of(each), event(each)) for each in references]) == [503] * 50
    assert [len(some) for some in receiver.ledger.writes] == [50, 1, 1]
