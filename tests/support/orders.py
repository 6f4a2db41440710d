"""One call, and everybody who has to do with it: two runners, whoever hears of it, and whoever says something of it.

The steps are the product's own: `flowops.apply.apply` runs, and plans, claims, records, leases and operators' words are
the real ones, over a real ledger (SQLite in memory, whose rows are a part of each state) with lock files and a spool
on disk. Only what a run asks of the outside is answered here, one question a step, so that anybody may come in between.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from unittest import mock

from flowops.api.records import CallRecord
from flowops.app.reconcile import _Records
from flowops.apply.run import move
from flowops.errors import LedgerError
from flowops.ledger import records
from flowops.ledger.database import iso
from flowops.ledger.files import PRIVATE_FILE
from flowops.ledger.history import Opened
from flowops.ledger.keys import GIVEN
from flowops.ledger.leases import FileLease
from flowops.ledger.operators import Cancel, Rename, Resolve, UndoCancel
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.ledger.spool import Spool
from flowops.ledger.sqlite import SqliteConnection, SqliteDatabase, _statements
from flowops.ledger.states import claimable
from flowops.ledger.store import Store
from flowops.ledger.transaction import rows_of
from flowops.model.call import Terms
from flowops.model.claims import Claim, Record
from flowops.model.ledger import Actor, Adopt, Leg, Owner, State
from flowops.model.plan import SENDING, Action
from flowops.model.result import Outcome, Result
from flowops.plan.decide import fingerprint_as
from support.asked import CALLEE, NEW, OLD, WAYS, Post, Question, Runner, Runs, Way, planned_calls, told
from support.plans import plan_of
from support.values import call

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Connection
    from flowops.ledger.operators import Operation
    from flowops.model.call import Call
    from flowops.model.ledger import OperatorStep
    from flowops.model.plan import Plan

    Steps = Iterator[tuple[str, Callable[[], None]]]
    Part = Callable[["Orders", str], Steps]

ENVIRONMENT, LEDGER, KEY = "production", "00000000-0000-0000-0000-000000000001", b"k" * 32
NAMES = (OLD, NEW)
BEGAN = datetime(2026, 12, 1, 9, tzinfo=UTC)
#: Where files cost nothing.
MEMORY = Path("/dev/shm")


class Shared(SqliteDatabase):
    """One process's way to the database that all share; `fails` says when its next commit does."""

    def __init__(self, connection: SqliteConnection, ledger: Path) -> None:
        super().__init__(None, readonly=False)
        self.name = "the ledger"
        self._shared = connection
        self._leases = FileLease(ledger)
        self.fails: str | None = None

    def _connect(self) -> SqliteConnection:
        return self._shared

    def _drop(self) -> None:
        self._connection = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        fails, self.fails = self.fails, None
        if fails == "before":
            raise LedgerError("it fails before the commit")
        with super().writing() as connection:
            yield connection
        if fails == "behind":
            raise LedgerError("it fails behind the commit")


class Moment(NamedTuple):
    """Everything that there is at one time."""

    tables: Mapping[str, Sequence[tuple[Any, ...]]]
    rows: Sequence[CallRow]
    leases: tuple[tuple[str, bool], ...]
    spool: bytes | None
    runners: tuple[Runner, ...]
    posts: tuple[Post, ...]
    left: tuple[tuple[str, int], ...]
    shown: tuple[tuple[str, tuple[Operation, tuple[OperatorStep, ...]]], ...]
    said: frozenset[str]
    words: int
    seconds: int
    more: Hashable


class Crash(BaseException):
    """A process is gone in the middle of what it did."""


class Orders:
    """A world as `support.walk` walks it. `left` says how often each may happen that is not a runner's step.

    `runs` is how often each of two runners may begin; `known` is what runs ask, from other worlds. Where a call is
    renamed, the second one has the new files.
    """

    #: Questions that are answered at once: there is no policy to ask here.
    asks_nobody: Sequence[str] = ("check",)

    def __init__(
        self, *, runs: Sequence[int] = (1, 1), ways: Sequence[Way] = WAYS, known: Runs | None = None, **left: int
    ) -> None:
        self._stack = ExitStack()
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self._stack.callback(shutil.rmtree, self.directory)
        for module in ("store", "administration"):
            self._stack.enter_context(mock.patch(f"flowops.ledger.{module}.now", self._now))
        # Thousands of runs say that their ledger fails.
        logging.disable()
        self._stack.callback(logging.disable, logging.NOTSET)
        self._ways = ways
        self._runs = known or Runs()
        #: Which runner each run is of, and how it reaches the ledger.
        self.owners: dict[str, str] = {}
        self._databases: dict[str, Shared] = {}
        raw = sqlite3.connect(":memory:", isolation_level=None)
        self._stack.callback(raw.close)
        self._connection = SqliteConnection(raw, "the ledger", _statements())
        self._ledger = self.directory / "leases" / "ledger.db"
        self._ledger.parent.mkdir()
        self._spool = self.directory / "spool" / "results"
        self._pseudonymizer = Pseudonymizer(KEY)
        self._calls = {name: _call(name) for name in NAMES}
        self._prints = {fingerprint_as(self._calls[name], name): name for name in NAMES}
        self.seconds = 0
        self.runners = {
            name: Runner(name, count, new=new)
            for name, count, new in zip(("one", "two"), runs, (False, "rename" in left), strict=True)
        }
        self.posts: list[Post] = []
        self.left = dict(left)
        self.shown: dict[str, tuple[Operation, tuple[OperatorStep, ...]]] = {}
        #: What was told of the call, and how often an operator said that it was not placed.
        self.said: frozenset[str] = frozenset()
        self.words = 0
        #: What else there is in a world of more.
        self.more: Hashable = None
        #: Whoever tells the ledger something, and does not run.
        self.listener = self._store("listener")
        self.listener._database.write(self._make)
        names = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        self._tables: dict[str, Sequence[tuple[Any, ...]]] = {name: () for (name,) in names}
        self._held: tuple[tuple[str, bool], ...] = ()
        self._rows: Sequence[CallRow] = ()
        self._changes = -1
        self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for database in self._databases.values():
            database.release_leases()
        self._stack.close()

    def _make(self, connection: Connection) -> None:
        records.upgrade(self.listener._database, connection)
        records.insert(connection, Owner("", ENVIRONMENT), LEDGER, GIVEN, KEY)

    def _now(self) -> str:
        return iso(BEGAN + timedelta(seconds=self.seconds))

    def _store(self, who: str) -> Store:
        database = Shared(self._connection, self._ledger)
        spool = Spool(self._spool, self.directory)
        store = Store(Opened(database, ENVIRONMENT, LEDGER, 1, self._pseudonymizer, Actor(who, "host"), spool))
        self.owners[store.run], self._databases[store.run] = who, database
        return store

    # A moment is taken down, and made the present one again.

    def save(self) -> Moment:
        """Take down everything that there is."""
        return Moment(
            dict(self._tables),
            self._rows,
            self._held,
            self._spool.read_bytes() if self._spool.exists() else None,
            tuple(self.runners.values()),
            tuple(self.posts),
            tuple(self.left.items()),
            tuple(self.shown.items()),
            self.said,
            self.words,
            self.seconds,
            self.more,
        )

    def load(self, moment: Moment) -> None:
        """Make a moment the present one. What was there is known: it was judged."""
        self._restore(moment.tables)
        self._rows = moment.rows
        self._lock(dict(moment.leases))
        if moment.spool is None:
            self._spool.unlink(missing_ok=True)
        else:
            self._spool.parent.mkdir(exist_ok=True)
            self._spool.write_bytes(moment.spool)
            self._spool.chmod(PRIVATE_FILE)
        self.runners = {runner.name: runner for runner in moment.runners}
        self.posts = list(moment.posts)
        self.left, self.shown = dict(moment.left), dict(moment.shown)
        self.said, self.words, self.seconds = moment.said, moment.words, moment.seconds + 1
        self.more = moment.more

    def _look(self) -> None:
        """See what there is in the ledger, and which leases."""
        raw = self._connection.raw
        if raw.total_changes != self._changes:
            self._changes = raw.total_changes
            for name, before in self._tables.items():
                rows = raw.execute(f"SELECT * FROM {name}").fetchall()
                if rows != before:
                    self._tables[name] = rows
            self._rows = self.listener._database.read(lambda it: rows_of(it, 1, self.names))
        found = FileLease(self._ledger).known()
        self._held = tuple((run, run in self._databases[run]._leases._held) for run in sorted(found))

    def _restore(self, tables: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """Let the tables hold these rows: those that they do not hold already."""
        raw = self._connection.raw
        raw.execute("BEGIN")
        for name, rows in tables.items():
            if rows is not self._tables[name]:
                raw.execute(f"DELETE FROM {name}")
                if rows:
                    raw.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        raw.execute("COMMIT")
        self._tables, self._changes = dict(tables), raw.total_changes

    def _lock(self, leases: Mapping[str, bool]) -> None:
        """Let the files of these leases be there, locked or not, and no others."""
        for run, held in self._held:
            database = self._databases[run]
            if held and not leases.get(run, False):
                os.close(database._leases._held.pop(run))
            if run not in leases:
                database.forget_lease(run)
        for run, held in leases.items():
            own = self._databases[run]._leases
            if (run, held) not in self._held:
                descriptor = os.open(own._path(run), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE)
                if held:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    own._held[run] = descriptor
                else:
                    os.close(descriptor)
        self._held = tuple(sorted(leases.items()))

    # What a moment says, without times and hashes.

    def says(self) -> Hashable:
        """What rows, leases, messages and processes say."""
        rows = self._rows
        return (
            tuple(map(self._row, rows)),
            tuple(sorted((self.owners[run], ended) for run, ended in self._ended().items())),
            tuple(sorted((self.owners[run], held) for run, held in self._held)),
            self._lines({row.reference_id: row for row in rows}),
            tuple(self._process(runner, rows) for runner in self.runners.values()),
            tuple(self.posts),
            tuple(
                (who, operation.name, _meant(operation), *map(self._still_so, steps))
                for who, (operation, steps) in self.shown.items()
            ),
            self.said,
            self.words,
            self.more,
        )

    def budget(self) -> Sequence[int]:
        """How often each of the others may still do something."""
        return tuple(self.left.values())

    def _still_so(self, step: OperatorStep) -> Hashable:
        """What an operator was shown, and whether nothing has happened to the call since."""
        row = self._current(step.reference_id)
        return step.reference_id, step.before, step.serial == (row.serial if row is not None else 0)

    def _ended(self) -> Mapping[str, bool]:
        """Whether the runs that the ledger knows have ended, as it knows."""
        columns = [name for _, name, *_ in self._connection.raw.execute("PRAGMA table_info(flowops_runs)")]
        run, ended_at = columns.index("run"), columns.index("ended_at")
        return {row[run]: row[ended_at] is not None for row in self._tables["flowops_runs"]}

    @property
    def names(self) -> Sequence[str]:
        """The references that the call may have."""
        return NAMES

    def _row(self, row: CallRow) -> Hashable:
        meant = self._pseudonymizer.unblind(row.fingerprint) if row.fingerprint else ""
        return row._replace(
            fingerprint=self._prints.get(meant, meant),
            claim=row.claim > 0,
            run=self.owners.get(row.run, row.run) if row.run else None,
            error=None,
            claimed_at="",
            updated_at="",
            serial=0,
            words=None,
            naming=None,
            body=row.body == "{}",
            legs=tuple((leg.call_id, leg.error, leg.code, leg.later) for leg in row.legs),
        )

    def _lines(self, rows: Mapping[str, CallRow]) -> Hashable:
        """What is kept in the spool, and whether each line is older than the claim of its call."""
        if not self._spool.exists():
            return None
        changes = Spool(self._spool, self.directory).kept(LEDGER, self._pseudonymizer.signature).changes
        return tuple(
            (
                it.reference_id,
                it.event_type,
                self.owners.get(it.run, it.run),
                it.reference_id in rows and it.at < rows[it.reference_id].claimed_at,
            )
            for it in changes
        )

    def _process(self, runner: Runner, rows: Sequence[CallRow]) -> Hashable:
        """What a process knows; of its own rows, whether they are as it left them."""
        known: tuple[Hashable, ...] = ()
        if runner.store is not None:
            serials = {row.reference_id: row.serial for row in rows}
            kept = runner.store._in_flight.items()
            known = tuple((name, row.serial == serials.get(name)) for name, row in sorted(kept))
        return runner.name, runner.runs, runner.died, runner.moves, planned_calls(runner), runner.heard, known

    # Who may do what next.

    @property
    def parts(self) -> Mapping[str, Part]:
        """What others may do."""
        return PARTS

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        """What may happen next."""
        found: list[tuple[str, Callable[[], None]]] = []
        for runner in self.runners.values():
            found += self._steps_of(runner)
        for part in self.left:
            may_come = self.parts.get(part)
            if may_come is not None and (self.left[part] or part in self.shown):
                found += may_come(self, part)
        return found

    def _steps_of(self, runner: Runner) -> Steps:
        name = runner.name
        if runner.store is None:
            # Two runs that are alike begin in one order.
            second = name == "two" and not runner.new and self.runners["one"].fresh
            if runner.runs and not runner.died and not second:
                yield f"{name} opens the ledger and plans", partial(self._open, runner)
            return
        heard, runner, question = self._hear(runner)
        what = question.what
        if what == "write":
            (write,) = question.about
            did = "claims" if isinstance(write, Claim) else f"records that it was {write.event_type}"
            yield f"{name} {did}", partial(self._write, runner, question.about, heard)
            if self.left.get("faults"):
                for when in ("before", "behind"):
                    told = f"{name} {did}, and the ledger fails {when} the commit"
                    yield told, partial(self._write, runner, question.about, heard, fails=when)
        elif what == "send":
            for way in self._ways:
                yield f"{name} sends: {way.name.lower()}", partial(self._send, runner, question.about, way)
        else:
            yield f"{name} {_DOES[what]}", partial(getattr(self, f"_{what}"), runner, question.about)
        if self.left.get("crashes"):
            yield f"{name} dies before it {_DOES[what]}", partial(self._die, runner)

    def _hear(self, runner: Runner) -> tuple[Post | None, Runner, Question]:
        """What a runner does next that anybody else can tell of, and the answer of the API that it has before."""
        heard = None
        if runner.moves:
            return heard, runner, Question("move")
        question = self._runs.question(runner)
        while question.what in ("hear", "pause", *self.asks_nobody):
            if question.what == "hear":
                heard = Post(*question.about, runner.name)
            runner = told(runner, None, None)
            question = self._runs.question(runner)
        return heard, runner, question

    def _open(self, runner: Runner) -> None:
        store = self._store(runner.name)
        store.take_in_spool()
        plan = self.plan(store, new=runner.new)
        moves = any(planned.action is Action.MOVED for planned in plan.references())
        self._put(runner._replace(store=store, plan=plan, runs=runner.runs - 1, moves=moves, fresh=False))

    def plan(self, store: Store, *, new: bool) -> Plan:
        """What the files would do now."""
        return plan_of([self._calls[NEW if new else OLD]], environment=ENVIRONMENT, revision=None, ledger=store)

    def _put(self, runner: Runner) -> None:
        self.runners[runner.name] = runner

    def _own(self, runner: Runner) -> tuple[Runner, Store]:
        """A runner with a store of its own: other moments have theirs."""
        store = copy(runner.store)
        assert store is not None
        store._in_flight = dict(store._in_flight)
        return runner._replace(store=store), store

    def _answer(self, runner: Runner, answer: Any, heard: Hashable) -> None:
        self._put(told(runner, answer, heard))

    def _move(self, runner: Runner, _about: None) -> None:
        runner, store = self._own(runner)
        plan = runner.plan
        assert plan is not None
        move([[planned for planned in plan.calls if planned.action is Action.MOVED]], store, fingerprint_as)
        self._put(runner._replace(moves=False))

    def _sweep(self, runner: Runner, _about: None) -> None:
        runner, store = self._own(runner)
        self._answer(runner, store.sweep(), "swept")

    def _look_up(self, runner: Runner, references: Sequence[str]) -> None:
        runner, store = self._own(runner)
        found = store.look_up(references)
        said = tuple((name, entry.state, entry.live) for name, entry in sorted(found.items()))
        runner = told(runner, found, said)
        self._put(runner)
        # What it has seen is nobody else's matter.
        question = self._runs.question(runner)
        if question.what == "end":
            self._end(runner, question.about)

    def _write(self, runner: Runner, writes: Sequence[Any], heard: Post | None, fails: str | None = None) -> None:
        runner, store = self._own(runner)
        if heard is not None:
            at = self.posts.index(heard)
            self.posts[at] = heard._replace(heard=True)
        store._database.fails = fails
        if fails is not None:
            self.left["faults"] -= 1
        try:
            answers = store.write([self._claim(runner, write) for write in writes])
        except LedgerError as error:
            if fails is None:
                raise
            self._answer(runner, error, fails)
        else:
            self._answer(runner, answers, tuple(answers))

    def _claim(self, _runner: Runner, write: Claim | Record) -> Claim | Record:
        """What is written where a run asks for that."""
        return write

    def _send(self, runner: Runner, reference: str, way: Way) -> None:
        if way.arrives:
            assert runner.store is not None
            row = self._current(reference)
            claimed = row is not None and row.state is State.IN_FLIGHT and row.run == runner.store.run
            assert claimed, f"{reference} is sent by a run that does not have it"
            self.posts.append(Post(reference, way, runner.name))
        self._answer(runner, way, way)

    def _end(self, runner: Runner, result: Result) -> None:
        _runner, store = self._own(runner)
        for made in result.calls:
            if made.outcome is Outcome.PLACED:
                assert self.rang, f"{runner.name} says that {made.reference_id} was placed"
        store.close()
        self._put(Runner(runner.name, runner.runs, new=runner.new, fresh=False))

    def _die(self, runner: Runner) -> None:
        """What the end of a process does: its files close and its locks go, nothing is written."""
        assert runner.store is not None
        self.left["crashes"] -= 1
        held = self._databases[runner.store.run]._leases._held
        for descriptor in held.values():
            os.close(descriptor)
        held.clear()
        self._put(Runner(runner.name, runner.runs, new=runner.new, died=runner.runs == 0, fresh=False))

    # Who tells of it.

    @property
    def rang(self) -> int:
        """How often a phone has rung."""
        return sum(post.way.rings for post in self.posts)

    def _rung_as(self) -> list[str]:
        return [post.reference for post in self.posts if post.way.rings]

    def _callback(self, part: str) -> Steps:
        for reference in self._rung_as():
            yield f"a callback of {reference}", partial(self._call_back, part, reference)

    def _call_back(self, part: str, reference: str) -> None:
        self.left[part] -= 1
        self.listener.called_back({reference: [Leg(CALLEE, f"id-{reference}", code=10, description="ended")]})
        self.said |= {"callback"}

    def _record(self, part: str) -> Steps:
        for reference in self._rung_as():
            yield f"a record of {reference}", partial(self._reconcile, part, reference)

    def _reconcile(self, part: str, reference: str) -> None:
        self.left[part] -= 1
        self.listener.sweep()
        settling = _Records(self.listener, ENVIRONMENT, Adopt.NONE)
        settling._named = frozenset(NAMES)
        settling.settle([CallRecord(reference, f"id-{reference}", CALLEE)])
        self.said |= {"record"}

    def _spooled(self, part: str) -> Steps:
        if self._spool.exists():
            yield "the spool is taken in", partial(self._take_in, part)
            yield "the spool is taken in by a process that dies before it is emptied", partial(self._take_in_half, part)
            yield "the spool of another machine is taken in", partial(self._import, part)

    def _take_in(self, part: str) -> None:
        self.left[part] -= 1
        self.listener.take_in_spool()

    def _take_in_half(self, part: str) -> None:
        self.left[part] -= 1
        with suppress(Crash), mock.patch.object(Spool, "_leave", side_effect=Crash):
            self.listener.take_in_spool()

    def _import(self, part: str) -> None:
        self.left[part] -= 1
        other = self.directory / "other"
        shutil.copy(self._spool, other)
        self.listener.import_spool(other)

    # Who says something of it: first it is shown, then it is done.

    def _operator(self, part: str) -> Steps:
        if part in self.shown:
            yield f"{part} says it: {self.shown[part][0].name}", partial(self._do, part)
            return
        for reference, operation in self.may_be_said():
            yield f"{part} is shown: {operation.name}", partial(self._show, part, operation, reference)

    def may_be_said(self) -> Sequence[tuple[str, Operation]]:
        """What an operator may say, and of which reference: an honest one, who asks whoever knows."""
        return [(OLD, Resolve(placed=self.rang > 0)), (OLD, Cancel(lambda: NAMES)), (OLD, UndoCancel())]

    def _rename(self, part: str) -> Steps:
        if part in self.shown:
            yield "the call is renamed", partial(self._do, part)
            return
        yield "what a rename would do is shown", partial(self._show, part, Rename({OLD: NEW}), OLD)

    def _show(self, part: str, operation: Operation, reference: str) -> None:
        shown = self.listener.rehearse(operation, [reference], "so")
        if shown[0].changed:
            self.left[part] -= 1
            self.shown[part] = operation, tuple(shown)

    def _do(self, part: str) -> None:
        self.done(part)

    def done(self, part: str) -> OperatorStep:
        """Do what an operator was shown."""
        operation, shown = self.shown.pop(part)
        (done,) = self.listener.operate(operation, shown, "so")
        if done.changed and getattr(operation, "_placed", None) is False:
            self.words += 1
        return done

    # What has to hold.

    def _current(self, reference: str) -> CallRow | None:
        """The row that stands for a reference now."""
        rows = {row.reference_id: row for row in self._rows}
        row = rows.get(reference)
        while row is not None and row.state is State.RENAMED and row.renamed in rows:
            row = rows[row.renamed]
        return row

    def judge(self) -> None:
        """The promise, by what the API has received."""
        self._look()
        assert self.rang <= 1, "it rang twice"
        risks = sum(post.is_a_risk for post in self.posts)
        assert risks <= 1 + self.words, "it was sent again, although it may have been placed"
        for reference in self._rung_as():
            for name in (reference, OLD):
                row = self._current(name)
                state = row.state if row else None
                assert not claimable(state), f"{reference} rang, and {name} may be claimed: it is {state}"
            self._judge_what_wastold(self._current(reference))

    def _judge_what_wastold(self, row: CallRow | None) -> None:
        assert row is not None
        if "callback" in self.said:
            assert row.state is State.FINISHED, f"a callback is lost: it is {row.state}"
            assert any(leg.code == 10 for leg in row.legs), "what the callback said is lost"
        if "record" in self.said:
            assert row.state is not None
            assert row.state.is_placed, f"a record is lost: it is {row.state}"

    def judge_end(self) -> None:
        """The same when nothing more happens, and somebody runs again with either files."""
        self.listener.take_in_spool()
        self.listener.sweep()
        assert self.listener.verify() is None
        self.judge()
        for post in self.posts:
            row = self._current(post.reference)
            state = row.state if row else None
            if post.way is Way.ACCEPTED and post.heard and not self.runners[post.run].died:
                assert state is not None, "what the API has accepted is lost"
                assert state.is_placed, f"what the API has accepted is lost: it is {state}"
        for new in {runner.new for runner in self.runners.values()}:
            plan = self.plan(self.listener, new=new)
            if self.rang:
                sends = [planned.reference_id for planned in plan.references(*SENDING)]
                assert not sends, f"it rang, and the next run would place {sends}"


def _meant(operation: Operation) -> Hashable:
    """What an operator says with an operation."""
    return tuple(sorted((name, value) for name, value in vars(operation).items() if isinstance(value, int | str)))


def _call(name: str) -> Call:
    made = call(name, CALLEE)
    return made._replace(terms=Terms(moved_from=OLD)) if name == NEW else made


#: What the questions of a run are, in words.
_DOES = {
    "sweep": "sweeps",
    "check": "asks the policy",
    "look_up": "looks at what others have in flight",
    "end": "ends",
    "move": "moves",
    "send": "sends",
    "write": "writes",
}
#: What may be done by others, and how.
PARTS: Mapping[str, Part] = {
    "callback": Orders._callback,
    "record": Orders._record,
    "spool": Orders._spooled,
    "operator": Orders._operator,
    "another operator": Orders._operator,
    "rename": Orders._rename,
}
