"""What the API refuses: the token's refusals leave calls as they were, a call's own give it up in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.commands import Ran, flowops, flowops_at
from support.server import TOKEN, ApiServer, accept, answer_with, respond

if TYPE_CHECKING:
    import socket
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
REFUSALS = [("400 Bad Request", "400"), ("403 Forbidden", "403")]


def apply_at(root: Path, hour: int, *args: str) -> Ran:
    time = f"2026-11-23T{hour:02}:00:00.000Z"
    return flowops_at(time, "apply", *PRODUCTION, "--auto-approve", "--format", "json", *args, cwd=root, env=ENV)


def refuse_second(status: str) -> Any:
    """Return a behaviour that refuses one call, and takes the others."""

    def behave(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        if request["instruction-id"] == "call-2":
            respond(connection, status, b"{}")
        else:
            accept(connection, request, headers)

    return behave


@pytest.fixture
def ledger(real: Path) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(("status", "code"), REFUSALS, ids=[code for _, code in REFUSALS])
def test_a_call_refused_in_three_runs_is_given_up_until_it_is_edited(
    real: Path, api: ApiServer, status: str, code: str
) -> None:
    api.behave = refuse_second(status)
    for hour in (9, 10, 11):
        ran = apply_at(real, hour)
        assert ran.code == 6, ran.err
        assert api.received["call-2"] == hour - 8
    planned = flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert (planned.code, planned.json["summary"]["given_up"]) == (0, 1)
    (call,) = [call for call in planned.json["calls"] if call["action"] == "given-up"]
    assert call["reference_id"] == "call-2"
    assert "refused 3 times" in call["reasons"][0]
    assert code in call["reasons"][0]
    text = flowops("plan", *PRODUCTION, cwd=real, env=ENV)
    assert "# call-2" in text.out
    assert "1 given up" in text.out
    assert flowops("plan", *PRODUCTION, "--detailed-exitcode", cwd=real, env=ENV).code == 0

    again = apply_at(real, 12)
    assert (again.code, again.json["summary"]["given_up"]) == (0, 1)
    assert api.received["call-2"] == 3
    assert apply_at(real, 13, "--fail-on", "given-up").code == 6
    assert flowops("plan", *PRODUCTION, "--fail-on", "given-up", cwd=real, env=ENV).code == 6
    status_ = flowops("status", *PRODUCTION, "--fail-on", "given-up", "--format", "json", cwd=real, env=ENV)
    assert status_.code == 6
    assert [call["reference_id"] for call in status_.json["given_up"]] == ["call-2"]
    assert "call-2" in flowops("status", *PRODUCTION, cwd=real, env=ENV).out

    command = call["reasons"][1].partition("flowops ")[2].split()
    assert apply_at(real, 13, "--retry", "given-up").code == 64
    dry = flowops(*command, "--dry-run", "--format", "json", cwd=real, env=ENV)
    assert dry.json["summary"] == {**dry.json["summary"], "given_up": 0, "retry" if code == "400" else "place": 1}
    assert apply_at(real, 13, *command[1:]).code == 6, "refused once more"
    assert api.received["call-2"] == 4

    file = real / "calls/three.yaml"
    file.write_text(file.read_text().replace("+442079460102", "+442079460109"))
    api.behave = accept
    edited = apply_at(real, 14)
    assert (edited.code, edited.json["summary"]["placed"]) == (0, 1)
    assert api.received["call-2"] == 5


@pytest.mark.usefixtures("ledger")
def test_a_refusal_of_the_whole_run_gives_nothing_up(real: Path, api: ApiServer) -> None:
    names = range(1, 7)
    (real / "calls/three.yaml").write_text(
        "---\n".join(
            f'apiVersion: flowops/v1\nkind: Call\nreference-id: call-{n}\ncallee: "+44207946010{n}"\n' for n in names
        )
    )
    api.behave = answer_with("400 Bad Request", b"{}")
    for hour in (9, 10, 11, 12):
        assert apply_at(real, hour).json["summary"]["rejected"] == 6
    assert flowops("status", *PRODUCTION, "--format", "json", cwd=real, env=ENV).json["given_up"] == []
    assert api.received["call-1"] == 4


@pytest.mark.usefixtures("ledger")
def test_three_answers_of_403_in_a_row_end_the_run_and_leave_the_calls_as_they_were(real: Path, api: ApiServer) -> None:
    file = real / "calls/three.yaml"
    file.write_text(
        file.read_text()
        + "".join(
            f'---\napiVersion: flowops/v1\nkind: Call\nreference-id: call-{n}\ncallee: "+4420794601{n}"\n'
            for n in range(10, 40)
        )
    )
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("rate: none", "rate: none\n    concurrency: 1"))
    api.behave = answer_with("403 Forbidden", b"{}")
    ran = apply_at(real, 9)
    assert ran.code == 6
    assert api.received.total() < 7
    assert "403" in ran.json["failure"]
    assert flowops("ledger", "list", *PRODUCTION, "--format", "json", cwd=real, env=ENV).json["calls"] == []
    api.behave = accept
    assert apply_at(real, 10).json["summary"]["placed"] == 33
