"""Plans made of calls that are simply there."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from flowops.cli.rendering import again
from flowops.model import FINGERPRINT, Decision, FewCalls, PlannedCall, PlannedCalls, planned_batch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model import Call
    from flowops.plan import Identified

#: A fingerprint that no body has.
NO_FINGERPRINT = FINGERPRINT + "0" * 64


def identified(calls: Iterable[Call]) -> list[Identified]:
    """Calls as `make_plan` takes them."""
    return [again(FewCalls(place, tuple(some))) for place, some in groupby(calls, lambda call: call.origin.place())]


def planned_calls(calls: Iterable[PlannedCall]) -> PlannedCalls:
    """Calls whose decisions are given."""
    batches = []
    for place, some in groupby(calls, lambda planned: planned.call.origin.place()):
        planned = list(some)
        batches.append(
            planned_batch(
                FewCalls(place, tuple(item.call for item in planned)),
                [item.call.reference_id for item in planned],
                [item.fingerprint for item in planned],
                {
                    index: Decision(item.action, item.changes, item.reasons, item.until)
                    for index, item in enumerate(planned)
                },
            )
        )
    return PlannedCalls(batches)
