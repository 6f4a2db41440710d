"""The whole life of calls to real people: every command, good days and bad ones, and nobody is found anywhere.

Numbers are in all forms in which people write them, names in a sensitive variable; the API echoes what it is sent. What
commands print, log, write and leave behind is searched, and all that the ledger's database holds.
"""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from support.canaries import left_behind
from support.commands import environment
from support.listening import free_port
from support.lives import ALL, CALLS, ENV, FEW, LOUD, PRODUCTION, SECRET, Life, echo, life_in, mixed
from support.server import ApiServer

from flowops.callbacks.token import callback_url
from flowops.report.formats import DIFFERENCE, ENTRIES, ENTRY, PLAN, PROBLEMS, RESULT, STATUS, names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import Server


@pytest.fixture(params=[FEW, ALL])
def life(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    """Calls of people, in a SQLite ledger."""
    with life_in(tmp_path / "root", *request.param, monkeypatch) as found:
        yield found


def test_nobody_is_found_in_the_life_of_their_call(life: Life) -> None:
    places_calls(life)
    hears_of_them(life)
    settles_them(life)
    asks_about_them(life)
    works_on_the_ledger(life)
    hands_them_over(life)
    life.search()


def hands_them_over(life: Life) -> None:
    """A campaign of the same people, what is asked about it, and the workers that place it."""
    (life.root / "flowops.yaml").write_text(f"{life.project}    workers: {{key: {{env: FLOWOPS_CAMPAIGN_KEY}}}}\n")
    (life.root / "calls/c.yaml").write_text(CALLS.replace("life-", "spring-"))
    somebody = life.of[0]
    any_code = (0, 1, 3, 4, 5, 6, 7, 64)
    handed = life.run("apply", *PRODUCTION, "--detach", "--auto-approve", "--name", "spring")
    assert "spring" in handed
    life.run("apply", *PRODUCTION, "--detach", "--auto-approve", "--name", somebody.e164, codes=(64,))
    life.run("plan", *PRODUCTION)
    for name in ("text", "json", "markdown"):
        life.run("campaign", "list", *PRODUCTION, "--format", name)
        life.run("campaign", "show", "spring", *PRODUCTION, "--format", name)
        life.run("campaign", "show", somebody.e164, *PRODUCTION, "--format", name, codes=(64,))
    life.run("campaign", "pause", "spring", *PRODUCTION, "--reason", f"asked by 0{somebody.national}", codes=any_code)
    life.run("campaign", "resume", "spring", *PRODUCTION, "--reason", f"asked by {somebody.e164}", codes=any_code)
    worked = subprocess.run(
        [sys.executable, "-m", "flowops", "worker", "--once", *PRODUCTION, *LOUD],
        cwd=life.root,
        env=environment(**life.env),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in worked.stderr
    life.look("worker", worked.stdout + worked.stderr)
    assert [path.name for path in life.root.glob("*.work")] or "postgres" in life.project, worked.stderr
    for name in ("text", "json", "markdown"):
        life.run("campaign", "show", "spring", *PRODUCTION, "--format", name)
    life.run("campaign", "cancel", "spring", *PRODUCTION, "--reason", f"asked by {somebody.e164}", codes=any_code)
    life.run("status", *PRODUCTION, codes=any_code)


def settles_them(life: Life) -> None:
    """All that operators do with many calls and numbers at once, with names and numbers where they do not belong."""
    somebody, other = life.of[0], life.of[1]
    why = ("--reason", f"asked for by {somebody.e164}, 0{somebody.national} or {other.written}", *PRODUCTION)
    known = [f"life-{at}" for at in range(1, len(life.of) + 1)]
    (life.root / "known.txt").write_text("\n".join(known[:20]))
    (life.root / "people.txt").write_text("\n".join(number.written.strip() for number in life.of))
    (life.root / "valid.txt").write_text("\n".join(number.e164 for number in life.of[:20]))
    (life.root / "names.csv").write_text(_table([{"old": each, "new": f"{each}-new"} for each in known[20:24]]))
    (life.root / "wrong.csv").write_text(_table([{"old": n.e164, "new": n.e164} for n in life.of[:9]]))
    any_code = (0, 1, 3, 5, 6, 7, 64)
    for name in ("text", "json", "markdown"):
        form = ("--format", name)
        for command in (("accept",), ("cancel",), ("cancel", "--undo"), ("resolve", "--not-placed")):
            for given in (known[:3], ["--ref", "life-3*"], ["--from-file", "known.txt"]):
                life.run("ledger", *command, *given, *why, "--yes", *form, codes=any_code)
            for given in ([somebody.e164], ["--from-file", "people.txt"], ["--from-file", somebody.e164]):
                life.run("ledger", *command, *given, *why, "--yes", *form, codes=any_code)
        life.run("ledger", "resolve", "life-5", "--placed", "--call-id", somebody.e164, *why, "--yes", codes=any_code)
        for given in (["life-30", "life-30-new"], ["--from-file", "names.csv"], [somebody.e164, other.e164]):
            life.run("ledger", "rename", *given, *why, "--yes", *form, codes=any_code)
        life.run("ledger", "rename", "--from-file", "wrong.csv", *why, "--yes", *form, codes=any_code)
        life.run("policy", "blocked", *PRODUCTION, *form)
        life.run("ledger", "runs", *PRODUCTION, *form)
        life.run("doctor", *PRODUCTION, *form, codes=any_code)
    for command in ("block", "unblock"):
        for given in ([somebody.e164], ["--from-file", "valid.txt"], ["--from-file", "people.txt"], [other.written]):
            for name in ("text", "json"):
                life.run("policy", command, *given, *why, "--format", name, codes=any_code)
    life.run("policy", "block", life.of[2].e164, *why)
    life.run("plan", *PRODUCTION, "--full", codes=(0,))
    life.run("policy", "unblock", life.of[2].e164, *why)
    for name in ("jsonl", "csv"):
        life.run("ledger", "export", "--events", *PRODUCTION, "--format", name, codes=any_code)
    life.run("ledger", "export", "--events", *PRODUCTION, "-o", "events.jsonls")


def asks_about_them(life: Life) -> None:
    """What is asked about calls and fields, tried on one's own phone, and tested with somebody's row."""
    somebody = life.of[4]
    life.run(
        "apply", *PRODUCTION, "--auto-approve", "--rehearse", "life-5", "--to", somebody.e164, codes=(0, 3, 4, 6, 7)
    )
    life.run(
        "apply",
        *PRODUCTION,
        "--auto-approve",
        "--rehearse",
        "life-5",
        "--to",
        somebody.written,
        codes=(0, 3, 4, 6, 7, 64),
    )
    life.run("apply", *PRODUCTION, "--auto-approve", "--events", "-", "--limit", "3", codes=(0, 4, 6, 7, 9))
    life.run(
        "apply", *PRODUCTION, "--auto-approve", "--events", "events.jsonls2", "--limit", "3", codes=(0, 4, 6, 7, 9)
    )
    for name in ("text", "json", "markdown"):
        life.run("explain", "callee", "--format", name)
        life.run("explain", somebody.e164, "--format", name, codes=(64,))
    (life.root / "tests").mkdir(exist_ok=True)
    (life.root / "tests/t.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Test\nname: what stands in files is masked\n"
        "given: {document: ../calls/c.yaml}\nexpect: {action: blocked, body: {flow-variables: {text: no}}}\n"
    )
    for name in ("text", "json", "markdown", "github", "gitlab", "sarif", "junit", "html"):
        life.run("test", "--format", name, codes=(3,))
    (life.root / "tests/t.yaml").unlink()


def places_calls(life: Life) -> None:
    """Plan, place, and all that is said of it."""
    life.formats(PROBLEMS, "validate")
    life.run("plan", *PRODUCTION, codes=(5,))
    life.run("ledger", "init", *PRODUCTION)
    life.formats(PLAN, "plan", *PRODUCTION, "--full")
    life.run("plan", *PRODUCTION, "-o", "plan.json")
    life.formats(PLAN, "show", "plan.json")
    life.run("apply", *PRODUCTION, "--auto-approve", codes=(7,))
    (life.root / "plan-json.json").write_text(_json(life, "plan", *PRODUCTION))
    life.formats(PLAN, "show", "plan-json.json")
    for name in names(RESULT):
        life.run("apply", *PRODUCTION, "--auto-approve", "--format", name, codes=(0, 6, 7))
    life.api.behave = echo("500 Internal Server Error")
    life.run("apply", *PRODUCTION, "--auto-approve", "--plan", "plan.json", codes=(0, 6, 7, 8))
    life.rows(1)
    life.formats(PLAN, "plan", *PRODUCTION)
    life.formats(DIFFERENCE, "diff", "HEAD")
    life.formats(RESULT, "apply", *PRODUCTION, "--auto-approve", codes=(0, 6, 7, 9))
    life.rows(0)


def _json(life: Life, *args: str) -> str:
    text = life.run(*args, "--format", "json")
    return text[text.index("{\n") : text.rindex("\n}\n") + 3]


def hears_of_them(life: Life) -> None:
    """Callbacks, good, forged and malformed, whose texts are people's; and records."""
    ledger = life.run("ledger", "verify", *PRODUCTION).partition(":")[0].split()[-1]
    with subprocess.Popen(
        [sys.executable, "-m", "flowops", "listen", *PRODUCTION, "--port", str(life.port), "-vv"],
        cwd=life.root,
        env=environment(**life.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as listener:
        assert listener.stdout is not None
        for line in listener.stdout:
            if "listening" in line:
                break
        for at, number in enumerate(life.of[:40], 1):
            reference = f"life-{at}"
            url = callback_url(f"http://127.0.0.1:{life.port}", SECRET, ledger, reference)
            said = f"{number.written} {number.national} did not answer"
            body = {
                "type": "call-finished",
                "call-id": f"id-{reference}-{number.e164}",
                "instruction-id": reference,
                "callee": number.e164[1:],
                "result": {"code": 10, "description": said},
            }
            _post(url, json.dumps(body).encode())
            _post(f"{url}x", json.dumps(body).encode())
            _post(url, json.dumps({**body, "result": said, "callee": said}).encode())
            _post(url, said.encode())
        listener.send_signal(signal.SIGTERM)
        life.look("listen", listener.communicate(timeout=30)[0])
    records = [
        {"reference": f"life-{at}", "id": number.e164, "to": number.written, "description": number.written}
        for at, number in enumerate(life.of, 1)
    ]
    (life.root / "records.csv").write_text(_table(records))
    life.run("reconcile", *PRODUCTION, "--from-file", "records.csv", codes=(0, 7))
    life.run("reconcile", *PRODUCTION, "--from-file", "records.csv", "--adopt", "all", codes=(0, 7))


def _post(url: str, body: bytes) -> None:
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=10).close()


def _table(rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def works_on_the_ledger(life: Life) -> None:
    """All that an operator does, who says in words whom it is about."""
    somebody = life.of[0]
    why = f"asked for by {somebody.e164}, 00{somebody.e164[1:]}"
    life.formats(STATUS, "status", *PRODUCTION)
    life.formats(ENTRIES, "ledger", "list", *PRODUCTION)
    life.formats(ENTRIES, "status", "life-1", "life-2", *PRODUCTION)
    for reference in ("life-1", "life-2", "life-3", "life-4"):
        life.formats(ENTRY, "ledger", "show", reference, *PRODUCTION, codes=(0, 1))
    life.run("ledger", "resolve", "life-2", "--placed", "--reason", why, *PRODUCTION, codes=(0, 1, 64))
    life.run("stop", "--reason", why, *PRODUCTION)
    life.run("plan", *PRODUCTION)
    life.run("status", *PRODUCTION)
    life.run("apply", *PRODUCTION, "--auto-approve", codes=(4, 0))
    life.run("resume", *PRODUCTION)
    for name in ("csv", "jsonl"):
        life.run("ledger", "export", *PRODUCTION, "--format", name, "-o", f"out.{name}s")
        life.run("ledger", "export", *PRODUCTION, "--format", name)
    people = [{"reference_id": f"old-{at}", "callee": number.written} for at, number in enumerate(life.of)]
    (life.root / "old.csv").write_text(_table(people))
    life.run("ledger", "import", "old.csv", *PRODUCTION, codes=(3,))
    good = [{"reference_id": f"old-{at}", "callee": number.e164} for at, number in enumerate(life.of)]
    (life.root / "good.csv").write_text(_table(good))
    life.run("ledger", "import", "good.csv", *PRODUCTION)
    (life.root / "people.txt").write_text("\n".join(number.written for number in life.of))
    life.run("policy", "hash-numbers", "people.txt", "--key-env", "FLOWOPS_DNC_KEY", codes=(3,))
    (life.root / "valid.txt").write_text("".join(f"{number.e164}\n" for number in life.of))
    life.run("policy", "hash-numbers", "valid.txt", "--key-env", "FLOWOPS_DNC_KEY")
    for file in ("people.txt", "valid.txt"):
        (life.root / "flowops.yaml").write_text(f"{life.project}policy: {{do-not-call: {file}}}\n")
        life.formats(PROBLEMS, "validate", codes=(0, 3))
        life.formats(PLAN, "plan", *PRODUCTION, codes=(0, 3))
    (life.root / "flowops.yaml").write_text(life.project)
    life.run("ledger", "verify", *PRODUCTION)
    life.run("ledger", "purge", "--older-than", "0s", "--auto-approve", *PRODUCTION)
    life.run("ledger", "list", *PRODUCTION)


def test_nobody_is_found_after_a_kill(life: Life) -> None:
    """In the middle of a run that holds rows of a query, and before anybody has tidied up."""
    pytest.importorskip("duckdb")
    (life.root / "calls/c.yaml").write_text(
        CALLS.replace(
            "for-each: ../data/rows.csv", "for-each: {sql: \"select * from '../data/rows.csv' order by phone, name\"}"
        )
    )
    life.api.delay = 0.2
    life.run("ledger", "init", *PRODUCTION)
    log = life.temporary / "killed.log"
    args = ("apply", *PRODUCTION, "--auto-approve", "--log-level", "debug", "--log-file", str(log))
    with subprocess.Popen(
        [sys.executable, "-m", "flowops", *args],
        cwd=life.root,
        env=environment(**life.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        deadline = time.monotonic() + 60
        while not life.api.received.total():
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stdout and process.stdout.read()
            time.sleep(0.02)
        process.kill()
        life.look("killed", process.communicate()[0])
    # The rows of a query are a private file, which the next run removes.
    private = [path for path in life.temporary.rglob("*") if path.is_file() and path != log]
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)
    for path, text in left_behind([life.root], _inputs(life)):
        life.look(path, text)
    life.api.delay = 0.0
    life.run("apply", *PRODUCTION, "--auto-approve", codes=(0, 6, 7))
    life.search()


def _inputs(life: Life) -> set[Path]:
    found = {path for path in life.root.rglob("*") if path.suffix in (".yaml", ".csv", ".txt")}
    return found | set((life.root / ".git").rglob("*"))


@pytest.mark.long
def test_nobody_is_found_in_a_database_of_postgresql(tmp_path: Path, server: Server) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(server.database())
        api = stack.enter_context(ApiServer(mixed))
        life = Life(tmp_path / "root", api, "{env: FLOWOPS_LEDGER_URL}", free_port(), 200, 40)
        ENV["FLOWOPS_LEDGER_URL"] = url
        stack.callback(ENV.pop, "FLOWOPS_LEDGER_URL")
        places_calls(life)
        hears_of_them(life)
        settles_them(life)
        asks_about_them(life)
        life.look("PostgreSQL", "\n".join(_dumped(url)))
        works_on_the_ledger(life)
        life.look("PostgreSQL", "\n".join(_dumped(url)))
        life.search()


def _dumped(url: str) -> Iterator[str]:
    """Yield all rows of all tables."""
    import psycopg

    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in tables.fetchall():
            rows = connection.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')  # type: ignore[call-overload]
            yield from chain.from_iterable(rows.fetchall())
