"""Plans and calls as they may be shown: masked, the totals, when they would be sent, and which of many a reader sees.

Every format is made from these values and never from a `Call`, so what is not masked here is not printed anywhere.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from flowops.common.masking import HIDDEN, calling_code, mask_number, mask_text, masked_but
from flowops.common.tuples import NamedTuple
from flowops.model.document import ABSENT
from flowops.model.plan import A_FEW, ALL_SHOWN, NONE_SHOWN, Action, Change, Shift
from flowops.report.blocks import Lazy
from flowops.report.masking import PeopleCounter, distinguish, guards_of, masked, without_numbers, without_pseudonyms

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from flowops.model.call import Call, LeftOut, Script
    from flowops.model.document import Place, RowPlace, Value
    from flowops.model.plan import Guard, Plan, PlannedBatch, PlannedCall

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3_600
#: The last hour that a `datetime` can name.
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(hours=1)


class PlanClock(NamedTuple):
    """The time of a plan, and the requests a second that its environment lets through (None: no limit)."""

    at: datetime
    rate: float | None


class Ready(NamedTuple):
    """The time from which a call may be sent: `at` has an offset; None for at once, and where it is not known."""

    at: datetime | None
    deferred: bool


class Hour(NamedTuple):
    """The calls to be sent within an hour: `start` is its beginning in UTC, None where no time is known."""

    start: datetime | None
    placed: int
    deferred: int


class Hours(NamedTuple):
    """The hours in which something would be sent, in order; `clock` is None for a plan that tells no time."""

    clock: PlanClock | None = None
    rows: tuple[Hour, ...] = ()


def hours_of(ready: Mapping[Ready, int], clock: PlanClock | None) -> Hours:
    """Spread calls, counted by when they may be sent, over the hours at the environment's rate.

    What may be sent at once begins with the plan; every other call waits for its opening, and for its turn then.
    """
    known: Counter[tuple[int, bool]] = Counter()
    queue: Counter[tuple[float, bool]] = Counter()
    unknown: Counter[bool] = Counter()
    for (at, deferred), calls in ready.items():
        if clock is not None and (at is not None or not deferred):
            queue[_seconds(max(at or clock.at, clock.at)), deferred] += calls
        elif at is not None:
            known[_hour(_seconds(at)), deferred] += calls
        else:
            unknown[deferred] += calls
    turn = float("-inf")
    for (seconds, deferred), calls in sorted(queue.items()):
        start = max(seconds, turn)
        rate = clock.rate if clock is not None else None
        turn = start + calls / rate if rate else start
        for hour, sent in _spread(start, calls, rate):
            known[hour, deferred] += sent
    timed = [
        Hour(_EPOCH + timedelta(hours=hour), known[hour, False], known[hour, True])
        for hour in sorted({hour for hour, _ in known})
    ]
    timeless = [Hour(None, calls * (not deferred), calls * deferred) for deferred, calls in sorted(unknown.items())]
    return Hours(clock, (*timeless, *timed))


def _spread(start: float, calls: int, rate: float | None) -> Iterator[tuple[int, int]]:
    """Yield calls one after the other from a second on: the hours, and how many requests begin in each."""
    sent = 0
    while sent < calls:
        hour = _hour(start + sent / rate if rate else start)
        # The n-th request begins at start + n / rate; the last hour there is takes what is left.
        most = calls if rate is None or hour == _LAST else min(calls, math.ceil(((hour + 1) * _HOUR - start) * rate))
        most = max(most, sent + 1)
        yield hour, most - sent
        sent = most


def _hour(seconds: float) -> int:
    return min(int(seconds // _HOUR), _LAST)


def _seconds(at: datetime) -> float:
    return (at - _EPOCH).total_seconds()


_DEFERRED = frozenset({Action.DEFERRED})
_AT_ONCE = Ready(None, deferred=False)


class SpokenText(NamedTuple):
    """One variable that is text: what people will hear."""

    name: str
    text: str


class CallView(NamedTuple):
    """One call of a plan or a difference, `callees` and `changes` masked; `place` is where its document begins.

    `action` is what the plan does with it, or what became of it. `pseudonyms` are the short names of the callees, in
    their order. `root` is the reference-id of the first of its `max_attempts` attempts, of which it is one. `texts` are
    made by whoever shows them, which few formats do.
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
    texts: Iterable[SpokenText] = ()
    labels: Mapping[str, str] = {}
    root: str = ""
    attempt: int = 1
    max_attempts: int = 1

    @property
    def heard(self) -> bool:
        """Return whether people will hear it as it is."""
        return self.action in (Action.PLACE, Action.RETRY, Shift.ADDED)


class Group:
    """The calls of one document: `shown` are those for a reader, `hidden` counts the others.

    `flows` names what is called, in order. `scripts` are the distinct things people may hear: a callflow-id with a set
    of variables. `shift` is what became of all of them, in a difference. `labels` are those of all of them.
    """

    def __init__(
        self, place: Place | None, shift: Shift | None = None, labels: Mapping[str, str] | None = None
    ) -> None:
        self.place = place
        self.shift = shift
        self.labels = labels or {}
        self.flows: dict[str, None] = {}
        self.scripts: set[Hashable] = set()
        self.counts: Counter[Action | Shift] = Counter()
        self.hidden: Counter[Action | Shift] = Counter()
        self.shown: list[CallView] = []

    def shows(self, action: Action | Shift, *, full: bool) -> bool:
        """Count a call, and return whether a reader sees it."""
        self.counts[action] += 1
        if full or action in ALL_SHOWN or (action not in NONE_SHOWN and self.counts[action] <= A_FEW):
            return True
        self.hidden[action] += 1
        return False


class HookView(NamedTuple):
    """The calls that requests to a hook may place, at most so many phones in some time; `variables` are their names."""

    name: str
    limit: str
    variables: tuple[str, ...]
    calls: tuple[CallView, ...]


class PlanView(NamedTuple):
    """A plan for readers; `unnamed` counts calls in the ledger that no file names.

    `countries` counts the phones that the plan would ring by country code, ``+44``, where every call is shown; `hours`
    counts the calls that would be sent, deferred ones too, by when that would be. `sandboxed` when the embedded API is
    what would be called. `settings` are what else was decided on: where calls go, with whose token.
    `next_run` is when the next run is needed, if the plan knows.
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
    countries: Mapping[str, int] = {}
    hours: Hours = Hours()
    sandboxed: bool = False
    settings: Mapping[str, str] = {}
    guards: tuple[Guard, ...] = ()
    next_run: str | None = None
    hooks: tuple[HookView, ...] = ()


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
    for batch in (each for each in plan.batches if each.size):
        group = groups.get(batch.place) or groups.setdefault(batch.place, Group(batch.place, labels=batch.labels))
        group.flows.update((_flow(script), None) for script in batch.scripts)
        group.scripts.update((script.callflow_id, script.variables) for script in batch.scripts)
        group.counts.update(batch.counts())
        _count_ready(batch, ready)
    for planned in plan.calls if full else plan.shown:
        group = groups[planned.call.origin.place()]
        group.shown.append(of_call(planned, pseudonym, show_pii=show_pii))
        if full and planned.action.sends:
            countries.update(calling_code(number) for number in planned.call.callees)
    for row in plan.invalid:
        group = groups.get(row.place) or groups.setdefault(row.place, Group(row.place))
        if group.shows(Action.INVALID, full=full):
            group.shown.append(of_left_out(row))
    for group in groups.values():
        if group.counts.total() > len(group.shown):
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
        next_run=iso(plan.next_run) if plan.next_run else None,
        hooks=hooks_of(plan, pseudonym, show_pii=show_pii),
    )


def hooks_of(plan: Plan, pseudonym: Callable[[str], str], *, show_pii: bool = False) -> tuple[HookView, ...]:
    """Return what requests to hooks may place, for readers: their variables stand open."""
    return tuple(
        HookView(
            hook.name,
            hook.limit,
            hook.variables,
            tuple(view_of(call, Action.PLACE, pseudonym, show_pii=show_pii) for call in hook.calls),
        )
        for hook in plan.hooks
    )


def pseudonyms_of(plan: Plan) -> Callable[[str], str]:
    """Return what gives the callees of a plan their short names in one output."""
    return plan.pseudonym or PeopleCounter()


def distinguish_callees(groups: Iterable[Group]) -> None:
    """Put pseudonyms after the callees that look alike, of all the calls that a reader sees."""
    shown = [(group.shown, at) for group in groups for at in range(len(group.shown))]
    callees = distinguish((calls[at].callees, calls[at].pseudonyms) for calls, at in shown)
    for (calls, at), named in zip(shown, callees, strict=True):
        calls[at] = calls[at]._replace(callees=named)


def of_call(planned: PlannedCall, pseudonym: Callable[[str], str], *, show_pii: bool = False) -> CallView:
    """Return one call of a plan for readers."""
    call = planned.call
    return view_of(call, planned.action, pseudonym, show_pii=show_pii)._replace(
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
        texts=Lazy(partial(spoken_texts, call)),
        labels=call.labels,
        root=call.root,
        attempt=call.attempt,
        max_attempts=call.attempts.most,
    )


def spoken_texts(call: Call) -> Iterator[SpokenText]:
    """Yield the variables of a call that are text, in the order in which they are sent; sensitive ones are hidden."""
    variables = call.body.get("flow-variables") or {}
    for name, value in variables.items():
        if isinstance(value, str):
            yield SpokenText(name, HIDDEN if ("flow-variables", name) in call.sensitive else mask_text(value))


def iso(at: datetime) -> str:
    """Return a time for machines: ISO 8601, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Bodies(NamedTuple):
    """Calls whose bodies are printed exactly, nothing masked; they are gone through once."""

    calls: Iterable[Call]
    environment: str = ""


def _count_ready(batch: PlannedBatch, ready: Counter[Ready]) -> None:
    """Count from when on the phones that would be rung may be; no call is made again to know it."""
    for index in batch.having(_DEFERRED):
        detail = batch.details.get(index)
        ready[Ready(detail.until if detail else None, deferred=True)] += batch.several.get(index, 1)
    if sent := sum(phones for action, phones in batch.phones().items() if action.sends):
        ready[_AT_ONCE] += sent


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
