"""People hear what came of runs: totals and commands, once, and never in the way of a call."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import flowops, start
from support.listening import CALLBACKS, SECRET, address_of, start_listening
from support.receivers import Receiver, http_receiver
from support.server import TOKEN, ApiServer, answer_with, drop

from flowops.app import notify
from flowops.app.load import project_of
from flowops.app.notify import DONE, IN_DOUBT, Notifier, reporting
from flowops.errors import LedgerError
from flowops.model.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRODUCTION = ("--env", "production")
EVERYTHING = "[done, failed, in-doubt, guard, stopped]"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as receiver:
        yield receiver


def env_of(receiver: Receiver) -> dict[str, str]:
    return {
        "FLOWOPS_TOKEN": TOKEN,
        "FLOWOPS_CALLBACK_SECRET": SECRET,
        "FLOWOPS_NOTIFY_URL": f"json://127.0.0.1:{receiver.port}/secret-path",
    }


def told(root: Path, receiver: Receiver, on: str = EVERYTHING, more: str = "") -> dict[str, str]:
    """Let a project tell of events; its ledger is made. Return the environment of commands."""
    with (root / "flowops.yaml").open("a") as file:
        file.write(f"{more}notify: [{{to: {{env: FLOWOPS_NOTIFY_URL}}, on: {on}}}]\n")
    env = env_of(receiver)
    assert flowops("ledger", "init", *PRODUCTION, cwd=root, env=env).code == 0
    return env


def apply(root: Path, env: dict[str, str], *args: str) -> Any:
    return flowops("apply", *PRODUCTION, "--auto-approve", *args, cwd=root, env=env)


def test_a_run_is_told_once_and_one_that_had_nothing_to_place_is_not(
    real: Path, api: ApiServer, receiver: Receiver
) -> None:
    env = told(real, receiver)
    assert apply(real, env).code == 0
    (message,) = receiver.messages
    assert message["title"] == "flowops: real, production: 3 placed"
    assert "flowops status --env production" in message["message"]
    run = flowops("ledger", "runs", *PRODUCTION, "--format", "json", cwd=real, env=env).json["runs"][0]["run"]
    assert f"run {run}" in message["message"]
    for secret in ("+442079460101", "call-1", TOKEN):
        assert secret not in receiver.received[0][1]
    assert apply(real, env).code == 0
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("behave", "code", "words"),
    [
        (answer_with("400 Bad Request", b'{"success": false}'), 6, "3 rejected"),
        (drop, 7, "3 in doubt"),
    ],
)
def test_what_went_wrong_is_told_to_those_who_ask(
    real: Path, api: ApiServer, receiver: Receiver, behave: Any, code: int, words: str
) -> None:
    env = told(real, receiver, "[failed, in-doubt]")
    api.behave = behave
    assert apply(real, env).code == code
    (message,) = receiver.messages
    assert words in message["title"]


def test_who_asks_for_something_else_hears_nothing(real: Path, api: ApiServer, receiver: Receiver) -> None:
    env = told(real, receiver, "[guard, in-doubt]")
    assert apply(real, env).code == 0
    assert receiver.received == []


def test_a_guard_a_stop_and_a_ledger_that_is_gone_are_told(real: Path, api: ApiServer, receiver: Receiver) -> None:
    env = told(real, receiver, more="policy: {max-calls: 2}\n")
    assert apply(real, env).code == 4
    assert "max-calls.per-run (flowops.yaml:" in receiver.messages[0]["message"]
    assert flowops("stop", *PRODUCTION, "--reason", "Ann said so", cwd=real, env=env).code == 0
    assert "it is stopped" in receiver.messages[1]["title"]
    assert "Ann" not in receiver.received[1][1]
    (real / "ledger.db").rename(real / "gone.db")
    assert apply(real, env).code == 5
    assert "nothing was placed: the ledger cannot be used" in receiver.messages[2]["title"]
    assert len(receiver.received) == 3


@pytest.mark.parametrize("url", ["json://127.0.0.1:9/secret-path", "not an address", "file:///etc/passwd", ""])
def test_an_address_that_does_not_work_changes_nothing_and_is_never_shown(
    real: Path, api: ApiServer, receiver: Receiver, url: str
) -> None:
    env = {**told(real, receiver), "FLOWOPS_NOTIFY_URL": url}
    ran = apply(real, env, "-v", "--format", "json")
    assert (ran.code, ran.json["summary"]["placed"]) == (0, 3)
    assert "a notification has not arrived: notify.0.to: " in ran.err
    assert "FLOWOPS_NOTIFY_URL" in ran.err
    assert not url or url not in ran.err + ran.out


def test_one_that_does_not_answer_at_first_is_told_again(real: Path, api: ApiServer, receiver: Receiver) -> None:
    env = told(real, receiver)
    receiver.status = 503
    ran = apply(real, env)
    assert ran.code == 0
    assert len(receiver.received) > 1


def test_doctor_says_whether_an_address_can_be_told(real: Path, api: ApiServer, receiver: Receiver) -> None:
    env = told(real, receiver)

    def checks(**changed: str) -> dict[str, str]:
        ran = flowops("doctor", *PRODUCTION, "--format", "json", cwd=real, env={**env, **changed})
        assert "secret-path" not in ran.out + ran.err
        return {check["name"]: check["status"] for check in ran.json["checks"]}

    assert checks()["notify.0.to"] == "ok"
    assert checks(FLOWOPS_NOTIFY_URL="secret-path")["notify.0.to"] == "warning"
    assert checks(FLOWOPS_NOTIFY_URL="")["notify.0.to"] == "warning"
    assert receiver.received == []


@pytest.mark.parametrize(
    ("wrong", "told_"),
    [
        ("{to: 'json://127.0.0.1', on: [done]}", "the operator decides"),
        ("{to: {env: SLACK_URL}, on: [done]}", "may not name the variable"),
        ("{to: {env: FLOWOPS_TOKEN}, on: [done]}", "one variable serves one purpose"),
        ("{to: {env: FLOWOPS_NOTIFY_URL}, on: [everything]}", "on"),
        ("{to: {env: FLOWOPS_NOTIFY_URL}, on: [doubt-older-than: soon]}", "not a span of time"),
    ],
)
def test_what_is_wrong_with_it_is_told_at_its_place(real: Path, wrong: str, told_: str) -> None:
    with (real / "flowops.yaml").open("a") as file:
        file.write(f"notify: [{wrong}]\n")
    ran = flowops("validate", cwd=real)
    assert ran.code == 3
    assert told_ in ran.err


def test_listen_tells_once_of_a_call_that_has_been_in_doubt_for_long(
    real: Path, api: ApiServer, receiver: Receiver
) -> None:
    text = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(text + CALLBACKS)
    env = told(real, receiver, "[doubt-older-than: 1s]")
    api.behave = drop
    assert apply(real, env).code == 7
    receiver.received.clear()
    time.sleep(1)
    process = start_listening(real, env)
    try:
        address_of(process)
        receiver.wait(1)
        time.sleep(1)
    finally:
        process.terminate()
        process.communicate()
    (message,) = receiver.messages
    assert message["title"] == "flowops: real, production: a call has been in doubt for more than 1s"
    assert "flowops reconcile --env production" in message["message"]


def test_a_hook_tells_of_what_it_places_refuses_and_holds_back(real: Path, api: ApiServer, receiver: Receiver) -> None:
    (real / "calls/oncall.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Call\nreference-id: "a-{{ vars.it }}"\ncallee: "+442079460109"\n'
    )
    hook = "{document: calls/oncall.yaml, secret: {env: FLOWOPS_HOOK_SECRET}, limit: 1/h, vars: {it: /it}}"
    key = "a-hook-secret-of-many-characters"
    env = {**told(real, receiver, more=f"hooks: {{oncall: {hook}}}\n"), "FLOWOPS_HOOK_SECRET": key}
    from support.listening import ask

    process = start_listening(real, env, hooks=["oncall"])
    try:
        address = address_of(process)
        for it in ("1", "2", "3"):
            body = json.dumps({"it": it}).encode()
            ask(f"{address}/hooks/oncall", body, {"Authorization": f"Bearer {key}"})
        receiver.wait(2)
    finally:
        process.terminate()
        process.communicate()
    titles = sorted(message["title"] for message in receiver.messages)
    assert titles == [
        "flowops: real, production: hook oncall: a call was placed",
        "flowops: real, production: hook oncall: its limit is reached, and a call was not placed",
    ]
    assert "46010" not in "".join(body for _, body in receiver.received)


def test_workers_tell_of_a_campaign_that_has_finished_and_of_one_that_is_paused(
    real: Path, api: ApiServer, receiver: Receiver
) -> None:
    workers = "    workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}\n"
    env = {**told(real, receiver, more=workers), "FLOWOPS_CAMPAIGN_KEY": "c" * 64}
    assert apply(real, env, "--detach", "--ref", "call-1").code == 0
    assert flowops("worker", *PRODUCTION, "--once", cwd=real, env=env).code == 0
    assert apply(real, env, "--detach", "--ref", "call-2").code == 0
    with (real / "flowops.yaml").open("a") as file:
        file.write("policy: {countries: [GB]}\n")  # not what was approved
    assert flowops("worker", *PRODUCTION, "--once", cwd=real, env=env).code == 0
    titles = [message["title"] for message in receiver.messages]
    assert [re.sub("campaign [0-9a-z]+", "campaign ID", title) for title in titles] == [
        "flowops: real, production: campaign ID has finished: 1 placed",
        "flowops: real, production: campaign ID is paused",
    ]
    assert api.received == {"call-1": 1}
    assert "flowops campaign show" in receiver.messages[0]["message"]


@contextmanager
def slow_receiver() -> Iterator[tuple[str, threading.Event]]:
    """Answer one byte now and then, for ever; give the address, and what is set once somebody is connected."""
    connected, ended = threading.Event(), threading.Event()

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connected.set()
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not ended.wait(0.2):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        yield f"json://127.0.0.1:{listener.getsockname()[1]}", connected
        ended.set()


def test_ctrl_c_ends_the_wait_for_a_receiver_and_keeps_the_code(real: Path, api: ApiServer, receiver: Receiver) -> None:
    with slow_receiver() as (url, connected):
        env = {**told(real, receiver), "FLOWOPS_NOTIFY_URL": url}
        api.behave = drop
        process = start("apply", *PRODUCTION, "--auto-approve", cwd=real, env=env)
        assert connected.wait(20)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 7
    assert "Traceback" not in err


def test_a_receiver_that_answers_for_ever_does_not_keep_listen_from_ending(
    real: Path, api: ApiServer, receiver: Receiver
) -> None:
    text = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(text + CALLBACKS)
    with slow_receiver() as (url, connected):
        env = {**told(real, receiver, "[doubt-older-than: 1s]"), "FLOWOPS_NOTIFY_URL": url}
        api.behave = drop
        assert apply(real, env).code == 7
        time.sleep(0.5)
        process = start_listening(real, env)
        address_of(process)
        assert connected.wait(20)
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM


def test_the_end_of_a_command_waits_for_some_seconds_only(
    real: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(real, receiver)
    monkeypatch.setattr(notify, "LAST", 0.5)
    with slow_receiver() as (url, connected):
        monkeypatch.setenv("FLOWOPS_NOTIFY_URL", url)
        Notifier(*project_of("production", str(real)), 10).tell({DONE}, "3 placed")
        assert connected.wait(10)
        began = time.monotonic()
        notify.wait_for_messages()
        assert 0.4 < time.monotonic() - began < 8


class Doubtful:
    """A ledger with a call that has been in doubt for long."""

    def age_of_oldest_doubt(self) -> float:
        return 1e6


def test_an_address_that_is_dead_silences_no_other_and_a_doubt_that_was_not_sent_is_sent_later(
    real: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (real / "flowops.yaml").open("a") as file:
        file.write("notify:\n- {to: {env: FLOWOPS_NOTIFY_A}, on: [done, doubt-older-than: 1h]}\n")
        file.write("- {to: {env: FLOWOPS_NOTIFY_B}, on: [in-doubt]}\n")
    sent: list[tuple[int, str]] = []
    gate = threading.Event()

    def send(_: Notifier, number: int, _to: object, title: str, _body: str) -> None:
        assert number or gate.wait(10)
        sent.append((number, title))

    monkeypatch.setattr(Notifier, "_try", send)
    notifier, ledger = Notifier(*project_of("production", str(real)), 10), Doubtful()
    for _ in range(notify.AT_ONCE + 1):
        notifier.tell({DONE}, "one is placed")
    notifier.doubts(ledger)  # type: ignore[arg-type] # all that it asks
    notifier.tell({IN_DOUBT}, "one is in doubt")
    until = time.monotonic() + 5
    while not sent and time.monotonic() < until:
        time.sleep(0.01)
    assert [number for number, _ in sent] == [1]
    gate.set()
    notify.wait_for_messages()
    assert len(sent) == 1 + notify.AT_ONCE
    for _ in range(2):
        notifier.doubts(ledger)  # type: ignore[arg-type] # all that it asks
    notify.wait_for_messages()
    assert ["a call has been in doubt" in title for _, title in sent].count(True) == 1


def test_a_ledger_that_fails_at_the_end_does_not_say_that_nothing_was_placed(
    real: Path, api: ApiServer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in told(real, receiver).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("flowops.app.notify._report", lambda *_: None)
    selection = Selection((str(real),), "production")

    def run(reported: bool) -> None:
        with reporting(selection) as report:
            if reported:
                report(None, None)  # type: ignore[arg-type] # nobody looks
            raise LedgerError("the disk is full")

    for reported in (True, False):
        with pytest.raises(LedgerError):
            run(reported)
    notify.wait_for_messages()
    (message,) = receiver.messages
    assert "nothing was placed" in message["title"]
