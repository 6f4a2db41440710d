"""What is opened, connected to, sent and written is the operator's to say, whatever a repository holds."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, flowops
from support.git import Repository
from support.hostile_sqlite import journal_that_cuts, journal_that_deletes
from support.server import TOKEN, ApiServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READING = (("plan",), ("status",), ("ledger", "list"), ("ledger", "verify"))
WRITING = (("apply",), ("stop", "--reason", "x"))


def state_of(root: Path) -> dict[str, tuple[str, int, bytes]]:
    """All files below a folder, their modes and what is in them; not what Git keeps for itself."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            found[str(path)] = ("link", 0, str(path.readlink()).encode())
        elif path.is_file() and ".git" not in path.parts:
            found[str(path)] = ("file", stat.S_IMODE(path.stat().st_mode), path.read_bytes())
    return found


@pytest.fixture
def sandbox(clinic: Path) -> Path:
    """The clinic's repository in Git, with a ledger of the sandbox that a run has made."""
    assert flowops("apply", cwd=clinic).code in (0, 4, 6)
    return clinic


def refused(ran: Ran, words: str) -> None:
    assert (ran.code, ran.out) == (5, ""), ran.err
    assert words in ran.err


def ledger_of(root: Path) -> Path:
    return root / ".flowops/sandbox.db"


class TestLedgersOfRepositories:
    def test_a_journal_that_names_another_file_is_not_played(self, sandbox: Path, tmp_path: Path) -> None:
        victim = tmp_path / "precious.txt"
        victim.write_text("precious")
        journal_that_deletes(ledger_of(sandbox), victim)
        before = state_of(tmp_path)
        for command in (*READING, *WRITING):
            refused(flowops(*command, cwd=sandbox), "it names another file, to be removed")
        assert state_of(tmp_path) == before

    @pytest.mark.parametrize("name", ["sandbox.db", "sandbox.db.key", "sandbox.db-journal"])
    def test_what_git_tracks_is_not_opened(self, sandbox: Path, tmp_path: Path, name: str) -> None:
        ledger_of(sandbox).with_name("sandbox.db-journal").touch(mode=0o600)
        repository = Repository(sandbox)
        repository.git("add", "-f", f".flowops/{name}")
        before = state_of(tmp_path)
        for command in (READING[0], WRITING[0], WRITING[1]):
            refused(flowops(*command, cwd=sandbox), f"{name}: is tracked by Git")
        assert state_of(tmp_path) == before

    def test_a_ledger_that_a_group_shares_is_told_what_locks_it_out(self, sandbox: Path) -> None:
        """Kubernetes gives a volume to a group: `fsGroup`."""
        (sandbox / ".flowops/sandbox.db").chmod(0o660)
        ran = flowops(*WRITING[0], cwd=sandbox)
        refused(ran, "others may read or write it (mode 0660)")
        assert "that locks its group out: what several users or pods share (Kubernetes: fsGroup)" in ran.err

    @pytest.mark.parametrize("name", ["sandbox.db", "sandbox.db.key"])
    def test_what_others_may_read_is_not_opened_and_keeps_its_mode(self, sandbox: Path, name: str) -> None:
        path = sandbox / ".flowops" / name
        path.chmod(0o644)
        for command in (READING[0], WRITING[0]):
            ran = flowops(*command, cwd=sandbox)
            refused(ran, f"{name}: others may read or write it (mode 0644)")
            assert "chmod 600" in ran.err
        assert stat.S_IMODE(path.stat().st_mode) == 0o644

    @pytest.mark.parametrize("name", ["", "sandbox.db", "sandbox.db.key", "sandbox.db-journal"])
    def test_what_is_behind_a_link_is_not_opened(self, sandbox: Path, tmp_path: Path, name: str) -> None:
        path, elsewhere = sandbox / ".flowops" / name, tmp_path / "elsewhere"
        if name.endswith("-journal"):
            path.touch(mode=0o600)
        shutil.move(path, elsewhere)
        path.symlink_to(elsewhere)
        before = state_of(tmp_path)
        for command in (READING[0], WRITING[0]):
            refused(flowops(*command, cwd=sandbox), "is a link, so this may be anybody's file")
        assert state_of(tmp_path) == before

    def test_nothing_is_made_through_a_link(self, clinic: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (clinic / ".flowops").symlink_to(tmp_path / "elsewhere")
        refused(flowops("apply", cwd=clinic), "is a link")
        assert list((tmp_path / "elsewhere").iterdir()) == []

    @pytest.mark.parametrize(
        "statements",
        [
            "ALTER TABLE flowops_ledgers ADD x TEXT AS (hex(zeroblob(9)))",
            "CREATE VIEW x AS SELECT 1",
            "CREATE TRIGGER x AFTER INSERT ON flowops_calls BEGIN DELETE FROM flowops_events; END",
            "CREATE INDEX x ON flowops_calls (hex(zeroblob(9)))",
            "CREATE TABLE x (a CHECK (hex(zeroblob(9)) > ''))",
            "CREATE VIRTUAL TABLE x USING fts5(a)",
            "DROP TABLE flowops_stops; CREATE VIEW flowops_stops AS SELECT 1 AS id",
            "DROP INDEX flowops_calls_state",
        ],
    )
    def test_tables_that_flowops_has_not_made_are_not_read(self, sandbox: Path, statements: str) -> None:
        with sqlite3.connect(ledger_of(sandbox)) as connection:
            connection.executescript(statements)
        connection.close()
        for command in (READING[0], WRITING[0]):
            refused(flowops(*command, cwd=sandbox), "a database of another program")

    def test_a_value_that_fills_the_memory_is_not_read(self, sandbox: Path) -> None:
        with sqlite3.connect(ledger_of(sandbox)) as connection:
            connection.execute("UPDATE flowops_ledgers SET key_check = hex(zeroblob(40000000))")
        connection.close()
        refused(flowops("plan", cwd=sandbox), "holds a value that no ledger has")

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("id = x'00ff'", "holds what no ledger has"),
            ("serial = 'x'", "holds what no ledger has"),
            ("key_check = char(8238)", "the key is not the one"),
        ],
    )
    def test_a_row_that_is_none_of_a_ledgers_is_told(self, sandbox: Path, change: str, words: str) -> None:
        with sqlite3.connect(ledger_of(sandbox)) as connection:
            connection.execute(f"UPDATE flowops_ledgers SET {change}")
        connection.close()
        refused(flowops("apply", cwd=sandbox), words)
        assert flowops("status", cwd=sandbox).code in (0, 5)

    def test_a_journal_that_cuts_the_ledger_off_is_told(self, sandbox: Path) -> None:
        """Who reads rolls back in a copy, which then is no ledger."""
        journal_that_cuts(ledger_of(sandbox))
        for command in READING[:2]:
            refused(flowops(*command, cwd=sandbox), "is damaged")

    def test_a_key_without_end_is_not_read(self, sandbox: Path) -> None:
        with (sandbox / ".flowops/sandbox.db.key").open("wb") as file:
            file.truncate(10 * 1024**3)
        for command in (READING[0], WRITING[0]):
            refused(flowops(*command, cwd=sandbox), "is longer than any key of a ledger")

    @pytest.mark.parametrize("line", ["[" * 200_000, '{"a": 1' + "0" * 5_000 + "}"], ids=["deep", "long"])
    def test_a_spool_that_nobody_can_read_is_told(self, sandbox: Path, line: str) -> None:
        spool = sandbox / ".flowops/sandbox.db.spool"
        spool.write_text(f"{line}\n")
        spool.chmod(0o600)
        refused(flowops("apply", cwd=sandbox), "this line was not written with the ledger's key")
        ran = flowops("ledger", "import", str(spool), cwd=sandbox)
        assert ran.code in (3, 5), ran

    def test_a_spool_of_somebody_else_is_not_taken_in(self, sandbox: Path) -> None:
        spool = sandbox / ".flowops/sandbox.db.spool"
        spool.write_text("{}\n")
        refused(flowops("apply", cwd=sandbox), "others may read or write it")
        spool.chmod(0o600)
        Repository(sandbox).git("add", "-f", ".flowops/sandbox.db.spool")
        refused(flowops("apply", cwd=sandbox), "is tracked by Git")
        assert spool.read_text() == "{}\n"


def test_a_database_of_another_program_is_left_as_it_is(real: Path, tmp_path: Path) -> None:
    other = tmp_path / "app.db"
    connection = sqlite3.connect(other)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE a (b)")
    connection.close()
    other.chmod(0o600)
    text = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(text.replace("sqlite:///ledger.db", "{env: FLOWOPS_LEDGER}"))
    env = {"FLOWOPS_LEDGER": f"sqlite:///{other}", "FLOWOPS_TOKEN": TOKEN}
    before = state_of(tmp_path)
    for command in (("plan",), ("status",), ("apply", "--auto-approve"), ("ledger", "init")):
        refused(flowops(*command, "--env", "production", cwd=real, env=env), "a database of another program")
    assert state_of(tmp_path) == before


@pytest.mark.parametrize("name", [".flowops", ".flowops/schemas", ".flowops/schemas/call.schema.json"])
def test_schemas_are_not_written_through_a_link(clinic: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    if name.endswith(".json"):
        elsewhere.write_text("precious")
    else:
        elsewhere.mkdir()
    link = clinic / name
    shutil.rmtree(clinic / ".flowops", ignore_errors=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    before = state_of(elsewhere) if elsewhere.is_dir() else elsewhere.read_text()
    ran = flowops("schema", "build", "--project", ".", cwd=clinic)
    assert ran.code == 1
    assert "is a link" in ran.err
    assert before == (state_of(elsewhere) if elsewhere.is_dir() else elsewhere.read_text())


def test_neither_is_a_saved_plan_nor_a_new_repository(clinic: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (clinic / "plan.json").symlink_to(precious)
    assert "is a link" in flowops("plan", "-o", "plan.json", cwd=clinic).err
    (tmp_path / "new").mkdir()
    (tmp_path / "new/flows").symlink_to(tmp_path / "nowhere")
    (tmp_path / "new/flowops.yaml").symlink_to(tmp_path / "nowhere.yaml")
    assert flowops("init", "new", cwd=tmp_path).code == 1
    (tmp_path / "new/flowops.yaml").unlink()
    assert "is a link" in flowops("init", "new", cwd=tmp_path).err
    assert precious.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "nowhere.yaml").exists()


#: Every option that names a file to write.
WRITTEN = (
    ("plan", "-o", "FILE"),
    ("plan", "--log-file", "FILE"),
    ("plan", "--report", "json=FILE"),
    ("apply", "--events", "FILE"),
    ("ledger", "export", "-o", "FILE"),
)


@pytest.mark.parametrize("command", WRITTEN, ids=" ".join)
def test_no_file_is_written_through_a_link_or_into_a_pipe(
    command: tuple[str, ...], sandbox: Path, tmp_path: Path
) -> None:
    Repository(sandbox)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("precious")
    (sandbox / "file").symlink_to(elsewhere / "precious")
    (sandbox / "dangling").symlink_to(elsewhere / "new")
    (sandbox / "folder").symlink_to(elsewhere)
    (sandbox / "sub").mkdir()
    (sandbox / "hard").hardlink_to(elsewhere / "precious")
    os.mkfifo(sandbox / "pipe")
    within = ["file", "dangling", "folder/precious", "folder/new", "sub/../folder/new", str(sandbox / "folder/new")]
    is_replaced = command[1] in ("-o", "--report") and command[0] == "plan"
    for name in [*within, *([] if is_replaced else ["hard", "pipe"])]:
        ran = flowops(*(part.replace("FILE", name) for part in command), cwd=sandbox)
        assert ran.code in (1, 64), (name, ran)
        assert "Traceback" not in ran.err
    for name in ("../folder/new", str(sandbox / "folder/new")):
        ran = flowops("-C", str(sandbox), *(part.replace("FILE", name) for part in command), cwd=sandbox / "sub")
        assert ran.code in (1, 64), (name, ran)
    assert [path.name for path in elsewhere.iterdir()] == ["precious"]
    assert (elsewhere / "precious").read_text() == "precious"


@pytest.mark.parametrize(
    ("edit", "env", "words"),
    [
        (
            lambda text: text.replace("FLOWOPS_TOKEN", "AWS_SECRET_ACCESS_KEY"),
            {"AWS_SECRET_ACCESS_KEY": "very-secret"},
            "a repository may not name the variable AWS_SECRET_ACCESS_KEY",
        ),
        (
            lambda text: text.replace("{env: FLOWOPS_TOKEN}", "{file: ../flowops.yaml}"),
            {"FLOWOPS_SECRET_DIRS": "calls"},
            "leads out of",
        ),
        (
            lambda text: text.replace("{env: FLOWOPS_TOKEN}", "{file: three.yaml}"),
            {"FLOWOPS_SECRET_DIRS": "calls"},
            "is in the repository",
        ),
        (
            lambda text: text.replace("    api: http://127.0.0.1", "    api: https://collect.example.org"),
            {},
            "the token is not sent to collect.example.org",
        ),
        (lambda text: f"{text}    proxy: http://127.0.0.1:1\n", {}, "the proxy is the operator's"),
        (lambda text: f"{text}    tls: {{ca: ca.pem}}\n", {}, "certificates are used is the operator's"),
        (
            lambda text: text.replace("sqlite:///ledger.db", "postgresql://a@127.0.0.1/x"),
            {},
            "which database is opened, the operator says",
        ),
        (lambda text: text.replace("sqlite:///ledger.db", "sqlite:////var/a.db"), {}, "outside of the project"),
        (
            lambda text: text.replace("ledger: sqlite:///ledger.db", "ledger: {env: FLOWOPS_TOKEN}"),
            {},
            "{env: FLOWOPS_TOKEN} is the token already",
        ),
    ],
)
def test_nothing_is_sent_that_the_operator_has_not_allowed(
    real: Path, api: ApiServer, edit: Callable[[str], str], env: dict[str, str], words: str
) -> None:
    assert flowops("ledger", "init", "--env", "production", cwd=real).code == 0
    project = real / "flowops.yaml"
    project.write_text(edit(project.read_text()))
    ran = flowops("apply", "--env", "production", "--auto-approve", cwd=real, env={"FLOWOPS_TOKEN": TOKEN, **env})
    assert (ran.code, ran.out) == (3, "")
    assert words in ran.err
    assert "very-secret" not in ran.err + ran.out
    assert api.received.total() == 0


def test_a_token_in_a_file_of_the_operators_is_taken(real: Path, api: ApiServer, tmp_path: Path) -> None:
    assert flowops("ledger", "init", "--env", "production", cwd=real).code == 0
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("{env: FLOWOPS_TOKEN}", "{file: token}"))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/token").write_text(f"{TOKEN}\n")
    env = {"FLOWOPS_SECRET_DIRS": str(tmp_path / "secrets")}
    ran = flowops("apply", "--env", "production", "--auto-approve", cwd=real, env=env)
    assert ran.code == 0, ran.err
    assert {headers["x-cm-producttoken"] for headers in api.headers} == {TOKEN}
