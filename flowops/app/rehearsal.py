"""Ring one's own phone with the words of a call, before anybody else hears them.

A rehearsal is a call of its own: it has a reference of its own, which no file names, and what becomes of it is among
the events of the ledger and nowhere else. So it is no evidence of the call whose words it has, and counts nowhere.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.app.access import guards_of, open_for, revision_of
from flowops.app.apply import api_of
from flowops.app.load import load, variables
from flowops.app.observer import SILENT
from flowops.app.policy_run import facts_of
from flowops.app.render import checked
from flowops.app.secrets import token_of
from flowops.app.walk import Walk
from flowops.apply.control import ShutdownRequest, with_signals
from flowops.apply.options import RunOptions
from flowops.apply.outcome import nothing_sent
from flowops.apply.run import apply
from flowops.common.masking import mask_number, mask_quoted, mask_written
from flowops.common.names import did_you_mean, ulid
from flowops.common.numbers import Refusal, read
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.errors import UsageError
from flowops.ledger.blocks import decision_on
from flowops.ledger.states import step
from flowops.model.call import INSTRUCTION_ID, ONE_ATTEMPT, Call, Script
from flowops.model.claims import Claim, Later, Written
from flowops.model.ledger import State
from flowops.model.project import settings_of
from flowops.plan.canonical import hash_of
from flowops.plan.planner import make_plan
from flowops.policy.evaluate import PolicyEvaluator, tripped
from flowops.policy.policy import Policy
from flowops.policy.rule import Rule
from flowops.policy.rules.limits import PerCallee
from flowops.policy.rules.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from flowops.app.load import Workspace
    from flowops.app.observer import Observer
    from flowops.ledger.store import Store
    from flowops.model.call import Attempts, CallBatch
    from flowops.model.claims import Move, Record
    from flowops.model.document import Place, Value
    from flowops.model.ledger import Entry
    from flowops.model.plan import Decision, Plan, PlannedCall
    from flowops.model.result import CallResult, Result
    from flowops.model.selection import Selection
    from flowops.policy.rule import PolicyContext

PREFIX = "rehearsal-"
#: Rules about when, and how often, somebody else is called.
NOT_ASKED = (Windows, PerCallee)
#: So many references are looked at for the one that was probably meant.
NEAR = 200


class Rehearsal(NamedTuple):
    """A call with the words of another one, and what is to be done with it."""

    plan: Plan
    call: Call
    of: str
    workspace: Workspace
    ledger: Store
    policy: Policy
    facts: PolicyContext

    @property
    def shown(self) -> str:
        """Return the number that would ring, masked."""
        return mask_number(self.call.callees[0])


@contextmanager
def rehearsal(selection: Selection, reference: str, number: str, observer: Observer = SILENT) -> Iterator[Rehearsal]:
    """Find the words of a call, and rule on ringing another number with them; the ledger stays open for the block.

    Raises UsageError for what is no number, and where no call has that name; Invalid with every problem of the files.
    """
    callee = read(number)
    if isinstance(callee, Refusal):
        raise UsageError(f"--to: {mask_written(number)} {callee.message}", hint=callee.hint)
    workspace = load(selection)
    environment = workspace.environment
    if not environment.sandboxed:
        token_of(workspace.project, environment)
    walk = Walk(workspace, variables(workspace, selection.var, selection.var_files), online=True)
    revision = revision_of(workspace.project.root)
    with open_for(workspace.project, environment, revision=revision) as ledger:
        call = _rehearsed(_named(walk, reference, observer), callee)
        policy = _without_times(workspace.policy or Policy())
        facts = facts_of(workspace._replace(policy=policy), ledger, clock(), None)._replace(phones=1)
        batch = _OneCall(call)
        plan = make_plan(
            [batch],
            again=[batch],
            environment=environment.name,
            revision=revision,
            ledger=None,
            rules=_Rules(policy, facts, ledger),
            settings=settings_of(workspace.project, environment),
        )
        plan = plan._replace(guards=(*guards_of(ledger), *tripped(policy, facts, clock())))
        yield Rehearsal(plan, call, reference, workspace, ledger, policy, facts)


def rehearse(found: Rehearsal, observer: Observer = SILENT) -> Result:
    """Ring the number, once, unless something holds the call back."""
    if found.plan.guards:
        return nothing_sent(found.plan, found.plan.guards)
    return asyncio.run(_ring(found, observer))


async def _ring(found: Rehearsal, observer: Observer) -> Result:
    shutdown, environment = ShutdownRequest(), found.workspace.environment
    sent = [planned for planned in found.plan.calls if planned.action.sends]

    async def check(planned: PlannedCall) -> Decision | None:
        return PolicyEvaluator(found.policy, found.facts).evaluate(planned.call, clock())

    with with_signals(shutdown), observer.progress("placing", len(sent)) as advance:

        def done(_result: CallResult) -> None:
            advance(1)

        options = RunOptions(lambda _call: None, done, concurrency=1, rate=environment.rate, check=check)
        async with api_of(found.workspace.project, environment) as api:
            log = RehearsalLog(found.ledger, f"with the words of {found.of}, to {found.shown}")
            return await apply(found.plan, [sent], options, api=api, ledger=log, shutdown=shutdown)


@dataclass(frozen=True, slots=True)
class RehearsalLog:
    """The ledger of a rehearsal: a `flowops.model.claims.RunLedger` that keeps events, and no call.

    `about` says whose words are said to whom, without a number.
    """

    store: Store
    about: str

    def look_up(self, _reference_ids: Sequence[str]) -> dict[str, Entry]:
        """Return nothing: a rehearsal was never placed before."""
        return {}

    def write(self, writes: Sequence[Claim | Record], *, rate: float | None = None) -> list[Written]:
        """Keep what happens, durably; nothing is claimed where the environment is stopped."""
        return [self._claim(write, rate) if isinstance(write, Claim) else self._record(write) for write in writes]

    def pause(self, seconds: float) -> None:
        """Let no run of the environment claim a call for so many seconds."""
        self.store.pause(seconds)

    def move(self, _moves: Sequence[Move]) -> list[Written]:
        """Return nothing: a rehearsal never had another name."""
        return []

    def sweep(self) -> list[str]:
        """Return nothing: no other run has rehearsals in flight."""
        return []

    def _claim(self, claim: Claim, rate: float | None) -> Written:
        why = self.store.stopped()
        if why is not None:
            return Written(False, None, stopped=why)
        blocked = _blocked(self.store, claim.call)
        if blocked is not None:
            return Written(False, None, decision=blocked)
        slot = self.store.take_slot(rate)
        if isinstance(slot, Later):
            return Written(False, None, later=slot)
        self.store.rehearsed(claim.call.reference_id, self.about)
        return Written(True, State.IN_FLIGHT, slot=slot)

    def _record(self, record: Record) -> Written:
        ids = ", ".join(leg.call_id for leg in record.legs if leg.call_id)
        detail = ": ".join(filter(None, [str(record.event_type), ids, record.detail]))
        self.store.rehearsed(record.reference_id, detail)
        state = step(State.IN_FLIGHT, record.event_type)
        return Written(True, state)


class _OneCall:
    """A call as a batch of its own."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.references = [call.reference_id]
        self.bodies = [call.body]
        self.hashes = [hash_of(call.body)]

    @property
    def place(self) -> Place:
        return self._call.origin.place()

    @property
    def labels(self) -> Mapping[str, str]:
        return self._call.origin.document.labels

    @property
    def scripts(self) -> frozenset[Script]:
        body = self._call.body
        return frozenset(
            [Script(self._call.flow, body.get("callflow-id"), frozenset(body.get("flow-variables") or ()))]
        )

    @property
    def has_terms(self) -> bool:
        return True

    @property
    def attempts(self) -> Attempts:
        return ONE_ATTEMPT

    def repeated(self, _indices: Sequence[int], _attempt: int) -> _OneCall:
        return self

    def call(self, _index: int) -> Call:
        return self._call


class _Rules:
    """The rules that hold for whoever rehearses, as a plan asks them."""

    def __init__(self, policy: Policy, facts: PolicyContext, ledger: Store) -> None:
        self._evaluator = PolicyEvaluator(policy, facts)
        self._ledger = ledger

    def hold_back(self, batch: CallBatch, indices: Sequence[int]) -> dict[int, Decision]:
        """Say which of the calls may not be placed, and why."""
        calls = {index: batch.call(index) for index in indices}
        decisions = {
            index: _blocked(self._ledger, call) or self._evaluator.evaluate(call, clock())
            for index, call in calls.items()
        }
        return {index: decision for index, decision in decisions.items() if decision is not None}

    def foresee(self, _batch: CallBatch, _due: Mapping[int, datetime]) -> dict[int, Decision]:
        """Return nothing: a rehearsal has one attempt, which waits for no time."""
        return {}


def _blocked(ledger: Store, call: Call) -> Decision | None:
    """Return that somebody has blocked the number of a call."""
    return decision_on(call.callees, ledger.blocked(call.callees))


def _named(walk: Walk, reference: str, observer: Observer) -> Call:
    """Return the call of a name, once it is known that nothing is wrong with the files."""
    found: Call | None = None
    near: list[str] = []
    for batch in checked(walk, observer):
        near += batch.references[: NEAR - len(near)]
        if found is None and reference in batch.references:
            found = batch.call(list(batch.references).index(reference))
    if found is None:
        raise UsageError(f"--rehearse: no call is named {mask_quoted(reference)}", hint=did_you_mean(reference, near))
    return found


def _rehearsed(call: Call, callee: str) -> Call:
    """Return a call with the words of another one, to a number. When the other one is due, and where, is no matter."""
    name = PREFIX + ulid()
    left_out = (INSTRUCTION_ID, "callee", "callees", "callback-url")
    rest: dict[str, Value] = {field: value for field, value in call.body.items() if field not in left_out}
    terms = call.terms._replace(timezone=None, not_before=None, moved_from=None)
    sensitive = call.sensitive | {("callee",)}
    body = {INSTRUCTION_ID: name, "callee": callee, **rest}
    return call._replace(reference_id=name, body=body, sensitive=sensitive, terms=terms, row=None)


def _without_times(policy: Policy) -> Policy:
    """Return the rules about a number, and of the guards those that are such rules too."""
    return policy._replace(
        rules=tuple(rule for rule in policy.rules if not isinstance(rule, NOT_ASKED)),
        guards=tuple(guard for guard in policy.guards if isinstance(guard, Rule)),
        stop_on=(),
    )
