"""What a ledger finds out about a PostgreSQL server when it is opened; what it cannot rely on is refused."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from support.pooler import pooled
from support.postgres import standby

from flowops.errors import LedgerError
from flowops.ledger.open import init_ledger, open_ledger
from flowops.model.ledger import Actor, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import Server

ADA = Actor("ada", "build-7")
POOLED = "a connection pooler gives each transaction another session"


@contextmanager
def encoded(server: Server, encoding: str) -> Iterator[str]:
    """The URL of a new database in another encoding."""
    name = f"in_{encoding.lower()}"
    server.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        yield server.uri.format(name)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP", "WIN1252"])
    def test_a_server_that_does_not_keep_every_text_is_refused(self, server: Server, tmp_path, encoding: str) -> None:
        with encoded(server, encoding) as url:
            for refused in (
                lambda: init_ledger(url, "production", root=tmp_path),
                lambda: open_ledger(url, "production", actor=ADA, root=tmp_path),
                lambda: open_ledger(url, "production", actor=ADA, root=tmp_path, readonly=True),
                lambda: open_ledger(url, "sandbox", actor=ADA, root=tmp_path, create=True),
            ):
                with pytest.raises(LedgerError, match=f"its encoding is {encoding}, and a ledger needs UTF8") as told:
                    refused()
                assert "ENCODING 'UTF8'" in str(told.value.hint)
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT count(*) FROM pg_tables WHERE tablename ~ 'flowops'").fetchone() in (
                    (0,),
                    (b"0",),
                )

    @pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP", "WIN1252"])
    def test_what_a_client_would_speak_by_itself_does_not_matter(
        self, postgres, make, monkeypatch, encoding: str
    ) -> None:
        postgres.init()
        postgres.sql(
            f"ALTER DATABASE {postgres.url.partition('?')[0].rpartition('/')[2]} SET client_encoding = {encoding}"
        )
        monkeypatch.setenv("PGCLIENTENCODING", encoding)
        mark = "&" if "?" in postgres.url else "?"
        address = type(postgres)(f"{postgres.url}{mark}client_encoding={encoding}", postgres.root)
        store = address.open()
        store.write([make.claim("käse-☎"), make.accepted("käse-☎")])
        assert address.open(readonly=True).look_up(["käse-☎"])["käse-☎"].state is State.PLACED
        assert store.verify() is None
        address.close()


class TestPoolers:
    @pytest.mark.parametrize("in_turn", [False, True])
    @pytest.mark.parametrize("says_who", [False, True])
    def test_one_in_transaction_mode_is_found_out_by_whoever_would_write(
        self, postgres, in_turn: bool, says_who: bool
    ) -> None:
        with pooled(postgres.url, by_transaction=True, in_turn=in_turn, says_who=says_who) as url:
            with pytest.raises(LedgerError, match=POOLED) as told:
                init_ledger(url, "production", root=postgres.root)
            assert "directly, or to a pool in session mode" in str(told.value.hint)
            postgres.init()
            with pytest.raises(LedgerError, match=POOLED):
                open_ledger(url, "production", actor=ADA, root=postgres.root)

    @pytest.mark.parametrize("in_turn", [False, True])
    def test_and_by_whoever_reads(self, postgres, in_turn: bool) -> None:
        postgres.init()
        with (
            pooled(postgres.url, by_transaction=True, in_turn=in_turn) as url,
            pytest.raises(LedgerError, match=POOLED),
        ):
            open_ledger(url, "production", actor=ADA, root=postgres.root, readonly=True)

    def test_one_in_session_mode_is_as_good_as_the_server(self, postgres, make) -> None:
        postgres.init()
        with pooled(postgres.url, by_transaction=False) as url:
            address = type(postgres)(url, postgres.root)
            store = address.open()
            store.write([make.claim()])
            assert postgres.open(readonly=True).look_up(["a"])["a"].live
            store.write([make.accepted()])
            assert address.open(readonly=True).look_up(["a"])["a"].state is State.PLACED
            address.close()

    def test_one_that_changes_its_mode_is_found_out_before_the_next_claim(self, postgres, make) -> None:
        """Whatever way a session is exchanged underneath, no claim is written without the lease of its run."""
        postgres.init()
        store = postgres.open()
        store.write([make.claim()])
        store._database._connection.raw.execute("SELECT set_config('flowops.session', 'of somebody else', false)")
        with pytest.raises(LedgerError, match=POOLED):
            store.write([make.claim("b")])
        assert set(postgres.open(readonly=True).look_up(["a", "b"])) == {"a"}


class TestStandbys:
    def test_a_standby_is_read_and_never_written(self, postgres, server: Server, make) -> None:
        postgres.init()
        store = postgres.open()
        store.write([make.claim(), make.claim("b"), make.accepted("b")])
        with standby(server) as other:
            other.follow(server)
            url = other.uri.format(postgres.url.partition("?")[0].rpartition("/")[2])
            reader = open_ledger(url, "production", actor=ADA, root=postgres.root, readonly=True)
            found = reader.look_up(["a", "b"])
            assert [found[name].state for name in "ab"] == [State.IN_FLIGHT, State.PLACED]
            assert found["a"].live, "its run beats, though its lock is on the primary"
            assert reader.verify() is None
            reader.close()
            for refused in (
                lambda: open_ledger(url, "production", actor=ADA, root=postgres.root),
                lambda: init_ledger(url, "production", root=postgres.root),
            ):
                with pytest.raises(LedgerError, match="this server is a standby, which can only be read") as told:
                    refused()
                assert "the primary's address" in str(told.value.hint)
            both = url.replace("?host=", f"?target_session_attrs=read-write&host={other.uri.partition('?host=')[2]},")
            both = both.rpartition(",")[0] + "," + server.uri.partition("?host=")[2]
            open_ledger(both, "production", actor=ADA, root=postgres.root).close()


class TestRights:
    def test_who_may_only_read_is_told_what_reading_needs(self, postgres, server: Server) -> None:
        postgres.init()
        server.execute("CREATE ROLE reader LOGIN")
        try:
            url = postgres.url.replace("//postgres:@", "//reader@")
            with pytest.raises(LedgerError, match="not allowed to do this") as told:
                open_ledger(url, "production", actor=ADA, root=postgres.root, readonly=True)
            assert "GRANT SELECT" in str(told.value.hint)
            postgres.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
            open_ledger(url, "production", actor=ADA, root=postgres.root, readonly=True).close()
            with pytest.raises(LedgerError, match=r"not allowed to do this") as told:
                open_ledger(url, "production", actor=ADA, root=postgres.root)
            assert "create, read and write" in str(told.value.hint)
        finally:
            postgres.close()
            server.execute("DROP OWNED BY reader", postgres.url)
            server.execute("DROP ROLE reader")

    def test_a_key_that_cannot_be_read_is_not_given_up(self, sqlite, monkeypatch) -> None:
        sqlite.init()

        def refused(_path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("flowops.ledger.open.key_in", refused)
        with pytest.raises(LedgerError, match="cannot be read by this user") as told:
            sqlite.open()
        assert told.value.hint == "run flowops as the user that the ledger and its key belong to"
