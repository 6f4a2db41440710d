"""One call, and everybody who has to do with it: two runners, whoever hears of it, and whoever says something of it.

The steps are the product's own: `flowops.apply.apply` runs, and plans, claims, records, leases and operators' words are
the real ones, over a real ledger (SQLite in memory, whose rows are a part of each state) with lock files and a spool
on disk. Only what a run asks of the outside is answered here, one question a step, so that anybody may come in between.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from flowops.api.records import CallRecord
from flowops.app.reconcile import _Records
from flowops.apply.run import move
from flowops.errors import LedgerError
from flowops.ledger.operators import Cancel, Rename, Resolve, UndoCancel
from flowops.ledger.spool import Spool
from flowops.ledger.states import claimable
from flowops.model.claims import Claim, Record
from flowops.model.ledger import Adopt, Leg, State
from flowops.model.plan import SENDING, Action
from flowops.model.result import Outcome, Result
from flowops.plan.decide import fingerprint_as
from support.asked import CALLEE, NEW, OLD, Post, Question, Runner, Way, told
from support.plans import plan_of
from support.shared_ledger import ENVIRONMENT, NAMES, Crash, SharedLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from flowops.ledger.changes import CallRow
    from flowops.ledger.operators import Operation
    from flowops.ledger.store import Store
    from flowops.model.ledger import OperatorStep
    from flowops.model.plan import Plan

    Steps = Iterator[tuple[str, Callable[[], None]]]
    Part = Callable[["Orders", str], Steps]


class Orders(SharedLedger):
    """A world as `support.walk` walks it. `left` says how often each may happen that is not a runner's step.

    `runs` is how often each of two runners may begin; `known` is what runs ask, from other worlds. Where a call is
    renamed, the second one has the new files.
    """

    #: Questions that are answered at once: there is no policy to ask here.
    asks_nobody: Sequence[str] = ("check",)

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
        settling._named = dict.fromkeys(NAMES)
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
