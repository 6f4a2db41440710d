"""What is known of every call that was ever placed: the state machine, the tables, the store, the chain."""

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
