"""What is known of every call that was ever placed: the state machine, the tables, the store, the chain.

The names are imported when they are asked for: `flowops.ledger.sealing` does without the database that the store needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.lazy import attach

if TYPE_CHECKING:
    from flowops.ledger.chain import Broken
    from flowops.ledger.opening import init_ledger, open_ledger
    from flowops.ledger.reading import LoggedEvent, Reader
    from flowops.ledger.states import IllegalStep, step
    from flowops.ledger.store import Store
    from flowops.ledger.transfer import Adopted, Import, adopted
else:
    __getattr__ = attach(
        __name__,
        {
            "chain": "Broken",
            "opening": "init_ledger open_ledger",
            "reading": "LoggedEvent Reader",
            "states": "IllegalStep step",
            "store": "Store",
            "transfer": "Adopted Import adopted",
        },
    )

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
