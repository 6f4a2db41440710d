"""Which calls are given up: the API has refused them again and again, and would do so once more.

A refusal counts when it came an hour behind the last one that counts, for the same fingerprint, in a run that the API
did not refuse as a whole: that says something about the token, or the API, and nothing of any call.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from flowops.ledger.transaction import CHUNK, parsed
from flowops.model.ledger import GivenUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flowops.ledger.database import Connection

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
