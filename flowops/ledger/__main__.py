"""The process that writes beside a run (see `flowops.ledger.beside`): asked on stdin, answering on stdout.

It is told how to open the ledger, then writes until nobody asks any more. Whoever asked may be dead by then: what was
asked for is written all the same, and a later run finds it.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
from typing import TYPE_CHECKING, Any

from flowops.errors import LedgerError
from flowops.ledger.beside import Opening, Refused
from flowops.ledger.opening import open_ledger

if TYPE_CHECKING:
    from flowops.ledger.store import Store
    from flowops.model import Claim, Record, Written


def main() -> None:
    """Open the ledger, and write."""
    opening: Opening | None = _heard()
    if opening is None:
        return
    try:
        store = _opened(opening)
    except LedgerError as error:
        _answer(Refused(error.message, error.hint))
        return
    gc.freeze()
    with store:
        _answer(None)
        while (writes := _heard()) is not None:
            _answer(_written(store, writes))


def _opened(opening: Opening) -> Store:
    store = open_ledger(
        opening.url,
        opening.environment,
        actor=opening.actor,
        pinned=opening.ledger_id,
        key=opening.key,
        create=opening.sandbox,
        root=opening.root,
    )
    store.join(opening.run)
    return store


def _heard() -> Any:
    """The next thing that the run has said, which has started us; None when it has ended, perhaps within a word."""
    try:
        return pickle.load(sys.stdin.buffer)  # noqa: S301
    except (EOFError, pickle.UnpicklingError):
        return None


def _written(store: Store, writes: list[Claim | Record]) -> list[Written] | Refused:
    try:
        return store.write(writes)
    except LedgerError as error:
        return Refused(error.message, error.hint)


def _answer(answer: list[Written] | Refused | None) -> None:
    try:
        pickle.dump(answer, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(0)  # Nobody listens any more, and there is nothing left to do.


if __name__ == "__main__":
    main()
