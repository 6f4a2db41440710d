"""What operators do to calls, as the command line does it: shown first, then done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.ledger.operators import Resolve

if TYPE_CHECKING:
    from flowops.ledger.operators import Operation
    from flowops.ledger.store import Store
    from flowops.model.ledger import OperatorStep


def operate(store: Store, operation: Operation, *references: str, reason: str = "asked the vendor") -> OperatorStep:
    """Do an operation to calls; return what became of the first one. What is shown is what is done."""
    before = store.checkpoint()
    shown = store.rehearse(operation, references, reason)
    assert store.checkpoint() == before
    done = store.operate(operation, shown, reason)
    assert done == shown
    return done[0]


def resolve(store: Store, reference: str, *, placed: bool, reason: str = "asked", call_id: str | None = None) -> str:
    """Take a word on one call; return the state that it has then, or why nothing was done."""
    step = operate(store, Resolve(placed=placed, call_id=call_id), reference, reason=reason)
    return step.refused or str(step.after)
