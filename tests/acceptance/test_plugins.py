"""Plug-ins: those of the examples from their wheels, careless ones, and what a repository cannot do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.commands import EXAMPLES, ROOT, Ran, environment, flowops

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL = "flowops-freeze,flowops-ini-rows,flowops-spelled-postcode"
PROJECT = """apiVersion: flowops/v1
kind: Project
name: plugged
defaults: {caller: "+442079460000"}
policy:
  freeze:
    - {from: 2026-12-24, to: 2026-12-26, timezone: Europe/London, labels: {campaign: moving}}
---
apiVersion: flowops/v1
kind: Flow
name: moving
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables: {code: {type: string}}
"""
CALLS = """apiVersion: flowops/v1
kind: CallSet
labels: {campaign: moving}
for-each: ../data/people.ini
call:
  reference-id: "moving-{{ row.section }}"
  flow: moving
  callee: "{{ row.phone | e164('GB') }}"
  flow-variables: {code: "{{ row.postcode | spell_postcode }}"}
"""
ROWS = "[ann]\nphone = 020 7946 0101\npostcode = sw1a 1aa\n[ben]\nphone = 020 7946 0102\npostcode = ec1a 1bb\n"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "project", {"flowops.yaml": PROJECT, "calls/moving.yaml": CALLS, "data/people.ini": ROWS})


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with the wheels of the examples; flowops and its libraries are those of the tests."""
    folder = tmp_path_factory.mktemp("plugins")
    for example in sorted((EXAMPLES / "plugins").iterdir()):
        built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
        subprocess.run(built, cwd=example, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv/bin/python"
    # The Python that the environment of the tests was made from has pip, which that itself may do without.
    pip = [
        getattr(sys, "_base_executable", "python3"),
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-index",
        "--no-deps",
        "--no-compile",
    ]
    wheels = sorted(map(str, (folder / "dist").iterdir()))
    assert len(wheels) == 3
    quiet = environment(PYTHONWARNINGS="ignore")  # those of pip are not ours
    subprocess.run([*pip, "-q", *wheels], check=True, capture_output=True, env=quiet)
    site = sysconfig.get_path("purelib", vars={"base": str(folder / "venv"), "platbase": str(folder / "venv")})
    (Path(site) / "flowops.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    return python


def run(python: Path, *args: str, cwd: Path, plugins: str | None = ALL, **env: str) -> Ran:
    env = environment(**env, **({} if plugins is None else {"FLOWOPS_PLUGINS": plugins}))
    ran = subprocess.run(
        [python, "-m", "flowops", *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_each_kind_is_installed_from_its_wheel_and_used(python: Path, project: Path) -> None:
    assert run(python, "validate", cwd=project).code == 0
    calls = run(python, "render", "--format", "json", cwd=project).json["calls"]
    assert [call["body"]["flow-variables"]["code"] for call in calls] == ["S, W, 1, A. 1, A, A", "E, C, 1, A. 1, B, B"]
    plan = run(python, "plan", "--at", "2026-12-25T10:00Z", cwd=project).out
    assert "freeze (flowops.yaml:6): calls wait on these days" in plan
    assert "may be placed from Sun 2026-12-27 00:00 Europe/London" in plan
    named = "flowops-freeze 1.0.0, flowops-ini-rows 1.0.0, flowops-spelled-postcode 1.0.0"
    assert run(python, "plan", "--format", "json", cwd=project).json["settings"]["plugins"] == named
    assert named in run(python, "doctor", cwd=project).out
    assert run(python, "--version", cwd=project).out.splitlines()[1:] == [
        f"plug-in {each}" for each in named.split(", ")
    ]
    assert "plug-in flowops-freeze 1.0.0 has flowops.rules freeze" in run(python, "-v", "validate", cwd=project).err
    assert run(python, "apply", cwd=project).code == 0
    assert "2 unchanged" in run(python, "plan", cwd=project).out
    built = run(python, "schema", "build", "--project", ".", cwd=project)
    assert built.code == 0
    schema = json.loads((project / ".flowops/schemas/project.schema.json").read_text())
    assert "freeze" in schema["properties"]["policy"]["properties"]


def test_what_is_not_loaded_is_told_with_how_to_load_it(python: Path, project: Path) -> None:
    ran = run(python, "validate", cwd=project, plugins=None)
    assert ran.code == 3
    assert "flowops.yaml:6:3: policy.freeze: is not a known field" in ran.err
    assert "FLOWOPS_PLUGINS=flowops-freeze to load it" in ran.err
    ran = run(python, "plan", cwd=project, plugins="flowops-freeze")
    assert ran.code == 3
    assert "calls/moving.yaml:4:11: for-each: '../data/people.ini' is not a .csv, .jsonl or .parquet file" in ran.err
    assert "FLOWOPS_PLUGINS=flowops-freeze,flowops-ini-rows to load it" in ran.err
    assert "calls/moving.yaml:9:45: flow-variables.code: templates have no filter 'spell_postcode'" in ran.err
    assert "FLOWOPS_PLUGINS=flowops-freeze,flowops-spelled-postcode to load it" in ran.err


def test_a_value_of_a_plug_in_that_is_wrong_is_told_at_its_place_without_the_value(python: Path, project: Path) -> None:
    (project / "data/people.ini").write_text(ROWS.replace("sw1a 1aa", "Zebulon-Street 1"))
    ran = run(python, "validate", cwd=project)
    assert ran.code == 3
    assert "calls/moving.yaml:9:45: flow-variables.code: spell_postcode: the text is no postcode (row 1 of" in ran.err
    assert "Zebulon" not in ran.err
    (project / "flowops.yaml").write_text(PROJECT.replace("from: 2026-12-24", "from: 2026-02-30"))
    ran = run(python, "validate", cwd=project)
    assert "flowops.yaml:7:14: from: '2026-02-30' is not a day of the calendar" in ran.err
    (project / "flowops.yaml").write_text(PROJECT.replace("from: 2026-12-24", "from: tomorrow"))
    assert (
        "flowops.yaml:7:14: policy.freeze[0].from: 'tomorrow' is not a day" in run(python, "validate", cwd=project).err
    )


def test_a_saved_plan_is_refused_with_other_plug_ins(python: Path, project: Path) -> None:
    assert run(python, "plan", "-o", "saved.json", cwd=project).code == 0
    other = write(project.parent / "other", distribution("flowops-freeze", "1.1.0", {"flowops.rules": {}}))
    module = (EXAMPLES / "plugins/freeze/flowops_freeze.py").read_text()
    points = "[flowops.rules]\nfreeze = flowops_freeze:Freeze\n"
    write(other, {"flowops_freeze.py": module, "flowops_freeze-1.1.0.dist-info/entry_points.txt": points})
    ran = run(python, "apply", "--plan", "saved.json", cwd=project, PYTHONPATH=str(other))
    assert ran.code == 8
    assert "plugins: flowops-freeze 1.0.0, flowops-ini-rows 1.0.0" in ran.err + ran.out
    assert "flowops-freeze 1.1.0, flowops-ini-rows 1.0.0" in ran.err + ran.out
    assert run(python, "apply", "--plan", "saved.json", cwd=project).code == 0


def distribution(name: str, version: str, groups: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The files that an installed distribution has besides its modules."""
    points = "".join(
        f"[{group}]\n" + "".join(f"{each} = {value}\n" for each, value in entries.items())
        for group, entries in groups.items()
    )
    folder = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    return {f"{folder}/METADATA": metadata, f"{folder}/entry_points.txt": points}


def careless(folder: Path, group: str, name: str, value: str, module: str) -> dict[str, str]:
    """Write a distribution `careless` with one plug-in; what loads it."""
    write(folder, {**distribution("careless", "0.1", {group: {name: f"careless:{value}"}}), "careless.py": module})
    return {"FLOWOPS_PLUGINS": "careless", "PYTHONPATH": str(folder)}


FILTER = """
from flowops.plugins import template_filter
@template_filter("{{ 'a' | odd_one }}", "a")
def odd_one(value):
    "A value."
    """


@pytest.mark.parametrize(
    ("group", "name", "value", "module", "said"),
    [
        ("flowops.filters", "upper", "odd_one", FILTER + "return value", "flowops has a filter of this name itself"),
        ("flowops.filters", "Odd-one", "odd_one", FILTER + "return value", "is no name of a filter"),
        ("flowops.filters", "odd_one", "odd_one", "odd_one = str.upper", "is no filter: make one of a function with"),
        ("flowops.filters", "odd_one", "gone", FILTER + "return value", "cannot be imported: AttributeError"),
        ("flowops.filters", "odd_one", "odd_one", "raise SystemExit(0)", "cannot be imported: SystemExit"),
        ("flowops.sources", ".csv", "Rows", "from flowops.plugins import FileRows as Rows", "flowops has a source"),
        ("flowops.sources", ".txt", "Rows", "from flowops.plugins import FileRows as Rows", "has no read"),
        ("flowops.sources", ".txt", "Rows", "Rows = open", "a source of files is a class of"),
        ("flowops.rules", "windows", "Odd", "Odd = 1", "flowops has a setting of the policy of this name itself"),
        ("flowops.rules", "odd", "Odd", "Odd = 1", "is no rule: a rule is a class of"),
        ("flowops.rules", "odd", "Odd", "from flowops.plugins import Setting as Odd", "has no read"),
    ],
)  # fmt: skip
def test_a_plug_in_that_is_none_is_wrong_usage(
    tmp_path: Path, group: str, name: str, value: str, module: str, said: str
) -> None:
    env = careless(tmp_path / "site", group, name, value, module)
    here = write(tmp_path / "project", {"flowops.yaml": "apiVersion: flowops/v1\nkind: Project\nname: plain\n"})
    ran = flowops("validate", cwd=here, env=env)
    assert ran.code == 64, ran.err
    assert said in ran.err
    assert "FLOWOPS_PLUGINS: careless 0.1" in ran.err


def test_a_distribution_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    here = write(tmp_path, {"flowops.yaml": "apiVersion: flowops/v1\nkind: Project\nname: plain\n"})
    for name in ("no-such-thing", "pytest"):
        ran = flowops("validate", cwd=here, env={"FLOWOPS_PLUGINS": name})
        assert ran.code == 64
        assert f"{name} is not installed, or has no plug-in for flowops" in ran.err


CALL = """apiVersion: flowops/v1
kind: Call
reference-id: one
callee: "+442079460101"
caller: "+442079460000"
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
flow-variables: {name: "{{ ['Zebulon'] | odd_one }}", other: "{{ 'Zebulon' | odd_one }}"}
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError(value)", "odd_one: the plug-in careless 0.1 has failed with ValueError"),
        ("raise SystemExit(0)", "odd_one: the plug-in careless 0.1 has failed with SystemExit"),
        ("return odd_one.call(value)", "odd_one: the plug-in careless 0.1 has failed with RecursionError"),
        ("return {1, 2}", "odd_one: its result holds a set, which is no value of JSON"),
        ("return type('Odd', (str,), {})('a')", "odd_one: its result holds a Odd, which is no value of JSON"),
        ("return float('nan')", "odd_one: its result is not a number that JSON has"),
        ("return '\\ud800'", "half a character"),
        ("value = []; value.append(value); return value", "the templates of this call take too much work"),
        ("return 'x' * 70_000", "a text may have at most 65,536 characters"),
        ("return 'x' * 10_000_000", "the templates of this call take too much work"),
    ],
)  # fmt: skip
def test_a_careless_filter_is_a_problem_at_its_place_without_the_value(tmp_path: Path, body: str, said: str) -> None:
    env = careless(tmp_path / "site", "flowops.filters", "odd_one", "odd_one", FILTER + body)
    ran = flowops("validate", "one.yaml", cwd=write(tmp_path / "project", {"one.yaml": CALL}), env=env)
    assert ran.code == 3, ran.err
    assert said in ran.err
    assert "one.yaml:7:" in ran.err
    assert "Zebulon" not in ran.err.replace("'Zebulon' | odd_one", "").replace("['Zebulon'] | odd_one", "")


def test_a_filter_can_neither_change_a_row_nor_smuggle_a_template(tmp_path: Path) -> None:
    body = "value.append('{{ vars.secret }}') if isinstance(value, list) else None; return '{{ vars.secret }}'"
    env = careless(tmp_path / "site", "flowops.filters", "odd_one", "odd_one", FILTER + body)
    calls = """apiVersion: flowops/v1
kind: CallSet
for-each: rows.jsonl
call:
  reference-id: "{{ row.id }}"
  callee: "+442079460101"
  caller: "+442079460000"
  callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
  flow-variables: {a: "{{ row.list | odd_one }}", b: "{{ row.list | join(',') }}"}
"""
    here = write(tmp_path / "project", {"calls.yaml": calls, "rows.jsonl": '{"id": "r1", "list": ["x"]}\n'})
    ran = flowops("render", "calls.yaml", "--format", "json", "--var", "secret=Zebulon", cwd=here, env=env)
    assert ran.json["calls"][0]["body"]["flow-variables"] == {"a": "{{ vars.secret }}", "b": "x"}
    assert "flow-variables.a" in flowops("plan", "calls.yaml", cwd=here, env=env).out


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('Zebulon')", "the plug-in careless 0.1 has failed with ValueError"),
        ("yield [{'id': 'Zebulon'}]", "has given something else than a batch of rows"),
        ("yield from batches_of('x', [['Zebulon']])", "has given a row that is list, and no dict (row 1 of"),
        ("yield from batches_of('x', [{'id': 'a'}, {'id': {'Zebulon'}}])", "has set in column 1, which is no"),
        ("yield from batches_of('x', ({'id': str(n)} for n in range(10**7)))", "there are too many rows"),
        ("yield from batches_of('x', [{'id': 'x' * 70_000}])", "has more than 65,536 characters in column 1"),
        ("yield from batches_of('x', [{f'c{n}': '' for n in range(1001)}])", "has more than 1,000 columns"),
        ("raise RowsError('of +44 20 7946 0999')", "of +44 20 79•• ••99"),
    ],
)  # fmt: skip
def test_a_careless_source_is_a_problem_at_its_place_without_the_value(tmp_path: Path, body: str, said: str) -> None:
    module = "from flowops.plugins import FileRows, RowsError, batches_of\nclass Rows(FileRows):\n    def read(self):\n"
    env = careless(tmp_path / "site", "flowops.sources", ".txt", "Rows", f"{module}        {body}\n        yield\n")
    calls = (
        CALLS.replace("../data/people.ini", "rows.txt")
        .replace("flow: moving", "callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10")
        .replace("section", "id")
        .replace("{{ row.phone | e164('GB') }}", "+442079460101")
        .replace("{{ row.postcode | spell_postcode }}", "a")
        .replace("call:\n", "call:\n  caller: '+442079460000'\n")
    )
    here = write(tmp_path / "project", {"calls.yaml": calls, "rows.txt": "Zebulon"})
    ran = flowops("validate", "calls.yaml", cwd=here, env=env)
    assert ran.code == 3, ran.err
    assert "calls.yaml:4:11: for-each: " in ran.err
    assert said in ran.err
    assert "Zebulon" not in ran.err


DATABASE = """
from flowops.plugins import QueryRows, RowsError, batches_of
class Rows(QueryRows):
    def read(self):
        if "wrong" in self.query.sql:
            raise RowsError(f"{self.address} says no, and so does s3cret-Z")
        yield from batches_of(self.shown, [{"id": self.query.sql, "length": len(self.address)}])
"""


def test_a_database_is_asked_by_a_plug_in_only_where_the_operator_has_listed_its_address(tmp_path: Path) -> None:
    env = careless(tmp_path / "site", "flowops.sources", "cabinet", "Rows", DATABASE)
    project = """apiVersion: flowops/v1
kind: Project
name: shop
environments: {sandbox: {api: sandbox, sources: {crm: {url: {env: FLOWOPS_CRM}}}}}
"""
    calls = """apiVersion: flowops/v1
kind: CallSet
for-each: {sql: all, source: crm}
call:
  reference-id: "{{ row.id }}"
  callee: "+442079460101"
  caller: "+442079460000"
  callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
  flow-variables: {length: "{{ row.length }}"}
"""
    here = write(tmp_path / "project", {"flowops.yaml": project, "calls/crm.yaml": calls})
    address = "cabinet://ann:s3cret-Z@db.example.org/crm"
    env |= {"FLOWOPS_CRM": address}
    assert flowops("validate", cwd=here, env=env).code == 0
    ran = flowops("render", cwd=here, env=env)
    assert (ran.code, "FLOWOPS_ALLOW_SOURCES=FLOWOPS_CRM" in ran.err) == (3, True)
    env |= {"FLOWOPS_ALLOW_SOURCES": "FLOWOPS_CRM"}
    ran = flowops("render", "--format", "json", cwd=here, env=env)
    (call,) = ran.json["calls"]
    assert (call["reference_id"], call["body"]["flow-variables"]) == ("all", {"length": len(address)})
    assert flowops("apply", cwd=here, env=env).code == 0
    # Without the plug-in, nothing but PostgreSQL is asked.
    ran = flowops("render", cwd=here, env={**env, "FLOWOPS_PLUGINS": ""})
    assert (ran.code, "begins with 'postgresql://'" in ran.err) == (1, True)
    write(here, {"calls/crm.yaml": calls.replace("sql: all", "sql: wrong")})
    ran = flowops("render", cwd=here, env=env)
    assert (ran.code, "calls/crm.yaml:3:11: for-each: … says no, and so does …" in ran.err) == (3, True)
    assert "s3cret-Z" not in ran.err + ran.out


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError(context.call.body)", "odd (one.yaml:5): cannot be decided: the plug-in careless 0.1 has"),
        ("return 'no'", "odd (one.yaml:5): cannot be decided: the plug-in careless 0.1 has given no Block"),
        ("return Defer(context.at, 'not now')", "has given no Block, and no Defer to a later time"),
        ("return Block('Zebulon of +442079460101 is not called')", "odd (one.yaml:5): … of … is not called"),
        ("context.call.body['callee'] = '+442079460999'; return Block('no')", "+44 20 79•• ••01"),
    ],
)  # fmt: skip
def test_a_careless_rule_holds_the_call_back_and_tells_no_value(tmp_path: Path, body: str, said: str) -> None:
    module = f"""
from flowops.plugins import Block, Defer, Rule, Setting
class Odd(Setting, Rule):
    key = name = "odd"
    schema = {{"type": "boolean"}}
    def __init__(self, place):
        self.place = place
    @classmethod
    def read(cls, reader, at, value):
        yield cls(reader.place(at))
    def evaluate(self, context):
        {body}
"""
    env = careless(tmp_path / "site", "flowops.rules", "odd", "Odd", module)
    project = "apiVersion: flowops/v1\nkind: Project\nname: odd\npolicy:\n  odd: true\n---\n"
    call = CALL.replace("{{ ['Zebulon'] | odd_one }}", "Zebulon").replace(", other: \"{{ 'Zebulon' | odd_one }}\"", "")
    here = write(tmp_path / "project", {"flowops.yaml": project.replace("---\n", ""), "calls/one.yaml": call})
    plan = flowops("plan", cwd=here, env=env)
    assert plan.code == 0, plan.err
    assert "1 blocked" in plan.out
    assert said.replace("one.yaml", "flowops.yaml") in plan.out
    ran = flowops("apply", cwd=here, env=env)
    assert ran.code == 0
    assert "0 placed" in ran.out
    assert "Zebulon of" not in plan.out + plan.err + ran.out + ran.err


def test_a_campaign_is_paused_where_a_worker_has_other_plug_ins(tmp_path: Path) -> None:
    env = careless(tmp_path / "site", "flowops.filters", "odd_one", "odd_one", FILTER + "return value")
    env |= {"FLOWOPS_CAMPAIGN_KEY": "c" * 64}
    project = """apiVersion: flowops/v1
kind: Project
name: shop
environments: {sandbox: {api: sandbox, workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}}}
"""
    call = CALL.replace("{{ ['Zebulon'] | odd_one }}", "a").replace("{{ 'Zebulon' | odd_one }}", "b")
    here = write(tmp_path / "project", {"flowops.yaml": project, "calls/one.yaml": call})
    assert flowops("apply", "--detach", "--auto-approve", "--name", "spring", cwd=here, env=env).code == 0
    worked = flowops("worker", "--once", cwd=here, env={**env, "FLOWOPS_PLUGINS": ""})
    assert "campaign spring is paused: plugins: not what was approved" in worked.err
    assert flowops("campaign", "resume", "spring", cwd=here, env=env).code == 0
    assert flowops("worker", "--once", cwd=here, env=env).code == 0
    assert "1 placed" in flowops("status", cwd=here, env=env).out


def test_a_repository_cannot_bring_a_plug_in(tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    module = f"open({str(marker)!r}, 'w').close()\n{FILTER}return value"
    here = tmp_path / "project"
    careless(here, "flowops.filters", "odd_one", "odd_one", module)
    write(here, {"one.yaml": CALL, ".env": "FLOWOPS_PLUGINS=careless\n"})
    # The directory of the command is the first that `python -m` looks in, and is not looked in for plug-ins.
    ran = flowops("validate", "one.yaml", cwd=here)
    assert (ran.code, "templates have no filter 'odd_one'" in ran.err) == (3, True)
    assert "FLOWOPS_PLUGINS" not in ran.err
    assert flowops("validate", "one.yaml", cwd=here, env={"FLOWOPS_PLUGINS": "careless"}).code == 64
    # Nor does it stand in front of what the operator has installed under that name.
    site = tmp_path / "site"
    env = careless(site, "flowops.filters", "odd_one", "odd_one", FILTER + "return 'installed'")
    ran = flowops("render", "one.yaml", "--format", "json", cwd=here, env=env)
    assert ran.json["calls"][0]["body"]["flow-variables"] == {"name": "installed", "other": "installed"}
    assert not marker.exists()


def test_a_document_cannot_name_a_distribution(tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    careless(tmp_path / "site", "flowops.filters", "odd_one", "odd_one", f"open({str(marker)!r}, 'w').close()")
    for key in ("plugins", "FLOWOPS_PLUGINS"):
        text = f"apiVersion: flowops/v1\nkind: Project\nname: plain\n{key}: [careless]\n"
        here = write(tmp_path / key, {"flowops.yaml": text, "one.yaml": CALL})
        ran = flowops("validate", cwd=here, env={"PYTHONPATH": str(tmp_path / "site")})
        assert (ran.code, "is not a known field" in ran.err) == (3, True)
    assert not marker.exists()


def test_nothing_of_a_plug_in_is_imported_unless_it_is_asked_for(tmp_path: Path) -> None:
    here = write(tmp_path / "project", {"flowops.yaml": "apiVersion: flowops/v1\nkind: Project\nname: plain\n"})
    program = "import sys; from flowops.app.load import load_project; load_project('sandbox'); print(*sys.modules)"
    env = environment(PYTHONPATH=os.pathsep.join((str(ROOT), str(tmp_path))))
    ran = subprocess.run([sys.executable, "-c", program], cwd=here, env=env, capture_output=True, text=True, check=True)
    assert not {"importlib.metadata", "flowops.plugins", "flowops.plugins.loading"} & set(ran.stdout.split())
