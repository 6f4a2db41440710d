"""A clinic's week, in virtual time: `apply` every half hour in calling hours as cron has it, on SQLite.

Reminders in three attempts, outcomes by callback (lost, late, doubled and contradicting ones, too), a do-not-call entry
and a blocked number in between, an operator who settles what was lost, one report a day. The judge is the log of the
API, and a model of forty lines that knows of the files, the clock, and what the callbacks said.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import time_machine
from click.testing import CliRunner
from support.server import TOKEN, ApiServer, respond

from flowops.app.access import open_for
from flowops.app.load import project_of
from flowops.callbacks.app import Endpoint, application
from flowops.cli.main import root as command_line
from flowops.httpd import Request
from flowops.sandbox.callbacks import deliveries
from flowops.sandbox.exchange import Memory
from flowops.sandbox.handler import PLACE_PATH, TOKEN_HEADER, handle
from flowops.sandbox.settings import CallbackFaults, Settings, Span

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from flowops.sandbox.callbacks import Delivery
    from flowops.sandbox.exchange import Placed

SECRET = "a secret of more than 16 characters"
#: A Monday. In winter London has the time of UTC.
MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
AFTER, WITHIN, MOST = (timedelta(hours=2), timedelta(hours=20)), timedelta(days=3), 3
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: clinic
defaults: {caller: "+442079460000", voicemail-response: Stop}
environments:
  production:
    api: %s
    token: {env: FLOWOPS_TOKEN}
    ledger: sqlite:///ledger.db
    rate: none
    callbacks: {url: "http://127.0.0.1:9/flowops", secret: {env: FLOWOPS_CALLBACK_SECRET}}
policy:
  windows: [{days: mon-fri, hours: 09:00-17:00}]
  do-not-call: {file: dnc.txt, may-be-empty: true}
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/people.csv
attempts: {max: 3, on: [no-answer, failed], after: [2h, 20h], within: 3d}
call:
  reference-id: "reminder-{{ row.id }}"
  callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
  callee: "{{ row.phone }}"
  flow-variables: {text: "{{ 'Once more: ' if attempt > 1 else '' }}your appointment"}
"""


def number_of(person: int) -> str:
    return f"+4420794601{person:02}"


class Told(NamedTuple):
    """What somebody says of an attempt, a callback or the operator: when it came, and the result code."""

    at: datetime
    reference: str
    code: int


@dataclass
class Clinic:
    """The repository, the API and whoever calls back, all by one clock that the test moves."""

    root: Path
    settings: Settings
    people: list[int] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    #: The log of the API, and what the callbacks said.
    posts: list[tuple[datetime, str]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    due: list[tuple[datetime, Placed, Delivery]] = field(default_factory=list)
    #: Since when numbers may not be called.
    closed: dict[int, datetime] = field(default_factory=dict)

    def behave(self, connection: socket.socket, body: dict[str, Any], headers: dict[str, str]) -> None:
        """Answer as the sandbox does, and remember the callbacks that follow."""
        now = datetime.now(UTC)
        sent = {"content-type": "application/json", TOKEN_HEADER: headers.get(TOKEN_HEADER, "")}
        request = Request("POST", PLACE_PATH, "", sent)
        reply = handle(request, json.dumps(body).encode(), self.memory, self.settings, now=time.time())
        self.posts.append((now, str(reply.reference)))
        assert reply.placed is not None
        self.due += [
            (now + timedelta(seconds=each.delay), reply.placed, each)
            for each in deliveries(reply.placed, self.settings)
        ]
        respond(connection, f"{reply.status} OK", reply.body)

    def run(self, at: datetime, *args: str) -> str:
        """Run a command in this process, at a time."""
        with time_machine.travel(at, tick=True):
            ran = CliRunner().invoke(command_line, [*args, "--env", "production"], standalone_mode=False)
        assert (ran.exception, ran.return_value or 0) == (None, 0), f"{ran.exception!r} {ran.output}"
        return ran.stdout

    def add(self, *people: int) -> None:
        """Give people an appointment."""
        self.people += people
        rows = "".join(f"{person},{number_of(person)}\n" for person in self.people)
        (self.root / "data/people.csv").write_text(f"id,phone\n{rows}")

    def call_back(self, until: datetime) -> None:
        """Let all callbacks come that are due, each at its time."""
        ready = sorted(((at, placed, each) for at, placed, each in self.due if at <= until), key=lambda it: it[0])
        self.due = [each for each in self.due if each[0] > until]
        if not ready:
            return
        project, settings = project_of("production")
        with open_for(project, settings) as ledger:
            receive = application([Endpoint("production", (SECRET,), ledger, ledger.id)], lambda _line: None)
            for at, placed, delivery in ready:
                assert placed.callback_url is not None
                path = placed.callback_url.removeprefix("http://127.0.0.1:9")
                with time_machine.travel(at, tick=True):
                    answer = asyncio.run(receive(Request("POST", path, "", {}), Whole(delivery.body)))
                assert answer.status == 200
                self.told.append(Told(at, placed.reference, json.loads(delivery.body)["result"]["code"]))

    def settle(self, at: datetime) -> None:
        """Let an operator say what became of the calls of which nobody has heard for a day."""
        heard = {each.reference for each in self.told}
        lost = [name for posted, name in self.posts if name not in heard and at - posted > timedelta(days=1)]
        if lost:
            self.run(at, "ledger", "resolve", *lost, "--outcome", "no-answer", "--reason", "asked them", "--yes")
            self.told += [Told(at, name, 9) for name in lost]


class Whole(NamedTuple):
    """The body of a request that has come whole."""

    content: bytes

    async def read(self, limit: int) -> bytes:
        return self.content[: limit + 1]


def model(clinic: Clinic, now: datetime) -> set[str]:
    """Return who has to be called at a time, by what was posted and told before: the whole of what attempts are."""
    found = set()
    for person in clinic.people:
        root = f"reminder-{person}"
        names = [root, *(f"{root}~{n}" for n in range(2, MOST + 1))]
        posted = {name: at for at, name in clinic.posts if name in names}
        told = sorted(each for each in clinic.told if each.reference in names)
        if now.weekday() > 4 or not 9 <= now.hour < 17 or clinic.closed.get(person, now) < now:
            continue
        if not posted:
            found.add(root)
            continue
        first = {each.reference: each for each in reversed(told)}
        last = names[len(posted) - 1]
        if len(posted) == MOST or any(each.code == 10 for each in told) or len(first) < len(posted):
            continue  # used up, completed by whichever word, or without an outcome
        if first[last].code not in (9, 11):
            continue
        due = first[last].at + AFTER[len(posted) - 1]
        if due <= now and due <= posted[root] + WITHIN:
            found.add(names[len(posted)])
    return found


def days(clinic: Clinic, number: int) -> None:
    """Live through some days."""
    for day in range(number):
        date = MONDAY + timedelta(days=day)
        for half_hour in range(18, 37):  # cron has 9:00 to 18:00, and the window ends at 17:00
            now = date + timedelta(minutes=30 * half_hour)
            clinic.call_back(now - timedelta(seconds=1))
            happen(clinic, day, half_hour, now - timedelta(seconds=1))
            wanted, before = model(clinic, now), len(clinic.posts)
            clinic.run(now, "apply", "--auto-approve", "--format", "json")
            called = [name for _, name in clinic.posts[before:]]
            assert sorted(called) == sorted(wanted), f"at {now:%a %H:%M}"
        report(clinic, date)


def happen(clinic: Clinic, day: int, half_hour: int, now: datetime) -> None:
    """Let happen what happens besides: new appointments, a do-not-call entry, a blocked number, an operator."""
    if half_hour == 18:
        clinic.add(*range(day * 8, day * 8 + 8))
    match (day, half_hour):
        case (0, 20):
            (clinic.root / "dnc.txt").write_text(f"{number_of(1)}\n")
            clinic.closed[1] = now
        case (0, 21):
            clinic.run(now, "policy", "block", number_of(2), "--reason", "they asked for it")
            clinic.closed[2] = now
    if half_hour == 24:
        clinic.settle(now)


def report(clinic: Clinic, date: datetime) -> None:
    """Hold the report of a day against the log of the API, and against what was told."""
    at = date + timedelta(hours=18, minutes=30)
    clinic.call_back(at - timedelta(seconds=1))
    found = json.loads(clinic.run(at, "status", "--since", "today", "--format", "json"))
    today = [name for posted, name in clinic.posts if posted.date() == date.date()]
    assert sum(found["counts"].values()) == len(today)
    heard = {each.reference for each in clinic.told}
    assert found["counts"]["placed"] == sum(name not in heard for name in today)
    whole = json.loads(clinic.run(at, "status", "--format", "json"))
    assert whole["chains"]["waiting"] == whole["counts"]["placed"] == sum(name not in heard for _, name in clinic.posts)


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    faults = CallbackFaults(duplicate=0.2, contradicting=0.1, late=0.2, lost=0.1)
    settings = Settings(
        token=TOKEN, seed=7, outcomes={9: 0.5, 10: 0.3, 11: 0.1, 12: 0.1}, ring=Span(20, 300), callbacks=faults
    )
    clinic = Clinic(tmp_path, settings)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWOPS_TOKEN", TOKEN)
    monkeypatch.setenv("FLOWOPS_CALLBACK_SECRET", SECRET)
    for folder in ("calls", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "calls/reminders.yaml").write_text(CALLS)
    (tmp_path / "dnc.txt").write_text("")
    with ApiServer(clinic.behave) as api:
        (tmp_path / "flowops.yaml").write_text(PROJECT % api.url)
        clinic.run(MONDAY, "ledger", "init")
        yield clinic


def test_a_week_of_a_clinic(clinic: Clinic) -> None:
    days(clinic, 7)
    rung = Counter(name for _, name in clinic.posts)
    assert set(rung.values()) == {1}
    assert {name.partition("~")[2] for name in rung} == {"", "2", "3"}
    codes = Counter(each.code for each in clinic.told)
    assert set(codes) == {9, 10, 11, 12}
    assert len(clinic.told) > len({each.reference for each in clinic.told}), "some came twice"
    assert "audit trail verified" in clinic.run(MONDAY + timedelta(days=7), "ledger", "verify")
