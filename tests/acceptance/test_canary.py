"""No phone number and no sensitive value leaves, in any format of any command, on any stream, or in any file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.forks import Forks
from support.git import Repository

from flowops.report.formats import DIFFERENCE, PLAN, RESULT, names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: canary
defaults: {caller: "+442079460900", voicemail-response: Stop}
"""
FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: results
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  patient: {type: string, x-sensitive: true}
  record: {type: object, x-sensitive: true}
  codes: {type: array, x-sensitive: true}
  pin: {type: integer, x-sensitive: true}
  text: {type: string}
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/rows.jsonl
call:
  reference-id: "result-{{ row.id }}"
  flow: results
  callee: "{{ row.phone }}"
  flow-variables:
    patient: "{{ row.name }}"
    record: "{{ row.record }}"
    codes: "{{ row.codes }}"
    pin: "{{ row.pin }}"
    text: "Please ring {{ row.back }} or {{ row.back | replace('+', '00') }} about your results."
"""
ROW = (
    '{{"id": {id}, "name": "Canary{tag}Name", "phone": "+44207946{phone}", "back": "+44207946{back}", "pin": {pin},'
    ' "record": {{"ward": "Canary{tag}Ward", "deep": ["Canary{tag}Deep"]}}, "codes": ["Canary{tag}Code", {pin}]}}'
)


def row(number: int, tag: str, phone: int) -> str:
    return ROW.format(id=number, tag=tag, phone=f"{phone:04}", back=f"{phone + 1:04}", pin=f"9073{phone:04}")


BEFORE = "\n".join([row(1, "Old", 110), row(2, "Same", 120), row(3, "Gone", 130), ""])
AFTER = "\n".join([row(1, "New", 140), row(2, "Same", 120), row(4, "Came", 150), ""])
#: Anything of a value that is not to be seen, whatever way it is written.
CANARIES = re.compile(r"Canary\w+|9073\d{4}|(?:\+?44)[\s().-]*20[\s().-]*7946[\s().-]*0\d{3}|2079460\d{3}")


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Commands in processes of their own that need not import flowops first: most of a command's time is that."""
    with Forks(tmp_path_factory.mktemp("forks")) as parent:
        yield parent


@pytest.fixture
def clinic(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "clinic")
    repository.commit({"flowops.yaml": PROJECT, "flows/f.yaml": FLOW, "calls/c.yaml": CALLS, "data/rows.jsonl": BEFORE})
    return repository


def test_the_canaries_would_be_seen(clinic: Repository, forks: Forks) -> None:
    """The detector finds them where they are meant to be: in the bodies."""
    assert len(set(CANARIES.findall(forks.run("render", cwd=clinic.root).out))) > 9


@pytest.mark.parametrize("full", [(), ("--full",)], ids=["few", "full"])
def test_nothing_leaves(clinic: Repository, forks: Forks, tmp_path: Path, full: tuple[str, ...]) -> None:
    written = [tmp_path / name for name in ("summary", "output", "plan.json", "conflict.json")]
    env = {"GITHUB_STEP_SUMMARY": str(written[0]), "GITHUB_OUTPUT": str(written[1])}
    said: list[tuple[str, str]] = []

    def run(*args: str) -> str:
        ran = forks.run(*args, cwd=clinic.root, env=env)
        said.extend((f"{' '.join(args)} {stream}", text) for stream, text in (("out", ran.out), ("err", ran.err)))
        return ran.out

    run("plan", "-o", str(written[2]))
    kept = {"plan": run("plan", "--format", "json"), "result": run("apply", "--format", "json")}
    clinic.write({"data/rows.jsonl": AFTER})
    run("plan", "-o", str(written[3]))
    kept["conflict"] = run("plan", "--format", "json")
    for format_ in names(PLAN):
        run("plan", *full, "--format", format_)
    for format_ in names(DIFFERENCE):
        run("diff", "main", *full, "--format", format_)
        run("diff", "main", *full, "--detailed-exitcode", "--format", format_, "calls/c.yaml")
    for format_ in names(RESULT):
        run("apply", *full, "--format", format_)
    for name, text in kept.items():
        file = tmp_path / f"{name}.json"
        file.write_text(text)
        for format_ in names(RESULT if name == "result" else PLAN):
            run("show", *full, str(file), "--format", format_)
    for format_ in names(PLAN):
        run("show", *full, str(written[3]), "--format", format_)
    said.extend((file.name, file.read_text()) for file in written)
    assert all(file.stat().st_size for file in written)
    for where, text in said:
        assert not CANARIES.findall(text), f"{where}\n{text}"


def test_nothing_leaves_by_a_rule(clinic: Repository, forks: Forks) -> None:
    """Every rule that speaks, in every format; and every byte of the ledger."""
    policy = (
        "policy:\n  do-not-call: dnc.txt\n  callers: ['+442079460901']\n  per-callee: {calls: 1, within: 1d}\n"
        "  windows: [{hours: '00:00-00:01'}]\n  max-calls: 1\n"
    )
    twice = "\n".join([row(1, "Old", 110), row(2, "Same", 110), row(3, "Gone", 130), ""])
    clinic.write({"flowops.yaml": PROJECT + policy, "dnc.txt": "+442079460110\n", "data/rows.jsonl": twice})
    said: list[str] = []

    def run(*args: str) -> None:
        ran = forks.run(*args, cwd=clinic.root)
        said.extend((ran.out, ran.err))

    for format_ in names(PLAN):
        run("plan", "--full", "--format", format_)
    for format_ in names(RESULT):
        run("apply", "--full", "--format", format_)
    clinic.write({"flowops.yaml": f"{PROJECT}policy: {{per-callee: {{calls: 1, within: 1d}}, max-calls: 1}}\n"})
    lift = ("--override", "max-calls", "--reason", "asked for by +44 20 7946 0110")
    for format_ in names(PLAN):
        run("plan", *lift, "--full", "--format", format_)
    for format_ in names(RESULT):
        run("apply", *lift, "--full", "--format", format_)
    run("stop", "--reason", "a complaint by +442079460110")
    run("stop", "--reason", "again")
    run("ledger", "show", "result-1", "--format", "json")
    run("ledger", "show", "result-1")
    assert any("asked for by +44 20 79•• ••10" in text for text in said)
    for text in said:
        assert not CANARIES.findall(text), text
    for file in (clinic.root / ".flowops").iterdir():
        assert not CANARIES.findall(file.read_bytes().decode("latin-1")), file.name


def test_nothing_leaves_by_the_log(clinic: Repository, forks: Forks, tmp_path: Path) -> None:
    """At its finest, of runs that go well and of those that do not."""
    said: list[str] = []

    def run(*args: str) -> None:
        for format_ in ("text", "json"):
            log = tmp_path / f"{len(said)}.log"
            forks.run(*args, "--log-level", "debug", "--log-format", format_, "--log-file", str(log), cwd=clinic.root)
            said.append(log.read_text())

    for args in (("validate",), ("render",), ("plan", "--full"), ("apply",), ("status",), ("ledger", "list")):
        run(*args)
    clinic.write({"data/rows.jsonl": AFTER})
    for args in (("diff", "main"), ("plan",), ("apply",), ("ledger", "show", "result-1")):
        run(*args)
    run("stop", "--reason", "a complaint by +442079460110")
    clinic.write({"data/rows.jsonl": row(9, "Late", 160)})
    run("apply")
    assert any("a complaint by" in text for text in said)
    assert all(said)
    for text in said:
        assert not CANARIES.findall(text), text
