"""Plans made of calls that are simply there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from flowops.model.call import FINGERPRINT, NO_TERMS, ONE_ATTEMPT, Attempts, Script
from flowops.model.plan import Decision, Plan, PlannedBatch
from flowops.plan.canonical import Uncanonical, hash_of
from flowops.plan.planner import Shown, make_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowops.model.call import Call
    from flowops.model.document import Place
    from flowops.model.plan import PlannedCall

#: A fingerprint that no body has.
NO_FINGERPRINT = FINGERPRINT + "0" * 64


@dataclass(frozen=True)
class Batch:
    """A `flowops.model.call.CallBatch` of calls that are kept."""

    place: Place
    calls: list[Call]
    attempts: Attempts = ONE_ATTEMPT

    @property
    def labels(self) -> dict[str, str]:
        return self.calls[0].labels if self.calls else {}

    @property
    def scripts(self) -> frozenset[Script]:
        return scripts_of(self.calls)

    @property
    def references(self) -> list[str]:
        return [call.reference_id for call in self.calls]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [call.body for call in self.calls]

    @property
    def hashes(self) -> list[bytes]:
        return list(map(_hash, self.bodies))

    @property
    def has_terms(self) -> bool:
        return any(call.terms != NO_TERMS for call in self.calls)

    def call(self, index: int) -> Call:
        return self.calls[index]


def _hash(body: dict[str, Any]) -> bytes:
    try:
        return hash_of(body)
    except Uncanonical:
        return b""


def batches_of(calls: Iterable[Call]) -> list[Batch]:
    """Calls as `make_plan` takes them."""
    return [Batch(place, list(some)) for place, some in groupby(calls, lambda call: call.origin.place())]


def plan_of(calls: Iterable[Call], **given: Any) -> Plan:
    """What apply would do with calls."""
    batches = batches_of(calls)
    return make_plan(batches, again=batches, **given)


def decided(calls: Iterable[PlannedCall]) -> dict[str, Any]:
    """The fields of a plan that are about its calls, where their decisions are given."""
    planned = tuple(calls)
    batches, shown, keep = [], [], Shown()
    for place, group in groupby(planned, lambda item: item.call.origin.place()):
        some = list(group)
        batch = PlannedBatch(
            place,
            scripts_of(item.call for item in some),
            [item.reference_id for item in some],
            b"".join(bytes.fromhex(item.fingerprint.removeprefix(FINGERPRINT)) for item in some),
            bytes(item.action.code for item in some),
            {index: Decision(item.action, item.changes, item.reasons, item.until) for index, item in enumerate(some)},
            several={index: item.phones for index, item in enumerate(some) if item.phones > 1},
        )
        batches.append(batch)
        shown += [some[index] for index in keep.choose(batch)]
    return {"batches": tuple(batches), "shown": tuple(shown), "calls": planned}


def scripts_of(calls: Iterable[Call]) -> frozenset[Script]:
    """The distinct things that calls may say."""
    return frozenset(
        Script(call.flow, call.body.get("callflow-id"), frozenset(call.body.get("flow-variables") or ()))
        for call in calls
    )


def sends_of(plan: Plan) -> Iterator[list[PlannedCall]]:
    """The calls that apply would post, as it takes them."""
    yield [planned for planned in plan.calls if planned.action.sends]
