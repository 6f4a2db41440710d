"""What is refused before anything is read or sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import ApiServer


@pytest.mark.parametrize(
    ("env", "names"),
    [
        ({"FLOWOPS_TOKEN": f"{TOKEN}\n\n"}, "FLOWOPS_TOKEN"),
        ({"FLOWOPS_TOKEN": ""}, "FLOWOPS_TOKEN"),
        ({}, "FLOWOPS_TOKEN"),
    ],
    ids=["newline", "empty", "missing"],
)
def test_a_token_that_cannot_be_sent_is_refused_before_a_data_file_is_read(
    clinic: Path, api: ApiServer, env: dict[str, str], names: str
) -> None:
    project = clinic / "flowops.yaml"
    project.write_text(
        project.read_text()
        .replace("https://api.cm.com/voiceapi/v2", api.url)
        .replace("FLOWOPS_PRODUCT_TOKEN", "FLOWOPS_TOKEN")
    )
    (clinic / "data/appointments.csv").unlink()
    env = {**env, "FLOWOPS_LEDGER_URL": f"sqlite:///{clinic}/l.db"}
    assert flowops("ledger", "init", "--env", "production", cwd=clinic, env=env).code == 0
    ran = flowops("apply", "--env", "production", "--auto-approve", cwd=clinic, env=env)
    assert ran.code == 6, ran.err
    assert names in ran.err
    assert TOKEN not in ran.err
    assert "appointments.csv" not in ran.err
    assert not api.received


def test_a_plain_http_address_is_refused_with_its_place(clinic: Path) -> None:
    project = clinic / "flowops.yaml"
    project.write_text(project.read_text().replace("https://api.cm.com", "http://api.example.org"))
    (clinic / "data/appointments.csv").unlink()
    ran = flowops("apply", "--env", "production", "--auto-approve", cwd=clinic, env={"FLOWOPS_PRODUCT_TOKEN": TOKEN})
    assert ran.code == 3, ran.err
    assert "flowops.yaml:12:" in ran.err
    assert "appointments.csv" not in ran.err


def test_ten_mistakes_in_three_files_are_ten_messages(tmp_path: Path) -> None:
    files = {
        "flowops.yaml": 'apiVersion: flowops/v1\nkind: Project\nname: ten\ndefaults: {caller: "+442079460000"}\n',
        "flows/f.yaml": (
            "apiVersion: flowops/v1\nkind: Flow\nname: f\ncallflow-id: id-1\n"
            "variables: {who: {type: string}, minutes: {type: integer}}\nproduces: [dtmf]\n"
        ),
        "calls/a.yaml": (
            "apiVersion: flowops/v1\nkind: Call\nreference-id: a\nflow: f\n"
            "callee: '+3161234'\n"  # 1 not a number
            "max-ringing-timeout: 5\n"  # 2 too short
            "voicemail-response: Hang\n"  # 3 no such response
            "flow-variables: {who: you, minutes: soon}\n"  # 4 no integer
        ),
        "calls/b.yaml": (
            "apiVersion: flowops/v1\nkind: Call\nreference-id: b\nflow: ff\n"  # 5 no such flow
            "callee: '+442079460001'\n"
            "calee: '+442079460001'\n"  # 6 no such field
            "---\napiVersion: flowops/v1\nkind: Call\nreference-id: b2\nflow: f\ncallee: '+442079460001'\n"
            "flow-variables: {who: '{{ vars.nobody }}', minutes: 1}\n"  # 7 undefined
        ),
        "calls/c.yaml": (
            "apiVersion: flowops/v1\nkind: Call\nreference-id: c\nflow: f\ncallee: '+442079460001'\n"
            "flow-variables: {minutes: 1, dtmf: 1, color: x}\n"  # 8 missing, 9 produced, 10 unknown
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    ran = flowops("validate", "--format", "json", cwd=tmp_path)
    assert ran.code == 3, ran.err
    found = [(p["file"], p["line"]) for p in ran.json["diagnostics"]]
    assert len(found) == 10, [p["message"] for p in ran.json["diagnostics"]]
    assert found == sorted(found)
    assert {file for file, _ in found} == {"calls/a.yaml", "calls/b.yaml", "calls/c.yaml"}
    text = flowops("validate", cwd=tmp_path)
    assert text.code == 3
    for problem in ran.json["diagnostics"]:
        assert f"{problem['file']}:{problem['line']}:{problem['column']}: " in text.out + text.err


def test_wrong_usage_is_64(tmp_path: Path) -> None:
    assert flowops("aply", cwd=tmp_path).code == 64
    assert flowops("plan", "--nope", cwd=tmp_path).code == 64
    assert flowops("plan", "nowhere.yaml", cwd=tmp_path).code == 64


BOOLEANS = {
    "{anyOf: [false, {type: string}]}": "must be text",
    "{oneOf: [false, {type: string}]}": "must be text",
    "{anyOf: [false, false]}": "must be something else",
    "{oneOf: [true, true]}": "fits more than one of the schemas of oneOf, and has to fit one alone",
    '{$ref: "#/$defs/a", $defs: {a: false}}': "is a value that its schema forbids",
    '{$ref: "#/$defs/a", $defs: {a: true}}': None,
}


@pytest.mark.parametrize(("schema", "problem"), BOOLEANS.items())
def test_true_and_false_are_schemas(tmp_path: Path, schema: str, problem: str | None) -> None:
    (tmp_path / "one.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Project\nname: p\ndefaults: {caller: '+442079460000'}\n---\n"
        f"apiVersion: flowops/v1\nkind: Flow\nname: f\ncallflow-id: x\nvariables: {{v: {schema}}}\n---\n"
        "apiVersion: flowops/v1\nkind: Call\nreference-id: r\nflow: f\ncallee: '+442079460018'\n"
        "flow-variables: {v: 3}\n"
    )
    ran = flowops("validate", "one.yaml", cwd=tmp_path)
    assert ran.code == (0 if problem is None else 3), ran.err
    assert problem is None or f"flow-variables.v: {problem}" in ran.err, ran.err
    assert flowops("schema", "build", "--project", ".", cwd=tmp_path).code == 0


FLOW = "apiVersion: flowops/v1\nkind: Flow\nname: f\ncallflow-id: x\nvariables: {a: {type: string}}\n"


@pytest.mark.parametrize(
    "flow",
    [
        f"{FLOW}produce: [b]\n",
        FLOW.replace("string", "str"),
        FLOW.replace("callflow-id: x\n", ""),
        f"{FLOW}name: g\n",
        # Which flow it is nobody can tell: it may be this one.
        FLOW.replace("name: f", "name: 5"),
        FLOW.replace("flowops/v1", "flowops/v2"),
        FLOW.replace("kind: Flow\n", ""),
        FLOW.replace("kind: Flow", "kind: Flows"),
        f"{FLOW}  x: [\n",
        f"<<<<<<< ours\n{FLOW}",
    ],
)
def test_a_flow_that_is_wrong_does_not_accuse_its_calls(real: Path, flow: str) -> None:
    (real / "flows").mkdir()
    (real / "flows/f.yaml").write_text(flow)
    for number in (1, 2, 3):
        (real / f"calls/{number}.yaml").write_text(
            f"apiVersion: flowops/v1\nkind: Call\nreference-id: f-{number}\ncallee: '+442079460101'\nflow: f\n"
        )
    ran = flowops("validate", cwd=real)
    assert ran.code == 3
    assert "is not a known flow" not in ran.err
    assert [line for line in ran.err.splitlines() if line.startswith("calls/")] == []
