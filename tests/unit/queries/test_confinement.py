"""What holds even if a query gets past `flowops.queries.check`, and what holds DuckDB itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from flowops.queries.answer import locked as locked_in
from flowops.queries.answer import seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Any]:
    """A database that has been given one file, ``a.parquet``."""
    with duckdb.connect() as maker:
        maker.execute(f"copy (select 1 as a) to '{tmp_path}/0' (format parquet)")
    (tmp_path / "other.csv").write_text("a\n1\n")
    connection = locked_in([f"{tmp_path}/0"])
    with connection, seen(connection, {"a.parquet": {"path": f"{tmp_path}/0"}}):
        yield connection


def test_the_files_that_were_given_are_there(locked: Any) -> None:
    assert locked.execute("from 'a.parquet'").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "copy (select 1) to '{dir}/out.csv'",
        "copy (select 1) to '{dir}/0/../out.csv'",
        "export database '{dir}/out'",
        "attach '{dir}/out.db'",
        "attach 'https://example.org/x.db'",
        "install httpfs",
        "install '{dir}/other.csv'",
        "load httpfs",
        "load '{dir}/other.csv'",
        "from read_text('/etc/passwd')",
        "from read_blob('/etc/passwd')",
        "from read_text('{dir}/other.csv')",
        "from read_text('{dir}/*')",
        "from read_csv('{dir}/0/../other.csv')",
        "from '{dir}/other.csv'",
        "from '../../../../../../etc/passwd'",
        "from read_parquet('https://example.org/x.parquet')",
        "from read_parquet('s3://x/x.parquet')",
        "from glob('{dir}/*')",
        "from sniff_csv('{dir}/other.csv')",
        "select getenv('HOME')",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "set allowed_paths = ['/etc/passwd']",
        "set lock_configuration = false",
        "reset enable_external_access",
        "set threads = 4",
        "set memory_limit = '100GB'",
        "set temp_directory = '{dir}/temp'",
        "pragma threads = 4",
        "create persistent secret x (type http, bearer_token 'x')",
        "import database '{dir}'",
    ],
)
def test_duckdb_reaches_nothing_else(locked: Any, tmp_path: Path, sql: str) -> None:
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(duckdb.Error):
        locked.execute(sql.format(dir=tmp_path)).fetchall()
    assert sorted(os.listdir(tmp_path)) == before


def test_variables_of_python_are_no_tables(locked: Any) -> None:
    secret = duckdb.connect().execute("select 1")  # noqa: F841
    with pytest.raises(duckdb.CatalogException):
        locked.execute("from secret")


def run(code: str, *asked: dict[str, Any], **options: Any) -> subprocess.CompletedProcess[str]:
    lines = "".join(json.dumps(each) + "\n" for each in asked)
    return subprocess.run(
        [sys.executable, "-c", code], input=lines, capture_output=True, text=True, check=False, **options
    )


def test_the_process_writes_no_file(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    write = f"import os; os.write(os.open({path!r}, os.O_CREAT | os.O_WRONLY), b'x')"
    assert run(write).returncode == 0
    assert run(f"from flowops.queries.__main__ import _confine; _confine(); {write}").returncode != 0


WITH_LIMITS = (
    "from flowops.queries import limits; limits.MEMORY = {memory}; from flowops.queries.__main__ import main; main()"
)


def test_a_query_that_takes_too_much_time_is_ended_by_the_system(tmp_path: Path) -> None:
    lines = " cross join ".join(f"(select unnest(range(100000)) as c{n})" for n in range(3))
    query = {"sql": f"select count(*) from {lines} order by 1", "seconds": 0.3}
    asked = ({"directory": str(tmp_path)}, query, {"files": {}})
    done = run(WITH_LIMITS.format(memory=2 << 30), *asked, timeout=120)
    assert done.returncode == -signal.SIGPROF
    assert done.stdout.splitlines() == ['{"files": []}']


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
@pytest.mark.parametrize(
    "sql",
    [
        "select repeat('x', 4000000000)",
        "select lpad('x', 2000000000, 'y')",
        "select list_sort(range(1000000000))",
        "select string_agg(repeat('x', 1000000), ',') from (select unnest(range(10000)))",
        "select list(a) from (select unnest(range(200000000)) as a)",
        "select a from (select unnest(range(200000000)) as a)",
    ],
)
def test_a_query_that_takes_too_much_memory_is_refused(sql: str, tmp_path: Path) -> None:
    asked = {"sql": f"{sql} order by 1", "seconds": 5}
    done = run(WITH_LIMITS.format(memory=1 << 30), {"directory": str(tmp_path)}, asked, {"files": {}}, timeout=300)
    last = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
    # What fills its memory slowly enough runs out of time first.
    assert done.returncode == -signal.SIGPROF or "refused" in last, (done.returncode, done.stderr[-500:])


def test_a_query_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "0").write_text('{"0": "Ann"}\n')
    files = {"files": {"a.csv": {"path": f"{tmp_path}/0", "columns": {"name": "VARCHAR"}}}}
    asked = (
        *({"sql": "select name from 'a.csv' order by 1", "seconds": 1}, files),
        *({"sql": "select nope from 'a.csv' order by 1", "seconds": 1}, files),
        *({"sql": "select name from 'a.csv' order by 1", "seconds": 1}, {"files": {}}),
        *({"sql": "from 'a.csv' order by all", "seconds": 1}, files),
    )
    done = run(WITH_LIMITS.format(memory=2 << 30), {"directory": str(tmp_path)}, *asked, timeout=60)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    answers = [each.get("rows", each.get("refused", "")) for each in said if "rows" in each or "refused" in each]
    assert answers[0] == answers[3] == [["Ann"]]
    assert "nope" in answers[1]
    assert "Cannot access file" in answers[2]
    assert all(each["seconds"] >= 0 for each in said if "end" in each or "refused" in each)
