"""Numbers that are never called again, for everybody on a ledger: who blocked them, and who lifted that, on record.

The ledger knows a number by the pseudonym that the legs of calls have, never by the number itself. Each claim asks in
its own transaction, and whoever blocks takes the ledger's lock first: once that is committed, no claim passes by it.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from flowops.common.masking import mask_number
from flowops.ledger.transaction import CHUNK
from flowops.model.claims import Claim, Condition
from flowops.model.ledger import NumberBlock
from flowops.model.plan import Action, Decision

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flowops.ledger.database import Connection
    from flowops.ledger.pseudonyms import Pseudonymizer
    from flowops.model.claims import Record
    from flowops.model.ledger import Actor

#: What a reason begins with, as that of a rule begins with its name.
NAME = "policy block"


def blocks_among(
    connection: Connection, ledger: int, numbers: Collection[str], pseudonymizer: Pseudonymizer
) -> dict[str, NumberBlock]:
    """Return why each of these numbers is blocked; none that is not."""
    numbered = {pseudonymizer.value(number): number for number in numbers}
    callees = list(numbered)
    found: dict[str, NumberBlock] = {}
    for start in range(0, len(callees), CHUNK):
        some = callees[start : start + CHUNK]
        for callee, *rest in connection.all("blocks_among", ledger=ledger, callees=some):
            found[numbered[callee]] = NumberBlock(*rest)
    return found


def decision_on(callees: Sequence[str], blocks: Mapping[str, NumberBlock]) -> Decision | None:
    """Return what keeps a request to some callees from being placed: one that is blocked blocks them all."""
    found = [blocks[callee] for callee in callees if callee in blocks]
    if not found:
        return None
    named = [f"{block.shown} is {block.why}" if len(callees) > 1 else block.why for block in found]
    return Decision(Action.BLOCKED, reasons=tuple(f"{NAME}: {why}" for why in named))


def with_blocks(
    connection: Connection,
    ledger: int,
    writes: Sequence[Claim | Record],
    pseudonymizer: Pseudonymizer,
    *,
    any_blocked: bool,
) -> list[Condition | None]:
    """Return what each claim hangs on, None for what hangs on nothing: no call to a blocked number is claimed.

    Numbers are looked up only where any is blocked.
    """
    numbers = {number for write in writes if any_blocked and isinstance(write, Claim) for number in write.call.callees}
    blocks = blocks_among(connection, ledger, numbers, pseudonymizer)
    return [_condition(write, blocks) if isinstance(write, Claim) else None for write in writes]


def _condition(claim: Claim, blocks: Mapping[str, NumberBlock]) -> Condition | None:
    held = decision_on(claim.call.callees, blocks) if blocks else None
    return claim.condition if held is None else Condition.never(held)


def block(
    connection: Connection,
    ledger: int,
    numbers: Sequence[str],
    pseudonymizer: Pseudonymizer,
    actor: Actor,
    reason: str,
    at: str,
) -> list[bool]:
    """Block numbers; return of each whether it was not blocked yet."""
    return [
        connection.run(
            "insert_block",
            id=uuid.uuid4().hex,
            ledger=ledger,
            callee=pseudonymizer.value(number),
            shown=mask_number(number),
            pseudonym=pseudonymizer.short_pseudonym(number),
            at=at,
            who=actor.who,
            host=actor.host,
            reason=reason,
        )
        > 0
        for number in numbers
    ]


def unblock(
    connection: Connection,
    ledger: int,
    numbers: Sequence[str],
    pseudonymizer: Pseudonymizer,
    actor: Actor,
    reason: str,
    at: str,
) -> list[bool]:
    """Let numbers be called again; return of each whether it was blocked."""
    by = f"{actor.who} on {actor.host}"
    callees = map(pseudonymizer.value, numbers)
    return [
        connection.run("lift_block", ledger=ledger, callee=callee, at=at, by=by, reason=reason) > 0
        for callee in callees
    ]
