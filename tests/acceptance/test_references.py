"""A reference-id is the name of one call: two that look the same are one, and what the ledger writes it takes back."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN, ApiServer, queued, respond

if TYPE_CHECKING:
    import socket
    from pathlib import Path
    from typing import Any

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
COMPOSED, DECOMPOSED = "Zo\u00eb", "Zoe\u0308"


@pytest.fixture(autouse=True)
def plain(api: ApiServer) -> None:
    """An API whose ids of calls are no references: those may have any character."""

    def accept(connection: socket.socket, request: dict[str, Any], _: dict[str, str]) -> None:
        answer = {**queued(request), "call-id": f"id-{request['callee']}"}
        respond(connection, "200 OK", json.dumps(answer).encode())

    api.behave = accept


def call_set(root: Path, rows: str) -> None:
    (root / "calls/three.yaml").write_text(
        "apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/d.csv\n"
        'call: {reference-id: "{{ row.ref }}", callee: "{{ row.phone }}"}\n'
    )
    (root / "data").mkdir(exist_ok=True)
    (root / "data/d.csv").write_text(f"ref,phone\n{rows}")


def test_two_spellings_of_one_reference_are_one_in_a_file_and_across_two_nights(real: Path) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    call_set(real, f"r-{COMPOSED},+442079460101\nr-{DECOMPOSED},+442079460102\n")
    both = flowops("validate", cwd=real)
    assert both.code == 3
    assert f"row 2 and row 1 of data/d.csv both make the reference-id 'r-{COMPOSED}'" in both.err
    call_set(real, f"r-{DECOMPOSED},+442079460101\n")
    applied = flowops("apply", *PRODUCTION, "--auto-approve", "--format", "json", cwd=real, env=ENV)
    assert [call["reference_id"] for call in applied.json["calls"]] == [f"r-{COMPOSED}"]
    call_set(real, f"r-{COMPOSED},+442079460101\n")
    again = flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert again.json["summary"]["unchanged"] == 1


@pytest.mark.parametrize("character", ["\u034f", "\U000e0100", "\U000e0041", "\U0001d173", "\u2800", "\u200b"])
def test_a_reference_with_a_character_that_nobody_sees_is_refused(real: Path, character: str) -> None:
    call_set(real, f"r-1{character},+442079460101\n")
    ran = flowops("validate", cwd=real)
    assert ran.code == 3
    assert "is not a usable name" in ran.err
    (real / "old.jsonl").write_text(json.dumps({"reference_id": f"r-1{character}"}) + "\n")
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    imported = flowops("ledger", "import", "old.jsonl", *PRODUCTION, cwd=real, env=ENV)
    assert imported.code == 3
    assert "is not a usable name" in imported.err


INVISIBLE = ["\u034f", "\U000e0100", "\u2800", "\u200b", "\u00a0"]


@pytest.mark.parametrize("character", INVISIBLE)
def test_no_name_on_the_command_line_has_a_character_that_nobody_sees(real: Path, character: str) -> None:
    name = f"call-1{character}"
    for args in (
        ("ledger", "show", name),
        ("ledger", "list", f"{name}*"),
        ("ledger", "resolve", name, "--placed"),
        ("status", "call-2", name),
        ("plan", "--env", f"sandbox{character}"),
    ):
        ran = flowops(*args, cwd=real)
        assert ran.code == 64, args
        assert f"has U+{ord(character):04X} (" in ran.err
        assert "which nobody sees in a name" in ran.err


def test_names_on_the_command_line_are_compared_as_those_of_calls_are(real: Path) -> None:
    call_set(real, f"r-{COMPOSED},+442079460101\n")
    assert flowops("apply", cwd=real).code == 0
    for args in (("ledger", "show"), ("ledger", "list"), ("status",)):
        ran = flowops(*args, f"r-{DECOMPOSED}", cwd=real)
        assert (ran.code, f"r-{COMPOSED}" in ran.out) == (0, True), args


@pytest.mark.parametrize("character", INVISIBLE)
def test_projects_flows_and_environments_have_no_such_names_either(real: Path, character: str) -> None:
    project = real / "flowops.yaml"
    written = project.read_text()
    (real / "flows").mkdir()
    flow = f'apiVersion: flowops/v1\nkind: Flow\nname: "f{character}"\ncallflow-id: x\n'
    (real / "flows/f.yaml").write_text(flow)
    assert "is not a usable name" in flowops("validate", cwd=real).err
    (real / "flows/f.yaml").unlink()
    for wrong in (("name: real", f'name: "real{character}"'), ("  production:", f'  "production{character}":')):
        project.write_text(written.replace(*wrong))
        ran = flowops("validate", cwd=real)
        assert (ran.code, "is not a usable name" in ran.err) == (3, True), ran.err


def test_an_environment_is_named_in_one_normal_form(real: Path) -> None:
    project = real / "flowops.yaml"
    written = project.read_text()
    project.write_text(written.replace("  production:", f"  {COMPOSED}:"))
    assert flowops("ledger", "init", "--env", DECOMPOSED, cwd=real, env=ENV).code == 0
    project.write_text(written.replace("  production:", f"  {DECOMPOSED}:"))
    ran = flowops("validate", cwd=real)
    assert ran.code == 3
    assert "is not in Unicode's composed form (NFC)" in ran.err


def test_a_reference_that_holds_its_callees_number_is_not_imported_unless_the_policy_allows_it(real: Path) -> None:
    (real / "old.csv").write_text("reference_id,callee\nr-2079460101,+442079460101\nr-20794601,+442079460102\n")
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    ran = flowops("ledger", "import", "old.csv", *PRODUCTION, cwd=real, env=ENV)
    assert ran.code == 3
    assert "old.csv:2:1: reference-id: holds the number of its callee" in ran.err
    assert "2079460101" not in ran.err
    project = real / "flowops.yaml"
    project.write_text(f"{project.read_text()}policy: {{allow: [number-in-reference]}}\n")
    assert flowops("ledger", "import", "old.csv", *PRODUCTION, cwd=real, env=ENV).code == 0


def test_records_are_adopted_under_names_that_can_be_seen(real: Path) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    records = [{"reference": name, "id": 7} for name in (f"r-{DECOMPOSED}", "r\u200b", "r")]
    (real / "records.json").write_text(json.dumps(records))
    args = ("reconcile", *PRODUCTION, "--from-file", "records.json", "--adopt", "all")
    assert "2 adopted" in flowops(*args, cwd=real, env=ENV).out
    listed = flowops("ledger", "list", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert f"r-{COMPOSED}" in json.dumps(listed.json, ensure_ascii=False)


REFERENCES = ["-2026-12-01", "'-2026-12-01", "=1+1", "@x", "+x", "''", "'x", "##[x", "a;b", 'a"b', "\u0600x", "x y"]


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_what_a_ledger_exports_another_one_takes_back_whatever_the_references_are(real: Path, format_: str) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows((name, f"+4420794601{at:02}") for at, name in enumerate(REFERENCES))
    call_set(real, out.getvalue())
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV).code == 0
    file = f"ledger.{format_}"
    assert flowops("ledger", "export", *PRODUCTION, "--format", format_, "-o", file, cwd=real, env=ENV).code == 0
    (real / "ledger.db").unlink()
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    imported = flowops("ledger", "import", file, *PRODUCTION, cwd=real, env=ENV)
    assert imported.code == 0, imported.err
    plan = flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert plan.json["summary"]["unchanged"] == len(REFERENCES), plan.out


@pytest.mark.parametrize(
    "reference",
    ["r-442079460101", "+442079460101", "r 020 7946 0101", "2079-460-101", "0044 (0)20/79460101", "r-٢٠٧٩٤٦٠١٠١"],
)
def test_a_reference_that_holds_the_number_of_its_callee_is_refused_unless_the_policy_allows_it(
    real: Path, reference: str
) -> None:
    call_set(real, f"{reference},+442079460101\n{reference},+442079460101\nr-2,+442079460102\n")
    ran = flowops("validate", "--format", "json", cwd=real)
    assert ran.code == 3
    (told,) = ran.json["diagnostics"]
    said = "reference-id: holds the number of its callee, which every output would show (row 1 of data/d.csv, line 2, "
    assert (told["message"], told["count"]) == (f"{said}and 1 more row: 2)", 2)
    assert "460101" not in (ran.out + ran.err).replace(" ", "").replace("-", "")
    call_set(real, f"{reference},+442079460101\nr-20794601,+442079460102\n")
    project = real / "flowops.yaml"
    project.write_text(f"{project.read_text()}policy: {{allow: [number-in-reference]}}\n")
    assert flowops("validate", cwd=real).code == 0


def test_a_list_that_names_calls_twice_is_one_mistake(real: Path) -> None:
    (real / "old.csv").write_text("reference-id\n" + "".join(f"old-{row % 50}\n" for row in range(300)))
    imported = flowops("ledger", "import", "old.csv", *PRODUCTION, cwd=real, env=ENV)
    assert imported.code == 3
    assert "old.csv:52:1: reference-id: 'old-0' is in more than one row, first in row 1 of old.csv" in imported.err
    assert "(row 51 of old.csv, line 52, and 249 more rows: 52, 53, 54, …)" in imported.err
    assert "1 problem in 1 file" in imported.err
