"""The log: nothing unless it is asked for, the same options everywhere, and lines that machines can read."""

from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING, Any

import click
import pytest
from support.commands import flowops
from support.server import TOKEN

from flowops.cli.main import root
from flowops.cli.options import LOG_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) (flowops\.[a-z_.]+): .+")


def commands(group: click.Group, context: click.Context) -> Iterator[click.Command]:
    yield group
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, context)
        else:
            yield command


def test_every_command_has_the_options_of_the_log() -> None:
    names = {option.name for option in LOG_OPTIONS}
    for command in commands(root, click.Context(root)):
        assert names <= {parameter.name for parameter in command.params}, command.name
        assert len({parameter.name for parameter in command.params}) == len(command.params)


def test_nothing_is_logged_unless_it_is_asked_for(clinic: Path) -> None:
    assert flowops("validate", cwd=clinic).err == ""


@pytest.mark.parametrize(
    ("given", "levels"),
    [(("-v",), {"info"}), (("-vv",), {"debug", "info"}), (("--log-level", "debug"), {"debug", "info"})],
)
def test_each_line_says_when_how_grave_and_who(clinic: Path, given: tuple[str, ...], levels: set[str]) -> None:
    for args in (("validate", *given), (*given, "validate")):
        ran = flowops(*args, cwd=clinic)
        assert ran.out.startswith("valid:")
        found = [LINE.fullmatch(line) for line in ran.err.splitlines()]
        assert all(found)
        assert {line[1] for line in found if line} == levels


def test_json_has_what_a_line_was_made_of(clinic: Path) -> None:
    ran = flowops("-vv", "apply", "--log-format", "json", cwd=clinic)
    lines = [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    named = {line["logger"]: line for line in lines}
    assert named["flowops.documents.reader"]["bytes"] > 0
    assert named["flowops.plan.planner"]["place"] == 200
    assert named["flowops.ledger.store"]["level"] == "debug"
    assert named["flowops.api.client"]["outcome"] == 200
    assert named["flowops.api.client"]["milliseconds"] >= 0
    assert named["flowops.apply.run"]["placed"] == 200
    assert named["flowops.apply.connections"]["reference"].startswith("reminder-A1")
    assert lines[-1]["code"] == 0


def test_a_file_is_appended_to_and_is_its_owners_alone(clinic: Path, tmp_path: Path) -> None:
    file = tmp_path / "flowops.log"
    for _ in range(2):
        ran = flowops("validate", "--log-file", file, cwd=clinic)
        assert ran.err == ""
    assert file.read_text().count("flowops.cli.main: ended with 0") == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_wrong_usage(clinic: Path, tmp_path: Path) -> None:
    ran = flowops("validate", "--log-file", tmp_path / "no/such.log", cwd=clinic)
    assert ran.code == 64
    assert "no/such.log cannot be written: No such file or directory" in ran.err


def test_what_ended_a_run_is_a_warning(clinic: Path) -> None:
    assert flowops("apply", cwd=clinic).code == 0
    assert flowops("stop", "--reason", "a complaint", cwd=clinic).code == 0
    data = clinic / "data/appointments.csv"
    data.write_text(data.read_text() + "A1999,Noah Whitfield,+12125550118,2026-12-02T09:00,Dr Okafor,10\n")
    warned = flowops("apply", "--log-level", "warning", cwd=clinic).err
    assert [line for line in warned.splitlines() if LINE.fullmatch(line)] != []
    assert "a complaint" in warned


def lines(err: str) -> dict[str, dict[str, Any]]:
    """Return the last line of each logger."""
    return {line["logger"]: line for line in map(json.loads, err.splitlines())}


def test_each_stage_of_a_campaign_says_how_many_and_how_long(real: Path) -> None:
    key = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_CAMPAIGN_KEY": "c" * 64}
    settings = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(f"{settings}    workers: {{key: {{env: FLOWOPS_CAMPAIGN_KEY}}}}\n")

    def logged(*args: str) -> dict[str, dict[str, Any]]:
        log = real.parent / "log"
        log.unlink(missing_ok=True)
        ran = flowops(*args, "--env", "production", "--log-format", "json", "--log-file", log, cwd=real, env=key)
        assert ran.code == 0, ran.err
        assert "+4420794610" not in log.read_text()
        return lines(log.read_text())

    logged("ledger", "init")
    handed = logged("apply", "--detach", "--auto-approve", "--name", "spring")
    read = handed["flowops.documents.discovery"]
    assert read["documents"] == 3
    assert read["seconds"] > 0
    assert handed["flowops.app.render"]["calls"] == 3
    planned = handed["flowops.plan.planner"]
    assert (planned["calls"], planned["place"], planned["some"]) == (3, 3, "3 place")
    assert planned["seconds"] > 0
    assert (handed["flowops.app.plan"]["rules"], handed["flowops.app.plan"]["tripped"]) == (0, "none")
    campaign = handed["flowops.app.hand_over"]
    assert (campaign["calls"], campaign["phones"], campaign["batches"]) == (3, 3, 1)
    worked = logged("worker", "--once")
    turn = worked["flowops.app.turns"]
    assert (turn["campaign"], turn["calls"], turn["some"], turn["until"]) == (
        campaign["campaign"],
        3,
        "nothing",
        "never",
    )
    assert worked["flowops.app.worker"]["state"] == "finished"
    assert worked["flowops.cli.main"]["seconds"] > 0
    (real / "records.json").write_text("[]")
    settled = logged("reconcile", "--from-file", "records.json")["flowops.app.reconcile"]
    assert (settled["settled"], settled["in_doubt"], settled["foreign"]) == (0, 0, 0)
    cancelled = logged("ledger", "cancel", "call-4", "--reason", "over", "--auto-approve")
    assert cancelled["flowops.app.operators"]["calls"] == 1
