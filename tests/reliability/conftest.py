"""A server whose log is the judge, ledgers in SQLite and in a real PostgreSQL, and processes to kill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.forks import Forks
from support.repository import make
from support.server import ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import postgres
    from support.repository import Maker, Repository


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """A server that accepts every call; tests change how it behaves."""
    with ApiServer() as server:
        yield server


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Cheap processes."""
    with Forks(tmp_path_factory.mktemp("forks")) as running:
        yield running


@pytest.fixture
def sqlite(tmp_path: Path, api: ApiServer) -> Maker:
    """Repositories whose ledgers are files."""
    roots = (tmp_path / f"repository-{number}" for number in range(1_000_000))
    return lambda count, **settings: make(next(roots), api.url, count, **settings)


@pytest.fixture
def postgresql(tmp_path: Path, api: ApiServer, server: postgres.Server) -> Iterator[Maker]:
    """Repositories whose ledgers are, one after the other, in a database of their own."""
    roots = (tmp_path / f"repository-{number}" for number in range(1_000_000))
    with server.database() as url:

        def fresh(count: int, **settings: Any) -> Repository:
            server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public", url)
            return make(next(roots), api.url, count, ledger=url, **settings)

        yield fresh


@pytest.fixture(params=["sqlite", "postgresql"])
def repository(request: pytest.FixtureRequest) -> Maker:
    """Both kinds of ledger, one after the other."""
    maker: Maker = request.getfixturevalue(request.param)
    return maker
