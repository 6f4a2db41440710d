"""``apply --limit N`` rings at most N phones, and says so of all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.commands import flowops
from support.server import TOKEN, ApiServer

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
APPLY = ("apply", *PRODUCTION, "--auto-approve")


def test_a_limit_places_the_first_phones_and_the_next_run_goes_on(real: Path, api: ApiServer) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    ran = flowops(*APPLY, "--limit", "2", "--format", "json", cwd=real, env=ENV)
    assert ran.code == 0, ran.err
    assert (ran.json["summary"]["placed"], ran.json["summary"]["not_attempted"]) == (2, 1)
    third = ran.json["calls"][2]
    assert (third["outcome"], third["error"], third["tries"]) == (
        "not-attempted",
        "this run places at most 2 phones (--limit)",
        0,
    )
    assert sorted(api.received) == ["call-1", "call-2"]
    told = flowops(*APPLY, "--limit", "1", "--fail-on", "none", cwd=real, env=ENV)
    assert told.code == 0, told.err
    assert sorted(api.received) == ["call-1", "call-2", "call-3"]
    assert set(api.received.values()) == {1}


def test_a_limit_counts_phones_and_never_rings_more(real: Path, api: ApiServer) -> None:
    (real / "calls/three.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: one\ncallee: '+442079460101'\n"
        "---\napiVersion: flowops/v1\nkind: Call\nreference-id: two\ncallees: ['+442079460102', '+442079460103']\n"
    )
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    ran = flowops(*APPLY, "--limit", "2", cwd=real, env=ENV)
    assert ran.code == 0, ran.err
    assert list(api.received) == ["one"]
    assert "this run places at most 2 phones (--limit)" in ran.out
    assert "two" in ran.out


def test_a_limit_is_not_for_a_dry_run(real: Path) -> None:
    assert flowops("apply", "--dry-run", "--limit", "1", cwd=real).code == 64
