"""Saved plans: what was reviewed, without bodies, numbers or secrets.

A saved plan is one JSON object (`schemas/saved-plan.schema.json`), with a digest over all of it: a file that was cut
off, or in which a call was edited, is noticed. The digest is no signature. What protects the phones is that apply
renders again, and places only what its own plan and the saved one agree on (`compare`).
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from flowops.common.json import NotJson, read_json
from flowops.common.text import count
from flowops.common.times import read_span
from flowops.common.tuples import NamedTuple
from flowops.common.version import __version__
from flowops.errors import Invalid, StalePlan
from flowops.model.document import Place, Problem
from flowops.model.ledger import Checkpoint
from flowops.model.plan import MAY_BE_PLACED, Action, Decision
from flowops.plan.planner import deciding_ledger, decision_line, digest
from flowops.plan.recheck import RecheckedCalls

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping

    from flowops.model.call import CallBatch
    from flowops.model.document import Value
    from flowops.model.plan import Plan, PlannedReference, Settings

FORMAT_VERSION = 1
#: Why a call waits that may be placed by now.
WAITS = "may be placed since the plan was saved: plan again, and have it reviewed"
#: A million calls are about 160 MB; what is larger is refused before it is parsed.
MAX_BYTES = 256 * 1024 * 1024


class PlanRequest(NamedTuple):
    """How a plan was asked for, so that it is asked for again in the same way; `saved_at` is when it was saved.

    Of variables only the `names` are kept. `canary` is how many phones go first, `failures` the share of them that may
    fail, and `patience` how long their outcomes are waited for.
    """

    paths: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    exclude_refs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    var_files: tuple[str, ...] = ()
    retry: tuple[str, ...] = ()
    canary: int | None = None
    failures: float = 0.0
    patience: str = "10m"
    saved_at: str = ""


NO_REQUEST = PlanRequest()


class SavedCall(NamedTuple):
    """What was decided for one reference-id; `terms` is the hash of when and why it may be placed, where it says so.

    `queried` is whether it is made of a row that a database gave, and may not give again.
    """

    fingerprint: str
    action: Action
    terms: str = ""
    queried: bool = False


class SavedPlan(NamedTuple):
    """A saved plan as it was read; `calls` by reference-id, `flowops` is the version that wrote it."""

    environment: str
    revision: str | None
    ledger: Checkpoint | None
    digest: str
    flowops: str
    settings: Settings
    calls: Mapping[str, SavedCall]
    request: PlanRequest = NO_REQUEST

    def lets_place(self, reference: str) -> bool:
        """Return whether it lets a call be placed, now or later."""
        call = self.calls.get(reference)
        return call is not None and call.action in MAY_BE_PLACED


def dump(plan: Plan, request: PlanRequest = NO_REQUEST, of_queries: Collection[Place] = ()) -> Iterator[bytes]:
    """Yield the bytes of a saved plan, piece by piece, one call a line.

    `of_queries` are the places of call sets whose rows come from a database.
    """
    checkpoint = plan.ledger
    head = {
        "format_version": FORMAT_VERSION,
        "flowops": __version__,
        "environment": plan.environment,
        "revision": plan.revision,
        "ledger": checkpoint._asdict() if checkpoint else None,
        "digest": plan.digest,
        "settings": plan.settings,
        "request": request._asdict(),
        "summary": {**_summary(plan.counts()), "unnamed": plan.unnamed},
    }
    lines = "".join(f'  "{key}": {json.dumps(value)},\n' for key, value in head.items())
    yield f'{{\n{lines}  "calls": [\n'.encode()
    separator = "    "
    calls = ((batch.place, batch.reference(index)) for batch in plan.batches for index in range(batch.size))
    for place, item in calls:
        call: dict[str, Value] = {
            "reference_id": item.reference_id,
            "fingerprint": item.fingerprint,
            "action": item.action.value,
        }
        if item.terms:
            call["terms"] = item.terms
        if place in of_queries:
            call["queried"] = True
        yield f"{separator}{json.dumps(call)}".encode()
        separator = ",\n    "
    yield b"\n  ]\n}\n"


def load(data: bytes, file: str) -> SavedPlan:
    """Return the saved plan in the bytes of a file.

    Raises `Invalid` when that is no saved plan at all, `StalePlan` when it is one that another version of
    flowops wrote or that was changed after it was saved.
    """
    document = _parse(data, file)
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise StalePlan(
            f"{file}: the saved plan has format_version {json.dumps(version)}, this flowops reads {FORMAT_VERSION}",
            hint="save the plan again, and apply it with the same version of flowops",
        )
    try:
        saved = _read(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        saved = None
    if saved is None:
        raise StalePlan(f"{file}: the saved plan was changed after it was saved", hint="save the plan again")
    return saved


class Fit(NamedTuple):
    """Whether a saved plan still fits: what `moved` of what was reviewed, in words, and which calls are `waiting`.

    These may be placed by now, and nobody has reviewed that: the ledger or a list has let them go since, or a query has
    given them. `gone` are calls that a query does not give any more.
    """

    moved: list[str]
    waiting: frozenset[str]
    gone: tuple[str, ...] = ()


def compare(saved: SavedPlan, fresh: Plan, *, contains_checkpoint: bool, of_queries: Collection[Place] = ()) -> Fit:
    """Return whether a saved plan fits what there is now.

    `contains_checkpoint` says whether the ledger's chain holds the event that `saved.ledger` names, `of_queries` are
    the places of call sets whose rows come from a database.
    """
    moved, waiting = list(_surroundings(saved, fresh, contains_checkpoint)), set()
    named = set()
    for batch in fresh.batches:
        for item in map(batch.reference, range(batch.size)):
            named.add(item.reference_id)
            before = saved.calls.get(item.reference_id)
            if before is None and batch.place not in of_queries:
                moved.append(f"{item.reference_id}: not in the saved plan")
            elif before is not None:
                moved += _edited(before, item)
            if item.action in MAY_BE_PLACED and not saved.lets_place(item.reference_id):
                waiting.add(item.reference_id)
    missing = [reference for reference in saved.calls if reference not in named]
    moved += (f"{reference}: no longer in the files" for reference in missing if not saved.calls[reference].queried)
    if moved:
        moved.append(f"digest: {saved.digest} when saved, {fresh.digest} now")
    return Fit(moved, frozenset(waiting), tuple(each for each in missing if saved.calls[each].queried))


def hold(plan: Plan, waiting: Container[str], again: Iterable[CallBatch]) -> Plan:
    """Return a plan in which calls wait for a new one; `again` gives the batches of all calls."""
    decision = Decision(Action.DEFERRED, (), (WAITS,))
    batches = []
    for batch in plan.batches:
        held = [index for index, reference in enumerate(batch.references) if reference in waiting]
        actions = bytearray(batch.actions)
        for index in held:
            actions[index] = Action.DEFERRED.code
        details = {**batch.details, **dict.fromkeys(held, decision)}
        batches.append(batch._replace(actions=bytes(actions), details=details) if held else batch)
    shown = tuple(
        item._replace(action=Action.DEFERRED, changes=(), reasons=(WAITS,), until=None)
        if item.reference_id in waiting
        else item
        for item in plan.shown
    )
    return plan._replace(batches=tuple(batches), shown=shown, calls=RecheckedCalls(again, batches))


def _surroundings(saved: SavedPlan, fresh: Plan, contains_checkpoint: bool) -> Iterator[str]:
    if saved.environment != fresh.environment:
        yield f"environment: '{saved.environment}' when saved, '{fresh.environment}' now"
    for name in sorted(saved.settings.keys() | fresh.settings.keys()):
        before, now = saved.settings.get(name, "none"), fresh.settings.get(name, "none")
        if before != now:
            yield f"{name}: {before} when saved, {now} now"
    if saved.ledger is None:
        return  # a sandbox's ledger is made by its first run: its answers decide, call by call
    if fresh.ledger is None:
        yield f"ledger: {saved.ledger.id} when saved, none now"
    elif saved.ledger.id != fresh.ledger.id:
        yield f"ledger: {saved.ledger.id} when saved, {fresh.ledger.id} now"
    elif not contains_checkpoint or fresh.ledger.serial < saved.ledger.serial:
        yield (
            f"ledger: it had {count(saved.ledger.serial, 'event')} when saved and does not hold the last of them now: "
            "an older copy was put back"
        )


def _edited(before: SavedCall, item: PlannedReference) -> Iterator[str]:
    reference = item.reference_id
    if before.fingerprint != item.fingerprint:
        yield f"{reference}: the files say something else: {before.fingerprint} when saved, {item.fingerprint} now"
    if before.terms != item.terms:
        yield f"{reference}: its timezone, not-before, expires, consent, moved-from or attempts were edited"


def _parse(data: bytes, file: str) -> dict[str, Value]:
    line, column, why = 1, 1, "it is not a JSON object"
    if len(data) > MAX_BYTES:
        why = f"it is larger than {MAX_BYTES} bytes"
    else:
        try:
            document = read_json(data)
        except NotJson as error:
            line, column, why = error.line, error.column, error.message
        else:
            if isinstance(document, dict) and "format_version" in document:
                return document
    hint = "a saved plan is what `flowops plan -o FILE` writes"
    raise Invalid([Problem(Place(file, line, column), None, f"not a saved plan: {why}", "saved-plan", hint)])


#: What is counted in a saved plan, and not held by it.
_NOT_HELD = ("invalid", "unnamed")


def _read(document: dict[str, Value]) -> SavedPlan | None:
    """Return the value of a document; None, or one of several errors, when its digest does not fit."""
    calls = {
        _text(call["reference_id"]): SavedCall(
            _text(call["fingerprint"]),
            Action(call["action"]),
            _text(call.get("terms", "")),
            call.get("queried") is True,
        )
        for call in document["calls"]
    }
    saved = SavedPlan(
        environment=_text(document["environment"]),
        revision=_text(document["revision"]) if document["revision"] is not None else None,
        ledger=_checkpoint(document["ledger"]),
        digest=_text(document["digest"]),
        flowops=_text(document["flowops"]),
        settings={_text(name): _text(value) for name, value in document["settings"].items()},
        calls=calls,
        request=_request(document["request"]),
    )
    lines = (
        decision_line(reference, call.fingerprint, call.terms, call.action in MAY_BE_PLACED)
        for reference, call in calls.items()
    )
    summary = _summary(Counter(call.action for call in calls.values()))
    whole = (
        digest(saved.environment, deciding_ledger(saved.ledger), saved.settings, lines) == saved.digest
        and len(calls) == len(document["calls"])
        and document["summary"] == {**summary, **{name: _count(document["summary"][name]) for name in _NOT_HELD}}
    )
    return saved if whole else None


def _checkpoint(ledger: Mapping[str, Value] | None) -> Checkpoint | None:
    if ledger is None:
        return None
    return Checkpoint(_text(ledger["id"]), _count(ledger["serial"]), _text(ledger["head"]), _count(ledger["epoch"]))


def _request(written: dict[str, Value]) -> PlanRequest:
    """Return how a plan was asked for. Raise one of several errors where that cannot be read."""
    texts = {
        name: tuple(map(_text, written[name]))
        for name in ("paths", "labels", "refs", "exclude_refs", "names", "var_files", "retry")
    }
    retry = [Action(each) for each in texts["retry"]]
    canary, failures = written["canary"], written["failures"]
    if not isinstance(failures, int | float) or not 0 <= failures <= 1:
        raise ValueError(failures)
    patience = _text(written["patience"])
    read_span(patience, zero=True)
    saved_at = _text(written["saved_at"])
    if saved_at and datetime.fromisoformat(saved_at).tzinfo is None:
        raise ValueError(saved_at)
    return PlanRequest(
        **{**texts, "retry": tuple(map(str, retry))},
        canary=None if canary is None else _count(canary) or None,
        failures=failures,
        patience=patience,
        saved_at=saved_at,
    )


def _summary(counts: Mapping[Action, int]) -> dict[str, int]:
    return {action.value.replace("-", "_"): counts[action] for action in Action}


def _count(value: Value) -> int:
    """Return a number of calls or events, which a database can be asked about. Raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
