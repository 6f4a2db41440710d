"""A plan as it may be shown: masked copies of the calls, the totals, and which calls a reader sees.

The JSON, the text and the Markdown of a plan are all made from these values and never from a `Call`, so what is
not masked here is not printed anywhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import TYPE_CHECKING

from flowops.common.masking import mask_number, mask_text
from flowops.model import ABSENT, Action, Change, Place, RowPlace
from flowops.report.hours import Hours, Ready, Timing, hours_of
from flowops.report.masking import masked, masked_but, unsealed
from flowops.report.pseudonyms import Counted, told_apart
from flowops.report.texts import Text, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from datetime import datetime

    from flowops.model import Plan, PlannedBatch, PlannedCall, Script, Value

#: How many calls of one action a reader is shown of a document, where not all are asked for.
A_FEW = 3
#: Never left out: nothing can be done about these without seeing each.
ALWAYS = frozenset({Action.CONFLICT, Action.IN_DOUBT})
#: Left out unless everything is asked for.
NEVER = frozenset({Action.UNCHANGED})


@dataclass(frozen=True, slots=True)
class CallView:
    """One call of a plan, `callees` and `changes` masked; `place` is where its document begins.

    `pseudonyms` are the short names of the callees, in their order.
    """

    reference_id: str
    fingerprint: str
    action: Action
    flow: str | None = None
    callees: tuple[str, ...] = ()
    pseudonyms: tuple[str, ...] = ()
    place: Place | None = None
    row: RowPlace | None = None
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    until: str | None = None
    texts: tuple[Text, ...] = ()


@dataclass(slots=True)
class Group:
    """The calls of one document: `shown` are those for a reader, `hidden` counts the others.

    `flows` names what is called, in order. `scripts` are the distinct things people may hear: a callflow-id with a set
    of variables.
    """

    place: Place | None
    flows: dict[str, None] = field(default_factory=dict)
    scripts: set[Hashable] = field(default_factory=set)
    counts: Counter[Action] = field(default_factory=Counter)
    hidden: Counter[Action] = field(default_factory=Counter)
    shown: list[CallView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan for readers; `unnamed` counts calls in the ledger that no file names.

    `countries` counts the phones that the plan would ring by country code, ``+44``, where every call is shown; `hours`
    counts the calls that would be sent, deferred ones too, by when that would be.
    """

    environment: str
    revision: str | None
    ledger_id: str | None
    ledger_serial: int | None
    digest: str
    counts: Mapping[Action, int]
    unnamed: int
    groups: tuple[Group, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    countries: Mapping[str, int] = field(default_factory=dict)
    hours: Hours = field(default_factory=Hours)


def of_plan(plan: Plan, *, full: bool = False, show_pii: bool = False, timing: Timing | None = None) -> PlanView:
    """A plan for readers; with `full` every call is shown, with `show_pii` callees and new values are not masked.

    `timing` says from when on the calls would be sent, and how fast.
    """
    groups: dict[Place, Group] = {}
    countries: Counter[str] = Counter()
    pseudonym = pseudonyms_of(plan)
    ready: Counter[Ready] = Counter()
    for batch in plan.calls.batches:
        place = batch.calls.place
        group = groups.get(place) or groups.setdefault(place, Group(place))
        group.flows.update((told_flow(script), None) for script in batch.calls.scripts)
        group.scripts.update((script.callflow_id, script.variables) for script in batch.calls.scripts)
        for planned in batch.pick(shown_of(group, batch, full=full)):
            group.shown.append(of_call(planned, pseudonym, show_pii=show_pii))
            if full and planned.action.sends:
                countries.update(country_code(mask_number(number)) for number in planned.call.callees)
        ready.update(_ready(batch))
    if not show_pii:
        tell_apart(groups.values())
    mark = plan.ledger
    return PlanView(
        environment=plan.environment,
        revision=plan.revision,
        ledger_id=mark.id if mark else None,
        ledger_serial=mark.serial if mark else None,
        digest=plan.digest,
        counts=plan.counts(),
        unnamed=plan.unnamed,
        groups=tuple(groups.values()),
        warnings=told(plan.warnings),
        notes=told(plan.notes),
        countries=countries,
        hours=hours_of(ready, timing),
    )


def pseudonyms_of(plan: Plan) -> Callable[[str], str]:
    """What gives the callees of a plan their short names in one output."""
    return plan.pseudonym or Counted()


def tell_apart(groups: Iterable[Group]) -> None:
    """Put pseudonyms behind the callees that look alike, of all the calls that a reader sees."""
    shown = [(group.shown, at) for group in groups for at in range(len(group.shown))]
    callees = told_apart((calls[at].callees, calls[at].pseudonyms) for calls, at in shown)
    for (calls, at), told in zip(shown, callees, strict=True):
        calls[at] = replace(calls[at], callees=told)


def told(words: Iterable[str]) -> tuple[str, ...]:
    """What is told of the plan as a whole, without numbers."""
    return tuple(mask_text(text) for text in words)


def of_call(planned: PlannedCall, pseudonym: Callable[[str], str], *, show_pii: bool = False) -> CallView:
    """One call for readers."""
    call = planned.call
    return CallView(
        reference_id=call.reference_id,
        fingerprint=planned.fingerprint,
        action=planned.action,
        flow=call.flow,
        callees=call.callees if show_pii else tuple(mask_number(number) for number in call.callees),
        pseudonyms=tuple(map(pseudonym, call.callees)),
        place=call.origin.place(),
        row=call.row,
        changes=tuple(_change(change, call.body if show_pii else None) for change in planned.changes),
        reasons=planned.reasons if show_pii else _reasons(planned.reasons, call.reference_id),
        until=iso(planned.until) if planned.until else None,
        texts=texts_of(call),
    )


def iso(at: datetime) -> str:
    """A time for machines: ISO 8601, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def country_code(masked_number: str) -> str:
    """``+44`` of ``+44 20 79•• ••23``."""
    return masked_number.partition(" ")[0]


def _ready(batch: PlannedBatch) -> Counter[Ready]:
    """From when on the calls that would be sent may be; no call is made anew to know it."""
    details = [batch.details.get(index) for index in batch.having({Action.DEFERRED})]
    ready = Counter(Ready(detail.until if detail else None, deferred=True) for detail in details)
    if sent := sum(number for action, number in batch.counts().items() if action.sends):
        ready[Ready(None, deferred=False)] = sent
    return ready


def _reasons(reasons: Iterable[str], reference_id: str) -> tuple[str, ...]:
    """Reasons without numbers; a reference-id stays as it is, because commands take it."""
    return tuple(masked_but(reason, [reference_id]) for reason in reasons)


def _change(change: Change, body: Mapping[str, Value] | None) -> Change:
    """A change for readers; with the body that is to be sent, its new value is the real one."""
    before, after = change.before, change.after
    if before is not ABSENT:
        before = masked(before) if body is None else unsealed(before)
    if after is not ABSENT:
        after = masked(after) if body is None else _resolve(body, change.path)
    return Change(change.path, before, after)


def _resolve(body: Mapping[str, Value], pointer: str) -> Value:
    value: Value = body
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def told_flow(script: Script) -> str:
    """What a script calls, for a heading."""
    return f"flow {script.flow}" if script.flow else f"callflow-id {script.callflow_id}"


def shown_of(group: Group, batch: PlannedBatch, *, full: bool) -> Sequence[int]:
    """Count some calls into their group, and say which of them a reader sees."""
    counts = batch.counts()
    if full or any(action not in NEVER and group.counts[action] < A_FEW for action in counts):
        return [index for index in range(len(batch.actions)) if is_shown(group, batch.action(index), full)]
    always = batch.having(ALWAYS)
    group.counts.update(counts)
    group.hidden.update({action: number for action, number in counts.items() if action not in ALWAYS})
    return always


def is_shown(group: Group, action: Action, full: bool) -> bool:
    """Count a call into its group, and say whether a reader sees it."""
    group.counts[action] += 1
    if full or action in ALWAYS or (action not in NEVER and group.counts[action] <= A_FEW):
        return True
    group.hidden[action] += 1
    return False
