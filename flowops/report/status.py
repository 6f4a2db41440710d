"""What the command line asks of a ledger for the renderers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model import Actor, Entry, Happening, LedgerMark, State, Value

#: What the API's result codes mean (the vendor's documentation of the callback).
CODES = {
    9: "cancelled: not answered in time",
    10: "finished successfully",
    11: "failed: could not be made",
    12: "rejected by the callee or their operator",
}


@dataclass(frozen=True, slots=True)
class Status:
    """Totals of one environment; `ledger` is None before there is one.

    `outcomes` counts callees by the API's result code.
    """

    environment: str
    ledger: LedgerMark | None
    counts: Mapping[State, int]
    outcomes: Mapping[int, int]
    in_doubt: Sequence[Entry]


class Event(Protocol):
    """One event of a call's history; `actor` and `data` are None once the call was purged."""

    @property
    def serial(self) -> int: ...
    @property
    def happening(self) -> Happening: ...
    @property
    def state(self) -> State | None: ...
    @property
    def at(self) -> str: ...
    @property
    def actor(self) -> Actor | None: ...
    @property
    def data(self) -> Mapping[str, Value] | None: ...
