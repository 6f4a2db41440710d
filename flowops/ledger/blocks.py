"""Numbers that are never called again, and calls that are given up: who or what decided it, and who lifted that.

The ledger knows a number by the pseudonym that the legs of calls have, never by the number itself. Each claim asks in
its own transaction, and whoever blocks takes the ledger's lock first: once that is committed, no claim passes by it.

A refusal counts when it came an hour behind the last one that counts, for the same fingerprint, in a run that the API
did not refuse as a whole: that says something about the token, or the API, and nothing of any call.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flowops.common.masking import mask_number
from flowops.common.tuples import NamedTuple
from flowops.ledger.transaction import CHUNK, parsed
from flowops.model.claims import Claim, Condition
from flowops.model.ledger import GivenUp, NumberBlock
from flowops.model.plan import Action, Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

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


#: So many refusals give a call up, so far apart.
ENOUGH, APART = 3, timedelta(hours=1)
#: Of a run with so many answers every one may be a refusal before it counts for nothing.
WHOLE_RUN = 5


class Refusal(NamedTuple):
    """One refusal of a call: when, with which fingerprint, in which run (None where that is not known any more).

    `given_up` is since when another ledger, from which the call was imported, had it given up.
    """

    at: str
    fingerprint: str
    run: str | None
    error: str | None
    given_up: str | None = None


def given_up(
    reference_id: str, refusals: Sequence[Refusal], counts: Callable[[str], bool], fingerprint: str | None
) -> GivenUp | None:
    """Return that a call with a fingerprint, or as it was sent last, is given up; None where it is not.

    `refusals` are its own, oldest first, `counts` says of a run whether its refusals do.
    """
    asked = fingerprint or refusals[-1].fingerprint
    counted = 0
    since = ""
    earliest: datetime | None = None
    for refusal in refusals:
        at = datetime.fromisoformat(refusal.at)
        if refusal.fingerprint != asked:
            continue
        if refusal.given_up is not None:
            counted, earliest, since = counted + ENOUGH, at + APART, since or refusal.given_up
        if refusal.run is None or not counts(refusal.run):
            continue
        if earliest is None or at >= earliest:
            counted, earliest = counted + 1, at + APART
            since = since or (refusal.at if counted == ENOUGH else "")
    return GivenUp(reference_id, asked, counted, since, refusals[-1].error) if counted >= ENOUGH else None


def given_up_among(
    connection: Connection, ledger: int, calls: Mapping[str, str | None], unblind: Callable[[str], str]
) -> dict[str, GivenUp]:
    """Return which of some calls are given up, by their references; with a fingerprint, or None for the last one sent.

    A text that `unblind` does not take raises ValueError.
    """
    found: dict[str, list[Refusal]] = {}
    references = list(calls)
    for start in range(0, len(references), CHUNK):
        some = references[start : start + CHUNK]
        for reference, at, actor, details in connection.all(
            "refusals_of", ledger=ledger, references=some, least=ENOUGH
        ):
            said = parsed(details, connection.name)
            run, data = parsed(actor, connection.name).get("run"), said["data"]
            refusal = Refusal(at, unblind(said.get("fingerprint", "")), run, data.get("detail"), data.get("given_up"))
            if refusal.fingerprint:
                found.setdefault(reference, []).append(refusal)
    often = {
        reference: refusals
        for reference, refusals in found.items()
        if len(refusals) >= ENOUGH or any(each.given_up for each in refusals)
    }
    counting = _counting(connection, {each.run for refusals in often.values() for each in refusals if each.run})
    judged = (
        given_up(reference, refusals, counting.__contains__, calls[reference]) for reference, refusals in often.items()
    )
    return {each.reference_id: each for each in judged if each is not None}


def _counting(connection: Connection, runs: Iterable[str]) -> frozenset[str]:
    """Return those of some runs whose refusals count."""
    known: Mapping[str, tuple[int, int]] = {
        run: (posts, refused) for run, posts, refused in connection.all("posts_of_runs", runs=sorted(runs))
    }
    return frozenset(run for run, (posts, refused) in known.items() if posts < WHOLE_RUN or refused < posts)
