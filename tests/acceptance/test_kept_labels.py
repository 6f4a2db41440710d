"""Labels are kept with a call: it is found by them when the files no longer have it, or are not valid."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, flowops
from support.server import TOKEN, answer_with

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import ApiServer

ENV = {"FLOWOPS_TOKEN": TOKEN}
WORD = ("--reason", "asked the vendor", "--yes")


def run(root: Path, *args: str) -> Ran:
    return flowops(*args, "--env", "production", cwd=root, env=ENV)


def found(root: Path, *args: str) -> list[str]:
    ran = run(root, "ledger", "list", "--format", "json", *args)
    assert ran.code == 0, ran.err
    return [entry["reference_id"] for entry in ran.json["calls"]]


def document(campaign: str, *references: str) -> str:
    labels = f"labels: {{campaign: {campaign}, team: desk}}\n" if campaign else ""
    return "---\n".join(
        f"apiVersion: flowops/v1\nkind: Call\n{labels}reference-id: {name}\ncallee: '+442079460101'\n"
        for name in references
    )


@pytest.fixture
def doubtful(real: Path, api: ApiServer) -> Path:
    """Two campaigns in doubt, and a call without labels; the files of one campaign are gone since."""
    (real / "calls/three.yaml").write_text(document("", "plain"))
    (real / "calls/spring.yaml").write_text(document("spring", "s-1", "s-2"))
    (real / "calls/autumn.yaml").write_text(document("autumn", "a-1", "a-2"))
    api.behave = answer_with("503 Service Unavailable", b"{}")
    assert run(real, "ledger", "init").code == 0
    assert run(real, "apply", "--auto-approve").code == 7
    (real / "calls/spring.yaml").unlink()
    return real


def test_calls_that_the_files_no_longer_have_are_listed_by_their_labels(doubtful: Path) -> None:
    assert found(doubtful, "-l", "campaign=spring") == ["s-1", "s-2"]
    assert found(doubtful, "-l", "team=desk") == ["a-1", "a-2", "s-1", "s-2"]
    assert found(doubtful, "-l", "team=desk,campaign=spring", "--exclude-ref", "s-2") == ["s-1"]
    assert run(doubtful, "ledger", "list", "-l", "campaign=winter").code == 64
    status = run(doubtful, "status", "-l", "campaign=spring", "--since", "today", "--format", "json").json
    assert status["counts"]["in_doubt"] == 2
    assert [(it["place"], it["labels"]) for it in status["documents"]] == [
        (None, {"campaign": "spring", "team": "desk"})
    ]
    shown = run(doubtful, "ledger", "list", "--format", "json").json["calls"]
    assert {entry["reference_id"]: entry["labels"].get("campaign") for entry in shown} == {
        "a-1": "autumn", "a-2": "autumn", "plain": None, "s-1": "spring", "s-2": "spring",
    }  # fmt: skip


def test_a_call_is_shown_with_its_labels(doubtful: Path) -> None:
    shown = run(doubtful, "ledger", "show", "s-1", "--format", "json").json
    assert shown["labels"] == {"campaign": "spring", "team": "desk"}


def test_a_label_that_the_files_give_now_finds_what_was_claimed_without(doubtful: Path) -> None:
    (doubtful / "calls/three.yaml").write_text(document("new", "plain"))
    assert found(doubtful, "-l", "campaign=new") == ["plain"]


def test_files_that_are_not_valid_are_in_nobodys_way(doubtful: Path) -> None:
    (doubtful / "calls/three.yaml").write_text("kind: Call\nno: such field\n")
    assert found(doubtful, "-l", "campaign=autumn") == ["a-1", "a-2"]
    assert run(doubtful, "ledger", "resolve", "-l", "campaign=autumn", "--placed", *WORD).code == 0
    assert found(doubtful, "--state", "placed") == ["a-1", "a-2"]


def test_every_operation_on_many_calls_takes_labels(doubtful: Path) -> None:
    ran = run(doubtful, "ledger", "resolve", "-l", "campaign=spring", "--not-placed", "--format", "json", *WORD)
    assert (ran.code, ran.json["summary"]["changed"]) == (0, 2), ran.err
    ran = run(doubtful, "ledger", "cancel", "-l", "campaign=spring", "--exclude-ref", "s-2", *WORD)
    assert ran.code == 0, ran.err
    assert found(doubtful, "--state", "cancelled") == ["s-1"]
    assert run(doubtful, "ledger", "resolve", "a-1", "plain", "-l", "team=desk", "--placed", *WORD).code == 0
    assert found(doubtful, "--state", "placed") == ["a-1"], "kinds narrow each other"
    (doubtful / "calls/autumn.yaml").write_text(document("autumn", "a-1").replace("101'", "102'"))
    ran = run(doubtful, "ledger", "accept", "-l", "campaign=autumn", "--format", "json", *WORD)
    assert (ran.code, ran.json["summary"]["changed"]) == (0, 1), ran.err
    (doubtful / "pairs.csv").write_text("old,new\na-1,b-1\ns-2,t-2\n")
    ran = run(doubtful, "ledger", "rename", "--from-file", "pairs.csv", "-l", "campaign=autumn", *WORD)
    assert ran.code == 0, ran.err
    (doubtful / "calls/autumn.yaml").unlink()
    assert found(doubtful, "-l", "campaign=autumn") == ["a-2", "b-1"], "they go with the call"
    assert found(doubtful, "s-2") == ["s-2"]
    assert run(doubtful, "ledger", "verify").code == 0


def test_unplaced_calls_of_the_files_are_cancelled_by_label(real: Path, api: ApiServer) -> None:
    (real / "calls/three.yaml").write_text("---\n".join([document("spring", "s-1"), document("autumn", "a-1")]))
    assert run(real, "ledger", "init").code == 0
    assert run(real, "ledger", "cancel", "-l", "campaign=spring", *WORD).code == 0
    assert run(real, "apply", "--auto-approve").code == 0
    assert set(api.received) == {"a-1"}


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_an_export_has_them_and_what_takes_it_back_too(doubtful: Path, format_: str) -> None:
    file = f"export.{format_}"
    assert run(doubtful, "ledger", "export", "--format", format_, "-o", file).code == 0
    for path in doubtful.glob("ledger.db*"):
        path.unlink()
    for path in (doubtful / ".flowops").glob("*"):
        path.unlink()
    assert run(doubtful, "ledger", "init").code == 0
    assert run(doubtful, "ledger", "import", file).code == 0
    assert found(doubtful, "-l", "campaign=spring") == ["s-1", "s-2"]
    again = f"again.{format_}"
    assert run(doubtful, "ledger", "export", "--format", format_, "-o", again).code == 0
    assert labels_in(doubtful / again) == labels_in(doubtful / file)


def labels_in(path: Path) -> list[str]:
    if path.suffix == ".csv":
        return [line.partition('"{')[2] for line in path.read_text().splitlines()]
    return [json.loads(line)["labels"] for line in path.read_text().splitlines()]


def test_a_purge_forgets_them(doubtful: Path) -> None:
    assert run(doubtful, "ledger", "resolve", "-l", "campaign=spring", "--placed", *WORD).code == 0
    assert run(doubtful, "ledger", "purge", "--older-than", "0d", "--auto-approve").code == 0
    assert run(doubtful, "ledger", "list", "-l", "campaign=spring").code == 64
    assert b"spring" not in (doubtful / "ledger.db").read_bytes()
