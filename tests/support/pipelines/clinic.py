"""A clinic that reminds people of their appointments, with a model of what its files say: whom it rings, and when."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import yaml

from support.commands import flowops
from support.pipelines.clock import clock_of
from support.pipelines.month import HOOKS, Phones
from support.pipelines.team import PROJECT, WORKFLOW, Team

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.pipelines.github import GitHub, Run
    from support.pipelines.machine import Machine
    from support.pipelines.month import Ring

CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/appointments.csv
attempts: {max: 3, on: [no-answer], after: 2h}
call:
  reference-id: "reminder-{{ row.id }}-{{ row.date }}"
  callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
  callee: "{{ row.phone }}"
  expires: "{{ row.date }}"
  flow-variables: {text: "{{ vars.greeting }} {{ row.when }}"}
"""
GREETING = "Your appointmant is at"
CLINIC = f"""\
    callbacks: {{url: {HOOKS}, secret: {{env: FLOWOPS_CALLBACK_SECRET}}}}
vars: {{greeting: "{GREETING}"}}
policy:
  do-not-call: {{file: dnc.txt, may-be-empty: true}}
  windows: [{{days: mon-fri, hours: "09:00-18:00", holidays: national}}]
"""
#: The other project of the repository: recalls, of the same clinic's surgery.
SURGERY = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/recalls.csv
call:
  reference-id: "recall-{{ row.id }}"
  callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
  callee: "{{ row.phone }}"
  flow-variables: {text: "Please call the surgery"}
"""
OPENS, CLOSES = 9, 18
HOLIDAYS = {25, 28}
SUNDAY = 6
#: How the calls of a person end, one after the other.
PEOPLE = ([10], [9, 10], [9, 9, 10], [9, 9, 9, 9], [12])


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of December 2026, which begins with a Tuesday, or of a day behind it; in winter London has UTC."""
    return datetime(2026, 12, 1, hour, minute, tzinfo=UTC) + timedelta(day - 1)


@dataclass
class Row:
    """An appointment, as its line of the file; `added` is when that was merged."""

    id: str
    phone: str
    date: datetime
    when: str
    added: datetime
    answers: list[int]

    @property
    def line(self) -> str:
        """The line."""
        return f"{self.id},{self.phone},{self.date:%Y-%m-%d},{self.when}\n"


def opening(time: datetime) -> datetime:
    """Return when calls may be placed from a time on."""
    while True:
        if time.weekday() < 5 and time.day not in HOLIDAYS and time.month == 12 and time.hour < CLOSES:
            return max(time, time.replace(hour=OPENS, minute=0))
        time = (time + timedelta(days=1)).replace(hour=0, minute=0)


def rings(row: Row, listed: dict[str, datetime]) -> int:
    """Return how often the files say that a row's phone rings."""
    time, count = opening(row.added), 0
    for code in row.answers[:3]:
        if time >= row.date or time >= listed.get(row.phone, time + timedelta(1)):
            break
        count += 1
        if code != 9:
            break
        time = opening(time + timedelta(hours=2))
    return count


class Wrong(Exception):
    """Something in the month was not as it has to be."""


class Month(Team):
    """The clinic, its two projects, and what it has to look after: `trouble` is what needs a person by now."""

    service: GitHub

    def __init__(self, folder: Path, phones: Phones, command: list[str]) -> None:
        self.phones, self.folder, self.flowops = phones, folder, command
        super().__init__(folder, phones, "github", PROJECT + CLINIC, flowops=command)  # type: ignore[arg-type]
        self.keep_secret("FLOWOPS_CALLBACK_SECRET", "s3cret-" * 6)
        self.repository.write({"calls/reminders.yaml": CALLS, "dnc.txt": "# nobody\n", ".gitignore": ".flowops/\n"})
        self.services = [self.service]
        self.rows: dict[str, Row] = {}
        self.listed: dict[str, datetime] = {}
        self.recalls: list[str] = []
        self.trouble: set[str] = set()
        self.greeting = GREETING
        self.hears_callbacks, self.loses_ledger = True, False
        #: What a run has told wrongly.
        self.wrong: list[str] = []
        self.texts: list[tuple[datetime, str, str]] = []

    @property
    def machine(self) -> Machine:
        """The machine that runs a job."""
        assert self.service.machine is not None
        return self.service.machine

    def add(self, name: str, day: int, added: datetime, answers: list[int], when: str = "9:30") -> Row:
        """Write down an appointment on a day."""
        phone = f"+4420794601{len(self.rows):02}"
        row = self.rows[name] = Row(name, phone, at(day, 0), when, added, answers)
        self.phones.answers[phone] = list(answers)
        self.write()
        return row

    def write(self) -> None:
        """Write the file of all appointments."""
        lines = "".join(row.line for row in self.rows.values())
        self.repository.write({"data/appointments.csv": f"id,phone,date,when\n{lines}"})

    def expect(self, is_right: bool, what: object) -> None:
        """Note what is wrong."""
        if not is_right:
            self.wrong.append(str(what))

    def step(self, run: Run, before: int) -> None:
        """Judge a run: red where somebody has to act, and truthful where it is green; then let callbacks come."""
        acted, called = run.results.keys() & {"apply", "scheduled"}, self.phones.log[before:]
        where = f"{run.at} {run.results}"
        if run.is_red or acted:
            needs = self.trouble or "nothing"
            self.expect(run.is_red == bool(self.trouble), f"{where}: {needs} needs a person\n{run.text}")
        if acted and not run.is_red:
            told = re.search(r"Applied to production: (\d+) placed", run.text)
            self.expect((int(told[1]) if told else 0) == len(called), f"{where}: it called {called}\n{run.text}")
        for ring in called:
            self.hear(ring)
        self.phones.now = run.at + timedelta(minutes=5)
        self.listen()

    def listen(self) -> None:
        """Let the callbacks come that are owed by now."""
        if self.hears_callbacks:
            self.phones.call_back(self.folder / "listener", self.secrets, self.repository.root, self.flowops)

    def each(self, do: Callable[[GitHub], Run], time: datetime, *, surgery: bool = True) -> None:
        """Let something happen to the projects of the repository; whoever has to approve does."""
        for service in self.services if surgery else [self.service]:
            self.phones.now, before = time, len(self.phones.log)
            run = do(service)
            if run.is_waiting:
                service.approve(run, time)
            if service is self.service:
                self.step(run, before)
            else:
                self.expect(not run.is_red, f"{run.at} surgery: {run.text}")
                for ring in self.phones.log[before:]:
                    self.hear(ring)

    def merged(self, time: datetime) -> None:
        """Merge what there is."""
        self.texts += [(time, row.phone, f"{self.greeting} {row.when}") for row in self.rows.values()]
        sha = self.repository.commit()
        self.each(lambda service: service.push(sha, time), time)

    def ticks(self, time: datetime, *, surgery: bool = False) -> None:
        """Let the schedule come."""
        self.each(lambda service: service.schedule(self.head, time), time, surgery=surgery)

    def command(self, time: datetime, command: str, arguments: str) -> None:
        """Let an operator act, which has to go well."""
        self.phones.now = time
        run = self.operate(command, arguments, time)
        self.expect(run.results == {"operate": "success"}, f"{run.at} {command}: {run.text}")

    def stranger(self, number: int, time: datetime) -> None:
        """Let somebody unknown open a pull request: nobody is called, and no secret is told."""
        kind = number % 4
        self.repository.git("switch", "-q", "-c", f"stranger-{number}")
        match kind:
            case 0:
                self.repository.edit("calls/reminders.yaml", "row.phone", "'+442079460999'")
            case 1:
                self.repository.edit("calls/reminders.yaml", "row.phone", "row.fone")
            case 2:
                self._take_over()
            case _:
                self.repository.edit("flowops.yaml", self.phones.url, "https://evil.example/v2")
        sha = self.repository.commit()
        self.repository.git("switch", "-q", "main")
        before = len(self.phones.log)
        self.phones.now = time
        run = self.propose(number, sha, time, fork=True)
        self.expect(self.phones.log[before:] == [], f"{time}: a stranger has called")
        self.expect(run.is_red == (kind in (1, 2)), f"{time}: a stranger's {kind}: {run.text}")
        self.expect(not any(secret in run.text for secret in self.secrets.values()), f"{time}: a secret is told")
        self.expect(not self.service.comments.get(number), f"{time}: a stranger's comment")

    def _take_over(self) -> None:
        """Let the review place calls, as far as a file can say so."""
        file = self.repository.root / WORKFLOW
        workflow = yaml.safe_load(file.read_text())
        review, scheduled = workflow["jobs"]["review"], workflow["jobs"]["scheduled"]
        review |= {"steps": scheduled["steps"], "environment": scheduled["environment"]}
        file.write_text(yaml.safe_dump(workflow))
        self.repository.write({"data/appointments.csv": "id,phone,date,when\nx,+442079460998,2026-12-31,9:30\n"})

    def open_surgery(self) -> None:
        """Begin the second project, with a copy of the workflow that works in its folder."""
        root = self.repository.root
        text = (root / WORKFLOW).read_text()
        text = re.sub(r"( +)(command: )", r"\1working-directory: surgery\n\1\2", text)
        text = re.sub(r"(path: | {12})(plan\.json|flowops-|\.flowops/)", r"\1surgery/\2", text)
        text = re.sub(r"(\n +)(name: flowops-plan)(\n +- uses)", r"\1\2\1path: surgery\3", text)
        text = text.replace("production\n      cancel", "surgery\n      cancel")
        name = WORKFLOW.replace("flowops.yml", "surgery.yml")
        project = (PROJECT % self.phones.url).replace("name: clinic", "name: surgery")
        self.repository.write({name: text, "surgery/flowops.yaml": project, "surgery/calls/recalls.yaml": SURGERY})
        self.services.append(self.service.beside(name))

    def recall(self, name: str) -> None:
        """Write down somebody whom the surgery calls."""
        self.recalls.append(name)
        lines = "".join(f"{each},+4420794602{at:02}\n" for at, each in enumerate(self.recalls))
        self.phones.answers |= {f"+4420794602{at:02}": [10] for at in range(len(self.recalls))}
        self.repository.write({"surgery/data/recalls.csv": f"id,phone\n{lines}"})

    def move_ledger(self) -> None:
        """Move the ledgers of both projects to another database, and give the jobs its address."""
        new = f"sqlite:///{self.folder}/moved/calls.db"
        (self.folder / "moved").mkdir(mode=0o700)
        for project in () if self.loses_ledger else (".", "surgery"):
            env = {**self.secrets, **clock_of(self.phones.now)}
            moved = flowops(
                *("ledger", "copy", "--env", "production", "--to", new, "--yes"),
                cwd=self.repository.root / project,
                env=env,
            )
            self.expect(moved.code == 0, f"the move of {project}: {moved.err}")
        self.keep_secret("FLOWOPS_LEDGER_URL", new)
        if self.loses_ledger:
            self.init(self.phones.now)
            self.init(self.phones.now, "surgery")

    def hear(self, ring: Ring) -> None:
        """Hold one call against what the files say: its words, its time, and that there is not one more of it."""
        earlier = [
            each for each in self.phones.log[: self.phones.log.index(ring)] if each.callee == ring.callee and each.rang
        ]
        if not ring.reference.startswith("recall-"):
            texts = [text for time, phone, text in self.texts if phone == ring.callee and time <= ring.at]
            self.expect(texts[-1:] == [ring.text], f"{ring}: it should say {texts[-1:]}")
            self.expect(opening(ring.at) == ring.at, f"{ring}: out of hours")
        self.expect(all(ring.at - each.at >= timedelta(hours=2) for each in earlier), f"{ring}: too early")
        rang = len(earlier) + ring.rang
        self.expect(rang <= self.wanted.get(ring.callee, 0), f"{ring}: {rang} and not {self.wanted.get(ring.callee)}")

    @property
    def wanted(self) -> dict[str, int]:
        """How often each phone rings."""
        rows = {row.phone: rings(row, self.listed) for row in self.rows.values()}
        return rows | {f"+4420794602{at:02}": 1 for at in range(len(self.recalls))}

    def judge(self) -> None:
        """Hold the log of the phones against what the files say: nobody was left out."""
        rang = Counter(ring.callee for ring in self.phones.log if ring.rang)
        self.expect(rang == Counter(self.wanted), f"{rang} and not {self.wanted}")
        self.be_right()

    def be_right(self) -> None:
        """Raise Wrong where something was wrong."""
        if self.wrong:
            raise Wrong("\n\n".join(self.wrong))
