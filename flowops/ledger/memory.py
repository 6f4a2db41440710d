"""The calls that this process has in flight, as it left them in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.ledger.changes import CallRow
    from flowops.model import LedgerMark


class Memory:
    """Rows that are good as long as nobody else writes: then a call need not be read back when its answer comes.

    Every change of a row goes with an event, so a ledger whose last event is ours has rows that are as we left them.
    """

    def __init__(self) -> None:
        self._mark: LedgerMark | None = None
        self._rows: dict[str, CallRow] = {}

    def rows(self, mark: LedgerMark) -> Mapping[str, CallRow]:
        """What is remembered of a ledger that is this far; nothing if it went on without us."""
        if mark != self._mark:
            self.forget()
        return self._rows

    def keep(self, mark: LedgerMark, rows: Iterable[CallRow]) -> None:
        """Remember what a transaction has left, once that is on disk."""
        self._mark = mark
        for row in rows:
            if row.state is State.IN_FLIGHT:
                self._rows[row.reference_id] = row
            else:
                self._rows.pop(row.reference_id, None)

    def forget(self) -> None:
        """Read everything anew."""
        self._mark = None
        self._rows.clear()
