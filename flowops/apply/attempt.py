"""A call while it is being placed, and what a run has found out so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowops.model.ledger import EventType
from flowops.model.result import CallResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.document import Value
    from flowops.model.plan import PlannedCall

#: Of a claim that has waited for longer than it is good for: it is made again, which is no try.
STALE = Verdict(EventType.UNSENT, detail="it waited for too long after its claim; nothing was sent")
#: How often that may be: where no claim is ever in time there is something wrong with the ledger or the machine.
_TAKEN_BACK_MOST = 10


@dataclass(slots=True)
class Findings:
    """What the connections of a run have found out.

    `elsewhere` are the references of calls that another run had claimed first. `unrecorded` maps a reference to its
    call's verdict and attempts when the ledger could not record them. `errors` are exceptions that nobody expects.
    """

    results: dict[str, CallResult] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    unrecorded: dict[str, tuple[Verdict, int]] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Attempt:
    """A call that is being placed: what is sent of it, how often it was, and what became of that.

    `began` is when it was last about to be claimed; `taken_back` counts claims that waited for too long.
    """

    planned: PlannedCall
    body: Mapping[str, Value]
    began: float = 0.0
    tries: int = 0
    taken_back: int = 0
    last: str = ""

    @property
    def reference_id(self) -> str:
        """Return under which reference-id it is posted."""
        return self.planned.call.reference_id

    @property
    def was_never_in_time(self) -> bool:
        """Return whether so many claims have waited for too long that another one is not worth it."""
        return self.taken_back >= _TAKEN_BACK_MOST


def unclear(error: BaseException) -> Verdict:
    """Return what a defect in flowops leaves of a call whose request may have left."""
    detail = f"flowops failed while sending ({type(error).__name__}); the call may have been placed"
    return Verdict(EventType.UNCLEAR, detail=detail)
