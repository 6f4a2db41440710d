"""The table of the contract's section 6, row by row, and what no answer can bring about."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.api.classify import LONGEST_PAUSE, Answer, Failure, classify_answer, seconds_to_wait
from flowops.model.ledger import EventType, Leg
from flowops.model.result import Verdict

NOW = 1_773_000_000.0
KNOWN = {400, 401, 403, 404, 407, 413, 422, 429}
ONE, TWO, THREE = "+442079460001", "+442079460002", "+442079460003"
SINGLE = {"instruction-id": "reminder-1", "callee": ONE}
SEVERAL = {"instruction-id": "reminder-1", "callees": [ONE, TWO, THREE]}


def event(**changes: Any) -> dict[str, Any]:
    made = {"type": "call-queued", "call-id": "c-1", "instruction-id": "reminder-1", "callee": ONE, "success": True}
    made.update({name.replace("_", "-"): value for name, value in changes.items()})
    return {name: value for name, value in made.items() if value is not ...}


def answered(value: Any, status: int = 200, sent: dict[str, Any] = SINGLE) -> Verdict:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return classify_answer(sent, Answer(status, {}, body), now=NOW)


def doubt(why: str, phrase: str = "OK", status: int = 200) -> str:
    """What is told of an answer that proves nothing."""
    return f"the API answered {status} {phrase}, but {why}; the call may have been placed"


# in-flight | 2xx, success, a call-id, matching reference and callee | placed


@pytest.mark.parametrize("status", [200, 201, 202, 299])
@pytest.mark.parametrize("value", [event(), [event()], event(type=...), event(error=None), event(more={"a": [1]})])
def test_a_matching_success_is_accepted(value, status):
    assert answered(value, status) == Verdict(EventType.ACCEPTED, (Leg(ONE, "c-1"),))


@pytest.mark.parametrize("call_id", ["7", "x" * 128, "!#~"])
def test_a_call_id_is_any_word_of_a_fair_length(call_id):
    assert answered(event(call_id=call_id)) == Verdict(EventType.ACCEPTED, (Leg(ONE, call_id),))


def test_a_call_id_may_be_a_whole_number_and_nothing_keeps_the_callees_number_in_one():
    assert answered(event(call_id=7)) == answered(event(call_id="7"))
    for call_id in (int(ONE[1:]), ONE, f"{ONE}/1"):
        (leg,) = answered(event(call_id=call_id)).legs
        assert leg.call_id is not None
        assert leg.call_id.startswith(("xxxx", "+xxxx"))


def test_a_reference_is_the_same_in_every_normal_form():
    sent = {**SINGLE, "instruction-id": "Zo\u00eb"}
    assert answered(event(instruction_id="Zoe\u0308"), sent=sent) == answered(event())


def test_every_callee_is_a_leg_in_the_order_of_the_answer():
    events = [event(callee=TWO, call_id="c-2"), event(), event(callee=THREE, call_id="c-3")]
    assert answered(events, sent=SEVERAL) == Verdict(
        EventType.ACCEPTED, (Leg(TWO, "c-2"), Leg(ONE, "c-1"), Leg(THREE, "c-3"))
    )


def test_one_refused_callee_among_placed_ones_is_a_leg_with_its_error():
    refused = event(callee=TWO, call_id=..., success=False, error="no route")
    verdict = answered([event(), refused, event(callee=THREE, call_id="c-3")], sent=SEVERAL)
    assert verdict.event_type is EventType.ACCEPTED
    assert verdict.legs == (Leg(ONE, "c-1"), Leg(TWO, None, "no route"), Leg(THREE, "c-3"))
    assert verdict.detail == "the API refused 1 of 3 callees: no route"


# in-flight | 400, 404, 413, 422, or success: false | rejected


@pytest.mark.parametrize("status", [400, 404, 413, 422])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "no such flow"}', b"{", json.dumps(event()).encode()])
def test_a_clear_no_is_refused_whatever_its_body(status, body):
    verdict = answered(body, status)
    assert (verdict.event_type, verdict.legs, verdict.stop) == (EventType.REFUSED, (), False)


@pytest.mark.parametrize("value", [event(success=False, error="bad flow"), [event(success=False, error="bad flow")]])
def test_success_false_is_refused(value):
    assert answered(value) == Verdict(
        EventType.REFUSED, (Leg(ONE, None, "bad flow"),), "the API refused the call: bad flow"
    )


def test_all_callees_refused_is_refused():
    events = [event(callee=callee, success=False) for callee in (ONE, TWO, THREE)]
    verdict = answered(events, sent=SEVERAL)
    assert verdict.event_type is EventType.REFUSED
    assert verdict.detail == "the API refused the call: no reason given"


# in-flight | 401, 407 | as before the claim, and the run stops claiming


def test_a_403_says_nothing_of_the_call_and_does_not_stop_the_run_alone():
    verdict = answered(b"", 403)
    assert (verdict.event_type, verdict.stop, verdict.leaves_it) == (EventType.FORBIDDEN, False, True)


@pytest.mark.parametrize("status", [401, 407])
def test_a_no_to_whoever_asks_stops_the_run(status):
    verdict = answered(b"", status)
    assert (verdict.event_type, verdict.stop) == (EventType.UNAUTHORIZED, True)


@pytest.mark.parametrize("status", [401, 403, 407])
def test_a_proxys_no_stops_the_run(status):
    verdict = classify_answer(SINGLE, Failure(begun=False, reason="x", proxy_status=status), now=NOW)
    assert (verdict.event_type, verdict.stop) == (EventType.UNAUTHORIZED, True)


# in-flight | proven unsent (name, connection, TLS failed) or 429 | as before the claim


def test_a_failure_before_the_first_byte_is_unsent():
    verdict = classify_answer(SINGLE, Failure(begun=False, reason="Connection refused"), now=NOW)
    assert verdict == Verdict(EventType.UNSENT, detail="Connection refused")
    assert verdict.again


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        # A clock of another zone, and one that says that it does not know its zone: UTC.
        ((datetime.fromtimestamp(NOW + 90, timezone(timedelta(hours=2)))).strftime("%a, %d %b %Y %H:%M:%S %z"), 90.0),
        (datetime.fromtimestamp(NOW + 90, UTC).strftime("%a, %d %b %Y %H:%M:%S -0000"), 90.0),
        ("Mon, 08 Mar 2027 21:20:00 -0000", LONGEST_PAUSE),
        ("3600", 3600.0),
        ("7200", 7200.0),
        ("9999999999", LONGEST_PAUSE),
        ("9" * 400, None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("7, 9", None),
        ("soon", None),
        ("", None),
        ("Mon, 99 Mar 2026 21:20:00 GMT", None),
    ],
)
def test_a_429_says_how_long_to_wait(header, seconds):
    headers = {} if header is None else {"retry-after": header}
    verdict = classify_answer(SINGLE, Answer(429, headers, b'{"message": "slow down"}'), now=NOW)
    assert (verdict.event_type, verdict.retry_after) == (EventType.THROTTLED, seconds)
    assert verdict.detail == "the API answered 429 Too Many Requests: slow down"


def test_a_date_without_a_zone_is_in_utc_wherever_the_machine_is() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        seconds = seconds_to_wait(datetime.fromtimestamp(NOW + 90, UTC).strftime("%a, %d %b %Y %H:%M:%S -0000"), NOW)
    time.tzset()
    assert seconds == 90.0


# in-flight | anything else | in-doubt


OTHERS = [status for status in range(100, 1_000) if not 200 <= status <= 299 and status not in KNOWN]


@pytest.mark.parametrize("body", [b"", json.dumps(event()).encode(), json.dumps(event(success=False)).encode()])
def test_any_other_status_is_in_doubt_whatever_its_body(body):
    assert {answered(body, status).event_type for status in OTHERS} == {EventType.UNCLEAR}


def test_a_failure_after_the_first_byte_is_in_doubt():
    verdict = classify_answer(SINGLE, Failure(begun=True, reason="Connection reset by peer"), now=NOW)
    assert verdict == Verdict(EventType.UNCLEAR, detail="Connection reset by peer; the call may have been placed")


@pytest.mark.parametrize("status", [200, 400, 401, 429, 503])
def test_an_answer_that_is_not_whole_is_in_doubt_whatever_its_status(status):
    verdict = classify_answer(SINGLE, Answer(status, {}, b"", cut="its body is too long"), now=NOW)
    assert verdict.event_type is EventType.UNCLEAR
    assert verdict.detail == doubt("its body is too long", HTTPStatus(status).phrase, status)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "its body is not valid JSON"),
        (b"<!doctype html><title>Sign in</title>", "its body is not valid JSON"),
        (b'{"success": true', "its body is not valid JSON"),
        (b'{"success": true} {"success": true}', "its body is not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "its body is not valid JSON"),
        (json.dumps(event()).encode("utf-16"), "its body is not valid JSON"),
        (b"\xef\xbb\xbf" + json.dumps(event()).encode(), "its body is not valid JSON"),
        (json.dumps(event(x=float("nan"))).encode(), "(NaN and Infinity are not JSON)"),
        (json.dumps(event())[:-1].encode() + b', "success": true}', "(a key is given twice)"),
        (b"[" * 100_000, "(nested too deeply)"),
        (b"[" * 100_000 + b"]" * 100_000, "(nested too deeply)"),
        (b'{"a": ' + b"9" * 5000 + b"}", "its body is not valid JSON"),
    ],
)
def test_a_body_that_is_no_clear_json_is_in_doubt(body, why):
    verdict = answered(body)
    assert verdict.event_type is EventType.UNCLEAR
    assert why in (verdict.detail or "")
    assert (verdict.detail or "").startswith("the API answered 200 OK, but its body is not valid JSON (")


NO_OBJECT = "an event in it is not an object"
NO_WORD = "it does not say 'success: true' or 'success: false'"
ANOTHER = "its instruction-id is missing or another call's"
NOBODY = "it names no callee"
SOMEBODY = "it names a callee that was not asked for, or of one twice"
NO_ID = "it says 'success: true' but has no usable call-id"
SAME_ID = "it gives two callees the same call-id"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, NO_OBJECT),
        ("queued", NO_OBJECT),
        (True, NO_OBJECT),
        ([[event()]], NO_OBJECT),
        ({"result": event()}, NO_WORD),
        ({}, NO_WORD),
        ([], "it says nothing of 1 of 1 callees"),
        (event(success=...), NO_WORD),
        (event(success=None), NO_WORD),
        (event(success="true"), NO_WORD),
        (event(success=1), NO_WORD),
        (event(success=[True]), NO_WORD),
        (event(instruction_id=...), ANOTHER),
        (event(instruction_id=None), ANOTHER),
        (event(instruction_id="reminder-2"), ANOTHER),
        (event(instruction_id="Reminder-1"), ANOTHER),
        (event(instruction_id=["reminder-1"]), ANOTHER),
        (event(callee=...), NOBODY),
        (event(callee=None), NOBODY),
        (event(callee=442079460001), NOBODY),
        (event(callee=TWO), SOMEBODY),
        (event(callee=ONE[1:]), SOMEBODY),
        (event(callee=f"{ONE} "), SOMEBODY),
        (event(call_id=...), NO_ID),
        (event(call_id=None), NO_ID),
        (event(call_id=""), NO_ID),
        (event(call_id=7.5), NO_ID),
        (event(call_id=True), NO_ID),
        (event(call_id=10**130), NO_ID),
        (event(call_id="a b"), NO_ID),
        (event(call_id="c-1\n"), NO_ID),
        (event(call_id="x" * 129), NO_ID),
        (event(call_id="c-1\x7f"), NO_ID),
        ([event(), event()], SOMEBODY),
        ([event(), event(success=False)], SOMEBODY),
        ([event(), event(callee=TWO, call_id="c-2")], SOMEBODY),
        # A refusal has to be about this call as well: a gateway may say the same of a request that it passed on.
        ({"success": False}, ANOTHER),
        (event(success=False, instruction_id="reminder-2"), ANOTHER),
        (event(success=False, callee=...), NOBODY),
        (event(success=False, callee=TWO), SOMEBODY),
    ],
)
def test_a_success_that_does_not_match_is_in_doubt(value, why):
    assert answered(value) == Verdict(EventType.UNCLEAR, detail=doubt(why))


@pytest.mark.parametrize(
    ("events", "why"),
    [
        (event(), "it says nothing of 2 of 3 callees"),
        ([event(), event(callee=TWO, call_id="c-2")], "it says nothing of 1 of 3 callees"),
        ([event(), event(call_id="c-2"), event(callee=TWO, call_id="c-3")], SOMEBODY),
        ([event(), event(callee=TWO), event(callee=THREE, call_id="c-3")], SAME_ID),
        ([event(), event(callee=TWO, call_id="c-2"), None], NO_OBJECT),
        ([event(success=False), event(callee=TWO, success=False)], "it says nothing of 1 of 3 callees"),
    ],
)
def test_several_callees_are_all_answered_for_once_or_in_doubt(events, why):
    assert answered(events, sent=SEVERAL) == Verdict(EventType.UNCLEAR, detail=doubt(why))


# What is told.


def test_a_detail_is_short_and_on_one_line_and_cannot_steer_a_terminal():
    verdict = answered({"error": "\x1b]0;x\x07\u202eevil\u2028 \n\r\t" + "long " * 1000}, 400)
    told = verdict.detail or ""
    assert told.startswith("the API answered 400 Bad Request: \\x1b]0;x\\x07\\u202eevil long long")
    assert len(told) < 300
    assert told.isprintable()


ECHOES = ["secret-token", "SECRET-TOKEN", "Zoë Example", "4711"]
NUMBERS = [ONE, "442079460001", "0044 20 7946-0001", "+44 (0) 20.7946.0001", "5551234"]


@pytest.mark.parametrize("said", [*ECHOES, *NUMBERS])
def test_a_detail_hides_secrets_numbers_and_what_the_flow_was_told(said):
    sent = {**SINGLE, "flow-variables": {"patient": {"names": ["Zoë Example"]}, "code": 4711}}
    for answer in (
        Answer(400, {}, json.dumps({"message": f"got '{said}'"}).encode()),
        Answer(422, {}, f"got '{said}'".encode()),
        Answer(200, {}, json.dumps(event(success=False, error=f"got '{said}'")).encode()),
    ):
        verdict = classify_answer(sent, answer, now=NOW, secrets=("secret-token",))
        assert (verdict.detail or "").endswith(": got '•••'")
        assert all(said not in (leg.error or "") for leg in verdict.legs)


VARIABLES = {
    "patient": {"Quill": "Zoë O'Brien & Söhne", "Deep": [True, {"inner": "<b>Tom</b>"}]},
    "message": "Your test for marker XYZ was positive,\nplease call us",
}


@pytest.mark.parametrize(
    "said",
    [
        *("Quill", "deep", "inner", "true", "Tom", "&lt;b&gt;Tom&lt;/b&gt;", "ZOE", "Brien", "Soehne Söhne"),
        *(
            "Zoë O&#39;Brien &amp; S&ouml;hne",
            "Zo%C3%AB%20O%27Brien",
            "Zoë O''Brien",
            "Zo\\xeb O'Brien & S\\xf6hne",
            "Zoe\u0308 O'Brien",
        ),
        *("Your test for", "Your  test for marker XYZ w…", "was positive, please", "Your+test+for+marker"),
        *("Zo…", "Bri...", "your test for mark…", "quil…"),
    ],
)
def test_a_detail_hides_words_of_what_the_flow_was_told_however_they_are_written(said):
    """Programs escape, cut, join and fold what they repeat: its words are looked for, not its characters."""
    sent = {**SINGLE, "flow-variables": VARIABLES}
    detail = classify_answer(sent, Answer(400, {}, json.dumps({"error": f"<{said}>"}).encode()), now=NOW).detail or ""
    told = detail.partition("Bad Request")[2].casefold()
    words = ("quil", "deep", "inner", "true", "tom", "zo", "bri", "söhne", "test", "mark", "positive")
    assert "•••" in told
    assert not [word for word in words if word in told]


def test_a_detail_keeps_words_that_the_flow_was_told_beside_others() -> None:
    sent = {**SINGLE, "flow-variables": VARIABLES}
    said = "the marker of your flow is not positive: please test it"
    assert classify_answer(sent, Answer(400, {}, said.encode()), now=NOW).detail == (
        f"the API answered 400 Bad Request: {said}"
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"title": "d", "detail": "c", "message": "b", "error": "a"}', ": a"),
        (b'{"title": "d", "detail": "c", "message": "b", "error": {"code": 7}}', ": b"),
        (b'{"title": "d", "detail": "c"}', ": c"),
        (b'{"detail": "bad"}', ": bad"),
        (b'[{"title": "bad"}]', ": bad"),
        (b'"bad"', ": bad"),
        (b"bad", ": bad"),
        (b'{"code": 7}', ""),
        (b"<html>bad</html>", ""),
        (b"", ""),
        (b"[]", ""),
    ],
)
def test_the_text_of_an_errors_body_is_told_where_there_is_one(body, told):
    assert answered(body, 400).detail == f"the API answered 400 Bad Request{told}"


# What no answer can do.

keys = st.sampled_from(["success", "call-id", "instruction-id", "callee", "error", "type"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([ONE, "reminder-1", "c-1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | keys, inner, max_size=6),
    max_leaves=12,
)  # fmt: skip
near_misses = st.fixed_dictionaries(
    {},
    optional={
        "success": st.booleans() | json_values,
        "call-id": st.sampled_from(["c-1", "c-2", "", None]),
        "instruction-id": st.sampled_from(["reminder-1", "reminder-2", None]),
        "callee": st.sampled_from([ONE, TWO, THREE, None]),
        "error": st.text() | st.none(),
    },
)
bodies = st.binary() | (json_values | near_misses | st.lists(near_misses, max_size=4)).map(
    lambda v: json.dumps(v).encode()
)


@given(
    sent=st.sampled_from([SINGLE, SEVERAL]),
    status=st.integers(100, 999),
    retry_after=st.text() | st.just("3"),
    body=bodies,
    cut=st.none() | st.text(),
)
def test_no_answer_raises_and_only_a_true_match_is_accepted(sent, status, retry_after, body, cut):
    verdict = classify_answer(
        sent, Answer(status, {"retry-after": retry_after}, body, cut), now=NOW, secrets=("secret-token",)
    )
    assert (verdict.detail or "").isprintable()
    assert verdict.stop is (verdict.event_type is EventType.UNAUTHORIZED)
    if verdict.event_type is EventType.ACCEPTED:
        assert_true_match(sent, status, json.loads(body), verdict)
    if cut is not None:
        assert verdict.event_type is EventType.UNCLEAR
    if verdict.again:
        assert status == 429


def assert_true_match(sent: dict[str, Any], status: int, value: Any, verdict: Verdict) -> None:
    events = value if isinstance(value, list) else [value]
    assert 200 <= status <= 299
    assert sorted(event["callee"] for event in events) == sorted(sent.get("callees", [sent.get("callee")]))
    assert {event["instruction-id"] for event in events} == {"reminder-1"}
    placed = [event for event in events if event["success"] is True]
    assert placed
    assert all(event["call-id"] for event in placed)
    assert sum(leg.error is None for leg in verdict.legs) == len(placed)


@given(
    events=st.permutations([(ONE, "c-1"), (TWO, "c-2"), (THREE, "c-3")]),
    refused=st.sets(st.sampled_from([ONE, TWO, THREE])),
)
def test_any_order_of_a_whole_answer_is_read(events, refused):
    value = [event(callee=callee, call_id=call_id, success=callee not in refused) for callee, call_id in events]
    verdict = answered(value, sent=SEVERAL)
    assert verdict.event_type is (EventType.REFUSED if len(refused) == 3 else EventType.ACCEPTED)
    assert {leg.callee for leg in verdict.legs if leg.error} == refused


@given(header=st.text(), now=st.floats(0, 4e9))
def test_no_retry_after_raises_or_leaves_its_bounds(header, now):
    seconds = seconds_to_wait(header, now)
    assert seconds is None or 0.0 <= seconds <= LONGEST_PAUSE


def test_a_proxy_that_gives_no_connection_is_told_with_its_status() -> None:
    refused = classify_answer(SINGLE, Failure(begun=False, reason="x", proxy_status=502), now=NOW)
    assert (refused.event_type, refused.stop, refused.detail) == (
        EventType.UNSENT,
        False,
        "the proxy answered 502 Bad Gateway",
    )
    unauthorized = classify_answer(SINGLE, Failure(begun=False, reason="x", proxy_status=407), now=NOW)
    assert unauthorized.detail == "the proxy answered 407 Proxy Authentication Required"


def test_a_detail_says_what_the_api_answered() -> None:
    assert classify_answer(SINGLE, Answer(401, {}, b""), now=NOW).detail == "the API answered 401 Unauthorized"
    assert classify_answer(SINGLE, Answer(500, {}, b""), now=NOW).detail == (
        "the API answered 500 Internal Server Error; the call may have been placed"
    )
    assert classify_answer(SINGLE, Answer(999, {}, b""), now=NOW).detail == (
        "the API answered 999; the call may have been placed"
    )


def test_300_is_no_success() -> None:
    assert (
        classify_answer(SINGLE, Answer(300, {}, json.dumps([event()]).encode()), now=NOW).event_type
        is EventType.UNCLEAR
    )


def test_secrets_are_hidden_in_whatever_went_wrong() -> None:
    secret = "s3cr3t-token"
    for came in (Failure(begun=False, reason=f"no {secret}"), Answer(200, {}, b"", cut=f"cut at {secret}")):
        detail = classify_answer(SINGLE, came, now=NOW, secrets=[secret]).detail
        assert detail is not None
        assert secret not in detail


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429, 500])
def test_an_answer_that_more_came_behind_refuses_nothing(status):
    verdict = classify_answer(SINGLE, Answer(status, {}, b"{}", followed=True), now=NOW)
    assert (verdict.event_type, verdict.stop) == (EventType.UNCLEAR, False)
    assert verdict.detail is not None
    assert verdict.detail.endswith("more came after it; the call may have been placed")


def test_what_came_behind_a_success_takes_nothing_from_it():
    body = json.dumps(event()).encode()
    assert classify_answer(SINGLE, Answer(200, {}, body, followed=True), now=NOW).event_type is EventType.ACCEPTED
    refused = json.dumps(event(success=False, error="no")).encode()
    assert classify_answer(SINGLE, Answer(200, {}, refused, followed=True), now=NOW).event_type is EventType.UNCLEAR


def test_a_refusal_in_an_encoding_is_told_by_its_name_and_not_by_its_bytes() -> None:
    packed = gzip.compress(b'{"messages": ["bad"]}')
    named = classify_answer(SINGLE, Answer(400, {"content-encoding": "gzip"}, packed), now=NOW)
    assert named.detail == (
        "the API answered 400 Bad Request; its body has the content-encoding gzip, which was not asked for"
    )
    assert classify_answer(SINGLE, Answer(400, {}, packed), now=NOW).detail == "the API answered 400 Bad Request"
