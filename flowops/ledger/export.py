"""A row of a ledger as it leaves it: for `import_calls` of another one, for spreadsheets and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.ledger.changes import CallRow
from flowops.model.call import root_of
from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.document import Value
    from flowops.model.ledger import GivenUp


def refused(call: GivenUp) -> CallRow:
    """Return a call of which nothing is left but that it is given up."""
    return CallRow(
        reference_id=call.reference_id,
        state=State.REJECTED,
        before_claim=None,
        fingerprint="",
        claim=0,
        attempts=call.refusals,
        run=None,
        error=call.error,
        claimed_at=call.since,
        renamed=None,
        words=None,
        naming=None,
        purged=False,
        cancelled_from=None,
        refused=0,
        serial=0,
        updated_at=call.since,
    )


def exported(
    row: CallRow,
    fingerprint: str,
    given_up: GivenUp | None = None,
    labels: Mapping[str, str] | None = None,
    attempts: tuple[int, int] = (1, 1),
    terms: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """Return a row as it leaves the ledger: without the body, and with callees masked.

    `attempts` says which attempt it is, and how often the call may be tried; `terms` are those of its further attempts,
    where it is the first one of several.
    """
    attempt, most = attempts
    return {
        "reference_id": row.reference_id,
        "state": row.state and row.state._value_,
        "fingerprint": fingerprint,
        "attempts": row.attempts,
        "root": root_of(row.reference_id, attempt),
        "attempt": attempt,
        "max_attempts": most,
        "terms": terms,
        "error": row.error,
        "claimed_at": row.claimed_at,
        "updated_at": row.updated_at,
        "purged": row.purged,
        "renamed": row.renamed,
        "cancelled_from": row.cancelled_from and row.cancelled_from._value_,
        "refused": row.refused,
        "given_up": given_up and given_up.since,
        "labels": dict(labels) if labels else {},
        "legs": [
            {
                "callee": leg.shown,
                "call_id": leg.call_id,
                "code": leg.code,
                "description": leg.description,
                "error": leg.error,
            }
            for leg in row.legs
        ],
    }
