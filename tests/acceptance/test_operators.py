"""Operators act on many calls at once: shown first, asked for, in one step, and on record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, flowops
from support.server import TOKEN, answer_with
from support.terminal import answered

from flowops.schema.check import check

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import ApiServer

ENV = {"FLOWOPS_TOKEN": TOKEN}
WORD = ("--reason", "asked the vendor", "--yes")
#: Calls of a repository in doubt.
COUNT = 30


def run(root: Path, *args: str, stdin: str | None = None) -> Ran:
    return flowops(*args, "--env", "production", cwd=root, env=ENV, stdin=stdin)


def states(root: Path) -> dict[str, str]:
    listed = run(root, "ledger", "list", "--format", "json")
    return {entry["reference_id"]: entry["state"] for entry in listed.json}


def count(root: Path, state: str) -> int:
    return list(states(root).values()).count(state)


@pytest.fixture
def doubtful(real: Path, api: ApiServer) -> Path:
    """A repository whose calls are all in doubt."""
    rows = "".join(f"{n},+4420794601{n:02d}\n" for n in range(COUNT))
    (real / "people.csv").write_text(f"id,phone\n{rows}")
    (real / "calls/three.yaml").write_text(
        "apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../people.csv\n"
        "call: {reference-id: 'ok-{{ row.id }}', callee: '{{ row.phone }}'}\n"
    )
    api.behave = answer_with("503 Service Unavailable", b"{}")
    assert run(real, "ledger", "init").code == 0
    assert run(real, "apply", "--auto-approve").code == 7
    assert count(real, "in-doubt") == COUNT
    return real


def test_a_hundred_doubts_are_settled_by_one_pattern(doubtful: Path) -> None:
    ran = run(doubtful, "ledger", "resolve", "--ref", "ok-1*", "--exclude-ref", "ok-1?", "--not-placed", *WORD)
    assert (ran.code, ran.out) == (0, "Resolved in production: 1 changed, 0 unchanged, 0 refused.\n"), ran.err
    assert "ok-1  in doubt → rejected" in ran.err
    ran = run(doubtful, "ledger", "resolve", "--ref", "*", "--placed", "--format", "json", *WORD)
    assert ran.code == 0
    assert ran.json["summary"] == {"changed": COUNT - 1, "unchanged": 0, "refused": 0}
    assert (count(doubtful, "rejected"), count(doubtful, "placed")) == (1, COUNT - 1)
    assert run(doubtful, "ledger", "verify").code == 0


def test_references_come_from_a_file_or_from_stdin_and_kinds_narrow_each_other(doubtful: Path) -> None:
    (doubtful / "list").write_text("ok-1\n\n ok-2 \nok-3\n")
    ran = run(doubtful, "ledger", "resolve", "--from-file", "list", "--ref", "ok-[12]", "--placed", *WORD)
    assert (ran.code, "nothing matches" in ran.err) == (64, True)
    ran = run(doubtful, "ledger", "resolve", "--from-file", "list", "--exclude-ref", "ok-3", "--placed", *WORD)
    assert ran.code == 0, ran.err
    ran = run(doubtful, "ledger", "resolve", "--from-file", "-", "--placed", *WORD, stdin="ok-4\nok-5\n")
    assert ran.code == 0, ran.err
    assert sorted(name for name, state in states(doubtful).items() if state == "placed") == [
        f"ok-{n}" for n in (1, 2, 4, 5)
    ]


def test_who_where_and_why_are_on_record_for_each_call(doubtful: Path) -> None:
    assert run(doubtful, "ledger", "resolve", "ok-1", "ok-2", "--placed", "--yes", "--reason", "seen it").code == 0
    for name in ("ok-1", "ok-2"):
        event = run(doubtful, "ledger", "show", name, "--format", "json").json["events"][-1]
        assert (event["happening"], event["data"]) == ("resolved-placed", {"reason": "seen it"})
        assert event["actor"]["who"]


def test_what_cannot_be_done_to_one_call_is_told_and_the_others_are_done(doubtful: Path) -> None:
    assert run(doubtful, "ledger", "resolve", "ok-1", "--placed", *WORD).code == 0
    ran = run(doubtful, "ledger", "resolve", "ok-1", "ok-2", "nobody", "--not-placed", "--format", "json", *WORD)
    assert ran.code == 1
    assert ran.json["summary"] == {"changed": 1, "unchanged": 0, "refused": 2}
    refused = {call["reference_id"]: call["refused"] for call in ran.json["calls"]}
    assert "placed, not in doubt" in refused["ok-1"]
    assert "no such call" in refused["nobody"]
    assert states(doubtful)["ok-2"] == "rejected"
    text = run(doubtful, "ledger", "resolve", "ok-1", "--not-placed", *WORD)
    assert text.code == 1
    assert "ok-1  stays placed: it is placed, not in doubt" in text.out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--placed", *WORD), "say which calls"),
        (("ok-1", "--placed", "--yes"), "--reason"),
        (("ok-1", "--placed", "--yes", "--reason", " "), "--reason is empty"),
        (("ok-1", "--placed", "--reason", "r"), "no terminal to ask"),
        (("--ref", "other-*", "--placed", *WORD), "nothing matches among the calls that are in-doubt or in-flight"),
        (("--from-file", "missing", "--placed", *WORD), "missing does not exist"),
        (("ok-1", "ok-2", "--placed", "--call-id", "id-1", *WORD), "--call-id is that of one call"),
        (("ok-1", *WORD), "--placed or --not-placed"),
    ],
)
def test_wrong_usage_does_nothing(doubtful: Path, args: tuple[str, ...], told: str) -> None:
    ran = run(doubtful, "ledger", "resolve", *args)
    assert ran.code == 64
    assert told in ran.err
    assert count(doubtful, "in-doubt") == COUNT


@pytest.mark.parametrize(("answer", "code", "placed"), [("no", 1, 0), ("yes", 0, COUNT)], ids=["no", "yes"])
def test_on_a_terminal_only_yes_does_it(doubtful: Path, answer: str, code: int, placed: int) -> None:
    command = ("ledger", "resolve", "--env", "production", "--ref", "*", "--placed", "--reason", "r")
    ended, seen = answered(*command, cwd=doubtful, answer=answer, env=ENV)
    assert ended == code, seen
    assert "Resolve 30 calls in production?" in seen
    assert count(doubtful, "placed") == placed


def test_a_list_as_json_has_its_schema(doubtful: Path) -> None:
    ran = run(doubtful, "ledger", "resolve", "--ref", "*", "--placed", "--format", "json", *WORD)
    assert check("ledger-operation", json.loads(ran.out)) == []
