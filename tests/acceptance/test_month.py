"""A month in the life of a clinic whose reminders go out from the shipped pipeline.

Services and clocks are simulated (tests/support/pipelines), the shell of the pipelines' steps and flowops run for real.
The judge is the log of the phones, and a model of what the files say. Breaking any one rule makes the month fail.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from support.commands import flowops
from support.pipelines.breaks import IN_FLOWOPS
from support.pipelines.clock import clock_of
from support.pipelines.forked import forked
from support.pipelines.month import HOOKS, Phones
from support.pipelines.team import PROJECT, WORKFLOW, Team
from support.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
_SUNDAY = 6
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


#: What happens besides the schedule, and when.
AGENDA: dict[datetime, Callable[[Month, datetime], None]] = {}


def happens(
    day: int, hour: int, minute: int = 0
) -> Callable[[Callable[[Month, datetime], None]], Callable[[Month, datetime], None]]:
    """Let something happen at a time."""

    def keep(event: Callable[[Month, datetime], None]) -> Callable[[Month, datetime], None]:
        AGENDA[at(day, hour, minute)] = event
        return event

    return keep


def somebody(month: Month, time: datetime) -> None:
    """The file grows by somebody, and is merged."""
    month.add(f"p{time.day}", time.day + 7, time, PEOPLE[time.day % len(PEOPLE)])
    month.merged(time)


for _day in (1, 3, 4, 21, 23, 29):
    AGENDA[at(_day, 10, 40)] = somebody


@happens(2, 10, 40)
def nobody_answers(month: Month, time: datetime) -> None:
    month.add("ann", 9, time, [9, 9, 10])
    month.merged(time)


@happens(2, 11, 40)
def it_is_too_early_for_another_attempt(month: Month, time: datetime) -> None:
    month.ticks(time)


@happens(3, 20, 30)
def a_merge_in_the_night(month: Month, time: datetime) -> None:
    month.add("nora", 10, time, [10])
    month.merged(time)


@happens(3, 21)
def an_edit_before_the_call(month: Month, time: datetime) -> None:
    month.rows["nora"].when = "10:45"
    month.write()
    month.merged(time)


@happens(4, 18, 40)
def too_late_to_be_called(month: Month, time: datetime) -> None:
    month.add("late", 5, time, [10])
    month.merged(time)


@happens(7, 10, 40)
def somebody_is_on_the_list(month: Month, time: datetime) -> None:
    never, asks = month.add("never", 14, time, [10]), month.add("asks", 14, time, [9, 9, 10])
    month.listed = {never.phone: time, asks.phone: at(7, 11, 40)}
    month.repository.write({"dnc.txt": f"{never.phone}\n"})
    month.merged(time)


@happens(7, 11, 40)
def somebody_asks_not_to_be_called(month: Month, time: datetime) -> None:
    month.repository.write({"dnc.txt": "".join(f"{phone}\n" for phone in month.listed)})
    month.merged(time)


@happens(8, 10, 40)
def a_second_project(month: Month, time: datetime) -> None:
    month.open_surgery()
    month.recall("rob")
    month.init(time, "surgery")
    month.merged(time)


@happens(9, 10, 40)
def an_edit_behind_the_call(month: Month, time: datetime) -> None:
    month.rows["nora"].when = "12:00"
    month.add("p9", 16, time, [10])
    month.trouble.add("nora was told another time")
    month.merged(time)


@happens(9, 14, 30)
def somebody_has_told_nora(month: Month, time: datetime) -> None:
    month.command(time, "ledger accept", "reminder-nora-2026-12-10 --reason 'told by mail' --yes")
    month.trouble.clear()


@happens(10, 13)
def the_api_goes_down(month: Month, _time: datetime) -> None:
    month.phones.close()
    month.trouble.add("the API is down")


@happens(10, 13, 10)
def a_merge_meanwhile(month: Month, time: datetime) -> None:
    month.add("p10", 17, time, [9, 10])
    month.merged(time)


@happens(10, 14)
def the_api_is_back(month: Month, _time: datetime) -> None:
    month.phones.open()
    month.trouble.clear()


@happens(11, 10, 40)
def the_text_is_fixed(month: Month, time: datetime) -> None:
    month.repository.edit("flowops.yaml", GREETING, GREETING.replace("mant", "ment"))
    month.greeting = GREETING.replace("mant", "ment")
    month.add("p11", 18, time, [9, 9, 10])
    month.trouble.add("who was called heard another text")
    month.merged(time)


@happens(11, 11, 30)
def the_new_text_is_meant(month: Month, time: datetime) -> None:
    month.command(time, "ledger accept", "--ref 'reminder-*' --reason 'a typing error' --yes")
    month.trouble.clear()


@happens(14, 15, 30)
def a_machine_is_lost(month: Month, time: datetime) -> None:
    month.add("kay", 21, time, [10])
    month.phones.deadly["reminder-kay-2026-12-21"] = lambda: month.machine.lose()  # noqa: PLW0108 (the machine that runs by then)
    month.phones.silent.add("reminder-kay-2026-12-21")
    month.trouble.add("nobody knows whether kay was called")
    month.merged(time)


@happens(15, 8, 30)
def a_callback_settles_it(month: Month, time: datetime) -> None:
    month.phones.silent.clear()
    month.phones.now = time
    month.listen()
    month.trouble.clear()


@happens(16, 10, 40)
def two_answers_are_lost(month: Month, time: datetime) -> None:
    month.add("pia", 23, time, [10])
    month.add("quinn", 23, time, [9, 10])
    month.phones.lost = {"reminder-pia-2026-12-23": True, "reminder-quinn-2026-12-23": False}
    month.phones.silent.add("reminder-pia-2026-12-23")
    month.trouble.add("nobody knows who was called")
    month.merged(time)


@happens(16, 14)
def an_operator_has_asked_both(month: Month, time: datetime) -> None:
    month.command(time, "ledger resolve", "reminder-pia-2026-12-23 --placed --reason 'she says so' --yes")
    month.command(time, "ledger resolve", "reminder-quinn-2026-12-23 --not-placed --reason 'she says so' --yes")
    month.trouble.clear()


@happens(17, 10, 40)
def the_token_has_expired(month: Month, time: datetime) -> None:
    month.phones.token = TOKEN.replace("1", "9")
    month.add("p17", 24, time, [10])
    month.trouble.add("the token has expired")
    month.merged(time)


@happens(17, 14)
def there_is_a_new_token(month: Month, _time: datetime) -> None:
    month.keep_secret("FLOWOPS_PRODUCT_TOKEN", month.phones.token)
    month.trouble.clear()


@happens(18, 10, 40)
def the_references_are_renamed(month: Month, time: datetime) -> None:
    old, new = "reminder-{{ row.id }}-{{ row.date }}", "visit-{{ row.id }}-{{ row.date }}"
    month.repository.edit("calls/reminders.yaml", f'"{old}"', f'"{new}"\n  moved-from: "{old}"')
    month.add("p18", 28, time, [9, 9, 9, 9])
    month.merged(time)


@happens(21, 8)
def the_database_is_moved(month: Month, _time: datetime) -> None:
    month.move_ledger()


@happens(22, 10, 40)
def another_recall(month: Month, time: datetime) -> None:
    month.recall("sue")
    month.merged(time)


@happens(24, 20)
def a_merge_on_christmas_eve(month: Month, time: datetime) -> None:
    month.add("nick", 31, time, [12])
    month.merged(time)


def agenda() -> dict[datetime, Callable[[Month, datetime], None]]:
    """Return what happens, and when: a part of the schedule, and a stranger's pull request every third day, too."""
    found = dict(AGENDA)
    for day in range(1, 31):
        is_open = at(day, 12).weekday() < 5 and day not in HOLIDAYS
        ticks = ((9, 7), (13, 37), (16, 37)) if day < 19 else ((9, 7), (14, 7))
        for hour, minute in ticks if is_open else ((12, 7),):
            if at(day, 12).weekday() != _SUNDAY:
                found[at(day, hour, minute)] = lambda month, time: month.ticks(time, surgery=not time.day % 4)
        if day % 3 == 0:
            found[at(day, 17)] = lambda month, time: month.stranger(time.day // 3, time)
    return dict(sorted(found.items()))


def live(month: Month, last: int) -> None:
    """Let the days go by, up to one of them, and judge."""
    month.init(at(1, 8))
    month.write()
    month.repository.commit()
    for time, event in agenda().items():
        if time.day <= last:
            event(month, time)
            month.be_right()
    month.judge()


@pytest.fixture
def phones() -> Iterator[Phones]:
    phones = Phones(TOKEN)
    yield phones
    phones.close()


def test_everybody_is_called_as_often_as_the_files_say(tmp_path: Path, phones: Phones) -> None:
    with forked() as command:
        live(Month(tmp_path, phones, command), 30)


def in_workflow(old: str, new: str) -> Callable[[Month], None]:
    """Return what writes something else in the workflow."""
    return lambda month: month.repository.edit(WORKFLOW, old, new)


IN_THE_WORLD: dict[str, Callable[[Month], None]] = {
    "the schedule places what is due": in_workflow("github.event_name == 'schedule'", "github.event_name == 'never'"),
    "a listed number is an ordinary day": in_workflow("--auto-approve", "--auto-approve --fail-on blocked"),
    "a stranger sees no secret": lambda month: setattr(month.service, "gives_secrets_away", True),
    "callbacks are recorded": lambda month: setattr(month, "hears_callbacks", False),
    "a moved database has all that it had": lambda month: setattr(month, "loses_ledger", True),
}


@pytest.mark.long
@pytest.mark.parametrize("rule", [*IN_FLOWOPS, *IN_THE_WORLD])
def test_breaking_a_rule_is_seen(tmp_path: Path, phones: Phones, rule: str) -> None:
    with forked(rule if rule in IN_FLOWOPS else "") as command:
        month = Month(tmp_path, phones, command)
        if rule in IN_THE_WORLD:
            IN_THE_WORLD[rule](month)
        with pytest.raises(Wrong):
            live(month, 30)
