"""flowops from Python: docs/python.md is run as it stands, and what a program needs besides."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from support.commands import EXAMPLES, ROOT
from support.server import Gate

import flowops
from flowops import AsyncProject, FlowopsError, Project
from flowops.apply.control import ShutdownRequest
from flowops.errors import StalePlan
from flowops.model.result import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import ApiServer

PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def pattern(output: str) -> str:
    return r"[^\n]*".join(map(re.escape, output.split("[…]")))


@pytest.fixture(autouse=True)
def _no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that another test ran in this process may have set one up."""
    log = logging.getLogger("flowops")
    for name, value in {"handlers": [], "propagate": True, "level": logging.NOTSET}.items():
        monkeypatch.setattr(log, name, value)


@pytest.mark.parametrize("number", range(len(EXAMPLE)))
def test_each_example_prints_what_the_page_says(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "clinic"
    shutil.copytree(EXAMPLES / "clinic-reminders", root, ignore=shutil.ignore_patterns(".flowops"))
    monkeypatch.chdir(root)
    code, output = EXAMPLE[number]
    exec(compile(code, f"docs/python.md, example {number + 1}", "exec"), {"__name__": "example"})
    printed, told = capsys.readouterr()
    assert re.fullmatch(pattern(output), printed), printed
    assert told == ""


def test_every_example_has_its_output() -> None:
    assert len(EXAMPLE) == PAGE.count("```python") > 5


@pytest.fixture
def project(real: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Three calls, and a server that plays the API."""
    monkeypatch.setenv("FLOWOPS_TOKEN", "t0ken")
    monkeypatch.chdir(real)
    from flowops.app.ledger import init

    init("production")
    return Project(environment="production")


def test_the_package_names_what_it_gives() -> None:
    for name in flowops.__all__:
        assert getattr(flowops, name) is not None
    with pytest.raises(AttributeError):
        flowops.nothing_of_the_kind  # noqa: B018


def test_who_does_not_approve_sends_nothing(project: Project, api: ApiServer) -> None:
    def refuse(_: object) -> None:
        raise FlowopsError("not today")

    with pytest.raises(FlowopsError, match="not today"):
        project.apply(approve=refuse)
    assert not api.received


def test_an_ear_that_fails_holds_up_no_call(project: Project, api: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    def ear(_: object) -> None:
        raise ZeroDivisionError("+442079460101")

    assert project.apply(events=ear).counts()[Outcome.PLACED] == 3
    assert api.received.total() == 3
    assert caplog.messages.count("events are not written any more: ZeroDivisionError") == 1
    assert "7946" not in caplog.text


def test_a_digest_of_another_plan_is_stale(project: Project, api: ApiServer) -> None:
    with pytest.raises(StalePlan):
        project.apply(digest="sha256:" + 64 * "0")
    assert not api.received


def test_a_selection_narrows(project: Project, api: ApiServer) -> None:
    some = Project(environment="production", refs=["call-[12]"], exclude_refs=["call-2"])
    with pytest.raises(FlowopsError):
        some.apply()  # brackets are no wildcards
    some = Project(environment="production", refs=["call-*"], exclude_refs=["call-2"])
    assert some.apply().counts()[Outcome.PLACED] == 2
    assert set(api.received) == {"call-1", "call-3"}
    with project.ledger() as ledger:
        assert {entry.reference_id for entry in ledger.entries()} == {"call-1", "call-3"}


def test_a_task_that_is_cancelled_records_what_it_sent(project: Project, api: ApiServer) -> None:
    gate = api.behave = Gate()

    async def cancelled() -> None:
        task = asyncio.create_task(AsyncProject(project).apply())
        await asyncio.to_thread(api.wait_for, 1)
        task.cancel()
        threading.Timer(0.2, gate.open).start()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    sent = set(api.received)
    assert sent
    with project.ledger() as ledger:
        assert {entry.reference_id for entry in ledger.entries() if entry.state.is_placed} == sent


def test_a_request_before_the_run_begins_is_heard(project: Project, api: ApiServer) -> None:
    shutdown = ShutdownRequest()
    shutdown.request_from_outside()
    result = project.apply(shutdown)
    assert result.counts()[Outcome.NOT_ATTEMPTED] == 3
    assert not api.received


def test_a_loop_goes_on_beside_a_plan_and_a_walk(project: Project) -> None:
    async def both() -> tuple[int, int]:
        async with AsyncProject(project).plan() as planned:
            calls = [call async for call in AsyncProject(project).render()]
            return planned.plan.size, len(calls)

    assert asyncio.run(both()) == (3, 3)
