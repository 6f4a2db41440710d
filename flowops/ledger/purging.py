"""Forgetting what is settled: what stays of a call is that it was placed, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.ledger import runs
from flowops.ledger.changes import Change
from flowops.ledger.rows import CHUNK
from flowops.model.ledger import Happening

if TYPE_CHECKING:
    from flowops.ledger.transaction import Transaction
    from flowops.model import Actor


def purge(transaction: Transaction, before: str, actor: Actor, at: str) -> int:
    """Purge up to a thousand calls that nothing has happened to since a time; return how many that were.

    Sealed bodies, callees, call-ids, texts and fingerprints go, and from the events all details: who, where, why.
    """
    connection, environment = transaction.connection, transaction.environment
    found = connection.all("calls_to_purge", environment=environment, before=before, limit=CHUNK)
    references = [reference for (reference,) in found]
    last = transaction.mark.serial
    transaction.make([Change(reference, Happening.PURGED, at, actor) for reference in references])
    if references:
        connection.run("forget_details", ledger=transaction.mark.id, last=last, references=references)
    runs.forget(connection, environment, before)
    return len(references)
