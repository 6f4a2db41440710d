"""An engine on SQLite, and one on a real PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from flowops.campaigns.dbos import DbosEngine
from flowops.common import addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.postgres import Server


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Callable[[str], DbosEngine]:
    return lambda process: DbosEngine(process, tmp_path / "work.db")


@pytest.fixture
def postgres_engine(server: Server) -> Iterator[Callable[[str], DbosEngine]]:
    with server.database() as url:
        given = addresses.parameters(url)
        yield lambda process: DbosEngine(process, lambda: addresses.connect(given))


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Callable[[str], AbstractContextManager[DbosEngine]]:
    """What opens an engine as a process of some name; one at a time."""
    make = request.getfixturevalue(f"{request.param}_engine")

    @contextmanager
    def opened(process: str) -> Iterator[DbosEngine]:
        engine = make(process)
        try:
            yield engine
        finally:
            engine.stop(0)

    return opened
