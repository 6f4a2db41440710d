"""Who has run flowops, where and when, and what came of each run."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, flowops
from support.server import TOKEN, answer_with

from flowops.common.text import from_spreadsheet
from flowops.schema.check import check

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import ApiServer

ENV = {"FLOWOPS_TOKEN": TOKEN}


def run(root: Path, *args: str) -> Ran:
    return flowops(*args, "--env", "production", cwd=root, env=ENV)


@pytest.fixture
def two_runs(real: Path, api: ApiServer) -> Path:
    """A repository of which one run has placed three calls, and a later one has left one in doubt."""
    assert run(real, "ledger", "init").code == 0
    assert run(real, "apply", "--auto-approve").code == 0
    api.behave = answer_with("502 Bad Gateway", b"")
    (real / "calls/four.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: call-4\ncallee: '+442079460104'\n"
    )
    assert run(real, "apply", "--auto-approve").code == 7
    return real


class TestRuns:
    def test_the_newest_is_first_and_each_says_what_it_did(self, two_runs: Path) -> None:
        ran = run(two_runs, "ledger", "runs", "--format", "json")
        assert ran.code == 0, ran.err
        assert check("ledger-runs", ran.json) == []
        later, first = ran.json["runs"]
        assert (first["claimed"], first["placed"], first["in_doubt"], first["posts"]) == (3, 3, 0, 3)
        assert (later["claimed"], later["placed"], later["in_doubt"], later["unanswered"]) == (1, 0, 1, 0)
        assert first["started_at"] <= first["ended_at"] <= later["started_at"]
        assert {first["state"], later["state"]} == {"ended"}

    def test_people_read_it_in_words(self, two_runs: Path) -> None:
        text = run(two_runs, "ledger", "runs")
        assert "3 claimed, 3 placed" in text.out
        assert "1 claimed, 1 in doubt" in text.out
        assert "2 runs" in text.out
        assert "3 claimed, 3 placed" in run(two_runs, "ledger", "runs", "--format", "markdown").out

    def test_they_are_limited_in_number_and_in_time(self, two_runs: Path) -> None:
        newest = run(two_runs, "ledger", "runs", "--limit", "1", "--format", "json").json["runs"]
        assert [each["in_doubt"] for each in newest] == [1]
        assert len(run(two_runs, "ledger", "runs", "--since", "1h", "--format", "json").json["runs"]) == 2
        assert run(two_runs, "ledger", "runs", "--since", "2999-01-01", "--format", "json").json["runs"] == []
        assert run(two_runs, "ledger", "runs", "--since", "soon").code == 64

    def test_a_ledger_without_a_run_has_none(self, real: Path) -> None:
        assert run(real, "ledger", "init").code == 0
        assert "0 runs" in run(real, "ledger", "runs").out


class TestAuditTrail:
    def test_it_says_who_did_what_in_which_run_and_why(self, two_runs: Path) -> None:
        why = "the vendor says so: 020 7946 0104 rang"
        assert run(two_runs, "ledger", "resolve", "call-4", "--placed", "--reason", why, "--yes").code == 0
        ran = run(two_runs, "ledger", "export", "--events")
        assert ran.code == 0, ran.err
        events = [json.loads(line) for line in ran.out.splitlines()]
        assert [event["serial"] for event in events] == list(range(1, len(events) + 1))
        later, first = run(two_runs, "ledger", "runs", "--format", "json").json["runs"]
        made = [(event["event"], event["state"], event["run"]) for event in events if event["reference_id"] == "call-4"]
        assert made[:2] == [("claimed", "in-flight", later["run"]), ("unclear", "in-doubt", later["run"])]
        assert sum(event["run"] == first["run"] for event in events) == 6
        last = events[-1]
        assert (last["event"], last["state"]) == ("resolved-placed", "placed")
        assert last["reason"].startswith("the vendor says so: ")
        assert (last["who"], last["host"]) == (later["who"], later["host"])
        assert all(event["hash"] and event["at"] for event in events)
        assert "2079460" not in ran.out.replace(" ", "")
        assert "7946 010" not in ran.out

    def test_a_spreadsheet_has_the_same(self, two_runs: Path) -> None:
        lines = [json.loads(line) for line in run(two_runs, "ledger", "export", "--events").out.splitlines()]
        assert run(two_runs, "ledger", "export", "--events", "--format", "csv", "-o", "events.csv").code == 0
        rows = list(csv.DictReader(io.StringIO((two_runs / "events.csv").read_text())))
        cells = [{name: from_spreadsheet(cell) for name, cell in row.items()} for row in rows]
        assert cells == [{key: "" if it is None else str(it) for key, it in line.items()} for line in lines]

    @pytest.mark.parametrize("format_", ["jsonl", "csv"])
    def test_nobody_takes_it_for_calls(self, two_runs: Path, format_: str) -> None:
        file = f"events.{format_}"
        assert run(two_runs, "ledger", "export", "--events", "--format", format_, "-o", file).code == 0
        ran = run(two_runs, "ledger", "import", file)
        assert ran.code == 3
        assert "an event of the audit trail" in ran.err


class TestList:
    @pytest.fixture
    def ended(self, two_runs: Path) -> Path:
        """The same, with outcomes of two of the calls."""
        for reference, outcome in (("call-1", "no-answer"), ("call-2", "completed")):
            word = ("--outcome", outcome, "--reason", "asked", "--yes")
            assert run(two_runs, "ledger", "resolve", reference, *word).code == 0
        return two_runs

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            (("--outcome", "no-answer"), ["call-1"]),
            (("--outcome", "no-answer", "--outcome", "completed"), ["call-1", "call-2"]),
            (("--outcome", "no-answer", "--outcome", "completed", "--limit", "1"), ["call-1"]),
            (("--outcome", "failed"), []),
            (("--outcome", "completed", "--ref", "call-1"), []),  # the selection has a call, of another outcome
            (("--since", "today", "--state", "in-doubt"), ["call-4"]),
            (("--since", "1h", "call-2"), ["call-2"]),
            (("--since", "2999-01-01"), []),
        ],
    )
    def test_calls_are_found_by_how_they_ended_and_when(
        self, ended: Path, options: tuple[str, ...], found: list[str]
    ) -> None:
        ran = run(ended, "ledger", "list", "--format", "json", *options)
        assert ran.code == 0, ran.err
        assert [entry["reference_id"] for entry in ran.json["calls"]] == found

    def test_what_is_no_time_and_no_outcome_is_wrong_usage(self, real: Path) -> None:
        assert run(real, "ledger", "list", "--since", "soon").code == 64
        assert run(real, "ledger", "list", "--outcome", "answered").code == 64
