"""One call that may be tried three times, and everybody who has to do with it: as `support.orders`, with time passing.

A run asks the real policy (`ClaimCheck`) right before each claim, so time and evidence may come in between.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from flowops.api.records import CallRecord
from flowops.app.policy_run import ClaimCheck
from flowops.app.reconcile import _Records
from flowops.apply.control import Halt
from flowops.ledger.database import iso
from flowops.ledger.operators import Accept, Cancel, Resolve, UndoCancel
from flowops.model.call import (
    INSTRUCTION_ID,
    ONE_ATTEMPT,
    OUTCOME_CODES,
    Attempts,
    Terms,
    attempt_reference,
    split_reference,
)
from flowops.model.claims import Claim, Record
from flowops.model.ledger import Adopt, EventType, Leg, State
from flowops.model.plan import Decision
from flowops.plan.canonical import fingerprint
from flowops.plan.planner import make_plan
from flowops.policy.policy import Policy
from flowops.policy.rule import PolicyContext
from support.asked import CALLEE, NEW, OLD, Post, Runner, Way, told
from support.orders import PARTS, Orders
from support.plans import Batch
from support.shared_ledger import BEGAN, ENVIRONMENT
from support.values import call

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from flowops.ledger.changes import CallRow
    from flowops.ledger.operators import Operation
    from flowops.ledger.store import Store
    from flowops.model.plan import Plan, PlannedCall
    from support.orders import Part, Steps

MOST = 3
PAUSE = timedelta(hours=2)
THREE = Attempts(MOST, frozenset({"no-answer"}), (PAUSE,))
TWO = THREE._replace(most=2)
#: What the files may say of attempts.
EDITS: Mapping[str, Attempts] = {"three attempts": THREE, "two attempts": TWO, "no attempts": ONE_ATTEMPT}
COMPLETED, NO_ANSWER = OUTCOME_CODES["completed"], OUTCOME_CODES["no-answer"]
CHAINS = tuple(attempt_reference(name, attempt) for name in (OLD, NEW) for attempt in range(1, MOST + 1))


class More(NamedTuple):
    """What there is beside what `support.orders` knows.

    `attempts` is what the files say, and `named` what they call the call; `most` is what they said when it was first
    claimed. `codes` is what was told of each attempt by anybody, `cancelled` whether somebody has cancelled the rest.
    """

    attempts: str = "three attempts"
    named: str = OLD
    most: int = 0
    pauses: int = 0
    codes: tuple[tuple[str, int], ...] = ()
    cancelled: bool = False


class Chain(Batch):
    """A document of one call that may be tried again."""

    def repeated(self, indices: Sequence[int], attempt: int) -> Chain:
        return Chain(self.place, [_attempt(self.calls[index], attempt) for index in indices], self.attempts)


def _attempt(first: Any, attempt: int) -> Any:
    reference = attempt_reference(first.reference_id, attempt)
    body = {**first.body, INSTRUCTION_ID: reference}
    return first._replace(reference_id=reference, body=body, attempt=attempt)


class AttemptOrders(Orders):
    """A world of one chain; with `behind` its first attempt was not answered, and the second is due.

    A `policy` is asked right before each claim.
    """

    asks_nobody = ()
    more: More

    def __init__(
        self,
        *,
        behind: bool = False,
        attempts: str = "three attempts",
        policy: Policy | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.more = More(attempts)
        self._policy = policy or Policy()
        #: Behind how many pauses the policy was asked about each attempt that was claimed, and why it held some back:
        #: of one order only.
        self.claimed: dict[str, int] = {}
        self.held: list[str] = []
        self._prints |= {fingerprint(_attempt(call(OLD, CALLEE), n).body): str(n) for n in range(1, MOST + 1)}
        if behind:
            self._not_answered()
        self._look()

    def _not_answered(self) -> None:
        earlier = self._store("earlier")
        first = self._called(1)
        earlier.write([Claim(first, fingerprint(first.body))])
        earlier.write([Record(OLD, EventType.ACCEPTED, (Leg(CALLEE, f"id-{OLD}"),))])
        earlier.called_back({OLD: [Leg(CALLEE, f"id-{OLD}", code=NO_ANSWER)]})
        earlier.close()
        self.posts.append(Post(OLD, Way.ACCEPTED, "earlier", heard=True))
        self.more = self.more._replace(most=EDITS[self.more.attempts].most, pauses=1, codes=((OLD, NO_ANSWER),))

    def _called(self, attempt: int) -> Any:
        first = call(self.more.named, CALLEE)._replace(attempts=EDITS[self.more.attempts])
        if self.more.named == NEW:
            first = first._replace(terms=Terms(moved_from=OLD))
        return _attempt(first, attempt)

    @property
    def names(self) -> Sequence[str]:
        return CHAINS

    @property
    def parts(self) -> Mapping[str, Part]:
        return {
            **PARTS,
            "callback": AttemptOrders._callback_of_any,
            "record": AttemptOrders._record_of_any,
            "edit": AttemptOrders._edits,
            "clock": AttemptOrders._pauses,
            "block": AttemptOrders._blocks,
        }

    @property
    def at(self) -> Any:
        """The time."""
        return BEGAN + timedelta(seconds=self.seconds) + self.more.pauses * (PAUSE + timedelta(minutes=1))

    def _now(self) -> str:
        return iso(self.at)

    def says(self) -> Hashable:
        """What there is, and of each attempt whether the next one would be due."""
        found = self.listener.tried(CHAINS)
        due = tuple(
            (name, it.attempts.most, it.codes, it.finished_at is not None and it.finished_at <= iso(self.at - PAUSE))
            for name, it in sorted(found.items())
        )
        return super().says(), due, self.listener.has_blocks()

    def plan(self, store: Store, *, new: bool) -> Plan:
        attempts = EDITS[self.more.attempts]
        first = self._called(1)
        batches = [Chain(first.origin.place(), [first], attempts)]
        return make_plan(batches, again=batches, environment=ENVIRONMENT, revision=None, ledger=store, at=self.at)

    # A run asks the policy, and claims under the condition that it gets.

    def _check(self, runner: Runner, planned: PlannedCall) -> None:
        check = ClaimCheck(self._policy, PolicyContext(), Halt(), lambda: self.at)(planned)
        try:
            check.send(None)
        except StopIteration as answered:
            found = answered.value
        self.held += found.reasons if isinstance(found, Decision) else ()
        said = found if isinstance(found, Decision) else (found is not None, self.more.pauses)
        self._put(told(runner, found, said))

    def _claim(self, runner: Runner, write: Claim | Record) -> Claim | Record:
        if isinstance(write, Record):
            return write
        # The same question may have been asked before, at another time.
        condition, _frozen = runner.answers[-1]
        return write._replace(condition=condition)

    def _write(self, runner: Runner, writes: Sequence[Any], heard: Post | None, fails: str | None = None) -> None:
        before = {row.reference_id for row in self._rows if row.state is State.IN_FLIGHT}
        super()._write(runner, writes, heard, fails)
        (write,) = writes
        if not isinstance(write, Claim):
            return
        self._look()
        claimed = {row.reference_id for row in self._rows if row.state is State.IN_FLIGHT} - before
        if not claimed:
            return
        (name,) = claimed
        self.claimed[name] = runner.heard[-1][1]
        done = [reference for reference, code in self.more.codes if code == COMPLETED]
        assert not done, f"{name} is claimed, although {done} was completed"
        assert not self.more.cancelled, f"{name} is claimed, although the call was cancelled"
        if name in (OLD, NEW):
            self.more = self.more._replace(most=write.call.attempts.most)

    # Who tells of it.

    def _callback_of_any(self, part: str) -> Steps:
        # Another copy of the ledger may have placed what is cancelled in this one.
        cancelled = [row.reference_id for row in self._rows if row.state is State.CANCELLED]
        for reference in dict.fromkeys((*self._rung_as(), *cancelled)):
            for code in (NO_ANSWER, COMPLETED):
                yield f"a callback of {reference}: {code}", partial(self._told_by_callback, part, reference, code)

    def _told_by_callback(self, part: str, reference: str, code: int) -> None:
        self.left[part] -= 1
        self.listener.called_back({reference: [Leg(CALLEE, f"id-{reference}", code=code)]})
        self._end_of(reference, code)

    def _record_of_any(self, part: str) -> Steps:
        for reference in self._rung_as():
            yield f"a record of {reference}", partial(self._told_by_record, part, reference)

    def _told_by_record(self, part: str, reference: str) -> None:
        self.left[part] -= 1
        self.listener.sweep()
        settling = _Records(self.listener, ENVIRONMENT, Adopt.NONE)
        settling._named = dict.fromkeys((OLD, NEW))
        settling.settle([CallRecord(reference, f"id-{reference}", CALLEE, code=COMPLETED)])
        self._end_of(reference, COMPLETED)

    def _end_of(self, reference: str, code: int) -> None:
        self.more = self.more._replace(codes=tuple(dict.fromkeys((*self.more.codes, (reference, code)))))

    # Who says something of it, and what else may happen.

    def may_be_said(self) -> Sequence[tuple[str, Operation]]:
        rung = self._rung_as()
        found: list[tuple[str, Operation]] = []
        for row in self._rows:
            name = row.reference_id
            found.append((name, Resolve(placed=name in rung)))
            if name in rung:
                found.append((name, Resolve(placed=None, outcome=NO_ANSWER)))
            found.append((name, Accept({name: f"v1:sha256:{'ab' * 32}"})))
        return [*found, (OLD, Cancel(lambda: [OLD])), (OLD, UndoCancel())]

    def _do(self, part: str) -> None:
        operation, shown = self.shown[part]
        done = self.done(part)
        if not done.changed:
            return
        if getattr(operation, "_outcome", None) is not None:
            self._end_of(shown[0].reference_id, NO_ANSWER)
        if isinstance(operation, Cancel | UndoCancel):
            self.more = self.more._replace(cancelled=isinstance(operation, Cancel))

    def _edits(self, part: str) -> Steps:
        for attempts in EDITS:
            if attempts != self.more.attempts:
                yield f"the files say: {attempts}", partial(self._edit, part, attempts=attempts)
        if self.more.named == OLD:
            yield "the files call it by another name", partial(self._edit, part, named=NEW)

    def _edit(self, part: str, **said: str) -> None:
        self.left[part] -= 1
        self.more = self.more._replace(**said)

    def _pauses(self, part: str) -> Steps:
        yield "two hours pass", partial(self._pause, part)

    def _pause(self, part: str) -> None:
        self.left[part] -= 1
        self.more = self.more._replace(pauses=self.more.pauses + 1)

    def _blocks(self, part: str) -> Steps:
        yield "the number is blocked", partial(self._block, part)

    def _block(self, part: str) -> None:
        self.left[part] -= 1
        self.listener.block([CALLEE], "so")

    # What has to hold.

    def judge(self) -> None:
        self._look()
        rung = self._rung_as()
        attempts = [split_reference(name)[1] for name in rung]
        assert len(attempts) == len(set(attempts)), f"one attempt rang twice: {rung}"
        risks = sum(post.is_a_risk for post in self.posts)
        assert risks <= self.more.most + self.words, (
            f"{risks} requests of a call that may be tried {self.more.most} times"
        )
        told_of = dict(self.more.codes)
        still_open = [name for name in rung if name not in told_of]
        assert len(still_open) <= 1, f"two attempts are open at once: {still_open}"
        for name in rung:
            row = self._current(name)
            assert row is not None, f"{name} rang, and is not in the ledger"
            assert row.state not in (None, State.REJECTED), f"{name} rang, and may be claimed: it is {row.state}"
            self._judge_codes(name, row)

    def _judge_codes(self, name: str, row: CallRow) -> None:
        codes = {code for leg in row.legs for code in (leg.code, leg.later)}
        lost = [code for reference, code in self.more.codes if reference == name and code not in codes]
        assert not [code for code in lost if code == COMPLETED], f"that {name} was completed is lost"

    def judge_end(self) -> None:
        self.listener.take_in_spool()
        self.listener.sweep()
        assert self.listener.verify() is None
        self.judge()
