"""Read what flowops printed or saved as JSON, to be shown in another format.

The files are somebody's: whatever in them is not as flowops writes it raises ValueError, and numbers are masked again.
"""

from __future__ import annotations

import signal
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowops.common.masking import calling_code, mask_text, masked_but
from flowops.model.call import LeftOut
from flowops.model.document import ABSENT, Place, RowPlace
from flowops.model.plan import SENDING, Action, Change, Guard
from flowops.model.result import CallResult, Outcome, Result
from flowops.report.masking import guards_of, masked, without_numbers
from flowops.report.views.plan import CallView, Group, PlanView, Ready, distinguish_callees, hours_of, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.model.document import Value


def plan_of_json(document: Mapping[str, Value], *, full: bool = False) -> PlanView:
    """Return the view of a plan as `json.plan_json` or ``plan -o`` wrote it. Raises ValueError."""
    try:
        return _plan(document, full)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a plan: {error!r}") from error


def result_of_json(document: Mapping[str, Value]) -> Result:
    """Return a run as `json.result_json` wrote it. Raises ValueError."""
    try:
        return _result(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a result: {error!r}") from error


def _plan(document: Mapping[str, Value], full: bool) -> PlanView:
    groups: dict[Place | None, Group] = {}
    counts: Counter[str] = Counter()
    phones: Counter[str] = Counter()
    countries: Counter[str] = Counter()
    ready: Counter[Ready] = Counter()
    for item in document["calls"]:
        call = _call(item)
        group = groups.get(call.place) or groups.setdefault(call.place, Group(call.place, labels=call.labels))
        if call.flow is not None:
            group.flows[f"flow {call.flow}"] = None
        rung = max(len(call.callees), 1)
        counts[call.action] += 1
        phones[call.action] += rung
        if call.action in SENDING:
            countries.update(map(calling_code, call.callees))
            ready[Ready(None, deferred=False)] += rung
        elif call.action is Action.DEFERRED:
            ready[Ready(_moment(call.until), deferred=True)] += rung
        if group.shows(call.action, full=full):
            group.shown.append(call)
    distinguish_callees(groups.values())
    ledger = document["ledger"]
    later = [each.at for each in ready if each.at is not None]
    return PlanView(
        environment=str(document["environment"]),
        revision=document["revision"],
        ledger_id=str(ledger["id"]) if ledger else None,
        ledger_serial=int(ledger["serial"]) if ledger else None,
        digest=str(document["digest"]),
        settings={str(name): mask_text(str(value)) for name, value in document["settings"].items()},
        counts={action: counts[action] for action in Action},
        phones={action: phones[action] for action in Action},
        unnamed=int(document.get("summary", {}).get("unnamed", 0)),
        groups=tuple(groups.values()),
        warnings=without_numbers(map(str, document.get("warnings", ()))),
        notes=without_numbers(map(str, document.get("notes", ()))),
        countries=countries,
        hours=hours_of(ready, None),
        guards=_guards(document.get("guards", ())),
        next_run=iso(min(later)) if later else None,
    )


def _call(item: Mapping[str, Value]) -> CallView:
    source, name = item.get("source"), str(item["reference_id"] or "")
    row = source["row"] if source else None
    return CallView(
        reference_id=name,
        fingerprint=str(item["fingerprint"] or ""),
        action=Action(item["action"]),
        flow=item.get("flow"),
        callees=tuple(mask_text(str(callee)) for callee in item.get("callees", ())),
        pseudonyms=tuple(mask_text(str(name)) for name in item.get("pseudonyms", ())),
        place=_place(source),
        row=RowPlace("the data", int(row), 0) if row is not None else None,
        changes=tuple(
            Change(str(change["path"]), masked(change.get("before", ABSENT)), masked(change.get("after", ABSENT)))
            for change in item.get("changes", ())
        ),
        reasons=tuple(masked_but(str(reason), [name] if name else ()) for reason in item.get("reasons", ())),
        until=item.get("deferred_until"),
        labels=_labels(item),
        **_attempt(item, name),
    )


def _left_out(item: Mapping[str, Value]) -> LeftOut:
    source, line = item["source"], item["row_line"]
    place = Place(str(source["file"]), int(source["line"]), int(source["column"]))
    row = RowPlace(str(item["row_file"]), int(source["row"]), None if line is None else int(line))
    return LeftOut(place, row, item["reference_id"], tuple(map(str, item["reasons"])))


def _labels(item: Mapping[str, Value]) -> dict[str, str]:
    return {str(name): mask_text(str(value)) for name, value in item.get("labels", {}).items()}


def _attempt(item: Mapping[str, Value], reference: str) -> dict[str, Any]:
    """Return which attempt of which call it is, as a view and a result have it."""
    attempt, most = item.get("attempt", 1), item.get("max_attempts", 1)
    return {"root": str(item.get("root") or reference), "attempt": int(attempt), "max_attempts": int(most)}


def _guards(items: Iterable[Mapping[str, Value]]) -> tuple[Guard, ...]:
    return guards_of(Guard(str(item["name"]), str(item["reason"]), _place(item["source"])) for item in items)


def _place(source: Mapping[str, Value] | None) -> Place | None:
    return Place(str(source["file"]), int(source["line"]), int(source["column"])) if source else None


def _moment(text: str | None) -> datetime | None:
    """Return a time as `views.iso` wrote it; of any other text nothing is known."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _result(document: Mapping[str, Value]) -> Result:
    interrupted = document["interrupted"]
    return Result(
        environment=str(document["environment"]),
        revision=document["revision"],
        digest=str(document["digest"]),
        calls=tuple(
            CallResult(
                reference_id=str(call["reference_id"]),
                outcome=Outcome(call["outcome"]),
                call_ids=tuple(str(call_id) for call_id in call["call_ids"]),
                attempts=int(call["tries"]),
                phones=int(call["phones"]),
                refused_callees=int(call["refused"]),
                error=call["error"],
                until=_moment(call.get("deferred_until")),
                labels=_labels(call),
                **_attempt(call, str(call["reference_id"])),
            )
            for call in document["calls"]
        ),
        interrupted=signal.Signals[interrupted].value if interrupted is not None else None,
        failure=document["failure"],
        guards=_guards(document["guards"]),
        invalid=tuple(map(_left_out, document["invalid"])),
    )
