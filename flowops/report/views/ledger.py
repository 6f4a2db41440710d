"""What a ledger holds, and what was done to it, as it may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowops.common.masking import mask_text
from flowops.common.tuples import NamedTuple
from flowops.report.masking import masked, optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowops.model.campaign import Campaign, CampaignProgress
    from flowops.model.document import Value
    from flowops.model.ledger import Actor, Entry, EventType, LedgerRun, NumberBlock, OperatorStep, State


class Exported(NamedTuple):
    """The ledger as rows for other programs, their callees masked; they are gone through once."""

    rows: Iterable[dict[str, Value]]


class AuditRow(NamedTuple):
    """One event for auditors, without bodies, callees and numbers; who acted and why is None once it was purged."""

    serial: int
    reference_id: str
    event: str
    state: str | None
    at: str
    who: str | None
    host: str | None
    job: str | None
    commit: str | None
    run: str | None
    reason: str | None
    override: str | None
    hash: str


class AuditTrail(NamedTuple):
    """The events of a ledger for other programs, oldest first; they are gone through once."""

    events: Iterable[LedgerEvent]

    def rows(self) -> Iterator[AuditRow]:
        """Yield each event as a row."""
        for event in self.events:
            actor, data = event.actor, event.data or {}
            reason = data.get("reason") or data.get("detail")
            yield AuditRow(
                serial=event.serial,
                reference_id=event.reference_id,
                event=event.event_type.value,
                state=event.state.value if event.state else None,
                at=event.at,
                who=actor.who if actor else None,
                host=actor.host if actor else None,
                job=actor.job if actor else None,
                commit=actor.commit if actor else None,
                run=event.run,
                reason=mask_text(str(reason)) if reason else None,
                override=optional(actor.override) if actor else None,
                hash=event.hash,
            )


class Done(NamedTuple):
    """The result of a command that works on a ledger as a whole: the facts by their names, and in words."""

    environment: str
    command: str
    facts: Mapping[str, Value]
    said: Sequence[str]


class Runs(NamedTuple):
    """The runs of a ledger, the newest first."""

    environment: str
    runs: Sequence[LedgerRun]


class CampaignsView(NamedTuple):
    """Campaigns, and how far each is."""

    environment: str
    campaigns: Sequence[tuple[Campaign, CampaignProgress]]


class BlockedView(NamedTuple):
    """The numbers of a ledger that were ever blocked."""

    environment: str
    blocks: Sequence[NumberBlock]

    @property
    def blocked(self) -> Sequence[NumberBlock]:
        """Return those that are."""
        return [block for block in self.blocks if block.lifted_at is None]

    @property
    def lifted(self) -> Sequence[NumberBlock]:
        """Return those that were."""
        return [block for block in self.blocks if block.lifted_at is not None]


class OperationView(NamedTuple):
    """An operation on calls, done or proposed: `name` is the command's word, `done` what it comes to then.

    Before it is done `is_done` is false.
    """

    environment: str
    name: str
    done: str
    reason: str
    steps: Sequence[OperatorStep]
    is_done: bool

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many calls are changed, are as they were asked for already, and are refused."""
        changed = sum(step.changed for step in self.steps)
        refused = sum(step.refused is not None for step in self.steps)
        return {"changed": changed, "unchanged": len(self.steps) - changed - refused, "refused": refused}


class LedgerEvent(Protocol):
    """One event of a call's history; `actor` and `data` are None once the call was purged."""

    @property
    def serial(self) -> int: ...
    @property
    def reference_id(self) -> str: ...
    @property
    def event_type(self) -> EventType: ...
    @property
    def state(self) -> State | None: ...
    @property
    def at(self) -> str: ...
    @property
    def actor(self) -> Actor | None: ...
    @property
    def run(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Value] | None: ...
    @property
    def hash(self) -> str: ...


class Entries(NamedTuple):
    """Rows of the ledger, which are gone through once."""

    entries: Iterable[Entry]
    environment: str = ""


class EntryView(NamedTuple):
    """One call of the ledger and its history, oldest first.

    Of a call with attempts, `chain` are all that were made.
    """

    entry: Entry
    history: Sequence[LedgerEvent] = ()
    chain: Sequence[Entry] = ()


def of_entry(entry: Entry) -> Entry:
    """Return a call of the ledger for readers: its pseudonyms as they are shown, and no numbers."""
    legs = (
        leg._replace(error=optional(leg.error), description=optional(leg.description), callee=None)
        for leg in entry.legs
    )
    return entry._replace(error=optional(entry.error), legs=tuple(legs), body=masked(dict(entry.body)))
