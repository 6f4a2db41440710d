"""What witnesses have seen is held against the ledger, and no run claims until an older copy is accepted."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from flowops.errors import LedgerError
from flowops.ledger import store as store_module
from flowops.ledger.spool import is_spool
from flowops.ledger.witness import Memory, Server
from flowops.model.ledger import Checkpoint, State

if TYPE_CHECKING:
    from pathlib import Path


def test_a_spool_is_a_witness_and_loses_nothing_over_it(sqlite, make, monkeypatch) -> None:
    sqlite.init()
    shutil.copy(sqlite.file, sqlite.root / "copy.db")
    store = sqlite.open()
    store.write([make.claim()])

    def away(*_: object) -> None:
        raise LedgerError("the server is away")

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "transact", away)
        with pytest.raises(LedgerError, match="kept in"):
            store.write([make.accepted()])
    store.close()
    shutil.rmtree(sqlite.root / ".flowops")
    shutil.copy(sqlite.root / "copy.db", sqlite.file)

    reader = sqlite.open(readonly=True)
    assert "a spool" in str(reader.suspicion)
    assert (sqlite.root / "ledger.db.spool").exists()
    writer = sqlite.open()
    assert "a spool" in str(writer.suspicion)
    assert not (sqlite.root / "ledger.db.spool").exists()
    assert writer.look_up(["a"])["a"].state is State.PLACED
    written = writer.write([make.claim("b")])[0]
    assert (written.done, "an older copy" in str(written.stopped)) == (False, True)
    assert "a spool" in str(sqlite.open().suspicion), "it is on record, though the file is gone"
    assert writer.accept("lost") is not None
    assert writer.write([make.claim("b")])[0].done
    assert sqlite.open().suspicion is None
    assert writer.verify() is None


def test_a_spool_of_another_machine_is_taken_in_and_left_as_it_is(sqlite, make, monkeypatch) -> None:
    sqlite.init()
    store = sqlite.open()
    store.write([make.claim()])

    def away(*_: object) -> None:
        raise LedgerError("the server is away")

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "transact", away)
        with pytest.raises(LedgerError, match="kept in"):
            store.write([make.accepted()])
    store.close()
    spool = shutil.move(sqlite.root / "ledger.db.spool", sqlite.root / "from-ci.jsonl")
    content = spool.read_bytes()
    assert is_spool(content.splitlines()[0])
    assert not is_spool(b'{"reference_id": "a"}')
    writer = sqlite.open()
    for new, known in ((1, 0), (0, 1)):
        assert writer.import_spool(spool) == (new, known)
        assert writer.look_up(["a"])["a"].state is State.PLACED
    assert spool.read_bytes() == content
    spool.write_bytes(content[:-9])
    with pytest.raises(LedgerError, match=r"from-ci.jsonl:1: the file ends within this line"):
        writer.import_spool(spool)
    spool.write_bytes(content.replace(writer.id.encode(), b"7d5a5b1e-0000-4000-8000-000000000000"))
    with pytest.raises(LedgerError, match=f"nothing in it is of ledger {writer.id} of "):
        writer.import_spool(spool)
    spool.write_bytes(content.replace(b"id-1", b"id-2"))
    with pytest.raises(LedgerError, match="was not written with the ledger's key"):
        writer.import_spool(spool)
    assert writer.verify() is None


def test_what_was_seen_before_an_acceptance_is_no_witness_any_more(address, make) -> None:
    address.init()
    store = address.open()
    store.write([make.claim()])
    seen = store.checkpoint()
    lost = Checkpoint(seen.id, seen.serial + 1, "another")
    assert not store.lacks(seen)
    assert store.lacks(lost)
    assert not store.lacks(Checkpoint("another ledger", 9, "x"))
    store.hear("a test", [lost])
    with pytest.raises(LedgerError, match=r"an older copy of the ledger: a test has seen its event 2"):
        store.check_newest()
    store.accept("lost")
    assert not store.lacks(lost)
    assert store.lacks(Checkpoint(seen.id, 1, "x", epoch=2))
    assert store.checkpoint().epoch == 1
    assert not store.contains(seen), "a plan that was saved before is stale"


def test_a_memory_keeps_the_furthest_and_is_the_owners_alone(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "x")
    assert memory.seen() is None
    for serial in (3, 5, 4):
        memory.keep(Checkpoint("x", serial, f"h{serial}"))
    assert memory.seen() == Checkpoint("x", 5, "h5")
    memory.keep(Checkpoint("x", 2, "h2", epoch=1))
    assert memory.seen() == Checkpoint("x", 2, "h2", epoch=1)
    assert memory.path.stat().st_mode & 0o777 == 0o600
    for text in ("half", '{"id": "x", "serial": 1e999, "head": "h", "epoch": 0}', "[" * 100_000):
        memory.path.write_text(text)
        assert memory.seen() is None, "a power cut takes a witness, and nothing else"
    memory.path.unlink()
    memory.path.symlink_to(tmp_path / "anything")
    with pytest.raises(LedgerError, match="is a link"):
        memory.seen()
    memory.keep(Checkpoint("x", 1, "h"))
    assert not (tmp_path / "anything").exists()


@pytest.mark.parametrize(
    ("before", "now", "another"),
    [
        ("1/00000001/alone", Server("1", "00000001", False), False),
        ("1/00000001/alone", Server("1", "00000002", False), True),
        ("1/00000001/alone", Server("2", "00000001", True), True),
        ("1/00000001/replicated", Server("1", "00000002", False), False),
        ("1/00000001/replicated", Server("2", "00000001", False), True),
        ("1/00000001/alone", Server("1", None, False), False),
    ],
)
def test_another_timeline_or_system_is_another_server_unless_it_had_each_write(before, now, another) -> None:
    assert now.is_another(Server.read(before)) is another
    assert str(Server.read(before)) == before
