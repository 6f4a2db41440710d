"""`flowops listen --hook`: whoever knows the secret has the document's call placed, once, and nothing else.

What rang is judged by the API's own log.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from support.commands import EXAMPLES, ROOT, environment, flowops
from support.listening import CALLBACKS, HOOKS, SECRET, Answered, address_of, ask, call_back, listening, start_listening
from support.server import TOKEN, ApiServer, Gate, accept, answer_with, drop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "a-hook-secret-of-many-characters"
ENV = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_HOOK_SECRET": KEY, "FLOWOPS_CALLBACK_SECRET": SECRET}
BEARER = {"Authorization": f"Bearer {KEY}"}
ANN, BOB = "+442079460101", "+442079460102"
#: An hour at which nobody runs these tests that have begun now.
LATER = datetime.now(UTC) + timedelta(hours=6)
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: pager
defaults: {caller: "+442079460000"}
hooks:
  oncall:
    document: calls/oncall.yaml
    secret: {env: FLOWOPS_HOOK_SECRET}
    limit: 3/h
    vars: {headline: /alerts/0/summary, incident: /groupKey}
policy: POLICY
environments:
  production:
    api: API
    token: {env: FLOWOPS_TOKEN}
    ledger: sqlite:///ledger.db
    rate: none
    timeouts: {connect: 2, answer: 5}
"""
FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: alert
callflow-id: 2c9b3f64-1d7e-4a52-8f0b-6a1d9e0c4b77
variables: {text: {type: string, minLength: 3, maxLength: 60}}
"""
CALL = f"""\
apiVersion: flowops/v1
kind: Call
reference-id: "alert-{{{{ vars.incident }}}}"
flow: alert
callee: "{{{{ ['{ANN}', '{BOB}'][attempt - 1] }}}}"
ATTEMPTS
flow-variables: {{text: "{{{{ vars.headline }}}}"}}
"""


def write(root: Path, api: ApiServer, policy: str = "{}", attempts: str = "attempts: {max: 1}") -> Path:
    """A project with a hook; its ledger is made."""
    for folder in ("calls", "flows"):
        (root / folder).mkdir(parents=True)
    text = PROJECT.replace("API", api.url).replace("POLICY", policy) + CALLBACKS
    (root / "flowops.yaml").write_text(text)
    (root / "flows/alert.yaml").write_text(FLOW)
    (root / "calls/oncall.yaml").write_text(CALL.replace("ATTEMPTS", attempts))
    assert flowops("ledger", "init", "--env", "production", cwd=root, env=ENV).code == 0
    return root


@pytest.fixture
def pager(tmp_path: Path, api: ApiServer) -> Path:
    return write(tmp_path / "pager", api)


@pytest.fixture
def hook(pager: Path) -> Iterator[str]:
    """The address of a hook that is served."""
    with listening(pager, ENV, hooks=["oncall"]) as address:
        yield f"{address}/hooks/oncall"


def body(incident: str = "1", headline: Any = "the disk is full", **more: Any) -> bytes:
    return json.dumps({"groupKey": incident, "alerts": [{"summary": headline}], **more}).encode()


def post(url: str, content: bytes | None = None, headers: dict[str, str] | None = None) -> Answered:
    """Post to a hook; what is answered fits its schema."""
    answer = ask(url, body() if content is None else content, BEARER if headers is None else headers)
    schema = json.loads((ROOT / "schemas/hook.schema.json").read_text())
    jsonschema.validate(answer.json, schema)
    assert ANN[-6:] not in answer.body
    return answer


def outcomes(answer: Answered) -> list[str]:
    return [call["outcome"] for call in answer.json["calls"]]


def test_a_request_is_placed_once_however_often_it_comes(pager: Path, hook: str, api: ApiServer) -> None:
    first = post(hook)
    assert (first.status, outcomes(first)) == (200, ["placed"])
    (sent,) = api.bodies
    assert (sent["callee"], sent["instruction-id"], sent["flow-variables"]) == (
        ANN,
        "alert-1",
        {"text": "the disk is full"},
    )
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda _: post(hook), range(8)))
    assert {(each.status, *outcomes(each)) for each in again} == {(200, "unchanged")}
    other = post(hook, body(headline="the other disk is full"))
    assert (other.status, outcomes(other)) == (200, ["conflict"])
    assert api.received == {"alert-1": 1}
    assert [entry["labels"] for entry in listed(pager)] == [{"hook": "oncall"}]
    plan = flowops("plan", "--env", "production", "--format", "json", cwd=pager, env=ENV)
    assert (plan.code, plan.json["summary"]["unnamed"]) == (0, 0)


def listed(root: Path) -> list[dict[str, Any]]:
    ran = flowops("ledger", "list", "--env", "production", "--format", "json", cwd=root, env=ENV)
    found: list[dict[str, Any]] = ran.json["calls"]
    return found


def test_many_at_once_with_one_reference_ring_once_and_all_hear_of_it(pager: Path, api: ApiServer) -> None:
    gate = Gate()
    api.behave = gate
    with listening(pager, ENV, hooks=["oncall"]) as address, ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(post, f"{address}/hooks/oncall") for _ in range(6)]
        while not api.received:
            time.sleep(0.01)
        gate.open()
        answers = [each.result() for each in asked]
    assert api.received == {"alert-1": 1}
    assert {answer.status for answer in answers} == {200}
    assert {outcome for answer in answers for outcome in outcomes(answer)} <= {"placed", "in-flight", "unchanged"}


def test_other_words_under_the_name_of_a_call_in_flight_are_a_conflict(pager: Path, api: ApiServer) -> None:
    gate = Gate()
    api.behave = gate
    with listening(pager, ENV, hooks=["oncall"]) as address, ThreadPoolExecutor(2) as pool:
        first = pool.submit(post, f"{address}/hooks/oncall")
        while not api.received:
            time.sleep(0.01)
        other = post(f"{address}/hooks/oncall", body(headline="the other disk is full"))
        gate.open()
        assert outcomes(first.result()) == ["placed"]
    assert (other.status, other.json["outcome"], outcomes(other)) == (200, "unchanged", ["conflict"])
    assert api.received == {"alert-1": 1}


WRONG = [
    {},
    {"Authorization": "Bearer "},
    {"Authorization": f"Bearer {KEY}x"},
    {"Authorization": f"Bearer {KEY[:-1]}"},
    {"Authorization": f"Bearer {KEY}, Bearer {KEY}"},
    {"Authorization": f"Basic {KEY}"},
    {"X-Hub-Signature-256": ""},
    {"X-Hub-Signature-256": f"sha256={KEY}"},
    {"X-Hub-Signature-256": "sha256=" + hmac.new(b"another", body(), hashlib.sha256).hexdigest()},
    {"X-Hub-Signature-256": "sha256=" + hmac.new(KEY.encode(), body("2"), hashlib.sha256).hexdigest()},
    {"X-Hub-Signature": "sha1=" + hmac.new(KEY.encode(), body(), hashlib.sha1).hexdigest()},
    {
        "Authorization": "Bearer no",
        "X-Hub-Signature-256": "sha256=" + hmac.new(KEY.encode(), body(), hashlib.sha256).hexdigest(),
    },
]


def test_nobody_rings_without_the_secret(hook: str, api: ApiServer) -> None:
    for headers in WRONG:
        answer = post(hook, headers=headers)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), headers
    assert not api.received


def test_a_body_that_is_signed_is_taken_and_other_ways_are_refused(hook: str, api: ApiServer) -> None:
    signed = {"X-Hub-Signature-256": "sha256=" + hmac.new(KEY.encode(), body(), hashlib.sha256).hexdigest()}
    assert post(hook, headers=signed).status == 200
    assert ask(hook, headers=BEARER).status == 405
    assert ask(hook.replace("oncall", "nobody"), body(), BEARER).status == 404
    assert ask(f"{hook}/x", body(), BEARER).status == 404
    assert ask(hook.replace("/hooks/oncall", "/oncall"), body(), BEARER).status == 404
    assert api.received == {"alert-1": 1}


def test_a_body_decides_nothing_but_the_words_and_the_name(hook: str, api: ApiServer) -> None:
    evil = {
        "callee": BOB,
        "callees": [BOB],
        "caller": BOB,
        "callflow-id": "x",
        "flow": "x",
        "flow-variables": {"text": "y", "z": 1},
        "vars": {"headline": "y"},
        "instruction-id": "z",
        "reference-id": "z",
        "callback-url": "https://evil.example.org",
        "attempts": {"max": 9},
        "__proto__": {"callee": BOB},
        "hook": "other",
    }
    headers = {**BEARER, "X-Callee": BOB, "Callee": BOB}
    assert post(f"{hook}?callee={BOB.replace('+', '%2B')}", body(**evil), headers).status == 200
    (sent,) = api.bodies
    assert sent.pop("callback-url").startswith(HOOKS)
    assert sent == {
        "instruction-id": "alert-1",
        "callee": ANN,
        "caller": "+442079460000",
        "callflow-id": "2c9b3f64-1d7e-4a52-8f0b-6a1d9e0c4b77",
        "flow-variables": {"text": "the disk is full"},
        "voicemail-response": "Restart",
    }


BODIES: list[tuple[bytes, int, str | None]] = [
    (body(headline="{{ vars.rota }}{% if 1 %}{{ 7 * 7 }}"), 200, None),
    (body(headline="a\u0000b c"), 422, "U+0000"),
    (body(headline="a\u202eb c"), 422, "U+202E"),
    (body(headline="x"), 422, "calls/oncall.yaml:7:24"),
    (body(headline="x" * 61), 422, "calls/oncall.yaml:7:24"),
    (body(headline={"a": "b"}), 422, "flowops.yaml:10:22"),
    (body(headline=None), 422, "and is null"),
    (body(headline=["abc"]), 422, "and is an array"),
    (body(incident="x" * 80), 422, "calls/oncall.yaml:3:15"),
    (body(incident=""), 200, None),
    (body(incident="1~2"), 422, "as the name of an attempt"),
    (body(incident="a\tb"), 422, "calls/oncall.yaml:3:15"),
    (body(incident="442079460101"), 422, "holds the number of its callee"),
    (b"{}", 422, "the body has nothing there"),
    (b'{"groupKey": "3", "alerts": {"0": {"summary": "abc"}}}', 200, None),
    (b'{"groupKey": "1", "groupKey": "2", "alerts": [{"summary": "abc"}]}', 400, None),
    (b'{"groupKey": "\\ud800", "alerts": [{"summary": "abc"}]}', 400, None),
    (b'{"groupKey": NaN, "alerts": [{"summary": "abc"}]}', 400, None),
    (b"\xff\xfe", 400, None),
    (b"", 400, None),
    (b"[" * 100_000, 400, None),
    (b'{"a":' * 50 + b"1" + b"}" * 50, 400, None),
    (b"groupKey=1&alerts=x", 400, None),
]


def test_a_body_that_does_not_fit_is_told_where(tmp_path: Path, api: ApiServer) -> None:
    root = write(tmp_path / "p", api)
    replaced = (root / "flowops.yaml").read_text().replace("limit: 3/h", "limit: 99/h")
    (root / "flowops.yaml").write_text(replaced)
    with listening(root, ENV, hooks=["oncall"]) as address:
        for content, status, told in BODIES:
            answer = post(f"{address}/hooks/oncall", content)
            assert answer.status == status, (content[:80], answer.body)
            places = [f"{it['file']}:{it['line']}:{it['column']} {it['message']}" for it in answer.json["diagnostics"]]
            assert told is None or any(told in place for place in places), places
    assert api.received.total() == sum(status == 200 for _, status, _ in BODIES)
    assert {sent["callee"] for sent in api.bodies} == {ANN}
    assert api.bodies[0]["flow-variables"]["text"] == "{{ vars.rota }}{% if 1 %}{{ 7 * 7 }}"


def test_a_body_of_ten_megabytes_is_not_taken(hook: str, api: ApiServer) -> None:
    large = body(more="x" * 10_000_000)
    assert post(hook, large).status == 413
    assert post(hook, large, {"Authorization": "Bearer wrong"}).status == 401
    assert not api.received
    assert post(hook).status == 200


@pytest.mark.long
def test_a_slow_body_is_given_up(hook: str, api: ApiServer) -> None:
    host, _, port = hook.removeprefix("http://").partition("/")[0].partition(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(
            f"POST /hooks/oncall HTTP/1.1\r\nHost: x\r\n{''.join(f'{k}: {v}' for k, v in BEARER.items())}\r\n".encode()
        )
        slow.sendall(b"Content-Length: 100\r\n\r\n{")
        slow.settimeout(20)
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
    assert not api.received


def test_the_limit_holds_for_many_at_once_over_processes_and_over_a_restart(pager: Path, api: ApiServer) -> None:
    with (
        listening(pager, ENV, hooks=["oncall"]) as one,
        listening(pager, ENV, hooks=["oncall"]) as other,
        ThreadPoolExecutor(16) as pool,
    ):
        answers = list(pool.map(lambda n: post(f"{(one, other)[n % 2]}/hooks/oncall", body(str(n))), range(40)))
    counts = Counter(answer.status for answer in answers)
    assert api.received.total() == 3
    assert counts[200] == 3
    assert counts.keys() <= {200, 429, 503}
    beyond = next(answer for answer in answers if answer.status == 429)
    assert int(beyond.headers["Retry-After"]) == 1200
    with listening(pager, ENV, hooks=["oncall"]) as again:
        assert post(f"{again}/hooks/oncall", body("new")).status == 429
        placed = next(iter(api.received)).removeprefix("alert-")
        assert post(f"{again}/hooks/oncall", body(placed)).status == 200  # it is there already
        metrics = ask(f"{again}/metrics").body
    assert api.received.total() == 3
    assert 'flowops_hook_used_phones{hook="oncall"} 3.0' in metrics
    assert 'flowops_hook_requests_total{hook="oncall",outcome="limit"} 1.0' in metrics


@pytest.mark.long
def test_ten_thousand_requests_ring_as_many_phones_as_the_limit_says(pager: Path, api: ApiServer) -> None:
    process = start_listening(pager, ENV, hooks=["oncall"])
    hook = f"{address_of(process)}/hooks/oncall"
    assert process.stderr is not None
    log = threading.Thread(target=process.stderr.read)  # or it fills the pipe
    log.start()

    def flood(number: int) -> int:
        name = str(number if number % 3 else number % 7)  # new ones, and the same again
        headers = BEARER if number % 10 else {"Authorization": "Bearer wrong"}
        return ask(hook, body(name, callee=BOB), headers).status

    with ThreadPoolExecutor(48) as pool:
        counts = Counter(pool.map(flood, range(10_000)))
    process.terminate()
    log.join()
    process.communicate()
    assert counts.keys() <= {200, 401, 429, 503}
    assert counts[401] == 1_000
    assert len(api.received) == api.received.total() == 3
    assert {sent["callee"] for sent in api.bodies} == {ANN}


def test_each_callee_of_a_call_counts(pager: Path, api: ApiServer) -> None:
    call = (pager / "calls/oncall.yaml").read_text().replace("attempts: {max: 1}\n", "")
    line = next(line for line in call.splitlines() if line.startswith("callee"))
    (pager / "calls/oncall.yaml").write_text(call.replace(line, f"callees: ['{ANN}', '{BOB}']"))
    with listening(pager, ENV, hooks=["oncall"]) as address:
        assert [post(f"{address}/hooks/oncall", body(str(n))).status for n in range(2)] == [200, 429]
    assert api.received.total() == 1


def test_a_stopped_environment_places_nothing_until_it_is_resumed(pager: Path, hook: str, api: ApiServer) -> None:
    why = ("--env", "production", "--reason", "said so")
    assert flowops("stop", *why, cwd=pager, env=ENV).code == 0
    answer = post(hook)
    assert (answer.status, "said so" in answer.json["why"]) == (503, True)
    assert flowops("resume", "--env", "production", cwd=pager, env=ENV).code == 0
    assert post(hook).status == 200
    assert api.received == {"alert-1": 1}


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ("{do-not-call: [{file: list.txt}]}", 403),
        ("{countries: [NL]}", 403),
        (
            f"{{windows: [{{days: mon-sun, hours: '{LATER:%H:00}-{LATER:%H:01}'}}]}}",
            409,
        ),
        ("{max-calls: 0}", 503),
    ],
)
def test_all_of_the_policy_holds(tmp_path: Path, api: ApiServer, policy: str, status: int) -> None:
    root = write(tmp_path / "p", api, policy)
    (root / "list.txt").write_text(f"{ANN}\n")
    with listening(root, ENV, hooks=["oncall"]) as address:
        answer = post(f"{address}/hooks/oncall")
    assert answer.status == status, answer.body
    assert not api.received


def test_a_number_that_is_blocked_meanwhile_does_not_ring(pager: Path, hook: str, api: ApiServer) -> None:
    blocked = flowops("policy", "block", ANN, "--env", "production", "--reason", "asked", cwd=pager, env=ENV)
    assert blocked.code == 0
    assert post(hook).status == 403
    assert not api.received


def test_what_the_api_refuses_or_leaves_open_is_told_and_what_may_have_rung_is_not_placed_again(
    pager: Path, hook: str, api: ApiServer
) -> None:
    api.behave = answer_with("400 Bad Request", b'{"success": false, "error": "no"}')
    refused = post(hook)
    assert (refused.status, outcomes(refused)) == (502, ["rejected"])
    api.behave = drop
    doubtful = post(hook, body("2"))
    assert (doubtful.status, outcomes(doubtful)) == (502, ["in-doubt"])
    api.behave = accept
    again = post(hook, body("2"))
    assert (again.status, outcomes(again)) == (200, ["in-doubt"])
    retried = post(hook)
    assert (retried.status, outcomes(retried)) == (200, ["placed"])
    assert api.received == {"alert-1": 2, "alert-2": 1}


def test_an_api_that_cannot_be_reached_is_told_and_the_same_request_rings_once_it_can(tmp_path: Path) -> None:
    with ApiServer() as gone:
        root = write(tmp_path / "p", gone)
        port = int(gone.url.rpartition(":")[2].partition("/")[0])
    with listening(root, ENV, hooks=["oncall"]) as address:
        answer = post(f"{address}/hooks/oncall")
        assert (answer.status, outcomes(answer)) == (503, ["not-attempted"])
        with ApiServer(port=port) as back:
            assert post(f"{address}/hooks/oncall").status == 200
            assert back.received == {"alert-1": 1}


def test_a_call_in_flight_is_recorded_and_answered_when_the_process_is_stopped(pager: Path, api: ApiServer) -> None:
    gate = Gate()
    api.behave = gate
    process = start_listening(pager, ENV, hooks=["oncall"])
    address = address_of(process)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(post, f"{address}/hooks/oncall")
        while not api.received:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        threading.Timer(0.5, gate.open).start()
        assert (asked.result().status, outcomes(asked.result())) == (200, ["placed"])
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert [entry["state"] for entry in listed(pager)] == ["placed"]


def test_a_ledger_that_is_gone_is_no_reason_to_ring(pager: Path, hook: str, api: ApiServer) -> None:
    (pager / "ledger.db").rename(pager / "gone.db")
    assert post(hook).status == 503
    assert not api.received


def test_the_same_request_rings_the_next_person_once_the_first_did_not_answer(tmp_path: Path, api: ApiServer) -> None:
    root = write(tmp_path / "p", api, attempts="attempts: {max: 2, on: [no-answer], after: 50ms, within: 1h}")
    with listening(root, ENV, hooks=["oncall"]) as address:
        hook = f"{address}/hooks/oncall"
        assert outcomes(post(hook)) == ["placed"]
        assert outcomes(post(hook)) == ["unchanged"]
        call_back(address, api.bodies[0], code=9)
        time.sleep(0.2)
        assert outcomes(post(hook)) == ["placed"]
        assert outcomes(post(hook)) == ["unchanged"]
    assert [(sent["instruction-id"], sent["callee"]) for sent in api.bodies] == [("alert-1", ANN), ("alert-1~2", BOB)]


@pytest.mark.parametrize(
    ("names", "env", "code", "told"),
    [
        (["pager"], {}, 64, "the project has no hook 'pager'"),
        (["oncall"], {"FLOWOPS_HOOK_SECRET": "short"}, 64, "is shorter than 16 characters"),
        (["oncall"], {"FLOWOPS_TOKEN": ""}, 6, "token"),
    ],
)
def test_what_keeps_a_hook_from_being_served_is_told(
    pager: Path, names: list[str], env: dict[str, str], code: int, told: str
) -> None:
    named = [word for name in names for word in ("--hook", name)]
    ran = flowops("listen", "--env", "production", "--port", "0", *named, cwd=pager, env={**ENV, **env})
    assert (ran.code, told in ran.err) == (code, True), ran.err


def test_a_hook_is_not_served_with_a_list_that_cannot_be_used(tmp_path: Path, api: ApiServer) -> None:
    root = write(tmp_path / "p", api, "{do-not-call: [{file: list.txt}]}")
    ran = flowops("listen", "--env", "production", "--port", "0", "--hook", "oncall", cwd=root, env=ENV)
    assert (ran.code, "flowops.yaml:11:" in ran.err, "'list.txt'" in ran.err) == (3, True, True), ran.err


def test_the_log_has_no_numbers_words_or_secrets(pager: Path, api: ApiServer) -> None:
    process = start_listening(pager, ENV, hooks=["oncall"])
    address = address_of(process)
    post(f"{address}/hooks/oncall")
    process.terminate()
    _, err = process.communicate()
    line = next(json.loads(line) for line in err.splitlines() if '"event": "hook"' in line)
    assert (line["hook"], line["outcome"], line["references"]) == ("oncall", "placed", ["alert-1"])
    runs = flowops("ledger", "runs", "--env", "production", "--format", "json", cwd=pager, env=ENV).json["runs"]
    assert line["run"] == runs[0]["run"]
    for secret in (ANN, KEY, TOKEN, "the disk is full"):
        assert secret not in err


@pytest.mark.parametrize("name", ["alertmanager", "grafana"])
def test_the_bodies_that_alertmanager_and_grafana_document_ring_whoever_is_on_call(
    tmp_path: Path, api: ApiServer, name: str
) -> None:
    root = tmp_path / "pager"
    shutil.copytree(EXAMPLES / "pager", root, ignore=shutil.ignore_patterns(".flowops"))
    replaced = (root / "flowops.yaml").read_text().replace("https://api.cm.com/voiceapi/v2", api.url)
    (root / "flowops.yaml").write_text(replaced)
    env = {**ENV, "FLOWOPS_PRODUCT_TOKEN": TOKEN, "FLOWOPS_LEDGER_URL": "sqlite:///ledger.db"}
    assert flowops("ledger", "init", "--env", "production", cwd=root, env=env).code == 0
    sent = (root / f"{name}.json").read_bytes()
    with listening(root, env, hooks=[name]) as address:
        assert post(f"{address}/hooks/{name}", sent).status == 200
        assert post(f"{address}/hooks/{name}", sent).status == 200
    (body_,) = api.bodies
    assert body_["callee"] == ANN
    assert json.loads(sent)["alerts"][0]["annotations"]["summary"] in body_["flow-variables"]["text"]


@contextmanager
def reading_often(root: Path) -> Iterator[str]:
    """Serve a hook whose files are read again each moment; give its address."""
    code = "import flowops.app.hooks as hooks; hooks.FRESH = 0.1; from flowops.__main__ import main; main()"
    words = ("listen", "--env", "production", "--port", "0", "--hook", "oncall")
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=root, env=environment(**ENV), stderr=subprocess.PIPE, text=True
    )
    try:
        yield f"{address_of(process)}/hooks/oncall"
    finally:
        process.terminate()
        process.communicate()


def until(status: int, hook: str) -> Answered:
    """Post something new until that is answered."""
    last = time.monotonic() + 10
    while (answer := post(hook, body(str(time.monotonic_ns())))).status != status:
        assert time.monotonic() < last, answer.body
        time.sleep(0.1)
    return answer


def test_lists_hold_whatever_is_wrong_elsewhere_and_nothing_is_placed_while_what_decides_cannot_be_read(
    tmp_path: Path, api: ApiServer
) -> None:
    root = write(tmp_path / "p", api, "{do-not-call: [{file: list.txt}]}")
    (root / "flowops.yaml").write_text((root / "flowops.yaml").read_text().replace("limit: 3/h", "limit: 999/h"))
    (root / "list.txt").write_text(f"{BOB}\n")
    (root / "calls/other.yaml").write_text("apiVersion: [")
    (root / "flows/other.yaml").write_text(FLOW.replace("name: alert", "name: other").replace("variables", "varables"))
    with reading_often(root) as hook:
        assert post(hook).status == 200
        (root / "list.txt").write_text(f"{ANN}\n")
        until(403, hook)
        placed = api.received.total()
        for file in ("list.txt", "calls/oncall.yaml", "flows/alert.yaml", "flowops.yaml"):
            text = (root / file).read_text()
            (root / file).write_text("" if file == "list.txt" else f"{text}nonsense: 1\n")
            assert until(503, hook).json["outcome"] == "unavailable"
            (root / file).write_text(text)
            until(403, hook)
    assert api.received.total() == placed


def test_nobodys_number_becomes_a_name_unless_the_policy_allows_it(tmp_path: Path, api: ApiServer) -> None:
    numbers = ["+442079460188", "442079460188", "0044 20 7946 0188", "020 7946 0188", "from 212-555-0123"]
    names = ["1700000000", "1700000000123", "2023-02-06T13:08:45.828Z", "1a30ba71cca2921f", "20230206-17"]
    root = write(tmp_path / "p", api)
    text = (root / "flowops.yaml").read_text().replace("limit: 3/h", "limit: 99/h")
    (root / "flowops.yaml").write_text(text)
    with listening(root, ENV, hooks=["oncall"]) as address:
        for number in numbers:
            answer = post(f"{address}/hooks/oncall", body(number))
            (wrong,) = answer.json["diagnostics"]
            assert (answer.status, wrong["file"], wrong["line"]) == (422, "calls/oncall.yaml", 3), number
            assert "holds what looks like a phone number" in wrong["message"]
            assert "0188" not in answer.body
        for name in names:
            answer = post(f"{address}/hooks/oncall", body(name))
            assert answer.status == 200, answer.body
    assert api.received.keys() == {f"alert-{name}" for name in names}
    (root / "flowops.yaml").write_text(text.replace("policy: {}", "policy: {allow: [number-in-reference]}"))
    with listening(root, ENV, hooks=["oncall"]) as address:
        assert post(f"{address}/hooks/oncall", body("442079460188")).status == 200


def test_where_a_body_has_the_values_is_read_again(pager: Path, api: ApiServer) -> None:
    with reading_often(pager) as hook:
        assert post(hook).status == 200
        text = (pager / "flowops.yaml").read_text()
        (pager / "flowops.yaml").write_text(text.replace("incident: /groupKey", "incident: /id"))
        time.sleep(1.5)
        assert post(hook).status == 422
        assert post(hook, body("1", id="2")).status == 200
    assert api.received == {"alert-1": 1, "alert-2": 1}
