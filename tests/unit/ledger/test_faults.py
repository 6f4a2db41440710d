"""Disks that fill, connections that break, results that the ledger cannot take."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowops.errors import LedgerError
from flowops.ledger import evidence
from flowops.ledger.changes import Change
from flowops.ledger.history import Opened
from flowops.ledger.open import open_ledger
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.ledger.spool import Spool
from flowops.model.claims import Record, Written
from flowops.model.ledger import Actor, EventType, Leg, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.ledger.store import Store
    from flowops.ledger.transaction import Transaction

ADA = Actor("ada", "host")


class TestDisk:
    def test_a_claim_that_cannot_be_written_is_an_error_and_no_claim(self, sqlite) -> None:
        sqlite.init()
        runner = sqlite.process()
        runner.ask(f"limit {sqlite.file.stat().st_size}")
        answer = runner.ask("claim " + " ".join(f"call-{number}" for number in range(300)))
        assert answer.startswith(f"LedgerError: {sqlite.file}: ")
        runner.end(signal.SIGKILL)
        store = sqlite.open()
        assert sum(store.count().values()) == 0
        assert store.verify() is None

    def test_a_result_that_cannot_be_written_is_kept_and_taken_in_by_the_next_run(self, sqlite) -> None:
        sqlite.init()
        runner = sqlite.process()
        names = [f"call-{number}" for number in range(100)]
        runner.ask("claim " + " ".join(names))
        runner.ask(f"limit {sqlite.file.stat().st_size}")
        answer = runner.ask("record accepted " + " ".join(names))
        spool = sqlite.root / "ledger.db.spool"
        assert answer.endswith(f"; 100 results kept in {spool}, the next run records them")
        runner.end(signal.SIGKILL)
        assert stat.S_IMODE(spool.stat().st_mode) == 0o600
        assert b"442079460023" not in spool.read_bytes()
        reader = sqlite.open(readonly=True)
        assert reader.count()[State.IN_FLIGHT] == 100, "reading takes nothing in"
        store = sqlite.open()
        assert store.count()[State.PLACED] == 100
        assert not spool.exists()
        *_, event = store.events("call-7")
        assert event.actor is not None
        assert event.actor.who == "worker"
        assert store.verify() is None

    def test_a_full_database_is_told(self, sqlite, make) -> None:
        sqlite.init()
        store = sqlite.open()
        store._database.read(lambda connection: connection.raw.execute("PRAGMA max_page_count = 1").fetchone())
        with pytest.raises(LedgerError, match="the disk is full") as error:
            store.write([make.claim(f"call-{number}") for number in range(500)])
        assert error.value.hint is not None

    @pytest.mark.parametrize("replaced", [True, False])
    def test_a_ledger_that_was_moved_behind_its_back_is_not_written(self, sqlite, make, replaced: bool) -> None:
        sqlite.init()
        store = sqlite.open()
        store.write([make.claim()])
        shutil.move(sqlite.file, sqlite.root / "moved.db")
        if replaced:
            shutil.copy(sqlite.root / "moved.db", sqlite.file)
        with pytest.raises(LedgerError, match="moved or replaced while it was open"):
            store.write([make.accepted()])
        store.close()  # only the note that the run has ended is lost
        # The result is safe beside where the ledger was, and comes in with the ledger.
        shutil.move(sqlite.root / "moved.db", sqlite.file)
        assert sqlite.open().look_up(["a"])["a"].state is State.PLACED

    def test_when_nothing_can_be_kept_the_error_tells_the_results(self, sqlite, make) -> None:
        sqlite.init()
        store = sqlite.open()
        store.write([make.claim(f"call-{number}") for number in range(30)])
        store.close()
        sqlite.file.unlink()
        (sqlite.root / "ledger.db.spool").mkdir()
        with pytest.raises(LedgerError) as error:
            store.write([make.accepted(f"call-{number}", call_id=f"id-{number}") for number in range(30)])
        assert "30 results could not be kept either" in error.value.message
        assert "call-0 accepted (id-0), call-1 accepted (id-1)" in error.value.message
        assert error.value.message.endswith("and 10 more")

    def test_a_locked_ledger_is_told(self, sqlite, make) -> None:
        from flowops.ledger.sqlite import SqliteDatabase
        from flowops.ledger.store import Store

        sqlite.init()
        store = sqlite.open()
        database = SqliteDatabase(sqlite.file, readonly=False, patience=0)
        impatient = Store(Opened(database, "production", store.id, store.number, store.pseudonymizer, ADA))
        with store._database.writing(), pytest.raises(LedgerError, match="locked by another process"):
            impatient.write([make.claim()])
        assert impatient.write([make.claim()]) == [Written(True, State.IN_FLIGHT)]
        impatient.close()

    def test_a_writer_killed_inside_a_commit_leaves_all_or_nothing(self, sqlite) -> None:
        """What SQLite wrote to its journal is rolled back by whoever comes next, readers too."""
        sqlite.init()
        runner = sqlite.process()
        runner.ask("claim " + " ".join(f"call-{number}" for number in range(50)))
        store = sqlite.open()
        with store._database.writing() as connection:
            connection.raw.execute("PRAGMA cache_size = 1")
            connection.raw.execute("UPDATE flowops_calls SET state = 'rejected', error = hex(randomblob(2000))")
            for file in sqlite.root.glob("ledger.db*"):
                shutil.copy(file, sqlite.root / file.name.replace("ledger", "crashed"))
        assert (sqlite.root / "crashed.db-journal").exists()
        crashed = open_ledger("sqlite:///crashed.db", "production", actor=ADA, readonly=True, root=sqlite.root)
        assert crashed.count()[State.IN_FLIGHT] == 50
        assert crashed.verify() is None
        crashed.close()


SIGN = Pseudonymizer(b"k" * 32).signature


class TestSpool:
    LINES = (
        Change("a", EventType.ACCEPTED, "2026-11-23T10:00:00.000Z", ADA, run="r"),
        Change("b", EventType.UNCLEAR, "2026-11-23T10:00:00.000Z", ADA, run="r", detail="time-out"),
    )

    def test_what_is_kept_comes_back_for_its_ledger_alone(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "new" / "spool.jsonl", tmp_path)
        spool.keep("one", self.LINES[:1], SIGN)
        spool.keep("two", self.LINES[1:], SIGN)
        with spool.taken("one", SIGN) as kept:
            assert kept.changes == [self.LINES[0]]
            kept.recorded.extend(kept.changes)
        with spool.taken("one", SIGN) as kept:
            assert kept.changes == []
        with spool.taken("two", SIGN) as kept:
            assert kept.changes == [self.LINES[1]]
            kept.recorded.extend(kept.changes)
        assert not spool.path.exists()

    def test_what_a_write_that_was_tried_again_has_left_twice_counts_once(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "spool.jsonl", tmp_path)
        spool.keep("one", self.LINES, SIGN)
        spool.keep("one", [line._replace(at="2026-11-23T10:00:07.000Z") for line in self.LINES], SIGN)
        assert spool.kept("one", SIGN).changes == list(self.LINES)
        with spool.taken("one", SIGN) as kept:
            assert kept.changes == list(self.LINES)
            kept.recorded.append(kept.changes[0])
        with spool.taken("one", SIGN) as kept:
            assert kept.changes == [self.LINES[1]]
            kept.recorded.extend(kept.changes)
        assert not spool.path.exists()

    def test_it_stays_when_taking_it_in_fails(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "spool.jsonl", tmp_path)
        spool.keep("one", self.LINES, SIGN)
        with pytest.raises(LedgerError), spool.taken("one", SIGN):
            raise LedgerError("the ledger is away")
        with spool.taken("one", SIGN) as kept:
            assert len(kept.changes) == 2

    def test_a_line_that_a_crash_cut_short_is_left_out(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "spool.jsonl", tmp_path)
        spool.keep("one", self.LINES[:1], SIGN)
        with spool.path.open("ab") as file:
            file.write(b'{"ledger": "one", "refer')
        with spool.taken("one", SIGN) as kept:
            assert kept.changes == [self.LINES[0]]
            kept.recorded.extend(kept.changes)
        spool.keep("one", self.LINES[:1], SIGN)
        with spool.path.open("ab") as file:
            file.write(b'{"ledger": "one", "refer')
        spool.keep("one", self.LINES[1:], SIGN)
        with spool.taken("one", SIGN) as kept:
            assert kept.changes == list(self.LINES)

    @pytest.mark.parametrize("line", ["hello", "[]", "{}", '{"ledger": "one"}', '{"ledger": "one", "event_type": "x"}'])
    def test_a_line_that_nobody_understands_is_an_error_with_its_place(self, tmp_path: Path, line: str) -> None:
        spool = Spool(tmp_path / "spool.jsonl", tmp_path)
        spool.keep("one", self.LINES[:1], SIGN)
        spool.path.write_text(spool.path.read_text() + line + "\n")
        with pytest.raises(LedgerError, match=r"spool\.jsonl:2: ") as error, spool.taken("one", SIGN):
            pass
        assert error.value.hint is not None

    def test_a_line_that_was_not_signed_with_the_key_is_an_error(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "spool.jsonl", tmp_path)
        spool.keep("one", self.LINES[:1], Pseudonymizer(b"x" * 32).signature)
        with pytest.raises(LedgerError, match="was not written with the ledger's key"), spool.taken("one", SIGN):
            pass
        assert spool.path.exists()

    def test_what_was_not_recorded_stays(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "spool.jsonl", tmp_path)
        spool.keep("one", self.LINES, SIGN)
        with spool.taken("one", SIGN) as kept:
            kept.recorded.append(kept.changes[1])
        with spool.taken("one", SIGN) as kept:
            assert kept.changes == [self.LINES[0]]

    def test_one_result_that_cannot_be_written_stops_no_other(
        self, sqlite, make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sqlite.init()
        store = sqlite.open()
        store.write([make.claim(name) for name in "abc"])
        _spool_of(store, [make.accepted(name) for name in "abc"])
        make_late = evidence._make_late

        def poisoned(transaction: Transaction, changes: list[Change]) -> None:
            if any(change.reference_id == "b" for change in changes):
                raise LedgerError("cannot be written")
            make_late(transaction, changes)

        monkeypatch.setattr(evidence, "_make_late", poisoned)
        found = sqlite.open().look_up(["a", "b", "c"])
        assert [found[name].state for name in "abc"] == [State.PLACED, State.IN_FLIGHT, State.PLACED]
        monkeypatch.undo()
        assert sqlite.open().look_up(["b"])["b"].state is State.PLACED

    def test_an_answer_is_believed_by_a_ledger_that_has_lost_the_claim(self, sqlite, make) -> None:
        sqlite.init()
        store = sqlite.open()
        copy = sqlite.file.read_bytes()
        store.write([make.claim(name) for name in "abcd"])
        events = {"a": EventType.ACCEPTED, "b": EventType.UNCLEAR, "c": EventType.REFUSED, "d": EventType.UNSENT}
        store._keep([store._change(Record(name, event), "2999-01-01T00:00:00.000Z") for name, event in events.items()],
            LedgerError("away"))  # fmt: skip
        store.close()
        sqlite.file.write_bytes(copy)
        found = sqlite.open().look_up(list("abcd"))
        assert {name: entry.state for name, entry in found.items()} == {"a": State.PLACED, "b": State.IN_DOUBT}
        assert found["a"].fingerprint == make.fingerprint()

    def test_taking_the_same_in_twice_changes_nothing(self, sqlite, make) -> None:
        sqlite.init()
        store = sqlite.open()
        store.write([make.claim(name) for name in "abc"])
        records = [make.accepted("a"), Record("b", EventType.UNCLEAR, detail="?"), Record("c", EventType.REFUSED)]
        _spool_of(store, records)
        copy = (sqlite.root / "ledger.db.spool").read_bytes()
        sqlite.open()
        checkpoint = store.checkpoint()
        assert checkpoint.serial == 6
        (sqlite.root / "ledger.db.spool").write_bytes(copy)
        (sqlite.root / "ledger.db.spool").chmod(0o600)
        sqlite.open()
        assert store.checkpoint() == checkpoint

    def test_a_late_line_does_not_speak_of_a_later_attempt(self, sqlite, make) -> None:
        sqlite.init()
        store = sqlite.open()
        store.write([make.claim()])
        _spool_of(store, [Record("a", EventType.UNSENT)], at="2020-01-01T00:00:00.000Z")
        store.write([Record("a", EventType.UNSENT), make.claim()])
        sqlite.open()
        assert store.look_up(["a"])["a"].state is State.IN_FLIGHT

    def test_a_ledger_on_a_server_keeps_its_spool_with_the_project(self, postgres, make) -> None:
        postgres.init()
        store = postgres.open()
        store.write([make.claim()])
        _spool_of(store, [make.accepted()])
        spool = postgres.root / ".flowops" / f"spool-{store.id}.jsonl"
        assert spool.exists()
        assert postgres.open().look_up(["a"])["a"].state is State.PLACED
        assert not spool.exists()


def _spool_of(store: Store, records: list[Record], at: str | None = None) -> None:
    changes = [store._change(record, at or "2999-01-01T00:00:00.000Z") for record in records]
    assert store._spool is not None
    store._spool.keep(store.id, changes, store.pseudonymizer.signature)


class Proxy:
    """Between a client and PostgreSQL: cuts the connection at a commit, before or behind the server's part in it."""

    def __init__(self, directory: Path, target: str) -> None:
        self.directory = directory
        self._target = target
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(directory / ".s.PGSQL.5432"))
        self._listening.listen()
        self.cut: str | None = None
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        _hang_up(self._listening)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, sink, source is client), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        try:
            while data := source.recv(65536):
                if from_client and self.cut and b"COMMIT" in data:
                    self._cut(data, source, sink)
                    return
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                _hang_up(end)

    def _cut(self, data: bytes, client: socket.socket, server: socket.socket) -> None:
        self.cuts += 1
        where, self.cut = self.cut, None
        # Nobody hears the server's answer any more.
        client.shutdown(socket.SHUT_RDWR)
        if where == "behind":
            server.sendall(data)
        else:
            server.shutdown(socket.SHUT_RDWR)


def _hang_up(end: socket.socket) -> None:
    """Close a socket so that the other side, and a thread of ours that waits at it, hear of it."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


class TestConnection:
    @pytest.fixture
    def proxy(self, postgres, tmp_path_factory) -> Iterator[Proxy]:
        import tempfile

        postgres.init()
        target = postgres.url.partition("host=")[2]
        with tempfile.TemporaryDirectory(prefix="proxy") as directory:
            proxy = Proxy(Path(directory), f"{target}/.s.PGSQL.5432")
            yield proxy
            proxy.close()

    @pytest.fixture
    def far(self, postgres, proxy: Proxy) -> Iterator[Store]:
        """The ledger, through the proxy."""
        url = postgres.url.partition("host=")[0] + f"host={proxy.directory}"
        store = open_ledger(url, "production", actor=ADA, root=postgres.root)
        yield store
        store.close()

    @pytest.mark.parametrize("where", ["before", "behind"])
    def test_a_claim_whose_commit_was_cut_is_won_exactly_once(self, far: Store, make, proxy: Proxy, where: str) -> None:
        far.write([make.claim("first")])
        proxy.cut = where
        assert far.write([make.claim("a"), make.claim("first")]) == [
            Written(True, State.IN_FLIGHT),
            Written(False, State.IN_FLIGHT),
        ]
        assert proxy.cuts == 1
        assert [event.event_type for event in far.events("a")] == [EventType.CLAIMED]
        assert far.look_up(["a"])["a"].live
        assert far.verify() is None

    @pytest.mark.parametrize("where", ["before", "behind"])
    def test_a_result_whose_commit_was_cut_is_recorded_once(self, far: Store, make, proxy: Proxy, where: str) -> None:
        far.write([make.claim()])
        proxy.cut = where
        assert far.write([make.accepted()]) == [Written(True, State.PLACED)]
        assert [event.event_type for event in far.events("a")] == [EventType.CLAIMED, EventType.ACCEPTED]
        assert far.verify() is None

    def test_a_connection_cut_between_writes_is_made_anew(self, far: Store, postgres, make) -> None:
        far.write([make.claim()])
        postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert far.look_up(["a"])["a"].state is State.IN_FLIGHT
        assert far.write([make.accepted()]) == [Written(True, State.PLACED)]
        assert far.called_back({"a": [Leg(None, "id-1", code=10)]})["a"] == Written(True, State.FINISHED)

    def test_when_the_server_is_gone_the_results_are_kept(self, far: Store, make, proxy: Proxy, postgres) -> None:
        far.write([make.claim(), make.claim("b")])
        proxy.close()
        (proxy.directory / ".s.PGSQL.5432").unlink()
        postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with pytest.raises(LedgerError, match=r"1 result kept in .*spool-.*, the next run records them"):
            far.write([make.accepted(), make.claim("c")])
        with pytest.raises(LedgerError):
            far.look_up(["a"])
        far._leased = False  # there is no server to say goodbye to
        near = postgres.open()
        states = {entry.reference_id: entry.state for entry in near.entries()}
        assert states == {"a": State.PLACED, "b": State.IN_FLIGHT}


def test_the_spool_holds_no_number(sqlite, make) -> None:
    sqlite.init()
    store = sqlite.open()
    store.write([make.claim()])
    _spool_of(store, [make.accepted()])
    line = json.loads((sqlite.root / "ledger.db.spool").read_text())
    assert line["legs"][0]["shown"] == "+44 20 79•• ••23"
    assert "+442079460023" not in str(line)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
class TestKilledAtEverySystemCall:
    """A run is killed at its first, second, third… system call of a kind, from the claim on."""

    @pytest.mark.parametrize("calls", [pytest.param("pwrite64", marks=pytest.mark.long), "fsync,fdatasync"])
    def test_a_group_is_there_whole_or_not_at_all_and_an_answer_means_it_is(self, sqlite, calls: str) -> None:
        sqlite.init()
        for number in range(1, 200):
            names = [f"call-{number}-{other}" for other in range(5)]
            inject = f"inject={calls}:signal=SIGKILL:when={number}"
            runner = sqlite.process(
                under=["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", inject]
            )
            answer = runner.ask_or_die("claim " + " ".join(names))
            with suppress(BrokenPipeError):
                runner.popen.communicate()
            store = sqlite.open()
            found = store.look_up(names)
            assert len(found) in (0, 5)
            assert answer is None or len(found) == 5
            assert store.verify() is None
            store.close()
            if answer is not None:
                assert number > 1, "it was killed at least once"
                return
        raise AssertionError("it never got through")
