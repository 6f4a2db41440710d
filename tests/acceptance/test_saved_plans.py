"""A plan that was reviewed is placed as it was, or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.git import Repository
from support.server import TOKEN, ApiServer, answer_with

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
FILES = {
    ".gitignore": ".flowops\n",
    "flows/f.yaml": """\
apiVersion: flowops/v1
kind: Flow
name: reminder
callflow-id: flow-1
variables: {text: {type: string}, closing: {type: string, default: goodbye}}
""",
    "calls/c.yaml": """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/rows.csv
call:
  reference-id: "r-{{ row.id }}"
  flow: reminder
  callee: "{{ row.phone }}"
  flow-variables: {text: "{{ vars.brand }} will see you at {{ row.when }}"}
""",
    "data/rows.csv": "id,phone,when\n1,+442079460011,ten\n2,+442079460012,eleven\n3,+442079460013,noon\n",
}


@pytest.fixture
def clinic(tmp_path: Path, api: ApiServer) -> Repository:
    """Commit A, its ledger, and a plan of it in ``plan.json`` beside the repository."""
    repository = Repository(tmp_path / "clinic")
    project = f"""\
apiVersion: flowops/v1
kind: Project
name: clinic
defaults: {{caller: "+442079460000"}}
vars: {{brand: Acme}}
environments:
  production: {{api: "{api.url}", token: {{env: FLOWOPS_TOKEN}}, ledger: "sqlite:///.flowops/ledger.db", rate: none}}
"""
    repository.commit({"flowops.yaml": project, **FILES})
    assert flowops("ledger", "init", *PRODUCTION, cwd=repository.root, env=ENV).code == 0
    saved = flowops("plan", *PRODUCTION, "-o", "../plan.json", cwd=repository.root, env=ENV)
    assert saved.code == 0, saved.err
    return repository


def edit(name: str, old: str, new: str) -> Callable[[Repository], None]:
    def change(repository: Repository) -> None:
        repository.edit(name, old, new)
        repository.commit()

    return change


def place_one(repository: Repository) -> None:
    """Another run places one of the calls: the ledger moves, the files do not."""
    text = (repository.root / "data/rows.csv").read_text()
    repository.edit("data/rows.csv", "2,+442079460012,eleven\n3,+442079460013,noon\n", "")
    ran = flowops("apply", *PRODUCTION, "--auto-approve", cwd=repository.root, env=ENV)
    assert ran.code == 0, ran.err
    repository.write({"data/rows.csv": text})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (edit("data/rows.csv", "eleven", "twelve"), ["r-2: the files say something else"]),
        (edit("data/rows.csv", "3,+442079460013,noon\n", ""), ["r-3: no longer in the files"]),
        (edit("data/rows.csv", "noon\n", "noon\n4,+442079460014,one\n"), ["r-4: not in the saved plan"]),
        (edit("flowops.yaml", "brand: Acme", "brand: Other"), [f"r-{n}: the files say" for n in (1, 2, 3)]),
        (edit("flows/f.yaml", "goodbye", "farewell"), [f"r-{n}: the files say" for n in (1, 2, 3)]),
        (edit("flows/f.yaml", "flow-1", "flow-2"), [f"r-{n}: the files say" for n in (1, 2, 3)]),
    ],
    ids=["row", "row-gone", "row-new", "variable", "flow-default", "flow-id"],
)
def test_a_plan_is_refused_after_anything_moved(
    clinic: Repository, api: ApiServer, change: Callable[[Repository], None], told: list[str]
) -> None:
    saved = clinic.git("rev-parse", "HEAD")
    change(clinic)
    ran = flowops("apply", *PRODUCTION, "--plan", "../plan.json", cwd=clinic.root, env=ENV)
    assert ran.code == 8, ran.err
    # A saved plan has no bodies; where the files moved, Git has.
    assert f"see what the files say: flowops diff {saved} --env production" in ran.err
    assert "the saved plan no longer fits" in ran.err
    for words in told:
        assert words in ran.err
    assert "digest: sha256:" in ran.err
    assert not api.received


def test_what_moved_and_came_back_is_placed_exactly(clinic: Repository, api: ApiServer) -> None:
    edit("data/rows.csv", "eleven", "twelve")(clinic)
    assert flowops("apply", *PRODUCTION, "--plan", "../plan.json", cwd=clinic.root, env=ENV).code == 8
    edit("data/rows.csv", "twelve", "eleven")(clinic)
    clinic.git("mv", "calls/c.yaml", "calls/renamed.yaml")
    ran = flowops("apply", *PRODUCTION, "--plan", "../plan.json", "--format", "json", cwd=clinic.root, env=ENV)
    assert ran.code == 0, ran.err
    assert api.received == {"r-1": 1, "r-2": 1, "r-3": 1}
    assert ran.json["summary"]["placed"] == 3


@pytest.mark.parametrize("format_", ["text", "json", "markdown", "github", "html"])
def test_the_digest_that_a_reviewer_sees_is_the_one_that_apply_takes(
    clinic: Repository, api: ApiServer, tmp_path: Path, format_: str
) -> None:
    seen = flowops("plan", *PRODUCTION, "--format", format_, cwd=clinic.root, env=ENV)
    digest = re.search(r"sha256:[0-9a-f]{64}", seen.out.replace("&#58;", ":").replace('"v1:sha256', ""))
    assert digest is not None
    other = f"sha256:{'0' * 64}"
    refused = flowops("apply", *PRODUCTION, "--digest", other, cwd=clinic.root, env=ENV)
    assert refused.code == 8
    assert not api.received
    placed = flowops("apply", *PRODUCTION, "--digest", digest[0], cwd=clinic.root, env=ENV)
    assert placed.code == 0, placed.err
    assert api.received.total() == 3


def test_an_older_copy_of_the_ledger_is_noticed(clinic: Repository, api: ApiServer, tmp_path: Path) -> None:
    before = (clinic.root / ".flowops/ledger.db").read_bytes()
    api.behave = answer_with("400 Bad Request", b'{"error": "not now"}')
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=clinic.root, env=ENV).code == 6
    assert flowops("plan", *PRODUCTION, "-o", "../plan.json", cwd=clinic.root, env=ENV).code == 0
    (clinic.root / ".flowops/ledger.db").write_bytes(before)
    for memory in (clinic.root / ".flowops").glob("seen-*.json"):
        memory.unlink()
    ran = flowops("apply", *PRODUCTION, "--plan", "../plan.json", cwd=clinic.root, env=ENV)
    assert ran.code == 5, ran.err
    assert "the saved plan has seen its event 6" in ran.err
    assert api.received.total() == 3


def test_the_digest_of_the_first_plan_of_a_sandbox_is_taken_once(clinic: Repository) -> None:
    digest = flowops("plan", "--format", "json", cwd=clinic.root).json["digest"]
    assert flowops("apply", "--digest", digest, cwd=clinic.root).code == 0
    assert flowops("apply", "--digest", digest, cwd=clinic.root).code == 8


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("calls/c.yaml", "  flow: reminder\n", "  flow: reminder\n  timezone: Etc/GMT-3\n", "r-1: its timezone"),
        ("calls/c.yaml", "  not-before: 2020-01-01T00:00Z\n", "", "r-1: its timezone, not-before"),
        ("calls/c.yaml", "basis: contract", "basis: none", "r-1: its timezone, not-before, expires, consent"),
        ("flowops.yaml", "/voiceapi/v2", "/voiceapi/v3", "api: http://127.0.0.1:"),
        ("flowops.yaml", "FLOWOPS_TOKEN", "FLOWOPS_OTHER", "token: {env: FLOWOPS_TOKEN} when saved, {env: FLO"),
        ("flowops.yaml", "https://hooks.example.org", "https://evil.example.org", "callbacks: https://hooks"),
        ("flowops.yaml", "env: FLOWOPS_SECRET", "file: secret", "callbacks.secret: {env: FLOWOPS_SECRET} when saved"),
        ("flowops.yaml", "FLOWOPS_SECRET}", "FLOWOPS_SECRET}, previous: {env: FLOWOPS_OLD}", "callbacks.previous: "),
        ("flowops.yaml", "countries: [GB]", "countries: [GB, US]", "policy: sha256:"),
        ("flowops.yaml", "policy: {max-calls: 9}", "policy: {max-calls: 8}", "policy: sha256:"),
    ],
)  # fmt: skip
def test_what_was_agreed_to_is_also_where_calls_go_and_when(
    clinic: Repository, api: ApiServer, tmp_path: Path, name: str, old: str, new: str, told: str
) -> None:
    clinic.edit(
        "calls/c.yaml",
        "  flow: reminder\n",
        "  flow: reminder\n  not-before: 2020-01-01T00:00Z\n  consent: {basis: contract}\n",
    )
    text = (clinic.root / "flowops.yaml").read_text()
    more = (
        "callbacks: {url: https://hooks.example.org, secret: {env: FLOWOPS_SECRET}}, policy: {max-calls: 9}, rate: none"
    )
    clinic.write({"flowops.yaml": text.replace("rate: none", more) + "policy: {countries: [GB]}\n"})
    env = {
        **ENV,
        "FLOWOPS_OTHER": "very-secret",
        "FLOWOPS_SECRET": "a secret of more than 16 characters",
        "FLOWOPS_OLD": "another one of more than 16",
    }
    saved = flowops("plan", *PRODUCTION, "-o", "../plan.json", cwd=clinic.root, env=env)
    assert saved.code == 0, saved.err
    assert "Calls are posted to http://127.0.0.1:" in saved.out
    assert "token in {env: FLOWOPS_TOKEN}; callbacks go to https://hooks.example.org" in saved.out
    clinic.edit(name, old, new)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/secret").write_text("a secret of more than 16 characters")
    env["FLOWOPS_SECRET_DIRS"] = str(tmp_path / "secrets")
    ran = flowops("apply", *PRODUCTION, "--plan", "../plan.json", cwd=clinic.root, env=env)
    assert ran.code == 8, ran.err
    assert told in ran.err
    assert api.received.total() == 0
