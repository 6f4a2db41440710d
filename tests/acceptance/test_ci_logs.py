"""Nothing that a repository, a row or an argument says is obeyed by the runner of a pipeline, whatever is printed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, flowops

if TYPE_CHECKING:
    from pathlib import Path

#: What GitHub's, Azure's and TeamCity's runners obey anywhere in a line, and what they show as something else.
NAME = "##[add-mask]a ##vso[task.setvariable]b ###VSO[c] ##teamcity[d]"
#: What is obeyed at the beginning of a line, GitLab's sections, colours, what overwrites a line or turns it round.
TEXT = f"::error::x\n::stop-commands::y\n  {NAME}\rsection_start:1:a\r\x1b[0K\x1b[31m\u202e\u200b\x9b"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]|##[A-Za-z]*\\[")
#: The commands that flowops itself gives GitHub.
OWN = re.compile(r"::(?:(?:error|warning|notice) file=|stop-commands::[0-9a-f]{32}$|[0-9a-f]{32}::$)")
PROJECT = "apiVersion: flowops/v1\nkind: Project\nname: x\n"
CALL = (
    f"apiVersion: flowops/v1\nkind: Call\nreference-id: {json.dumps(NAME)}\n"
    'callee: "+442079460023"\ncaller: "+442079460000"\ncallflow-id: f\n'
)
FORMATS = {
    ("plan",): "text json markdown github gitlab sarif junit html",
    ("validate",): "text json github gitlab sarif junit",
    ("test",): "text json github junit",
    ("render",): "text json",
    ("status", "*"): "text json markdown html",
    ("apply", "--events", "-", "-vv", "--log-format", "json"): "text json github",
    ("ledger", "export"): "jsonl",
}


def check(ran: Ran, *, is_github: bool = False) -> None:
    assert "Traceback" not in ran.err
    lines = (ran.out + ran.err).split("\n")
    begun = [line for line in lines if line.lstrip().startswith("::") and not (is_github and OWN.match(line))]
    assert list(map(ascii, begun)) == []
    assert [ascii(line) for line in lines if OBEYED.search(line)] == []


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def in_every_format(root: Path) -> None:
    for command, formats in FORMATS.items():
        for format_ in formats.split():
            ran = flowops(*command, "--format", format_, cwd=root)
            check(ran, is_github=format_ == "github")


def test_what_calls_say_is_not_obeyed(tmp_path: Path) -> None:
    said = f"labels: {{k: {json.dumps(NAME)}}}\nflow-variables: {{a: {json.dumps(TEXT)}, b: [{json.dumps(NAME)}]}}\n"
    rule = f"{{name: n, when: \"{{{{ 'b' in call.labels }}}}\", action: block, reason: {json.dumps(NAME)}}}"
    test = "apiVersion: flowops/v1\nkind: Test\nname: {}\ngiven: {{document: ../calls/a.yaml}}\nexpect: {{says: {}}}\n"
    write(
        tmp_path,
        {
            "flowops.yaml": f"{PROJECT}policy: {{rules: [{rule}]}}\n",
            "calls/a.yaml": f"{CALL}{said}",
            "calls/b.yaml": f"{CALL.replace('##[', 'b')}labels: {{b: c}}\n",
            "tests/a.yaml": test.format(json.dumps(NAME), json.dumps(TEXT)),
        },
    )
    in_every_format(tmp_path)
    assert flowops("plan", cwd=tmp_path).code == 0
    assert flowops("status", NAME, cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    "files",
    [
        {"calls/a.yaml": f"::error::x: [{NAME}\n  ::debug::z\n"},
        {"calls/a.yaml": f"{CALL}{json.dumps(TEXT)}: {json.dumps(TEXT)}\n"},
        {"calls/a.yaml": f"{CALL}flow-variables: {{a: '{{{{ {json.dumps(NAME)} | e164 | {NAME} }}}}'}}\n"},
        {f"calls/{NAME}\x1b[31m\r\u202e.yaml": CALL, "calls/::error::.yaml": "kind: ["},
        {"flowops.yaml": f"{PROJECT}include: [{json.dumps(TEXT)}]\npolicy: {{do-not-call: {json.dumps(NAME)}}}\n"},
        {"flowops.yaml": f"{PROJECT}environments: {{{json.dumps(NAME)}: {{api: {json.dumps(TEXT)}}}}}\n"},
        {"flowops.yaml": f"{PROJECT}hooks: {{{json.dumps(TEXT)}: {{document: {json.dumps(NAME)}}}}}\n"},
        {"flowops.yaml": f"{PROJECT}notify: [{{to: {{env: {json.dumps(TEXT)}}}, on: [{json.dumps(NAME)}]}}]\n"},
        {
            "calls/a.yaml": "apiVersion: flowops/v1\nkind: CallSet\nfor-each: a.csv\n"
            "call: {reference-id: '{{ row.x }}'}\n",
            "calls/a.csv": f'x,{NAME}\n{NAME},"{TEXT}"\n',
        },
        {
            "calls/a.yaml": "apiVersion: flowops/v1\nkind: CallSet\nfor-each:\n"
            f"  sql: {json.dumps(f'select error({NAME!r}) from {TEXT!r} order by 1')}\ncall: {{}}\n",
        },
    ],
    ids=["yaml", "keys", "templates", "files", "project", "environments", "hooks", "notify", "rows", "sql"],
)
def test_no_message_about_a_repository_is_obeyed(files: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path, {"flowops.yaml": PROJECT, "calls/b.yaml": CALL.replace("##[", "b"), **files})
    for format_ in ("text", "json", "github"):
        ran = flowops("plan", "--format", format_, cwd=tmp_path)
        assert ran.code in (0, 3)
        check(ran, is_github=format_ == "github")


@pytest.mark.parametrize(
    "words",
    [
        ("plan",),
        ("plan", "--env"),
        ("plan", "--format"),
        ("plan", "--at"),
        ("plan", "--var"),
        ("plan", "--canary"),
        ("show",),
        ("diff",),
        ("explain",),
        ("status", "--since"),
        ("ledger", "show"),
        ("apply", "--digest"),
        ("-C",),
        ("--log-level",),
        (),
    ],
    ids=" ".join,
)
def test_no_message_about_an_argument_is_obeyed(words: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path, {"flowops.yaml": PROJECT, "calls/a.yaml": CALL})
    for said in (NAME, TEXT):
        check(flowops(*words, said, cwd=tmp_path))
