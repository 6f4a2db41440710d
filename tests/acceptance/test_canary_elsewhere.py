"""What flowops says to others than who runs it: to those who are notified, to hooks and whoever posts to them, to
Prometheus. Nobody is found there either."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import start
from support.listening import address_of, ask
from support.lives import ALL, CALLS, FEW, FLOW, LOUD, PRODUCTION, Life, echo, life_in
from support.receivers import http_receiver, mail_receiver
from support.server import accept

from flowops.report.formats import PLAN, RESULT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOOK = "a-hook-secret-of-many-characters"
BEARER = {"Authorization": f"Bearer {HOOK}"}
ANY = (0, 1, 3, 4, 5, 6, 7, 9)
#: Rules that cannot be worked out for some rows, and one that can for all.
RULES = """\
policy:
  max-calls: 5
  rules:
    - {name: sum, when: "{{ row.name + 1 == 2 }}", action: block, reason: it is the sum}
    - {name: part, when: "{{ call['flow-variables'].patient.first == row.phone }}", action: defer, reason: it is}
    - {name: long, when: "{{ row.name | length > 9 }}", action: block, reason: the name is too long}
"""
HOOKS = """\
hooks:
  alarm:
    document: calls/alarm.yaml
    secret: {env: FLOWOPS_HOOK_SECRET}
    limit: 999/h
    vars: {headline: /alerts/0/summary, incident: /id, other: /other}
"""
ALARM = """\
apiVersion: flowops/v1
kind: Call
reference-id: "alarm-{{ vars.incident }}"
flow: alarm
callee: "+442079460018"
flow-variables: {headline: "{{ vars.headline }}", pin: "{{ vars.other }}"}
"""
ALARMS = """\
apiVersion: flowops/v1
kind: Flow
name: alarm
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d11
variables:
  headline: {type: string, x-sensitive: true, maxLength: 20}
  pin: {type: integer, x-sensitive: true, default: 1}
"""


@pytest.fixture(params=[FEW, ALL])
def life(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    """Calls of people, in a SQLite ledger."""
    with life_in(tmp_path / "root", *request.param, monkeypatch) as found:
        yield found


def test_nobody_is_found_in_what_people_are_notified_of(life: Life) -> None:
    pytest.importorskip("apprise")
    names = ("FLOWOPS_WEB", "FLOWOPS_FORM", "FLOWOPS_MAIL")
    told = ", ".join(f"{{to: {{env: {name}}}, on: [done, failed, in-doubt, guard, stopped]}}" for name in names)
    somebody = life.of[0]
    with http_receiver() as web, mail_receiver() as mail:
        mail_to = f"mailto://127.0.0.1:{mail.port}?from=flowops@example.org&to=ops@example.org&mode=insecure"
        addresses = (f"json://127.0.0.1:{web.port}/x", f"form://127.0.0.1:{web.port}/y", mail_to)
        env = dict(zip(names, addresses, strict=True))
        (life.root / "flowops.yaml").write_text(f"{life.project}notify: [{told}]\n")
        life.run("ledger", "init", *PRODUCTION, **env)
        apply = ("apply", *PRODUCTION, "--auto-approve")
        life.run(*apply, codes=(7,), **env)
        life.api.behave = echo("403 Forbidden")
        life.run(*apply, codes=ANY, **env)
        (life.root / "flowops.yaml").write_text(f"{life.project}notify: [{told}]\npolicy: {{max-calls: 1}}\n")
        (life.root / "calls/c.yaml").write_text(CALLS.replace("life-", "later-"))
        life.run(*apply, codes=ANY, **env)
        for reason in (somebody.e164, somebody.written, f"asked for by {life.words[0]}"):
            life.run("stop", *PRODUCTION, "--reason", reason, codes=(0, 64), **env)
        life.run("resume", *PRODUCTION, **env)
        (life.root / "ledger.db").rename(life.root / "gone.db")
        life.run(*apply, codes=(5,), **env)
        assert len(web.received) > 6
        assert len(mail.received) > 3
        for where, text in (*web.received, *mail.received):
            life.look(where, text)
    (life.root / "gone.db").rename(life.root / "ledger.db")
    life.search()


def test_nobody_is_found_in_what_rules_of_ones_own_say(life: Life) -> None:
    (life.root / "flowops.yaml").write_text(life.project + RULES)
    life.run("ledger", "init", *PRODUCTION)
    life.formats(PLAN, "plan", *PRODUCTION, "--full", codes=ANY)
    life.formats(RESULT, "apply", *PRODUCTION, "--auto-approve", codes=ANY)
    life.search()


def test_nobody_is_found_in_what_a_hook_answers(life: Life) -> None:
    (life.root / "flowops.yaml").write_text(life.project + HOOKS)
    (life.root / "calls/alarm.yaml").write_text(ALARM)
    (life.root / "flows/f.yaml").write_text(f"{FLOW}---\n{ALARMS}")
    env = {**life.env, "FLOWOPS_HOOK_SECRET": HOOK}
    life.run("ledger", "init", *PRODUCTION)
    life.api.behave = echo("400 Bad Request")
    listen = ("listen", *PRODUCTION, "--port", "0", "--hook", "alarm", *LOUD)
    process = start(*listen, cwd=life.root, env=env)
    said: list[str] = []
    try:
        address = address_of(process)
        assert process.stderr is not None
        reader = threading.Thread(target=lambda: said.extend(process.stderr or ()))
        reader.start()
        answered: set[int] = set()
        for at, number in enumerate(life.of):
            answered |= _tell(life, address, number.written, life.words[at % len(life.words)], at)
            if at == 20:
                life.api.behave = accept
        for page in ("metrics", "healthz", "readyz", f"{life.of[0].e164}", f"hooks/{life.words[0]}"):
            life.look(page, ask(f"{address}/{page}").body)
    finally:
        process.terminate()
        process.wait(20)
    reader.join(20)
    assert answered >= {200, 401, 422}
    assert len(said) > 5
    life.look("listen", "".join(said))
    for name in ("text", "json"):
        life.run("status", *PRODUCTION, "--format", name)
        life.run("ledger", "list", *PRODUCTION, "--format", name)
        life.run("ledger", "runs", *PRODUCTION, "--format", name)
    life.run("ledger", "export", "--events", *PRODUCTION)
    life.search()


def _tell(life: Life, address: str, number: str, word: str, at: int) -> set[int]:
    """Post what fits, and what does not: values where they belong, and anywhere else. Return what was answered."""

    answered = set()

    def of(headline: Any, incident: Any = f"i{at}", other: Any = 1, **more: Any) -> bytes:
        return json.dumps({"id": incident, "alerts": [{"summary": headline}], "other": other, **more}).encode()

    said = f"{word} {number}"
    bodies = (
        of(word),
        of(number, f"n{at}"),
        of(said * 9, f"t{at}"),
        of({said: said}, f"m{at}"),
        of([word, number], f"l{at}"),
        of(word, number),
        of(word, {number: word}),
        of(word, f"o{at}", said),
        of(word, f"p{at}", {number: word}),
        json.dumps({said: said}).encode(),
        json.dumps([said]).encode(),
        f'{{"{word}": 1, "{word}": 2}}'.encode(),
        said.encode(),
    )
    for content in bodies[: None if at < 20 else 3]:
        answer = ask(f"{address}/hooks/alarm", content, BEARER)
        answered.add(answer.status)
        life.look((answer.status, "hook"), f"{answer.body}{answer.headers}")
    if at < 5:
        for headers in (
            {"Authorization": f"Bearer {word}"},
            {"X-Hub-Signature-256": f"sha256={word}"},
            {"X-Name": word},
        ):
            answer = ask(f"{address}/hooks/alarm", of(word), headers)
            answered.add(answer.status)
            life.look((answer.status, "secret"), f"{answer.body}{answer.headers}")
    return answered
