"""Every command that prints JSON prints one object with a `format_version`, of its schema, whether it fails or not."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, NamedTuple

import click
import pytest
from support.commands import flowops
from support.git import Repository
from support.server import TOKEN, ApiServer

from flowops.cli.main import root
from flowops.report import formats
from flowops.schema.check import check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENV = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_KEY": "0123456789abcdef0123456789abcdef", "FLOWOPS_CAMPAIGN_KEY": "c" * 64}
E = "--env production"
WHY = "--reason why"


class Example(NamedTuple):
    """A command that succeeds in the test's repository, its schema; one that fails, with its code and schema."""

    works: str
    schema: str
    fails: str
    code: int
    failure: str = "diagnostics"
    done: int = 0


#: Each command that prints JSON, in an order in which they work.
EXAMPLES = {
    "ledger init": Example(f"ledger init {E}", "done", "ledger init --env nowhere", 64),
    "validate": Example("validate", "validate", "validate broken.yaml", 3, "validate"),
    "render": Example("render", "render", "render --ref z*", 64),
    "test": Example("test", "test-result", "test wrong", 3, "test-result"),
    "plan": Example(f"plan {E}", "plan", f"plan {E} --var x", 64),
    "apply": Example(f"apply {E} --auto-approve", "result", f"apply {E} --digest sha256:0", 8),
    "apply --detach": Example(
        f"apply --detach --name spring {E} --ref call-9 --auto-approve", "campaigns", f"apply {E} --name spring", 64
    ),
    "diff": Example("diff main", "diff", "diff nowhere", 64),
    "show": Example("show plan.json", "saved-plan", "show flowops.yaml", 3),
    "status": Example(f"status {E}", "status", f"status {E} --ref z*", 64),
    "ledger list": Example(f"ledger list {E}", "ledger-list", f"ledger list {E} --ref z*", 64),
    "campaign list": Example(f"campaign list {E}", "campaigns", "campaign list --env nowhere", 64),
    "campaign show": Example(f"campaign show spring {E}", "campaigns", f"campaign show z {E}", 64),
    "campaign pause": Example(f"campaign pause spring {E}", "campaigns", f"campaign pause z {E}", 64),
    "campaign wait": Example(f"campaign wait spring {E}", "campaigns", f"campaign wait z {E}", 64, done=4),
    "campaign resume": Example(f"campaign resume spring {E}", "campaigns", f"campaign resume z {E}", 64),
    "campaign cancel": Example(f"campaign cancel spring {E} --yes", "campaigns", f"campaign resume spring {E}", 64),
    "ledger show": Example(f"ledger show call-1 {E}", "ledger-show", f"ledger show z {E}", 1),
    "ledger runs": Example(f"ledger runs {E}", "ledger-runs", "ledger runs --env nowhere", 64),
    "ledger import": Example(f"ledger import rows.csv {E}", "done", f"ledger import none.csv {E}", 64),
    "ledger resolve": Example(
        f"ledger resolve call-1 {E} --outcome completed {WHY} --yes",
        "ledger-operation",
        f"ledger resolve call-2 {E} --not-placed {WHY} --yes",
        1,
        "ledger-operation",
    ),
    "ledger accept": Example(
        f"ledger accept call-1 {E} {WHY} --yes", "ledger-operation", f"ledger accept {E} {WHY}", 64
    ),
    "ledger cancel": Example(
        f"ledger cancel call-9 {E} {WHY} --yes", "ledger-operation", f"ledger cancel --ref z* {E} {WHY} --yes", 64
    ),
    "ledger rename": Example(
        f"ledger rename call-3 call-33 {E} {WHY} --yes", "ledger-operation", f"ledger rename call-3 {E} {WHY}", 64
    ),
    "ledger purge": Example(f"ledger purge {E} --older-than 90d --auto-approve", "done", f"ledger purge {E}", 64),
    "ledger verify": Example(f"ledger verify {E}", "done", "ledger verify --env staging", 5),
    "reconcile": Example(f"reconcile {E} --from-file records.json", "done", f"reconcile {E}", 6),
    "policy block": Example(f"policy block +442079460155 {E} {WHY}", "done", f"policy block 020 {E} {WHY}", 64),
    "policy unblock": Example(f"policy unblock +442079460155 {E} {WHY}", "done", f"policy unblock {E} {WHY}", 64),
    "policy blocked": Example(f"policy blocked {E}", "blocked", "policy blocked --env staging", 5),
    "stop": Example(f"stop {E} {WHY}", "done", f"stop {E}", 64),
    "resume": Example(f"resume {E}", "done", "resume --env staging", 5),
    "doctor": Example("doctor", "doctor", "doctor --env staging", 5, "doctor"),
    "explain": Example("explain call.callee", "field", "explain nothing", 64),
    # The last: nothing can be written here behind it.
    "ledger copy": Example(f"ledger copy {E} --to sqlite:///moved.db --yes", "done", f"ledger copy {E}", 64),
}


def commands(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by its whole name, those of groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def _prints_json(command: click.Command) -> bool:
    return any(
        "json" in option.type.choices
        for option in command.params
        if option.name == "format_" and isinstance(option.type, click.Choice)
    )


@pytest.fixture
def repository(real: Path, api: ApiServer) -> Path:
    project = (
        (real / "flowops.yaml")
        .read_text()
        .replace("rate: none", "rate: none\n    workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}")
    )
    (real / "flowops.yaml").write_text(
        project
        + "  staging: {api: https://api.cm.com/voiceapi/v2, token: {env: FLOWOPS_TOKEN}, ledger: sqlite:///none.db}\n"
    )
    (real / "calls/four.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: call-9\ncallee: '+442079460109'\n"
        "not-before: 2999-01-01T00:00Z\n"
    )
    (real / "tests").mkdir()
    (real / "wrong").mkdir()
    test = "apiVersion: flowops/v1\nkind: Test\nname: t\ngiven: {document: call-1, at: 2026-11-30T12:00Z}\n"
    (real / "tests/right.yaml").write_text(f"{test}expect: {{action: place}}\n")
    (real / "wrong/wrong.yaml").write_text(f"{test}expect: {{action: blocked}}\n")
    (real / "broken.yaml").write_text("apiVersion: flowops/v1\nkind: Call\nreference-id: x\n")
    (real / "rows.csv").write_text("reference-id\nelsewhere-1\n")
    (real / "records.json").write_text("[]")
    Repository(real).commit()
    flowops("plan", "-o", "plan.json", cwd=real)
    return real


def test_every_command_that_prints_json_is_here() -> None:
    printing = {name for name, command in commands(root) if _prints_json(command)}
    assert printing == EXAMPLES.keys() - {"apply --detach"}


def test_every_other_command_prints_no_result_of_its_own() -> None:
    silent = {name for name, command in commands(root) if not _prints_json(command)}
    assert silent == {
        *("init", "listen", "worker", "sandbox", "completion", "policy hash-numbers", "ledger export"),
        *("schema show", "schema build", "help", "version"),
    }


def test_every_kind_of_result_has_its_json() -> None:
    kinds = {*formats.ALL, formats.DONE}
    assert all("json" in formats.names(kind) for kind in kinds)


def test_each_is_an_object_of_its_schema_whether_it_fails_or_not(repository: Path) -> None:
    wrong = []
    for example in EXAMPLES.values():
        for asked, code, schema in (
            (example.works, example.done, example.schema),
            (example.fails, example.code, example.failure),
        ):
            ran = flowops(*shlex.split(asked), "--format", "json", cwd=repository, env=ENV)
            errors = [str(error) for error in check(schema, json.loads(ran.out or "null"))]
            if errors or (ran.code, ran.json["format_version"]) != (code, 1):
                wrong.append(f"{asked}: {ran.code}, {errors[:2]}\n{ran.err[:300]}\n{ran.out[:300]}")
    assert not wrong, "\n".join(wrong)
