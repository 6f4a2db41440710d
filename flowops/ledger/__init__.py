"""What is known of every call that was ever placed: the state machine, the tables, the store, the chain.

The names are imported when they are asked for: `flowops.ledger.sealing` does without the database that the store needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.ledger.chain import Broken
    from flowops.ledger.opening import init_ledger, open_ledger
    from flowops.ledger.reading import LoggedEvent, Reader
    from flowops.ledger.states import IllegalStep, step
    from flowops.ledger.store import Store
    from flowops.ledger.transfer import Adopted, Import, adopted

__all__ = [
    "Adopted",
    "Broken",
    "IllegalStep",
    "Import",
    "LoggedEvent",
    "Reader",
    "Store",
    "adopted",
    "init_ledger",
    "open_ledger",
    "step",
]

_MODULES = {
    "Adopted": "transfer",
    "Broken": "chain",
    "IllegalStep": "states",
    "Import": "transfer",
    "LoggedEvent": "reading",
    "Reader": "reading",
    "Store": "store",
    "adopted": "transfer",
    "init_ledger": "opening",
    "open_ledger": "opening",
    "step": "states",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
