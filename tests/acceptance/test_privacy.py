"""What somebody may not find again: numbers in every written form, and sensitive values, through every command.

Each case is a small repository with them in one kind of place. Every command that can meet them there is run in every
format, with its log at its loudest; then what it printed, what it left on the disk and what the ledger holds is
searched. Whatever can be wrong with the place is wrong in some row.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.canaries import FORMS, Ended, Number, leaked, left_behind, numbers, run, secrets
from support.server import TOKEN, ApiServer, answer_with, respond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    import socket

ENV = {"FLOWOPS_TOKEN": TOKEN, "TOKEN": TOKEN, "DNC_KEY": "a key of the test, long enough"}
LOUD = ("--log-level", "debug")
#: The formats of the commands that read files only, and of plan.
FORMATS = ("text", "json", "markdown", "github", "gitlab", "sarif", "junit", "html")

FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: greet
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  patient: {type: [string, integer, object, array, "null"], x-sensitive: true, maxLength: 12, minLength: 3, maximum: 9}
  address: {type: object, x-sensitive: true, properties: {city: {type: string}}, additionalProperties: false, default: {}}
  choice: {enum: [yes, no], default: yes}
  minutes: {type: integer, maximum: 60, default: 15}
  when: {type: string, format: date, default: "2026-12-01"}
  code: {type: string, pattern: "^[A-C]$", default: A}
"""
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: canary
defaults: {caller: "+442079460000", flow: greet}
"""
HEAD = "apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/d.csv\n"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A CSV file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def plant(root: Path, **files: str) -> None:
    """Write a repository: the project and the flow, and files whose names have ``__`` for a slash."""
    (root / ".git").mkdir(parents=True, exist_ok=True)
    for name, text in {"flowops.yaml": PROJECT, "flows__greet.yaml": FLOW, **files}.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


class Watch:
    """A repository, and the search of everything that commands leave of the canaries in it."""

    def __init__(self, root: Path, of: list[Number], words: list[str]) -> None:
        self.root = root
        self.of = of
        self.words = words
        self.temporary = root.parent / "tmp"
        self.temporary.mkdir()

    def run(self, *args: str, **options: Any) -> Ended:
        """Run a command, loudly, and hold what it printed to the law."""
        env = {**ENV, **options.pop("env", {}), "TMPDIR": str(self.temporary)}
        ended = run(self.root, *args, *LOUD, env=env, **options)
        assert "Traceback" not in ended.text, (args, ended.text)
        found = leaked(ended.text, self.of, self.words)
        lines = [line for line in ended.text.splitlines() if leaked(line, self.of, self.words)]
        assert not found, (args, ended.code, found[:5], lines[:8])
        return ended

    def formats(self, *args: str, formats: Iterable[str] = FORMATS) -> None:
        """Run a command in each format."""
        for name in formats:
            env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(self.temporary / "summary")} if name == "github" else {}
            self.run(*args, "--format", name, env=env)

    def wrong(self) -> None:
        """Run everything that says what is wrong with files."""
        assert self.run("validate").code == 3
        self.formats("validate")
        for command in ("plan", "render"):
            self.run(command)
        self.formats("plan", formats=("markdown", "github", "sarif", "junit", "html"))
        self.search()

    def search(self, inputs: Iterable[Path] = ()) -> None:
        """Look into all files that are not inputs."""
        known = {path for path in self.root.rglob("*") if path.suffix in (".yaml", ".csv", ".jsonl", ".txt", ".key")}
        for path, text in left_behind([self.root, self.temporary], {*known, *inputs}):
            found = leaked(text, self.of, self.words)
            assert not found, (path, found[:5])


@pytest.fixture(params=[pytest.param((len(FORMS) * 2, 8), id="few"), pytest.param((2_000, 200), id="all", marks=pytest.mark.long)])
def watch(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A place for canaries."""
    count, words = request.param
    found = Watch(tmp_path / "root", numbers(count), secrets(words))
    monkeypatch.setattr(tempfile, "tempdir", str(found.temporary))
    return found


def rows_of(watch: Watch) -> list[tuple[str, str]]:
    """Rows of a number and a secret."""
    return [(number.written, watch.words[at % len(watch.words)]) for at, number in enumerate(watch.of)]


#: A field of a call, and a template of a row's phone or name that is wrong there.
FIELDS = {
    "callee": '  callee: "{{ row.phone }}"\n',
    "callee, read for a country": "  callee: \"{{ row.phone | e164('NL') }}\"\n",
    "callee, read for none": '  callee: "{{ row.phone | e164 }}"\n',
    "callee is a name": '  callee: "{{ row.name }}"\n',
    "callees": '  callees: ["{{ row.phone }}", "{{ row.name }}"]\n',
    "caller": '  callee: "+442079460018"\n  caller: "{{ row.phone }}"\n',
    "flow": '  callee: "+442079460018"\n  flow: "{{ row.phone }}"\n',
    "flow is a name": '  callee: "+442079460018"\n  flow: "{{ row.name }}"\n',
    "callflow-id": '  callee: "+442079460018"\n  callflow-id: ["{{ row.phone }}"]\n',
    "expires": '  callee: "+442079460018"\n  expires: "{{ row.phone }}"\n  not-before: "{{ row.name }}"\n',
    "timezone": '  callee: "+442079460018"\n  timezone: "{{ row.phone }}"\n',
    "timezone is a name": '  callee: "+442079460018"\n  timezone: "{{ row.name }}"\n',
    "max-ringing-timeout": '  callee: "+442079460018"\n  max-ringing-timeout: "{{ row.phone }}"\n',
    "callback-url": '  callee: "+442079460018"\n  callback-url: "{{ row.phone }}"\n',
    "callback-url with a name": '  callee: "+442079460018"\n  callback-url: "https://{{ row.name }}/{{ row.phone }}"\n',
    "voicemail-response": '  callee: "+442079460018"\n  voicemail-response: "{{ row.name }}"\n  anonymous: "{{ row.phone }}"\n',
    "consent": '  callee: "+442079460018"\n  consent: "{{ row.phone }}"\n',
    "flow-variables": '  callee: "+442079460018"\n  flow-variables: "{{ row.phone }}"\n',
    "variables of all kinds": (
        '  callee: "+442079460018"\n  flow-variables: {patient: "{{ row.phone }}", choice: "{{ row.name }}", '
        'minutes: "{{ row.phone }}", when: "{{ row.name }}", code: "{{ row.phone }}"}\n'
    ),
    "more variables": (
        '  callee: "+442079460018"\n  flow-variables: {patient: "{{ row.name }}", choice: "{{ row.phone }}", '
        'minutes: "{{ row.name }}", when: "{{ row.phone }}", code: "{{ row.name }}", address: "{{ {row.name: row.phone} }}"}\n'
    ),
    "names of variables": '  callee: "+442079460018"\n  flow-variables: "{{ {row.phone: 1, row.name: 2} }}"\n',
    "filters": (
        '  callee: "+442079460018"\n  flow-variables: {patient: "{{ row.phone | int }}", choice: "{{ row.name | float }}", '
        "when: \"{{ row.phone | datetime('%H') }}\", minutes: \"{{ row.name | int | round(row.phone) }}\", "
        'code: "{{ row[row.phone] }}"}\n'
    ),
    "more filters": (
        '  callee: "+442079460018"\n  flow-variables: {patient: "{{ row.phone + 1 }}", choice: "{{ row.name[row.phone] }}", '
        "when: \"{{ '2026-12-01' | datetime(row.phone, tz=row.name) }}\", minutes: \"{{ row.phone.name }}\", "
        'code: "{{ vars[row.name] }}"}\n'
    ),
    "reference-id is a list": '  callee: "+442079460018"\n  reference-id: "{{ [row.phone, row.name] }}"\n',
}


@pytest.mark.parametrize("field", FIELDS.values(), ids=list(FIELDS))
def test_no_value_of_a_row_is_repeated_in_what_is_wrong_with_it(watch: Watch, field: str) -> None:
    reference = "" if "reference-id" in field else '  reference-id: "r-{{ row_number }}"\n'
    plant(watch.root, **{"calls__c.yaml": f"{HEAD}call:\n{reference}{field}"}, **{
        "data__d.csv": table(("phone", "name"), rows_of(watch))
    })
    watch.wrong()
