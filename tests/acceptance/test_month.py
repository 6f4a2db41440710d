"""A month in the life of a clinic whose reminders go out from the shipped pipeline.

Services and clocks are simulated (tests/support/pipelines), the shell of the pipelines' steps and flowops run for real.
The judge is the log of the phones, and a model of what the files say. Breaking any one rule makes the month fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.pipelines.breaks import IN_FLOWOPS
from support.pipelines.clinic import GREETING, HOLIDAYS, PEOPLE, SUNDAY, Month, Wrong, at
from support.pipelines.forked import forked
from support.pipelines.month import Phones
from support.pipelines.team import WORKFLOW
from support.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

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
            if at(day, 12).weekday() != SUNDAY:
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
