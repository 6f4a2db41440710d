"""A PostgreSQL server that a ledger cannot rely on is exit 5 with the way out; what can only be read is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, flowops
from support.pooler import pooled
from support.postgres import standby
from support.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.postgres import Server
    from support.server import ApiServer

PRODUCTION = ("--env", "production")
READING = (("plan",), ("status",), ("ledger", "list"), ("ledger", "export"), ("ledger", "verify"))
WRITING = (("apply", "--auto-approve"), ("stop", "--reason", "a drill"), ("ledger", "init"))


@pytest.fixture
def at(real: Path) -> Callable[..., Ran]:
    """Runs a command with the ledger at an address."""
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("sqlite:///ledger.db", "{env: FLOWOPS_LEDGER}"))

    def run(address: str, *command: str) -> Ran:
        env = {"FLOWOPS_LEDGER": address, "FLOWOPS_TOKEN": TOKEN}
        return flowops(*command, *PRODUCTION, cwd=real, env=env)

    return run


def test_a_pooler_in_transaction_mode_is_refused_by_every_command(
    at: Callable[..., Ran], server: Server, api: ApiServer
) -> None:
    with server.database() as url, pooled(url, by_transaction=True) as through:
        assert at(url, "ledger", "init").code == 0
        for command in (*READING, *WRITING):
            ran = at(through, *command)
            assert (ran.code, ran.out) == (5, ""), command
            assert "a connection pooler gives each transaction another session" in ran.err
            assert "connect to the server directly, or to a pool in session mode" in ran.err
        assert api.received.total() == 0
        with pooled(url, by_transaction=False) as through:
            assert at(through, "apply", "--auto-approve").code == 0
    assert api.received.total() == 3


def test_a_standby_serves_what_reads_and_says_what_writes_needs(
    at: Callable[..., Ran], server: Server, api: ApiServer
) -> None:
    with server.database() as url:
        assert at(url, "ledger", "init").code == 0
        assert at(url, "apply", "--auto-approve").code == 0
        with standby(server) as other:
            other.follow(server)
            replica = other.uri.format(url.partition("?")[0].rpartition("/")[2])
            for command in READING:
                ran = at(replica, *command)
                assert (ran.code, ran.out) == (0, at(url, *command).out), (command, ran.err)
            for command in WRITING:
                ran = at(replica, *command)
                assert (ran.code, ran.out) == (5, ""), command
                assert "this server is a standby, which can only be read" in ran.err
    assert api.received.total() == 3


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "WIN1252"])
def test_a_database_that_is_not_utf8_is_refused_before_anything_is_made(
    at: Callable[..., Ran], server: Server, encoding: str
) -> None:
    server.execute(f"CREATE DATABASE other ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        for command in (("ledger", "init"), ("plan",), ("apply", "--auto-approve")):
            ran = at(server.uri.format("other"), *command)
            assert (ran.code, ran.out) == (5, ""), command
            assert f"its encoding is {encoding}, and a ledger needs UTF8" in ran.err
    finally:
        server.execute("DROP DATABASE other WITH (FORCE)")


def test_what_a_database_sets_for_its_sessions_changes_no_command(
    at: Callable[..., Ran], server: Server, api: ApiServer
) -> None:
    with server.database() as url:
        name = url.partition("?")[0].rpartition("/")[2]
        for setting in ("standard_conforming_strings = off", "datestyle = 'SQL, DMY'", "bytea_output = 'escape'"):
            server.execute(f"ALTER DATABASE {name} SET {setting}")
        assert at(url, "ledger", "init").code == 0
        assert at(url, "apply", "--auto-approve").code == 0
        for command in READING:
            assert at(url, *command).code == 0, command
    assert api.received.total() == 3
