"""An operator's word on a call in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.errors import FlowopsError
from flowops.ledger.changes import Change
from flowops.ledger.legs import SealedLeg
from flowops.ledger.runs import GONE
from flowops.ledger.sealing import clean, storable
from flowops.model.ledger import Happening, State

if TYPE_CHECKING:
    from flowops.ledger.changes import CallRow
    from flowops.ledger.database import Database
    from flowops.ledger.transaction import Transaction
    from flowops.model import Actor, Written


def resolve(
    database: Database,
    transaction: Transaction,
    reference_id: str,
    *,
    placed: bool,
    reason: str,
    call_id: str | None,
    actor: Actor,
    at: str,
) -> Written:
    """Take an operator's word, when nobody can contradict it any more.

    Raises `FlowopsError` for a call that is not known, not in doubt, or whose run may still send.
    """
    row = transaction.rows([reference_id]).get(reference_id)
    if row is None or row.state is None:
        raise FlowopsError(f"{reference_id}: the ledger has no such call")
    if row.state is State.IN_FLIGHT or (row.state is State.IN_DOUBT and not placed):
        _refuse_while_it_stirs(database, transaction, row)
    if row.state is State.IN_FLIGHT:
        transaction.make([Change(reference_id, Happening.ABANDONED, at, actor, detail=GONE)])
    change = Change(
        reference_id,
        Happening.RESOLVED_PLACED if placed else Happening.RESOLVED_NOT_PLACED,
        at,
        actor,
        legs=(SealedLeg(None, None, call_id=storable(call_id)),) if call_id else (),
        data={"reason": clean(reason)},
    )
    written = transaction.make([change])[0]
    if not written.done:
        raise FlowopsError(f"{reference_id}: it is {written.state}, not in doubt: there is nothing to resolve")
    return written


def _refuse_while_it_stirs(database: Database, transaction: Transaction, row: CallRow) -> None:
    if row.run is not None and database.stirs(transaction.connection, row.run):
        raise FlowopsError(
            f"{row.reference_id}: the run that claimed it is still alive, and may yet send it or hear the answer",
            hint="wait for that run to end, or end its process; a database server may take a minute to notice that",
        )
