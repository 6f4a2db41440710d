"""Results as they may be shown: masked copies of what there is, the totals, and which of many calls a reader sees.

Every format is made from these values and never from a `Call`, so what is not masked here is not printed anywhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple, Protocol

from flowops.common.masking import HIDDEN, mask_number, mask_text, masked_but
from flowops.model.difference import Shift
from flowops.model.plan import A_FEW, ABSENT, ALL_SHOWN, NONE_SHOWN, Action, Change
from flowops.model.problems import Problems
from flowops.model.result import Outcome
from flowops.report.hours import Hours, PlanClock, Ready, hours_of
from flowops.report.masking import PeopleCounter, distinguish, masked, without_pseudonyms
from flowops.report.phrases import signal_name
from flowops.report.remedies import remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from flowops.model.call import Call, LeftOut, Script
    from flowops.model.document import Document, Place, Problem, RowPlace, Value
    from flowops.model.ledger import Actor, Entry, EventType, LedgerRun, NumberBlock, OperatorStep, State
    from flowops.model.plan import Guard, Plan, PlannedBatch, PlannedCall
    from flowops.model.result import CallResult, CaseResult, Result


class SpokenText(NamedTuple):
    """One variable that is text: what people will hear."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class CallView:
    """One call of a plan or a difference, `callees` and `changes` masked; `place` is where its document begins.

    `action` is what the plan does with it, or what became of it. `pseudonyms` are the short names of the callees, in
    their order. `root` is the reference-id of the first of its `max_attempts` attempts, of which it is one.
    """

    reference_id: str
    fingerprint: str
    action: Action | Shift
    flow: str | None = None
    callees: tuple[str, ...] = ()
    pseudonyms: tuple[str, ...] = ()
    place: Place | None = None
    row: RowPlace | None = None
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    until: str | None = None
    texts: tuple[SpokenText, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    root: str = ""
    attempt: int = 1
    max_attempts: int = 1

    @property
    def heard(self) -> bool:
        """Return whether people will hear it as it is."""
        return self.action in (Action.PLACE, Action.RETRY, Shift.ADDED)


@dataclass(slots=True)
class Group:
    """The calls of one document: `shown` are those for a reader, `hidden` counts the others.

    `flows` names what is called, in order. `scripts` are the distinct things people may hear: a callflow-id with a set
    of variables. `shift` is what became of all of them, in a difference. `labels` are those of all of them.
    """

    place: Place | None
    shift: Shift | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    flows: dict[str, None] = field(default_factory=dict)
    scripts: set[Hashable] = field(default_factory=set)
    counts: Counter[Action | Shift] = field(default_factory=Counter)
    hidden: Counter[Action | Shift] = field(default_factory=Counter)
    shown: list[CallView] = field(default_factory=list)

    def shows(self, action: Action | Shift, *, full: bool) -> bool:
        """Count a call, and return whether a reader sees it."""
        self.counts[action] += 1
        if full or action in ALL_SHOWN or (action not in NONE_SHOWN and self.counts[action] <= A_FEW):
            return True
        self.hidden[action] += 1
        return False


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan for readers; `unnamed` counts calls in the ledger that no file names.

    `countries` counts the phones that the plan would ring by country code, ``+44``, where every call is shown; `hours`
    counts the calls that would be sent, deferred ones too, by when that would be. `sandboxed` when the embedded API is
    what would be called. `settings` are what else was decided on: where calls go, with whose token.
    """

    environment: str
    revision: str | None
    ledger_id: str | None
    ledger_serial: int | None
    digest: str
    counts: Mapping[Action, int]
    phones: Mapping[Action, int]
    unnamed: int
    groups: tuple[Group, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    countries: Mapping[str, int] = field(default_factory=dict)
    hours: Hours = field(default_factory=Hours)
    sandboxed: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    guards: tuple[Guard, ...] = ()


class PlanOutput(NamedTuple):
    """A plan as formats ask for it: `view` takes whether every call is to be in it, `json` gives the whole document.

    `full` says whether somebody asked for every call.
    """

    view: Callable[[bool], PlanView]
    json: Callable[[], dict[str, Value]]
    full: bool = False


def of_plan(
    plan: Plan, *, full: bool = False, show_pii: bool = False, clock: PlanClock | None = None, sandboxed: bool = False
) -> PlanView:
    """Return a plan for readers; with `full` every call is shown, with `show_pii` callees and new values as they are.

    `clock` says from when on the calls would be sent, and how fast.
    """
    groups: dict[Place, Group] = {}
    countries: Counter[str] = Counter()
    pseudonym = pseudonyms_of(plan)
    ready: Counter[Ready] = Counter()
    for batch in filter(len, plan.batches):
        group = groups.get(batch.place) or groups.setdefault(batch.place, Group(batch.place, labels=batch.labels))
        group.flows.update((_flow(script), None) for script in batch.scripts)
        group.scripts.update((script.callflow_id, script.variables) for script in batch.scripts)
        group.counts.update(batch.counts())
        ready.update(_ready(batch))
    for planned in plan.calls if full else plan.shown:
        group = groups[planned.call.origin.place()]
        group.shown.append(of_call(planned, pseudonym, show_pii=show_pii))
        if full and planned.action.sends:
            countries.update(country_code(mask_number(number)) for number in planned.call.callees)
    for row in plan.invalid:
        group = groups.get(row.place) or groups.setdefault(row.place, Group(row.place))
        if group.shows(Action.INVALID, full=full):
            group.shown.append(of_left_out(row))
    for group in groups.values():
        group.hidden = group.counts - Counter(call.action for call in group.shown)
    if not show_pii:
        distinguish_callees(groups.values())
    checkpoint = plan.ledger
    return PlanView(
        environment=plan.environment,
        revision=plan.revision,
        ledger_id=checkpoint.id if checkpoint else None,
        ledger_serial=checkpoint.serial if checkpoint else None,
        digest=plan.digest,
        counts=plan.counts(),
        phones=plan.phones(),
        unnamed=plan.unnamed,
        groups=tuple(groups.values()),
        warnings=without_numbers(plan.warnings),
        notes=without_numbers(plan.notes),
        countries=countries,
        hours=hours_of(ready, clock),
        sandboxed=sandboxed,
        settings=plan.settings,
        guards=guards_of(plan.guards),
    )


def pseudonyms_of(plan: Plan) -> Callable[[str], str]:
    """Return what gives the callees of a plan their short names in one output."""
    return plan.pseudonym or PeopleCounter()


def distinguish_callees(groups: Iterable[Group]) -> None:
    """Put pseudonyms behind the callees that look alike, of all the calls that a reader sees."""
    shown = [(group.shown, at) for group in groups for at in range(len(group.shown))]
    callees = distinguish((calls[at].callees, calls[at].pseudonyms) for calls, at in shown)
    for (calls, at), named in zip(shown, callees, strict=True):
        calls[at] = replace(calls[at], callees=named)


def without_numbers(sentences: Iterable[str]) -> tuple[str, ...]:
    """Return sentences about a plan as a whole, without numbers."""
    return tuple(mask_text(text) for text in sentences)


def guards_of(guards: Iterable[Guard]) -> tuple[Guard, ...]:
    """Return guards that have tripped for readers, without numbers."""
    return tuple(guard._replace(reason=mask_text(guard.reason)) for guard in guards)


def of_call(planned: PlannedCall, pseudonym: Callable[[str], str], *, show_pii: bool = False) -> CallView:
    """Return one call of a plan for readers."""
    call = planned.call
    return replace(
        view_of(call, planned.action, pseudonym, show_pii=show_pii),
        fingerprint=planned.fingerprint,
        changes=tuple(_change(change, call.body if show_pii else None) for change in planned.changes),
        # A reference-id stays as it is, because commands take it.
        reasons=planned.reasons if show_pii else tuple(masked_but(it, [call.reference_id]) for it in planned.reasons),
        until=iso(planned.until) if planned.until else None,
    )


def of_left_out(row: LeftOut) -> CallView:
    """Return a row that is left out of a plan for readers; it may have no name."""
    return CallView(row.reference_id or "", "", Action.INVALID, place=row.place, row=row.row, reasons=row.reasons)


def view_of(call: Call, action: Action | Shift, pseudonym: Callable[[str], str], *, show_pii: bool = False) -> CallView:
    """Return a call for readers, and what is or was done with it."""
    return CallView(
        reference_id=call.reference_id,
        fingerprint="",
        action=action,
        flow=call.flow,
        callees=call.callees if show_pii else tuple(mask_number(number) for number in call.callees),
        pseudonyms=tuple(map(pseudonym, call.callees)),
        place=call.origin.place(),
        row=call.row,
        texts=spoken_texts(call),
        labels=call.labels,
        root=call.root,
        attempt=call.attempt,
        max_attempts=call.attempts.most,
    )


def spoken_texts(call: Call) -> tuple[SpokenText, ...]:
    """Return the variables of a call that are text, in the order in which they are sent; sensitive ones are hidden."""
    variables = call.body.get("flow-variables") or {}
    return tuple(
        SpokenText(name, HIDDEN if ("flow-variables", name) in call.sensitive else str(masked(value)))
        for name, value in variables.items()
        if isinstance(value, str)
    )


def iso(at: datetime) -> str:
    """Return a time for machines: ISO 8601, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def country_code(masked_number: str) -> str:
    """Return ``+44`` of ``+44 20 79•• ••23``."""
    return masked_number.partition(" ")[0]


#: What a call has come to that was to be placed, and is not, or nobody knows.
_FAILED = frozenset({Outcome.REJECTED, Outcome.NOT_ATTEMPTED, Outcome.IN_DOUBT})


class Cause(NamedTuple):
    """Why so many `calls` of a run were not placed, and what helps."""

    reason: str
    calls: int
    hint: str | None


class ResultView(NamedTuple):
    """A run for readers; its calls are masked as they are asked for, since there may be very many.

    With `full` every call that needs doing is named.
    """

    result: Result
    full: bool = False
    json: Mapping[str, Value] | None = None

    @property
    def failure(self) -> str | None:
        """Return what ended the run early."""
        return None if self.result.failure is None else mask_text(self.result.failure)

    @property
    def guards(self) -> tuple[Guard, ...]:
        """Return which guards of the run have tripped, without numbers."""
        return guards_of(self.result.guards)

    @property
    def interrupted(self) -> str | None:
        """Return the name of the signal that ended the run."""
        return None if self.result.interrupted is None else signal_name(self.result.interrupted)

    def calls(self) -> Iterator[CallResult]:
        """Yield the calls, in the order of the plan."""
        for call in self.result.calls:
            yield call if call.error is None else replace(call, error=mask_text(call.error))

    def causes(self) -> list[Cause]:
        """Return why calls were not placed that were to be, the commonest cause first."""
        result = self.result
        found = Counter(
            call.error
            for call in self.calls()
            if call.outcome in _FAILED and call.error is not None and call.reference_id not in result.beyond
        )
        return [Cause(reason, count, remedy(reason)) for reason, count in found.most_common()]

    def having(self, outcome: Outcome, *, partly: bool | None = None) -> Iterator[CallResult]:
        """Yield the calls of an outcome; with `partly` only those of which some callees were refused, or were not."""
        for call in self.calls():
            if call.outcome is outcome and partly in (None, bool(call.refused_callees)):
                yield call


class ProblemsView(NamedTuple):
    """How much was checked, and what is wrong with it; `not_read` are call sets whose rows were not asked for.

    `excerpt` gives the line of a file at a place. `warnings` are what a reviewer has to look at besides.
    """

    problems: Sequence[Problem]
    environment: str
    files: int = 0
    documents: int = 0
    calls: int = 0
    not_read: Sequence[tuple[Document, str]] = ()
    excerpt: Callable[[Place], str | None] | None = None
    warnings: Sequence[str] = ()


class CasesView(NamedTuple):
    """The tests of a project's calls; `excerpt` gives the line of a file at a place."""

    results: Sequence[CaseResult]
    environment: str = ""
    excerpt: Callable[[Place], str | None] | None = None

    @property
    def failed(self) -> int:
        """Return how many tests have failed."""
        return sum(not result.passed for result in self.results)

    @property
    def problems(self) -> list[Problem]:
        """Return what differs, in all tests."""
        return [problem for result in self.results for problem in result.failures]


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return what is wrong, by place; those of one place and kind are one."""
    return list(Problems(problems))


class Bodies(NamedTuple):
    """Calls whose bodies are printed exactly, nothing masked; they are gone through once."""

    calls: Iterable[Call]
    environment: str = ""


class Exported(NamedTuple):
    """The ledger as rows for other programs, their callees masked; they are gone through once."""

    rows: Iterable[dict[str, Value]]


class AuditRow(NamedTuple):
    """One event for auditors, without bodies, callees and numbers; who acted and why is None once it was purged."""

    serial: int
    reference_id: str
    event: str
    state: str | None
    at: str
    who: str | None
    host: str | None
    job: str | None
    commit: str | None
    run: str | None
    reason: str | None
    override: str | None
    hash: str


class AuditTrail(NamedTuple):
    """The events of a ledger for other programs, oldest first; they are gone through once."""

    events: Iterable[LedgerEvent]

    def rows(self) -> Iterator[AuditRow]:
        """Yield each event as a row."""
        for event in self.events:
            actor, data = event.actor, event.data or {}
            reason = data.get("reason") or data.get("detail")
            yield AuditRow(
                serial=event.serial,
                reference_id=event.reference_id,
                event=event.event_type.value,
                state=event.state.value if event.state else None,
                at=event.at,
                who=actor.who if actor else None,
                host=actor.host if actor else None,
                job=actor.job if actor else None,
                commit=actor.commit if actor else None,
                run=event.run,
                reason=mask_text(str(reason)) if reason else None,
                override=optional(actor.override) if actor else None,
                hash=event.hash,
            )


class Done(NamedTuple):
    """What a command has done that works on a ledger as a whole: the facts by their names, and in words."""

    environment: str
    command: str
    facts: Mapping[str, Value]
    said: Sequence[str]


class Runs(NamedTuple):
    """The runs of a ledger, the newest first."""

    environment: str
    runs: Sequence[LedgerRun]


class BlockedView(NamedTuple):
    """The numbers of a ledger that were ever blocked."""

    environment: str
    blocks: Sequence[NumberBlock]

    @property
    def blocked(self) -> Sequence[NumberBlock]:
        """Return those that are."""
        return [block for block in self.blocks if block.lifted_at is None]

    @property
    def lifted(self) -> Sequence[NumberBlock]:
        """Return those that were."""
        return [block for block in self.blocks if block.lifted_at is not None]


class OperationView(NamedTuple):
    """What an operator does to calls, or would do: `name` is the command's word, `done` what it comes to then.

    Before it is done `is_done` is false.
    """

    environment: str
    name: str
    done: str
    reason: str
    steps: Sequence[OperatorStep]
    is_done: bool

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many calls are changed, are as they were asked for already, and are refused."""
        changed = sum(step.changed for step in self.steps)
        refused = sum(step.refused is not None for step in self.steps)
        return {"changed": changed, "unchanged": len(self.steps) - changed - refused, "refused": refused}


class LedgerEvent(Protocol):
    """One event of a call's history; `actor` and `data` are None once the call was purged."""

    @property
    def serial(self) -> int: ...
    @property
    def reference_id(self) -> str: ...
    @property
    def event_type(self) -> EventType: ...
    @property
    def state(self) -> State | None: ...
    @property
    def at(self) -> str: ...
    @property
    def actor(self) -> Actor | None: ...
    @property
    def run(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Value] | None: ...
    @property
    def hash(self) -> str: ...


class Entries(NamedTuple):
    """Rows of the ledger, which are gone through once."""

    entries: Iterable[Entry]
    environment: str = ""


class EntryView(NamedTuple):
    """One call of the ledger and its history, oldest first."""

    entry: Entry
    history: Sequence[LedgerEvent] = ()


def of_entry(entry: Entry) -> Entry:
    """Return a call of the ledger for readers: its pseudonyms as they are shown, and no numbers."""
    legs = (
        replace(leg, error=optional(leg.error), description=optional(leg.description), callee=None)
        for leg in entry.legs
    )
    return replace(entry, error=optional(entry.error), legs=tuple(legs), body=masked(dict(entry.body)))


def optional(text: str | None) -> str | None:
    """Return a text without numbers, if there is one."""
    return None if text is None else mask_text(text)


def _ready(batch: PlannedBatch) -> Counter[Ready]:
    """Count from when on the phones that would be rung may be; no call is made again to know it."""
    ready: Counter[Ready] = Counter()
    for index in batch.having({Action.DEFERRED}):
        detail = batch.details.get(index)
        ready[Ready(detail.until if detail else None, deferred=True)] += batch.several.get(index, 1)
    if sent := sum(phones for action, phones in batch.phones().items() if action.sends):
        ready[Ready(None, deferred=False)] = sent
    return ready


def _change(change: Change, body: Mapping[str, Value] | None) -> Change:
    """Return a change for readers; with the body that is to be sent, its new value is the real one."""
    before, after = change.before, change.after
    if before is not ABSENT:
        before = masked(before) if body is None else without_pseudonyms(before)
    if after is not ABSENT:
        after = masked(after) if body is None else _resolve(body, change.path)
    return Change(change.path, before, after)


def _resolve(body: Mapping[str, Value], pointer: str) -> Value:
    value: Value = body
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def _flow(script: Script) -> str:
    """Return what a script calls, for a heading."""
    return f"flow {script.flow}" if script.flow else f"callflow-id {script.callflow_id}"
