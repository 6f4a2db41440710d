"""Who has run flowops, where and when, and what came of each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, flowops
from support.server import TOKEN, answer_with

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
