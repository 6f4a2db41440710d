"""A call that was not placed says why, in every format: the commonest cause first, with the host and what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN, ApiServer, answer_with

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
APPLY = ("apply", *PRODUCTION, "--auto-approve")
#: An address, what the environment of the process says besides, what is told, and what helps.
UNREACHABLE = {
    "closed-port": ("http://127.0.0.1:9/voiceapi/v2", {}, "127.0.0.1:9: Connection refused", "check host and port"),
    "not-tls": ("https://127.0.0.1:{port}/voiceapi/v2", {}, "127.0.0.1:{port}: ", ""),
}


@pytest.mark.parametrize("name", ["closed-port", "not-tls"])
@pytest.mark.parametrize("format_", ["text", "json", "markdown", "html", "github", "junit"])
def test_an_api_that_cannot_be_reached_is_told_with_its_host(
    real: Path, api: ApiServer, name: str, format_: str
) -> None:
    address, more, reason, hint = UNREACHABLE[name]
    port = api.url.rpartition(":")[2].partition("/")[0]
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(project.replace(api.url, address.replace("{port}", port)))
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    ran = flowops(*APPLY, "--format", format_, cwd=real, env={**ENV, **more})
    assert ran.code == 6, ran.err
    shown = ran.out.replace("&#46;", ".").replace("&#58;", ":")
    # People read once what is wrong with all calls; machines find it at each of them.
    times = shown.count(reason.replace("{port}", port))
    assert times >= 3 if format_ in ("json", "junit") else times == 1, shown
    assert hint in shown or format_ == "junit"
    if format_ == "text":
        assert shown.startswith("3 calls: 127.0.0.1:")
    if format_ == "json":
        assert ran.json["causes"][0]["calls"] == 3


def test_the_commonest_cause_is_told_first(real: Path, api: ApiServer) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    api.behave = answer_with("400 Bad Request", b'{"error": "not this one"}')
    ran = flowops(*APPLY, "--format", "json", cwd=real, env=ENV)
    assert ran.code == 6
    assert [(cause["calls"], cause["hint"]) for cause in ran.json["causes"]] == [(3, None)]
    assert "not this one" in ran.json["causes"][0]["reason"]


def test_a_run_without_failures_names_no_cause(real: Path) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    assert flowops(*APPLY, "--limit", "1", "--format", "json", cwd=real, env=ENV).json["causes"] == []
