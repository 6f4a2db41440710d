"""A ledger moves whole to another database; at no time can calls be placed from both, whenever a kill comes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from flowops.errors import LedgerError
from flowops.ledger import copy
from flowops.ledger.campaigns import SealedCalls
from flowops.ledger.copy import TABLES, Side, copy_ledger, take_back
from flowops.ledger.open import init_ledger, open_ledger, place_of
from flowops.ledger.operations import ImportedCall
from flowops.model.campaign import Campaign, CampaignState
from flowops.model.claims import Record
from flowops.model.ledger import Actor, EventType, Leg, Owner, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from support.postgres import Server

    from flowops.ledger.database import Database
    from flowops.ledger.store import Store
    from flowops.model.ledger import Checkpoint

    from .conftest import Made

ENVIRONMENT = "production"
ADA = Actor(who="ada", host="build-7", job=None, commit="4f2a9c1")
OWNER = Owner("", ENVIRONMENT)
SPRING = Campaign(
    "01J", "spring", CampaignState.NEW, None, "2026-11-27T10:00:00.000Z", "2026-11-27T10:00:00.000Z", None, "ada",
    "build-7", None, "sha256:0", {"api": "https://api.example.org"}, 1, 1, 1, None, None,
)  # fmt: skip
#: How a thousand rows of a test are called.
FEW = 4


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Home:
    """Where a ledger may be."""

    url: str
    root: Path

    def open(self, **options: Any) -> Store:
        return open_ledger(self.url, ENVIRONMENT, actor=ADA, root=self.root, **options)

    def rows(self, table: str, columns: Sequence[str], order: Sequence[str]) -> list[tuple[Any, ...]]:
        names = ", ".join(f'"{name}"' for name in columns)
        statement = f"SELECT {names} FROM {table} ORDER BY {', '.join(order)}"
        return [tuple(row) for row in self.ask(statement)]

    def ask(self, statement: str) -> list[Any]:
        with closing(self._connect()) as connection:
            return list(connection.execute(statement).fetchall())

    def run(self, statement: str) -> None:
        with closing(self._connect()) as connection, connection:
            connection.execute(statement)

    def _connect(self) -> Any:
        if self.url.startswith("sqlite"):
            return sqlite3.connect(self.root / self.url.removeprefix("sqlite:///"))
        return psycopg.connect(self.url)

    def columns(self) -> dict[str, list[str]]:
        """Return the columns of all tables."""
        if self.url.startswith("sqlite"):
            tables = [name for (name,) in self.ask("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {table: [row[1] for row in self.ask(f"PRAGMA table_info({table})")] for table in tables}
        found: dict[str, list[str]] = {}
        listed = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        for table, column in self.ask(listed):
            found.setdefault(table, []).append(column)
        return found


@dataclass
class Move:
    """A ledger, and where it is to move; each attempt is a process of its own, that may be killed."""

    source: Home
    target: Home
    key: bytes | None = None
    opened: list[Store] = field(default_factory=list)

    def copy(self, kill: Callable[[], None] = lambda: None, target: Home | None = None) -> Checkpoint:
        return self._run(
            lambda source, there: copy_ledger(
                source, there, OWNER, lambda: self.source.open(key=self.key), "ada on build-7", lambda _: None
            ),
            kill,
            target or self.target,
        )

    def take_back(self, kill: Callable[[], None] = lambda: None, target: Home | None = None) -> bool:
        return self._run(lambda source, there: take_back(source, there, OWNER, "bob"), kill, target or self.target)

    def _run(self, work: Callable[[Side, Side], Any], kill: Callable[[], None], target: Home) -> Any:
        with ExitStack() as stack:
            sides = []
            for home, make in ((self.source, False), (target, True)):
                place = place_of(home.url, home.root)
                database = place.open(ENVIRONMENT, make=make, readonly=False, sandbox=False)
                stack.callback(database.close)
                _watch(database, kill)
                sides.append(Side(place, database, self.key))
            return work(*sides)

    def can_place(self) -> list[Home]:
        """Return from which of the two calls can be placed."""
        found = []
        for home in (self.source, self.target):
            try:
                store = home.open(key=self.key)
            except LedgerError:
                continue
            with store:
                store.set_throttle("page", datetime.now(UTC))
            found.append(home)
        return found


def _watch(database: Database, kill: Callable[[], None]) -> None:
    """Let a kill come before each transaction that writes, and behind it."""
    write = database.write

    def watched(work: Any) -> Any:
        kill()
        answer = write(work)
        kill()
        return answer

    database.write = watched  # type: ignore[method-assign] # of this one


def kill_at(nth: int) -> Callable[[], None]:
    reached = count(1)

    def kill() -> None:
        if next(reached) == nth:
            raise Killed

    return kill


@pytest.fixture
def homes(server: Server, tmp_path: Path) -> Iterator[Callable[[str], Home]]:
    """Make a new place of a kind."""
    numbers = count()
    with ExitStack() as stack:

        def make(kind: str) -> Home:
            root = tmp_path / f"home-{next(numbers)}"
            root.mkdir()
            url = "sqlite:///ledger.db" if kind == "sqlite" else stack.enter_context(server.database())
            return Home(url, root)

        yield make


WAYS = [("sqlite", "postgres"), ("postgres", "sqlite"), ("sqlite", "sqlite"), ("postgres", "postgres")]


@pytest.fixture(params=WAYS, ids="-".join)
def move(
    request: pytest.FixtureRequest, homes: Callable[[str], Home], make: Made, monkeypatch: pytest.MonkeyPatch
) -> Move:
    """A ledger in which all has happened that can, about to move."""
    monkeypatch.setattr(copy, "CHUNK", FEW)
    source, target = map(homes, request.param)
    init_ledger(source.url, ENVIRONMENT, actor=ADA, root=source.root)
    _live(source, make)
    return Move(source, target)


@pytest.fixture
def quick(homes: Callable[[str], Home], make: Made) -> Move:
    """The same from file to file, for what is no matter of databases."""
    source, target = homes("sqlite"), homes("sqlite")
    init_ledger(source.url, ENVIRONMENT, actor=ADA, root=source.root)
    _live(source, make)
    return Move(source, target)


def _live(home: Home, make: Made) -> None:
    """Let everything happen to a ledger that it keeps."""
    with home.open() as store:
        store.write([make.claim(name) for name in ("placed", "finished", "refused", "old", "rang", "doubt")])
        store.write([make.claim("two", "+442079460023", "+442079460024")])
        store.write([make.accepted(name, call_id=f"id-{name}") for name in ("placed", "finished", "old")])
        store.write([Record("refused", EventType.REFUSED, (), "no such flow: é")])
        store.write([Record("doubt", EventType.UNCLEAR, (), "time-out"), Record("rang", EventType.UNCLEAR, (), "?")])
        told = [Leg("+442079460023", "id-1"), Leg("+442079460024", None, "refused")]
        store.write([Record("two", EventType.ACCEPTED, tuple(told))])
        store.called_back({"finished": [Leg("+442079460023", "id-finished", code=9, description="no answer")]})
        store.called_back({"finished": [Leg("+442079460023", "id-finished", code=10)]})
        store.import_calls([ImportedCall("adopted", State.PLACED, (Leg("+442079460025", "id-a"),))])
        store.set_throttle("page 1", datetime(2099, 1, 1, tzinfo=UTC))
        store.block(["+442079460099"], "she asked us to")
        store.pause(3000)
        store.campaigns.hand_over(
            SPRING, [SealedCalls(["later"], [-7], 1, b"\x00sealed\xff")], lambda: SPRING, store.run
        )
        assert store.stop("a break")
        assert store.resume()
    with home.open() as store:  # another process: the run that claimed them is gone
        for operation, name in _operations():
            shown = store.rehearse(operation, [name], "because")
            assert store.operate(operation, shown, "because")[0].changed
    home.run(
        "INSERT INTO flowops_acceptances (ledger, epoch, serial, at, who, reason, suspicion) "
        "VALUES (1, 0, 1, '2026-11-27T10:00:00.000Z', 'ada', 'lost', 'seen elsewhere')"
    )


def _operations() -> list[Any]:
    from flowops.ledger.operators import Cancel, Rename

    return [(Cancel(frozenset), "rang"), (Rename({"old": "new"}), "old")]


def _told(home: Home) -> Any:
    """Return all that a ledger tells of itself."""
    with home.open(readonly=True) as store:
        about = [(entry, list(store.events(entry.reference_id))) for entry in store.entries()]
        since = datetime.now(UTC) - timedelta(days=1)
        return (
            about,
            list(store.export()),
            store.rung_since(["+442079460023", "+442079460024"], since),
            store.blocks(),
            store.blocked(["+442079460099"]),
            store.runs(),
            store.throttled_until("page 1"),
            store.placed([entry.reference_id for entry, _ in about]),
            store.outcomes(),
            store.verify(),
            store.id,
        )


class TestAll:
    def test_each_row_of_each_table_is_carried(self, move: Move) -> None:
        before = move.source.columns()
        told = _told(move.source)
        move.copy()
        after = move.target.columns()
        of_ledgers = {table for table, columns in {**before, **after}.items() if "ledger" in columns}
        assert set(TABLES) == of_ledgers, "a table that is not carried"
        for table, keys in TABLES.items():
            columns = [name for name in before[table] if name in after[table] and name not in ("ledger", "beat_at")]
            was = move.source.rows(table, columns, keys)
            assert was, f"nothing in {table}: this proves nothing"
            assert move.target.rows(table, columns, keys) == was
        assert _told(move.target) == told
        [(_, paused_until)] = move.target.ask("SELECT next_slot, paused_until FROM flowops_ledgers")
        assert paused_until > datetime.now(UTC).timestamp(), "the API has asked everybody to wait"
        assert move.can_place() == [move.target]

    def test_it_goes_on_there_as_if_nothing_had_happened(self, move: Move, make: Made) -> None:
        with move.source.open() as store:
            token = store.pseudonymizer.signature("a spool's line")
        moved = move.copy()
        with move.target.open() as store:
            assert store.pseudonymizer.signature("a spool's line") == token
            assert store.checkpoint() == moved
            assert [it.done for it in store.write([make.claim(n) for n in ("placed", "new", "old", "two")])] == [
                False
            ] * 4
            assert [it.done for it in store.write([make.claim("next")])] == [True]
            store.write([make.accepted("next", call_id="id-next")])
            assert store.called_back({"placed": [Leg("+442079460023", "id-placed", code=10)]})["placed"] is not None
            assert store.look_up(["placed"])["placed"].state is State.FINISHED
            # Evidence under the old name settles what it became.
            store.called_back({"old": [Leg("+442079460023", "id-old", code=10)]})
            assert store.look_up(["new"])["new"].state is State.FINISHED
            assert store.verify() is None
        with move.target.open(readonly=True) as store:
            assert len(store.runs()) == len(_runs(move.source)) + 1

    def test_the_old_one_takes_no_writes_from_who_has_it_open(self, move: Move, make: Made) -> None:
        with move.source.open() as store:
            before = move.copy()
            for write in (
                lambda: store.write([make.claim("late")]),
                lambda: store.called_back({"placed": [Leg("+442079460023", "id-placed", code=10)]}),
                lambda: store.stop("why"),
                store.resume,
                lambda: store.block(["+442079460098"], "why"),
                lambda: store.set_throttle("page", datetime.now(UTC)),
                lambda: store.purge(datetime.now(UTC)),
                store.sweep,
                store.begin,
                lambda: store.pause(60.0),
                lambda: store.take_slot(1.0),
                lambda: store.rehearsed("rehearsal-1", "with the words of another"),
                lambda: store.import_calls([ImportedCall("late")]),
                lambda: store.campaigns.hand_over(SPRING, [], lambda: SPRING, store.run),
            ):
                with pytest.raises(LedgerError, match="has moved to another database") as caught:
                    write()
                assert "its new address" in str(caught.value.hint)
        with pytest.raises(LedgerError, match="has moved"):
            move.source.open()
        with pytest.raises(LedgerError, match="has moved"):
            init_ledger(move.source.url, "prod", goes_on=before.id, root=move.source.root)
        with pytest.raises(LedgerError, match="has moved"):
            init_ledger(move.source.url, ENVIRONMENT, root=move.source.root)
        with move.source.open(readonly=True) as store:
            assert "has moved" in str(store.sealed)
            assert store.checkpoint().serial == before.serial


def _runs(home: Home) -> list[Any]:
    with home.open(readonly=True) as store:
        return list(store.runs())


def test_it_does_not_move_while_a_run_lives(move: Move, make: Made) -> None:
    with move.source.open() as living:
        living.write([make.claim("under way")])
        with pytest.raises(LedgerError, match="a run of ada on build-7 still lives"):
            move.copy()
        living.write([make.accepted("under way", call_id="id-2")])
    assert move.can_place() == [move.source], "nothing was changed"
    move.copy()
    assert move.can_place() == [move.target]


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("ends", ["taken up", "taken back"])
def test_a_kill_at_any_step_leaves_one_ledger_to_go_on_with(move: Move, ends: str, step: int) -> None:
    told, places = _told(move.source), []
    for nth in count(2, step):
        try:
            move.copy(kill_at(nth))
        except Killed:
            places += [move.can_place()]
            assert len(places[-1]) <= 1, "calls could be placed from two databases"
        else:
            break
        if ends == "taken back" and places[-1] != [move.target]:
            move.take_back()
            assert move.can_place() == [move.source]
    assert [] in places
    assert nth > 2 * len(TABLES), "the kills came at its steps"
    assert move.can_place() == [move.target]
    _same(told, _told(move.target))


def _same(before: Any, after: Any) -> None:
    """Compare what two ledgers tell."""
    assert json.dumps(before, default=str, sort_keys=True) == json.dumps(after, default=str, sort_keys=True)


def test_taking_back_can_be_killed_too(quick: Move) -> None:
    told, points = _told(quick.source), count()
    twin = _twin(quick, "twin")
    twin.copy(lambda: next(points) and None)
    steps = next(points)
    # Sealed; half of it copied; whole; sealed for good, and the copy not yet open.
    for left_at in (2, steps // 2, steps - 1):
        for nth in count(1):
            move = _twin(quick, f"left-at-{left_at}-killed-at-{nth}")
            with pytest.raises(Killed):
                move.copy(kill_at(left_at))
            try:
                move.take_back(kill_at(nth))
            except Killed:
                assert len(move.can_place()) <= 1
                move.take_back()
                assert move.can_place() == [move.source]
            else:
                break
        assert move.can_place() == [move.source]
        assert nth > 1
        _same(told, _told(move.source))


def _twin(move: Move, name: str) -> Move:
    """Return the same ledger in a file of its own."""
    root = move.source.root.parent / name
    shutil.copytree(move.source.root, root / "source")
    (root / "target").mkdir()
    return Move(Home(move.source.url, root / "source"), Home(move.target.url, root / "target"))


def test_a_move_that_was_cut_off_may_go_elsewhere_and_never_to_both(quick: Move, homes: Callable[[str], Home]) -> None:
    with pytest.raises(Killed):
        quick.copy(kill_at(30))
    elsewhere = homes("sqlite")
    moved = quick.copy(target=elsewhere)
    with pytest.raises(LedgerError, match="has moved to another database"):
        quick.copy()
    with pytest.raises(LedgerError, match="not to be used before that is done"):
        quick.target.open(readonly=True)
    with elsewhere.open() as store:
        assert store.checkpoint() == moved
    with pytest.raises(LedgerError, match="is in use here, or is not here"):
        quick.take_back(target=elsewhere)
    with pytest.raises(LedgerError, match="is in use here, or is not here"):
        quick.take_back()


def test_taken_back_it_leaves_nothing_where_it_was_copied_to(quick: Move) -> None:
    with pytest.raises(Killed):
        quick.copy(kill_at(40))
    assert quick.target.ask("SELECT count(*) FROM flowops_events") != [(0,)]
    assert quick.take_back()
    for table, columns in quick.target.columns().items():
        assert "ledger" not in columns or quick.target.ask(f"SELECT count(*) FROM {table}") == [(0,)]
    assert quick.target.ask("SELECT count(*) FROM flowops_ledgers") == [(0,)]
    assert not quick.take_back(), "there is nothing more to take back"


def test_who_goes_on_with_a_move_that_was_taken_back_changes_nothing(quick: Move) -> None:
    def meanwhile() -> None:
        if next(reached) == 40:
            quick.take_back()

    reached = count(1)
    with pytest.raises(LedgerError, match="another process continues this move, or has taken it back"):
        quick.copy(meanwhile)
    assert quick.can_place() == [quick.source]


def test_the_way_there_and_back_again(quick: Move, homes: Callable[[str], Home]) -> None:
    told = _told(quick.source)
    quick.copy()
    back = Move(quick.target, homes("postgres"))
    back.copy()
    _same(told, _told(back.target))
    assert back.can_place() == [back.target]


def test_a_key_that_is_given_is_kept_nowhere(homes: Callable[[str], Home], make: Made) -> None:
    move = Move(homes("postgres"), homes("sqlite"), key=b"0123456789abcdef")
    init_ledger(move.source.url, ENVIRONMENT, key=move.key, root=move.source.root)
    with move.source.open(key=move.key) as store:
        store.write([make.claim()])
        store.write([make.accepted()])
    move.copy()
    assert not (move.target.root / "ledger.db.key").exists()
    with move.target.open(key=move.key) as store:
        assert store.placed(["a"])["a"][0] == make.fingerprint()
    with pytest.raises(LedgerError, match="is kept elsewhere, and was not given"):
        move.target.open()


class TestRefusals:
    """What cannot be moved stays what it was, and can be written."""

    def refused(self, move: Move, why: str) -> None:
        with pytest.raises(LedgerError, match=why):
            move.copy()
        with move.source.open() as store:
            store.set_throttle("page", datetime.now(UTC))

    def test_a_database_that_has_a_ledger_of_the_environment(self, quick: Move) -> None:
        init_ledger(quick.target.url, ENVIRONMENT, actor=ADA, root=quick.target.root)
        self.refused(quick, "has a ledger here already")

    def test_its_own_database(self, quick: Move) -> None:
        quick.target = quick.source
        self.refused(quick, "is in this database already")

    def test_its_own_database_of_a_move_that_was_cut_off(self, quick: Move) -> None:
        with pytest.raises(Killed):
            quick.copy(kill_at(30))
        with pytest.raises(LedgerError, match="is in this database already"):
            quick.copy(target=quick.source)

    def test_a_file_whose_ledgers_have_another_key(self, quick: Move) -> None:
        init_ledger(quick.target.url, "staging", actor=ADA, root=quick.target.root)
        self.refused(quick, "the ledgers of this file have another key")

    def test_a_chain_that_is_broken(self, quick: Move) -> None:
        quick.source.run("UPDATE flowops_events SET state = 'placed' WHERE serial = 3")
        self.refused(quick, "the ledger is not what flowops wrote: event 3 .refused.: it was altered")

    def test_an_older_copy(self, quick: Move) -> None:
        quick.source.run("UPDATE flowops_ledgers SET suspicion = 'seen elsewhere'")
        self.refused(quick, "this is an older copy of the ledger")

    def test_a_server_that_does_not_answer(self, quick: Move) -> None:
        quick.target.url = "postgresql://someone:se-cret@127.0.0.1:1/ledgers"
        with pytest.raises(LedgerError, match=r"PostgreSQL database 'ledgers' on 127\.0\.0\.1") as caught:
            quick.copy()
        assert "se-cret" not in str(caught.value)
        with quick.source.open() as store:
            store.set_throttle("page", datetime.now(UTC))


def test_what_was_altered_on_the_way_is_found(quick: Move) -> None:
    """Somebody writes into the copy by hand, before it is compared."""

    def meanwhile() -> None:
        if next(reached) == 40:
            quick.target.run("UPDATE flowops_actors SET actor = '{}' WHERE number = 1")

    reached = count(1)
    with pytest.raises(LedgerError, match="what was copied of flowops_actors is not what the old database has"):
        quick.copy(meanwhile)
    assert quick.take_back()
    assert quick.can_place() == [quick.source]
