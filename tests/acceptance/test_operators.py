"""Operators act on many calls at once: shown first, asked for, in one step, and on record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import Ran, flowops
from support.server import TOKEN, answer_with, queued, respond
from support.terminal import answered

from flowops.schema.check import check

if TYPE_CHECKING:
    import socket
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
    return {entry["reference_id"]: entry["state"] for entry in listed.json["calls"]}


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


def test_a_table_of_calls_names_them_by_its_first_column(doubtful: Path) -> None:
    """Whoever takes lines out of an export means its calls, and not names that look like its lines."""
    exported = run(doubtful, "ledger", "export", "--format", "csv").out.splitlines()
    (doubtful / "some.csv").write_text("\n".join(exported[:4]))
    ran = run(doubtful, "ledger", "resolve", "--from-file", "some.csv", "--placed", *WORD)
    assert (ran.code, ran.out) == (0, "Resolved in production: 3 changed, 0 unchanged, 0 refused.\n"), ran.err
    assert count(doubtful, "placed") == 3
    assert len(states(doubtful)) == COUNT


@pytest.mark.parametrize("line", ["x" * 65, "ok-1\u200b", "ok-1  ok-2", "ok-1,in-doubt,'+44 20 79•• ••01," + "x" * 40])
def test_a_line_that_is_no_reference_names_no_call(doubtful: Path, line: str) -> None:
    (doubtful / "list").write_text(f"ok-1\n{line}\n{line}2\n")
    ran = run(doubtful, "ledger", "cancel", "--from-file", "list", *WORD)
    assert (ran.code, ran.out) == (3, "")
    assert "list:2:1: reference-id: " in ran.err
    assert "(row 2 of list, line 2, and 1 more row: 3)" in ran.err
    assert len(states(doubtful)) == COUNT


def test_references_come_from_a_file_or_from_stdin_and_kinds_narrow_each_other(doubtful: Path) -> None:
    (doubtful / "list").write_text("\ufeffok-1\r\n\n ok-2 \nok-3\n")  # as a spreadsheet writes it, and by hand
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
        (("--from-file", "-", "--placed", *WORD), "stdin names no call"),
        (("ok-1", "ok-2", "--placed", "--call-id", "id-1", *WORD), "--call-id is that of one call"),
        (("ok-1", *WORD), "--placed, --not-placed, or --outcome"),
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


def _refuse_the_first(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
    status = "400 Bad Request" if request["instruction-id"] == "call-1" else "503 Service Unavailable"
    answer_with(status, b"{}")(connection, request, headers)


def listed(root: Path) -> dict[str, dict[str, Any]]:
    """Return all calls as they are listed, without what is of one ledger only."""
    found = run(root, "ledger", "list", "--format", "json").json["calls"]
    return {
        entry["reference_id"]: {
            name: entry[name] for name in ("state", "fingerprint", "cancelled_from", "error", "claimed_at", "labels")
        }
        for entry in found
    }


def plan_json(root: Path) -> dict[str, str]:
    return {call["reference_id"]: call["action"] for call in run(root, "plan", "--format", "json").json["calls"]}


class TestOutcome:
    def test_an_operator_says_how_placed_calls_have_ended(self, doubtful: Path) -> None:
        first = run(doubtful, "ledger", "resolve", "--ref", "*", "--outcome", "no-answer", *WORD)
        assert first.code == 64
        assert "among the calls that are placed" in first.err
        named = run(doubtful, "ledger", "resolve", "ok-1", "--outcome", "no-answer", *WORD)
        assert named.code == 1
        assert "say --placed too" in named.out
        both = run(doubtful, "ledger", "resolve", "ok-1", "--placed", "--outcome", "completed", *WORD)
        assert both.code == 0, both.err
        assert run(doubtful, "ledger", "resolve", "ok-2", "ok-3", "--placed", *WORD).code == 0
        assert run(doubtful, "ledger", "resolve", "--ref", "*", "--outcome", "no-answer", *WORD).code == 0
        shown = run(doubtful, "ledger", "list", "--state", "finished", "--format", "json").json["calls"]
        assert {entry["reference_id"]: entry["callees"][0]["code"] for entry in shown} == {
            "ok-1": 10, "ok-2": 9, "ok-3": 9,
        }  # fmt: skip
        assert run(doubtful, "ledger", "verify").code == 0

    def test_one_call_id_says_it_of_one_callee(self, real: Path, api: ApiServer) -> None:
        (real / "calls/three.yaml").write_text(
            "apiVersion: flowops/v1\nkind: Call\nreference-id: both\ncallees: ['+442079460101', '+442079460102']\n"
        )
        assert run(real, "ledger", "init").code == 0
        assert run(real, "apply", "--auto-approve").code == 0
        ids = [leg["call_id"] for leg in run(real, "ledger", "show", "both", "--format", "json").json["callees"]]
        wrong = run(real, "ledger", "resolve", "both", "--outcome", "completed", "--call-id", "other", *WORD)
        assert wrong.code == 1
        one = run(real, "ledger", "resolve", "both", "--outcome", "completed", "--call-id", ids[0], *WORD)
        assert one.code == 0, one.err
        assert states(real) == {"both": "placed"}
        assert run(real, "ledger", "resolve", "both", "--outcome", "declined", *WORD).code == 0
        shown = run(real, "ledger", "show", "both", "--format", "json").json
        assert (shown["state"], [leg["code"] for leg in shown["callees"]]) == ("finished", [10, 12])


class TestAccept:
    def test_what_the_files_say_now_is_what_was_meant(self, real: Path, api: ApiServer) -> None:
        assert run(real, "ledger", "init").code == 0
        assert run(real, "apply", "--auto-approve").code == 0
        calls = real / "calls/three.yaml"
        calls.write_text(calls.read_text().replace("---\n", "voicemail-response: Stop\n---\n"))
        assert run(real, "apply", "--auto-approve").code == 9
        ran = run(real, "ledger", "accept", "--ref", "*", *WORD)
        assert (ran.code, ran.out) == (0, "Accepted in production: 2 changed, 0 unchanged, 0 refused.\n"), ran.err
        assert "edited since it was sent" in ran.err
        assert set(plan_json(real).values()) == {"unchanged"}
        assert run(real, "apply", "--auto-approve").code == 0
        assert api.received.total() == 3
        nothing = run(real, "ledger", "accept", "--ref", "*", *WORD)
        assert nothing.code == 64
        again = run(real, "ledger", "accept", "call-1", *WORD)
        assert (again.code, again.out) == (0, "Accepted in production: 0 changed, 1 unchanged, 0 refused.\n")
        # Another edit is a conflict with what was accepted, and shows what was sent.
        calls.write_text(calls.read_text().replace("Stop", "Restart"))
        assert sorted(plan_json(real).values()) == ["conflict", "conflict", "unchanged"]
        assert run(real, "ledger", "verify").code == 0

    def test_a_callee_refused_among_others_is_told_on_every_run_until_it_is_accepted(
        self, real: Path, api: ApiServer
    ) -> None:
        (real / "calls/three.yaml").write_text(
            "apiVersion: flowops/v1\nkind: Call\nreference-id: both\ncallees: ['+442079460101', '+442079460102']\n"
        )

        def one_of_two(connection: socket.socket, request: dict[str, Any], _headers: dict[str, str]) -> None:
            refused = {"callee": request["callees"][1], "success": False, "error": "not allowed"}
            answer = [queued(request, request["callees"][0]), {**queued(request, request["callees"][1]), **refused}]
            respond(connection, "200 OK", json.dumps(answer).encode())

        api.behave = one_of_two
        assert run(real, "ledger", "init").code == 0
        assert run(real, "apply", "--auto-approve").code == 6
        for _ in range(2):
            later = run(real, "apply", "--auto-approve")
            assert later.code == 6
            assert "Placed in part before" in later.out
            assert "flowops ledger accept both --env production" in later.out
        planned = run(real, "plan")
        assert planned.code == 0
        assert "1 call is placed in part" in planned.out
        accepted = run(real, "ledger", "accept", "--ref", "*", *WORD)
        assert accepted.code == 0, accepted.err
        assert "callees refused: 1" in accepted.err
        assert run(real, "apply", "--auto-approve").code == 0
        assert "placed in part" not in run(real, "plan").out
        assert api.received.total() == 1

    def test_a_call_that_is_not_placed_cannot_be_accepted(self, doubtful: Path) -> None:
        ran = run(doubtful, "ledger", "accept", "ok-1", *WORD)
        assert ran.code == 1
        assert "not placed: there is nothing to accept" in ran.out
        ran = run(doubtful, "ledger", "accept", "--ref", "*", *WORD)
        assert (ran.code, "calls that are edited since they were placed" in ran.err) == (64, True), ran.err


class TestCancel:
    def test_a_cancelled_call_is_not_placed_until_that_is_taken_back(self, real: Path, api: ApiServer) -> None:
        assert run(real, "ledger", "init").code == 0
        ran = run(real, "ledger", "cancel", "--ref", "call-2", *WORD)
        assert (ran.code, ran.out) == (0, "Cancelled in production: 1 changed, 0 unchanged, 0 refused.\n"), ran.err
        assert "call-2  not in the ledger → cancelled" in ran.err
        assert plan_json(real) == {"call-1": "place", "call-2": "cancelled", "call-3": "place"}
        text = run(real, "plan").out
        assert "- call-2" in text
        assert "who and why: flowops ledger show call-2 --env production" in text
        applied = run(real, "apply", "--auto-approve", "--format", "json")
        assert (applied.code, applied.json["summary"]["cancelled"]) == (0, 1)
        assert sorted(api.received) == ["call-1", "call-3"]
        for format_ in ("markdown", "github", "junit", "html", "sarif", "gitlab"):
            assert run(real, "plan", "--format", format_).code == 0
        assert run(real, "ledger", "cancel", "--undo", "--ref", "*", *WORD).code == 0
        assert plan_json(real)["call-2"] == "place"
        assert run(real, "apply", "--auto-approve").code == 0
        assert api.received == {"call-1": 1, "call-2": 1, "call-3": 1}
        assert run(real, "ledger", "verify").code == 0

    def test_a_cancelled_doubt_stays_told_that_it_may_have_rung_and_is_a_doubt_again_when_given_back(
        self, doubtful: Path, api: ApiServer
    ) -> None:
        ran = run(doubtful, "ledger", "cancel", "--ref", "ok-*", *WORD)
        assert ran.code == 0, ran.err
        assert "ok-1   in doubt → cancelled: it may have rung" in ran.err
        assert "it may have rung" in run(doubtful, "plan").out
        assert "it may have rung" in run(doubtful, "ledger", "show", "ok-1").out
        assert run(doubtful, "apply", "--auto-approve").code == 0
        before = api.received.total()
        assert run(doubtful, "ledger", "cancel", "--undo", "--ref", "*", *WORD).code == 0
        assert count(doubtful, "in-doubt") == COUNT
        assert run(doubtful, "apply", "--auto-approve").code == 7
        assert api.received.total() == before

    def test_a_placed_call_cannot_be_cancelled_and_one_that_is_not_cancelled_cannot_be_given_back(
        self, real: Path, api: ApiServer
    ) -> None:
        assert run(real, "ledger", "init").code == 0
        assert run(real, "apply", "--auto-approve").code == 0
        ran = run(real, "ledger", "cancel", "call-1", *WORD)
        assert ran.code == 1
        assert "nobody can take that back" in ran.out
        ran = run(real, "ledger", "cancel", "--undo", "call-1", "call-9", *WORD)
        assert ran.code == 1
        assert "it is not in the ledger, not cancelled" in ran.out

    @pytest.mark.parametrize("format_", ["jsonl", "csv"])
    def test_a_cancelled_call_moves_to_another_ledger_and_is_given_back_there(
        self, real: Path, api: ApiServer, format_: str
    ) -> None:
        """One that was refused, one that is in doubt, and one that nobody has placed."""
        api.behave = _refuse_the_first
        assert run(real, "ledger", "init").code == 0
        assert run(real, "apply", "--auto-approve", "--exclude-ref", "call-3").code == 7
        before, actions = listed(real), plan_json(real)
        assert sorted(entry["state"] for entry in before.values()) == ["in-doubt", "rejected"]
        assert run(real, "ledger", "cancel", "call-1", "call-2", "call-3", *WORD).code == 0
        file = f"export.{format_}"
        assert run(real, "ledger", "export", "--format", format_, "-o", file).code == 0
        for path in (*real.glob("ledger.db*"), *(real / ".flowops").glob("seen*")):
            path.unlink()
        assert run(real, "ledger", "init").code == 0
        assert run(real, "ledger", "import", file).code == 0
        assert set(plan_json(real).values()) == {"cancelled"}
        assert run(real, "ledger", "cancel", "--undo", "call-1", "call-2", "call-3", *WORD).code == 0
        assert listed(real) == before
        assert plan_json(real) == actions
        assert run(real, "ledger", "verify").code == 0
