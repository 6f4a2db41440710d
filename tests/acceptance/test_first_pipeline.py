"""The first day of a pipeline that `flowops init --ci github` has written: a pull request, its comment, a schedule.

The service is simulated (tests/support/pipelines), the shell of its steps and flowops run for real. How a comment looks
is seen in test_browser.py.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.git import Repository
from support.pipelines.clock import clock_of
from support.pipelines.forked import forked
from support.pipelines.github import GitHub
from support.server import TOKEN, ApiServer

if TYPE_CHECKING:
    from pathlib import Path


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, 1, hour, minute, tzinfo=UTC)


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq, which GitHub's machines have")
def test_the_first_pull_request_is_read_and_the_first_schedule_places_what_was_merged(
    tmp_path: Path, api: ApiServer
) -> None:
    repository = Repository(tmp_path / "repository")
    assert flowops("init", "--ci", "github", cwd=repository.root).code == 0
    repository.edit("flowops.yaml", "https://api.cm.com/voiceapi/v2", api.url)
    (tmp_path / "ledger").mkdir(mode=0o700)
    secrets = {"FLOWOPS_PRODUCT_TOKEN": TOKEN, "FLOWOPS_LEDGER_URL": f"sqlite:///{tmp_path}/ledger/calls.db"}
    made = flowops("ledger", "init", "--env", "production", cwd=repository.root, env={**secrets, **clock_of(at(8))})
    assert made.code == 0, made.err
    first = repository.commit()
    with forked() as command:
        service = GitHub(
            tmp_path / "machines",
            repository,
            ".github/workflows/flowops.yml",
            secrets={"production": secrets, "production-schedule": secrets, "production-plan": secrets},
            reviewed=frozenset({"production"}),
            flowops=command,
        )
        repository.git("switch", "-q", "-c", "change")
        repository.edit("flowops.yaml", "brand: Acme", "brand: Acme Clinics")
        rows = repository.root / "data/customers.csv"
        rows.write_text(f"{rows.read_text()}4,Dan Osei,+442079460123\n")
        run = service.propose(1, first, repository.commit(), at(9))
        assert set(run.results.values()) == {"success"}, run.text
        (comment,) = service.comments[1]
        assert comment["body"].startswith("<!-- flowops:repository:")
        for said in ("| 1 | 3 | 0 | 0 |", "welcome-4", "<code>Acme</code> <ins><code>Clinics</code></ins>"):
            assert said in comment["body"], comment["body"]
        repository.git("switch", "-q", "main")
        repository.git("merge", "-q", "change")
        merged = service.push(repository.git("rev-parse", "main"), at(9, 20))
        assert merged.results == {"plan": "success", "apply": "waiting"}
        assert not api.received
        scheduled = service.schedule(repository.git("rev-parse", "main"), at(9, 37))
    assert scheduled.results == {"scheduled": "success"}, scheduled.text
    assert api.received == {f"welcome-{n}": 1 for n in (1, 2, 3, 4)}
