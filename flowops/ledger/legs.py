"""The legs of a call, one a callee: how what is told of them is put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.model import Value

#: The keys of a sealed value, see `flowops.model.Ledger.seal`.
SEALED, SHOWN = "$sealed", "shown"


class SealedLeg(NamedTuple):
    """One callee of a call as the ledger keeps it, in the order of its columns; `callee` is the keyed hash."""

    callee: str | None
    shown: str | None
    call_id: str | None = None
    error: str | None = None
    code: int | None = None
    description: str | None = None


def sealed_callees(body: Mapping[str, Value]) -> tuple[SealedLeg, ...]:
    """The callees of a sealed body as legs of which nothing is known yet."""
    listed = body["callees"] if body.get("callees") else [body.get("callee")]
    return tuple(SealedLeg(leaf[SEALED], leaf[SHOWN]) for leaf in listed if isinstance(leaf, dict) and SEALED in leaf)


def merged(known: Iterable[SealedLeg], told: Iterable[SealedLeg]) -> tuple[SealedLeg, ...]:
    """Legs with what was told of them: matched by call-id, else by callee; what matches nothing is added.

    What is known already stays: a second callback with another code changes nothing.
    """
    legs = list(known)
    for leg in told:
        at = _match(legs, leg) if legs else None
        if at is None:
            legs.append(leg)
            continue
        old = legs[at]
        legs[at] = SealedLeg(
            callee=old.callee or leg.callee,
            shown=old.shown or leg.shown,
            call_id=old.call_id or leg.call_id,
            error=old.error or leg.error,
            code=leg.code if old.code is None else old.code,
            description=old.description or leg.description,
        )
    return tuple(legs)


def _match(legs: list[SealedLeg], leg: SealedLeg) -> int | None:
    if leg.call_id is not None:
        for at, known in enumerate(legs):
            if known.call_id == leg.call_id:
                return at
    same = [at for at, known in enumerate(legs) if leg.callee is not None and known.callee == leg.callee]
    # One number may ring twice in one request: a leg that already has another call-id is another call.
    fitting = [at for at in same if leg.call_id is None or legs[at].call_id is None]
    open_ones = [at for at in fitting if legs[at].code is None]
    if open_ones or fitting:
        return (open_ones or fitting)[0]
    if leg.callee is None and len(legs) == 1 and None in (leg.call_id, legs[0].call_id):
        return 0
    return None


def complete(legs: Iterable[SealedLeg]) -> bool:
    """Whether every leg that the API took has ended, and at least one has."""
    taken = [leg for leg in legs if leg.error is None or leg.code is not None]
    return bool(taken) and all(leg.code is not None for leg in taken)
