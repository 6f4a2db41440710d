"""A row of a ledger as it leaves it: for `import_calls` of another one, for spreadsheets and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.ledger import Entry, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.document import Value
    from flowops.model.ledger import GivenUp


def refused(environment: str, call: GivenUp) -> Entry:
    """Return a call of which nothing is left but that it is given up."""
    return Entry(
        environment=environment,
        reference_id=call.reference_id,
        state=State.REJECTED,
        fingerprint=call.fingerprint,
        body={},
        legs=(),
        attempts=call.refusals,
        live=False,
        error=call.error,
        claimed_at=call.since,
        updated_at=call.since,
    )


def exported(entry: Entry, given_up: GivenUp | None, terms: Mapping[str, Value] | None) -> dict[str, Value]:
    """Return a row as it leaves the ledger: without the body, and with callees masked.

    `terms` are those of its further attempts, where it is the first one of several.
    """
    return {
        "reference_id": entry.reference_id,
        "state": str(entry.state),
        "fingerprint": entry.fingerprint,
        "attempts": entry.attempts,
        "root": entry.root,
        "attempt": entry.attempt,
        "max_attempts": entry.max_attempts,
        "terms": terms,
        "error": entry.error,
        "claimed_at": entry.claimed_at,
        "updated_at": entry.updated_at,
        "purged": entry.purged,
        "renamed": entry.renamed,
        "cancelled_from": entry.cancelled_from and str(entry.cancelled_from),
        "refused": entry.refused,
        "given_up": given_up and given_up.since,
        "labels": dict(entry.labels),
        "legs": [
            {
                "callee": leg.shown,
                "call_id": leg.call_id,
                "code": leg.code,
                "description": leg.description,
                "error": leg.error,
            }
            for leg in entry.legs
        ],
    }
