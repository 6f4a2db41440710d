"""A ledger that is missing, empty, foreign, damaged, newer or older than this flowops, or somewhere unsafe."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from flowops.app.access import passing_warning
from flowops.common.called import install_command
from flowops.errors import LedgerError
from flowops.ledger import database
from flowops.ledger import postgres as postgres_module
from flowops.ledger import sqlite as sqlite_module
from flowops.ledger import sqlite_file as sqlite_file_module
from flowops.ledger.files import passing_file_system, shared_file_system
from flowops.ledger.open import init_ledger, open_ledger
from flowops.model.ledger import Actor, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.postgres import Server

ADA = Actor("ada", "host")


def refused(opening: Callable[[], object], message: str) -> str:
    """The hint of the LedgerError that ends an opening."""
    with pytest.raises(LedgerError, match=message) as error:
        opening()
    assert error.value.exit_code == 5
    return error.value.hint or ""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def shape(root: Path) -> dict[str, bytes]:
    """Everything in a directory, to see that nothing was written."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class TestMissing:
    def test_a_missing_ledger_is_never_made_by_opening(self, sqlite) -> None:
        hint = refused(sqlite.open, r"ledger\.db: there is no ledger here")
        assert "`flowops ledger init --env production`" in hint
        assert "restore a copy" in hint
        assert "ring everyone again" in hint
        assert shape(sqlite.root) == {}

    def test_an_empty_file_is_no_ledger(self, sqlite) -> None:
        sqlite.file.touch(mode=0o600)
        assert "ledger init" in refused(sqlite.open, "the ledger is empty")
        assert sqlite.file.stat().st_size == 0

    def test_an_empty_database_is_no_ledger(self, postgres) -> None:
        assert "ledger init" in refused(postgres.open, "environment 'production' has no ledger here")

    def test_a_database_of_other_environments_is_no_ledger(self, address) -> None:
        address.init("staging")
        hint = refused(address.open, "environment 'production' has no ledger here")
        assert "flowops ledger init --env production" in hint

    def test_init_follows_the_hint_on_an_empty_file(self, sqlite) -> None:
        sqlite.file.touch(mode=0o600)
        assert sqlite.init().serial == 0
        assert sqlite.open().count()[State.PLACED] == 0

    def test_init_makes_a_ledger_once(self, address, make) -> None:
        checkpoint = address.init()
        address.open().write([make.claim()])
        assert refused(address.init, f"has a ledger already: {checkpoint.id}") == "nothing was changed"
        assert address.open().checkpoint().serial == 1

    def test_the_sandbox_makes_its_own(self, address, make) -> None:
        store = address.open("sandbox", create=True)
        store.write([make.claim()])
        assert address.open("sandbox", create=True).checkpoint().serial == 1

    def test_reading_a_sandbox_that_is_not_there_makes_nothing(self, address, make) -> None:
        store = address.open("sandbox", create=True, readonly=True)
        assert (store.checkpoint().id, store.checkpoint().serial) == ("", 0)
        assert store.look_up(["a"]) == {}
        assert store.pseudonymize(make.call())["callee"]["shown"] == "+44 20 79•• ••23"
        with pytest.raises(LedgerError, match="opened for reading only"):
            store.write([make.claim()])
        assert shape(address.root) == {}
        assert address.open("sandbox", create=True).contains(store.checkpoint())

    def test_a_relative_path_starts_at_the_root_and_an_absolute_one_does_not(self, tmp_path) -> None:
        init_ledger("sqlite:///deep/er/ledger.db", "a", root=tmp_path)
        assert (tmp_path / "deep" / "er" / "ledger.db").is_file()
        init_ledger(f"sqlite:///{tmp_path}/there.db", "a", root=tmp_path / "elsewhere")
        assert (tmp_path / "there.db").is_file()


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("sqlite://", "a SQLite ledger is a file"),
            ("sqlite:///:memory:", "a SQLite ledger is a file"),
            ("sqlite:///ledger.db?mode=memory", "a SQLite ledger is a file"),
            ("sqlite:///file:ledger.db?uri=true", "a SQLite ledger is a file"),
            ("sqlite://host/ledger.db", "a SQLite ledger is a file"),
            ("sqlite:///ledger.db\n", "a SQLite ledger is a file"),
            ("mysql://user:hunter2@host/db", "begins with 'sqlite:///'"),
            ("postgresql+asyncpg://user:hunter2@host/db", "begins with 'sqlite:///'"),
            ("ledger.db", "begins with 'sqlite:///'"),
            ("postgresql://user:hunter2@host:port/db", "not an address such as"),
            ("postgresql://user:hun@ter2@host/db", "the password has characters that must be percent-encoded"),
            ("", "begins with 'sqlite:///'"),
        ],
    )
    def test_an_address_that_makes_no_sense_is_refused_and_its_password_not_shown(
        self, url: str, message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(LedgerError, match=message) as error:
            open_ledger(url, "production", actor=ADA, create=True, root=tmp_path)
        assert "hunter2" not in f"{error.value} {error.value.hint} {error.value.__cause__}"
        assert shape(tmp_path) == {}

    def test_a_server_that_does_not_answer_is_told_without_the_password(self, tmp_path: Path) -> None:
        url = f"postgresql://ada:hunter2@/calls?host={tmp_path}"
        with pytest.raises(LedgerError, match=r"PostgreSQL database 'calls' on .*No such file") as error:
            open_ledger(url, "production", actor=ADA, root=tmp_path)
        assert "hunter2" not in str(error.value)

    def test_a_database_that_does_not_exist_is_told(self, server: Server, tmp_path: Path) -> None:
        with pytest.raises(LedgerError, match="does not exist"):
            open_ledger(server.uri.format("nothing"), "production", actor=ADA, root=tmp_path)

    def test_without_psycopg_the_error_says_what_to_install(self, tmp_path: Path) -> None:
        script = (
            "import sys; sys.modules['psycopg'] = None\n"
            "from flowops.errors import LedgerError\n"
            "from flowops.ledger.open import init_ledger\n"
            "try: init_ledger('postgresql://host/db', 'production')\n"
            "except LedgerError as error: print(error.message, '|', error.hint)\n"
        )
        told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert "needs psycopg" in told.stdout
        assert f"| {install_command('psycopg')}" in told.stdout

    def test_a_sqlite_ledger_needs_no_psycopg(self, sqlite) -> None:
        script = (
            "import sys, pathlib\n"
            "from flowops.ledger.open import init_ledger, open_ledger\n"
            "from flowops.model.ledger import Actor\n"
            "root = pathlib.Path(sys.argv[1])\n"
            "init_ledger('sqlite:///l.db', 'production', root=root)\n"
            "open_ledger('sqlite:///l.db', 'production', actor=Actor('a', 'h'), root=root).count()\n"
            "print(sorted({'psycopg', 'phonenumbers'} & set(sys.modules)))\n"
        )
        command = [sys.executable, "-c", script, str(sqlite.root)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


class TestTheRightOne:
    def test_another_id_than_the_pinned_one_is_refused(self, address) -> None:
        checkpoint = address.init()
        address.open(pinned=checkpoint.id)
        other = "00000000-0000-4000-8000-000000000000"
        hint = refused(lambda: address.open(pinned=other), f"this is ledger {checkpoint.id}, and it has to be {other}")
        assert "restore the right one" in hint

    def test_a_database_of_another_program_is_left_alone(self, sqlite) -> None:
        with sqlite3.connect(sqlite.file) as connection:
            connection.execute("CREATE TABLE customers (name TEXT)")
        connection.close()
        sqlite.file.chmod(0o600)
        before = shape(sqlite.root)
        for opening in (sqlite.open, sqlite.init, lambda: sqlite.open("sandbox", create=True)):
            refused(opening, "a database of another program")
        assert shape(sqlite.root) == before

    def test_a_ledger_with_a_view_in_place_of_a_table_is_not_ours(self, sqlite) -> None:
        sqlite.init()
        sqlite.sql("ALTER TABLE flowops_calls RENAME TO hidden")
        sqlite.sql("CREATE VIEW flowops_calls AS SELECT * FROM hidden")
        refused(lambda: sqlite.open(readonly=True), "a database of another program")

    @pytest.mark.parametrize("content", [b"hello, world\n" * 50, b"SQLite format 3\x00" + b"\xff" * 200])
    def test_a_file_that_is_no_database_is_refused(self, sqlite, content: bytes) -> None:
        sqlite.file.write_bytes(content)
        sqlite.file.chmod(0o600)
        refused(sqlite.open, "is not a SQLite database|a database of another program")

    def test_a_directory_is_no_ledger(self, sqlite) -> None:
        sqlite.file.mkdir()
        refused(sqlite.open, "not a file")

    def test_a_ledger_that_was_cut_short_is_refused(self, sqlite, make) -> None:
        sqlite.init()
        store = sqlite.open()
        store.write([make.claim(f"call-{number}") for number in range(200)])
        store.close()
        os.truncate(sqlite.file, sqlite.file.stat().st_size // 2)
        for readonly in (True, False):
            assert "restore" in refused(partial(sqlite.open, readonly=readonly), "is cut short: ")

    def test_damage_inside_is_told_by_whoever_finds_it(self, sqlite, make) -> None:
        sqlite.init()
        store = sqlite.open()
        for number in range(0, 400, 100):
            store.write([make.claim(f"call-{other}") for other in range(number, number + 100)])
        store.close()
        content = bytearray(sqlite.file.read_bytes())
        middle = len(content) // 2 // 4096 * 4096
        content[middle : middle + 4096] = b"\xa5" * 4096
        sqlite.file.write_bytes(content)

        def read() -> None:
            reader = sqlite.open(readonly=True)
            broken = reader.verify()
            if broken is not None:
                raise LedgerError(broken.message)

        refused(read, "damaged")

    def test_events_that_went_missing_are_noticed_on_opening(self, address, make) -> None:
        address.init()
        address.open().write([make.claim(), make.claim("b")])
        address.sql("DELETE FROM flowops_events WHERE serial = 2")
        refused(address.open, "do not fit together")

    def test_a_copy_put_back_is_noticed_by_its_mark(self, sqlite, make) -> None:
        sqlite.init()
        store = sqlite.open()
        store.write([make.claim()])
        shutil.copy(sqlite.file, sqlite.root / "copy.db")
        store.write([make.claim("b")])
        checkpoint = store.checkpoint()
        store.close()
        shutil.move(sqlite.root / "copy.db", sqlite.file)
        older = sqlite.open()
        assert not older.contains(checkpoint)
        older.write([make.claim("c"), make.claim("d"), make.claim("e")])
        assert not older.contains(checkpoint), "not even when it has grown as long again"


class TestVersions:
    def test_a_newer_ledger_is_refused(self, address) -> None:
        address.init()
        address.sql("UPDATE flowops_version SET version = '0099'")
        for opening in (address.open, address.init, lambda: address.open(readonly=True)):
            assert "update flowops here" in refused(opening, "made by a newer flowops .* at version 0099")

    def test_an_older_ledger_is_upgraded_by_whoever_writes(self, address, make, newer) -> None:
        checkpoint = older(address)
        newer()
        hint = refused(lambda: address.open(readonly=True), "made by an older flowops .* at version 0001, .* has 0002")
        assert "`flowops ledger init --env production`" in hint
        store = address.open()
        assert store.checkpoint() == checkpoint
        assert store.look_up(["a"])["a"].state is State.IN_FLIGHT
        assert store.verify() is None
        address.sql("INSERT INTO flowops_notes (note) VALUES ('made by the migration; and a quote')")

    def test_init_upgrades_an_older_ledger_and_changes_nothing_else(self, address, newer) -> None:
        checkpoint = older(address)
        newer()
        assert address.init() == checkpoint
        assert address.open(readonly=True).checkpoint() == checkpoint
        refused(address.init, "has a ledger already")

    def test_a_migration_that_fails_leaves_nothing(self, address, newer) -> None:
        checkpoint = older(address)
        newer("CREATE TABLE flowops_notes (note TEXT);\nCREATE TABLE flowops_calls (note TEXT);\n")
        refused(address.open, "flowops_calls.* already exists")
        newer()
        assert address.init() == checkpoint

    @pytest.fixture
    def newer(self, monkeypatch) -> Callable[..., None]:
        """Makes this flowops have one migration more."""
        script = "-- A comment; with a semicolon.\nCREATE TABLE flowops_notes (\n  note TEXT DEFAULT ';'\n);\n"

        def add(script: str = script) -> None:
            for module in (sqlite_module, sqlite_file_module, postgres_module):
                scripts = {**database.migrations(module.KIND), "0002": script}
                monkeypatch.setattr(module, "migrations", lambda _kind, scripts=scripts: scripts)

        return add


def older(address):
    """A ledger with a call in it, as this flowops makes it; its checkpoint."""
    address.init()
    store = address.open()
    runner = address.process()
    runner.ask("claim a")
    runner.ask("close")
    checkpoint = store.checkpoint()
    store.close()
    return checkpoint


class TestFiles:
    def test_only_the_owner_may_read_a_ledger_and_its_key(self, sqlite, make) -> None:
        before = os.umask(0)
        try:
            address = type(sqlite)("sqlite:///deep/ledger.db", sqlite.root)
            address.init()
            store = address.open()
            store.write([make.claim()])
        finally:
            os.umask(before)
        files = list((sqlite.root / "deep").iterdir())
        assert len(files) == 4, "the ledger, its key, the lease of the run, and the journal"
        assert {mode(path) for path in files} == {0o600}
        assert mode(sqlite.root / "deep") == 0o700
        store.close()
        assert {file.name for file in (sqlite.root / "deep").iterdir()} == {"ledger.db", "ledger.db.key"}

    @pytest.mark.parametrize("name", ["ledger.db", "ledger.db.key"])
    @pytest.mark.parametrize("rights", [0o640, 0o604, 0o620, 0o666])
    def test_what_others_may_read_or_write_is_not_opened(self, sqlite, name: str, rights: int) -> None:
        sqlite.init()
        path = sqlite.root / name
        path.chmod(rights)
        for opening in (sqlite.open, lambda: sqlite.open(readonly=True), sqlite.init):
            assert f"chmod 600 {path}" in refused(opening, rf"others may read or write it \(mode {rights:04o}\)")
        assert mode(path) == rights

    def test_reading_writes_nothing(self, sqlite, make) -> None:
        sqlite.init()
        store = sqlite.open()
        store.write([make.claim(), make.accepted()])
        store.close()
        before, touched = shape(sqlite.root), sqlite.file.stat().st_mtime_ns
        reader = sqlite.open(readonly=True)
        reader.look_up(["a"])
        list(reader.entries())
        list(reader.events())
        reader.verify()
        reader.close()
        assert shape(sqlite.root) == before
        assert sqlite.file.stat().st_mtime_ns == touched

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_ledger_that_may_not_be_written_can_be_read(self, sqlite) -> None:
        sqlite.init()
        sqlite.root.chmod(0o500)
        try:
            assert sqlite.open(readonly=True).checkpoint().serial == 0
            refused(sqlite.open, "cannot be written")
        finally:
            sqlite.root.chmod(0o700)

    def test_a_ledger_is_refused_where_locks_do_not_reach_everyone(self, tmp_path: Path) -> None:
        mounts = tmp_path / "mountinfo"
        mounts.write_text(
            "21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
            f"30 21 0:40 / {tmp_path}/share\\040one rw - nfs4 server:/export rw\n"
            f"31 30 8:2 / {tmp_path}/share\\040one/local rw - xfs /dev/sdb1 rw\n"
        )
        (tmp_path / "share one" / "local").mkdir(parents=True)
        kinds = {
            place: shared_file_system(tmp_path / place, mounts)
            for place in ("ledger.db", "share one/new/ledger.db", "share one/local/ledger.db")
        }
        assert kinds == {"ledger.db": None, "share one/new/ledger.db": "nfs4", "share one/local/ledger.db": None}
        assert shared_file_system(tmp_path, tmp_path / "no such file") is None

    @pytest.mark.parametrize(
        ("kind", "lasts"),
        [("overlay", False), ("fuse.fuse-overlayfs", False), ("tmpfs", False), ("ext4", True), ("nfs4", True)],
    )
    def test_a_file_system_that_goes_away_is_known(self, tmp_path: Path, kind: str, lasts: bool) -> None:
        mounts = tmp_path / "mountinfo"
        mounts.write_text(f"21 1 8:1 / / rw shared:1 - {kind} none rw\n")
        assert passing_file_system(tmp_path / "ledger.db", mounts) == (None if lasts else kind)

    def test_a_volume_lasts_in_a_container_and_one_of_the_file_alone_does_not_keep_what_is_beside_it(
        self, tmp_path: Path
    ) -> None:
        mounts = tmp_path / "mountinfo"
        mounts.write_text(
            "21 1 0:30 / / rw - overlay overlay rw\n"
            f"30 21 8:1 / {tmp_path}/volume rw - ext4 /dev/sda1 rw\n"
            f"31 30 0:31 / {tmp_path}/volume/cache rw - tmpfs tmpfs rw\n"
            f"32 21 8:1 /one.db {tmp_path}/one.db rw - ext4 /dev/sda1 rw\n"
        )
        (tmp_path / "volume/cache").mkdir(parents=True)
        (tmp_path / "one.db").touch()
        (tmp_path / "link").symlink_to(tmp_path / "volume")
        found = {
            place: passing_file_system(tmp_path / place, mounts)
            for place in ("ledger.db", "volume/new/ledger.db", "volume/cache/ledger.db", "link/ledger.db", "one.db")
        }
        assert found == {
            "ledger.db": "overlay",
            "volume/new/ledger.db": None,
            "volume/cache/ledger.db": "tmpfs",
            "link/ledger.db": None,
            "one.db": "overlay",
        }

    def test_a_server_has_its_own_disk_whatever_its_socket_is_on(self) -> None:
        assert passing_warning("postgresql://u@/db?host=/dev/shm") is None
        assert passing_warning("postgresql://u@%2Fdev%2Fshm/db") is None


class TestKeys:
    SECRET = b"correct horse battery staple"

    def test_a_key_that_is_kept_elsewhere_has_to_be_given(self, address, make) -> None:
        address.init(key=self.SECRET)
        assert not (address.root / "ledger.db.key").exists()
        address.open(key=self.SECRET).write([make.claim()])
        assert "key: {env: NAME}" in refused(address.open, "kept elsewhere, and was not given")
        refused(lambda: address.open(key=b"x" * 20), "the key is not the one")
        refused(lambda: address.open(key=b"short"), "too short")

    def test_a_key_file_of_another_ledger_is_noticed(self, sqlite) -> None:
        sqlite.init()
        (sqlite.root / "ledger.db.key").write_text("ab" * 32)
        assert "ledger export" in refused(sqlite.open, "the key is not the one")

    def test_environments_of_one_file_share_its_key(self, sqlite, make) -> None:
        sqlite.init("staging")
        sqlite.init("production")
        one, other = sqlite.open("staging"), sqlite.open("production")
        assert one.pseudonymize(make.call()) == other.pseudonymize(make.call())

    def test_a_lost_key_is_not_replaced_by_the_next_init(self, sqlite) -> None:
        sqlite.init("staging")
        key = sqlite.root / "ledger.db.key"
        key.unlink()
        refused(sqlite.init, "the key of this database's ledgers is missing")
        assert not key.exists()

    def test_a_key_survives_its_ledger(self, sqlite) -> None:
        sqlite.init()
        key = (sqlite.root / "ledger.db.key").read_bytes()
        sqlite.file.unlink()
        sqlite.init()
        assert (sqlite.root / "ledger.db.key").read_bytes() == key

    def test_a_key_file_moved_into_a_secret_store_still_fits(self, sqlite) -> None:
        sqlite.init()
        key = sqlite.root / "ledger.db.key"
        secret = key.read_bytes()
        key.unlink()
        sqlite.open(key=secret)


class TestServer:
    def test_a_server_that_does_not_sync_is_refused_but_for_a_sandbox(self, postgres, server: Server) -> None:
        import psycopg

        postgres.init()
        with psycopg.connect(server.uri.format("postgres"), autocommit=True) as admin:
            _set_fsync(admin, "off")
            try:
                refused(postgres.open, "fsync=off")
                assert postgres.open("sandbox", create=True).checkpoint().serial == 0
            finally:
                _set_fsync(admin, "on")
        postgres.open()

    def test_commits_are_durable_whatever_the_server_is_set_to(self, postgres, make) -> None:
        postgres.init()
        postgres.sql("ALTER ROLE postgres SET synchronous_commit = off")
        try:
            store = postgres.open()
            shown = store._database.read(lambda it: it.raw.execute("SHOW synchronous_commit").fetchone())
            assert shown == ("on",)
        finally:
            postgres.sql("ALTER ROLE postgres RESET synchronous_commit")


def _set_fsync(admin, value: str) -> None:
    admin.execute(f"ALTER SYSTEM SET fsync = {value}")
    admin.execute("SELECT pg_reload_conf()")
    # The server rereads its settings when it gets round to it, and each new session has them from then on.
    while admin.execute("SHOW fsync").fetchone() != (value,):
        pass
