"""Calls that come from elsewhere, and the ledger's rows on their way out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowops.model.ledger import Leg, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model import Entry, Value


@dataclass(frozen=True, slots=True)
class Adopted:
    """A call that another program placed, or another ledger knows.

    Without a fingerprint it is unchanged whatever its body says now: nobody can tell.
    """

    reference_id: str
    state: State = State.PLACED
    legs: tuple[Leg, ...] = ()
    placed_at: str | None = None
    fingerprint: str = ""


@dataclass(slots=True)
class Import:
    """What an import did: references that were added, and those that the ledger had, with their states."""

    added: list[str] = field(default_factory=list)
    present: dict[str, State] = field(default_factory=dict)


def adopted(row: Mapping[str, Value]) -> Adopted:
    """A call from a row: of CSV, of JSON Lines, or of an export. Raises `ValueError` with the field in front.

    Keys, with ``-`` or ``_``: ``reference-id``; ``callee`` or ``callees``, ``call-id``, ``placed-at`` (ISO 8601 with an
    offset), ``state``, ``fingerprint``; an export's ``legs`` and ``claimed_at``. Others are ignored.
    """
    values = {key.replace("-", "_"): value for key, value in row.items() if value not in (None, "")}
    reference_id = values.get("reference_id")
    if not isinstance(reference_id, str):
        raise ValueError("reference-id: is missing")  # noqa: TRY004
    return Adopted(
        reference_id=reference_id,
        state=_state(values.get("state", State.PLACED)),
        legs=_legs(values),
        placed_at=_time(values.get("placed_at") or values.get("claimed_at")),
        fingerprint=_text(values, "fingerprint") or "",
    )


def exported(entry: Entry) -> dict[str, Value]:
    """A row as it leaves the ledger: without the body, and with callees masked."""
    return {
        "reference_id": entry.reference_id,
        "state": str(entry.state),
        "fingerprint": entry.fingerprint,
        "attempts": entry.attempts,
        "error": entry.error,
        "claimed_at": entry.claimed_at,
        "updated_at": entry.updated_at,
        "purged": entry.purged,
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


def _state(text: Value) -> State:
    try:
        state = State(text)
    except ValueError:
        raise ValueError(f"state: {text!r} is none of {', '.join(State)}") from None
    # Whoever had it in flight is not going to tell this ledger.
    return State.IN_DOUBT if state is State.IN_FLIGHT else state


def _time(text: Value) -> str | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f"placed-at: {text!r} is not a time such as 2026-11-23T09:30:00Z")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _legs(values: Mapping[str, Value]) -> tuple[Leg, ...]:
    if "legs" in values:
        return tuple(_leg(leg) for leg in _list(values, "legs"))
    callees = _list(values, "callees") if "callees" in values else [values.get("callee")]
    call_id = _text(values, "call_id")
    if callees == [None] and call_id is None:
        return ()
    if call_id is not None and len(callees) > 1:
        raise ValueError("call-id: names one call, but there are several callees")
    return tuple(_leg({"callee": callee, "call_id": call_id}) for callee in callees)


def _leg(value: Value) -> Leg:
    if not isinstance(value, dict):
        raise ValueError("legs: each has to be an object")  # noqa: TRY004
    code = value.get("code")
    if code is not None and (not isinstance(code, int) or isinstance(code, bool)):
        raise ValueError(f"code: {code!r} is not a whole number")
    callee = _text(value, "callee")
    whole = callee is not None and callee.startswith("+") and callee[1:].isdigit()
    return Leg(
        callee=callee if whole else None,
        call_id=_text(value, "call_id"),
        error=_text(value, "error"),
        code=code,
        description=_text(value, "description"),
        shown=None if whole else callee,
    )


def _list(values: Mapping[str, Value], name: str) -> list[Value]:
    found = values[name]
    if not isinstance(found, list):
        raise ValueError(f"{name}: has to be a list")  # noqa: TRY004
    return found


def _text(values: Mapping[str, Value], name: str) -> str | None:
    found = values.get(name)
    if found is not None and not isinstance(found, str):
        raise ValueError(f"{name.replace('_', '-')}: {found!r} is not a text")
    return found
