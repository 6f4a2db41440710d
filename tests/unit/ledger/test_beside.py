"""A ledger that another process writes says what one says that is written here, whatever becomes of the process."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from flowops.errors import LedgerError
from flowops.ledger import Beside, beside
from flowops.model import Condition, Happening, Leg, Record, State, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowops.ledger import Store


@pytest.fixture
def start(store: Store, address) -> Iterator[Callable[..., Beside]]:
    """Starts the process for a store; waits until it has opened the ledger, or has refused to."""
    with ExitStack() as stack:

        def started(**options) -> Beside:
            given = {"url": address.url, "key": None, "root": address.root, "sandbox": False, **options}
            process = stack.enter_context(Beside(store, **given))
            while process._process is not None and not process._listens():
                time.sleep(0.01)
            return process

        yield started


def pid_of(process: Beside) -> int:
    assert process._process is not None
    return process._process.pid


def test_it_writes_in_the_name_of_the_run(store: Store, make, start, monkeypatch) -> None:
    process = start()
    monkeypatch.setattr(store, "write", None)  # nothing is written here
    assert process.write([make.claim("a"), make.claim("b"), make.claim("a")]) == [
        Written(True, State.IN_FLIGHT),
        Written(True, State.IN_FLIGHT),
        Written(False, State.IN_FLIGHT),
    ]
    assert process.look_up(["a"])["a"].live
    process.beat()
    assert process.sweep() == []
    assert process.write([make.accepted("a"), Record("b", Happening.REFUSED, detail="bad caller")]) == [
        Written(True, State.PLACED),
        Written(True, State.REJECTED),
    ]
    found = store.look_up(["a", "b"])
    assert (found["a"].legs, found["b"].error) == ((Leg(None, "id-1", shown="+44 20 79•• ••23"),), "bad caller")
    assert {event.actor for event in store.events()} == {store.actor}
    assert {event.data["run"] for event in store.events() if event.data} == {store.run}
    assert store.verify() is None


def test_the_run_ends_with_the_store_and_not_with_the_process(store: Store, make, start, address) -> None:
    process = start()
    process.write([make.claim("a")])
    process.__exit__(None, None, None)
    other = address.open()
    assert other.sweep() == []
    assert other.look_up(["a"])["a"].live
    store.close()
    assert other.sweep() == ["a"]


def test_until_the_process_has_opened_the_ledger_the_run_writes(store: Store, make, address) -> None:
    with Beside(store, url=address.url, key=None, root=address.root, sandbox=False) as process:
        assert process.write([make.claim("a")]) == [Written(True, State.IN_FLIGHT)]
        while not process._listens():
            time.sleep(0.01)
        assert process.write([make.accepted("a"), make.claim("b")]) == [
            Written(True, State.PLACED),
            Written(True, State.IN_FLIGHT),
        ]
    assert process.write([make.accepted("b")]) == [Written(True, State.PLACED)]
    assert store.verify() is None


def test_a_process_that_cannot_open_the_ledger_is_done_without(store: Store, make, start) -> None:
    process = start(key=b"another key of more than sixteen bytes")
    assert process._process is None
    assert process.write([make.claim("a")]) == [Written(True, State.IN_FLIGHT)]


def test_a_process_that_cannot_be_started_is_done_without(store: Store, make, start, monkeypatch) -> None:
    monkeypatch.setattr(beside, "_COMMAND", ("/nonexistent",))
    assert start().write([make.claim("a")]) == [Written(True, State.IN_FLIGHT)]


def test_a_process_that_ends_before_it_is_ready_is_done_without(store: Store, make, start, monkeypatch) -> None:
    monkeypatch.setattr(beside, "_COMMAND", (sys.executable, "-c", "import sys; sys.stdin.buffer.read(9)"))
    assert start().write([make.claim("a")]) == [Written(True, State.IN_FLIGHT)]


def test_when_the_process_is_killed_the_run_is_told_and_can_still_write(store: Store, make, start) -> None:
    process = start()
    process.write([make.claim("a"), make.claim("b")])
    os.kill(pid_of(process), signal.SIGKILL)
    with pytest.raises(LedgerError, match=r"the process that writes the ledger has ended \(signal 9\)"):
        process.write([make.accepted("a"), make.claim("c")])
    assert process.write([make.accepted("a"), Record("b", Happening.UNSENT)]) == [
        Written(True, State.PLACED),
        Written(True, None),
    ]
    assert store.verify() is None


def test_what_the_process_cannot_write_is_told_as_the_run_would_tell_it(sqlite, make) -> None:
    sqlite.init()
    store = sqlite.open()
    with Beside(store, url=sqlite.url, key=None, root=sqlite.root, sandbox=False) as process:
        while not process._listens():
            time.sleep(0.01)
        process.write([make.claim("a")])
        shutil.move(sqlite.file, sqlite.root / "moved.db")
        with pytest.raises(LedgerError, match="moved or replaced while it was open") as error:
            process.write([make.accepted("a")])
        assert "1 result kept in" in error.value.message
        assert (error.value.hint or "").startswith("put the file back that this run has claimed calls in")
        shutil.move(sqlite.root / "moved.db", sqlite.file)
        assert process.write([make.accepted("a")]) == [Written(True, State.PLACED)]


def test_a_stopped_environment_takes_no_claim(store: Store, make, start, address) -> None:
    process = start()
    process.write([make.claim("a")])
    address.open().stop("too many complaints")
    record, claim = process.write([make.accepted("a"), make.claim("b")])
    assert record == Written(True, State.PLACED)
    assert (claim.done, claim.state) == (False, None)
    assert "too many complaints" in (claim.stopped or "")


def test_a_condition_is_not_for_another_process(store: Store, make, start) -> None:
    process = start()
    condition = Condition(frozenset(), (), None, lambda _used: None)
    with pytest.raises(ValueError, match="a claim with a condition is decided in the run"):
        process.write([make.claim("a")._replace(condition=condition)])
    assert store.look_up(["a"]) == {}


def test_what_a_terminal_signals_does_not_reach_it(start, make) -> None:
    process = start()
    assert os.getsid(pid_of(process)) != os.getsid(0)
    assert process.write([make.claim("a")]) == [Written(True, State.IN_FLIGHT)]


def test_nothing_is_imported_from_where_the_command_was_started(make, start, tmp_path, monkeypatch) -> None:
    strange = tmp_path / "strange"
    for name in ("flowops", "sqlalchemy", "orjson", "json"):
        (strange / name).mkdir(parents=True)
        (strange / name / "__init__.py").write_text("raise SystemExit('a stranger was imported')")
    monkeypatch.chdir(strange)
    assert start()._process is not None


def test_the_process_ends_when_the_run_is_gone_in_the_middle_of_a_word(store: Store, address) -> None:
    opening = Beside(store, url=address.url, key=None, root=address.root, sandbox=False)._opening
    said = pickle.dumps(opening)
    for cut in (b"", said[:-20], said, said + pickle.dumps([Record("a", Happening.ACCEPTED)])[:-5]):
        ran = subprocess.run(
            [sys.executable, "-m", "flowops.ledger"], input=cut, capture_output=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, b"")
