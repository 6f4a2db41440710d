"""Hand a plan over to workers, as a campaign that is written while the plan is made.

The rows are walked once. What the plan may place is sealed as soon as that is decided, and goes to a private file, from
where a thread writes it into the ledger. For everybody else the campaign exists once the plan has been approved; until
then, and whatever ends this, nothing is left of it.
"""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import groupby
from struct import Struct
from typing import TYPE_CHECKING, Self

from flowops.app.apply import look_again, record_moves
from flowops.app.campaigns import HANDED_OVER, seal_of
from flowops.app.policy_run import said_of
from flowops.campaigns.batch import keep
from flowops.common.names import ulid
from flowops.common.text import visible
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.errors import FlowopsError, StalePlan
from flowops.ledger.campaigns import SealedCalls
from flowops.ledger.database import iso
from flowops.model.call import phones_of
from flowops.model.campaign import Campaign, CampaignState, CanarySettings
from flowops.model.plan import SENDING
from flowops.plan.planner import NO_SETTINGS
from flowops.plan.recheck import MOVED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from flowops.app.load import Workspace
    from flowops.app.observer import Observer
    from flowops.app.plan import Planned
    from flowops.ledger.store import Store
    from flowops.model.call import CallBatch
    from flowops.model.campaign import CampaignProgress
    from flowops.model.document import Value
    from flowops.model.plan import Guard, Pacing, PlannedBatch
    from flowops.plan.planner import Taken
    from flowops.plan.saved import SavedPlan

#: How many calls a batch has: few enough that little is looked at twice when a worker is killed, and many enough that
#: handing batches out costs nothing.
BATCH = 250
#: Seconds between two looks at how much is written.
_LOOK = 0.1
#: How long what follows in the private file is: what is known of a batch, and the batch, sealed.
_LENGTHS = Struct(">QQ")

_log = logging.getLogger(__name__)


class HandOver(NamedTuple):
    """What a plan became: a campaign, or nothing, as `guards` have tripped or nothing of it can be placed."""

    campaign: Campaign | None
    progress: CampaignProgress | None = None
    guards: tuple[Guard, ...] = ()


class _Waiting(NamedTuple):
    """A call that is handed over: its place in a batch of first attempts, and whether it would be placed now."""

    batch: CallBatch
    at: int
    phones: int
    is_due: bool


class Draft:
    """A campaign that is not handed over yet: it takes the calls of a plan while that is made.

    It is written meanwhile where nobody is asked (`asks` is false); else once somebody has said yes.
    """

    def __init__(self, name: str | None, start: datetime | None, observer: Observer, *, asks: bool) -> None:
        self._name, self._start = name, start
        self._observer = observer
        self._asks = asks
        #: Calls that are not sealed yet; while it is not known whether there is a canary, all of them.
        self._waiting: list[_Waiting] = []
        self._due_phones = self._sealed = self._calls = 0
        self._written: Future[Campaign] | None = None

    @contextmanager
    def begun(self, pacing: Pacing, saved: SavedPlan | None, workspace: Workspace, ledger: Store) -> Iterator[Taken]:
        """Take calls for as long as the block lasts; of what was not handed over by then nothing is left."""
        self._saved, self._ledger = saved, ledger
        self._seal = seal_of(workspace.project, workspace.environment, ledger)
        ledger.campaigns.undo_unfinished()
        self._others = ledger.campaigns.exist()
        self._new = _new(ledger, self._name, self._start)
        self._canary = None
        if pacing.canary is not None:
            self._canary = CanarySettings(pacing.canary, pacing.failures, pacing.patience.total_seconds())
        self._has_first = self._canary is None
        #: How many more phones may be rung; None where nobody says.
        self._left = pacing.limit
        with _Spool() as self._spool, ThreadPoolExecutor(1, "flowops-hand-over") as self._writer:
            try:
                yield self._take
            finally:
                self._spool.drop()

    def _take(self, planned: PlannedBatch, first: CallBatch) -> None:
        """Take what may be placed of a batch of a plan; what waits in a campaign already is left to that."""
        if self._written is not None and self._written.done():
            self._written.result()  # it has failed
        wanted = [at for at in planned.having(HANDED_OVER) if self._may_wait(first.references[at])]
        elsewhere = self._ledger.campaigns.of([first.references[at] for at in wanted]) if self._others else {}
        due = frozenset(planned.having(SENDING))
        for at in wanted:
            if first.references[at] in elsewhere:
                continue
            call = _Waiting(first, at, phones_of(first.bodies[at]), at in due)
            if self._left is not None:
                if call.phones > self._left:
                    self._left = 0  # nothing behind the first that is too much
                    break
                self._left -= call.phones
            self._waiting.append(call)
            self._due_phones += call.phones if call.is_due else 0
        if not self._has_first and self._canary is not None and self._due_phones > self._canary.phones:
            self._has_first = True
            some, self._waiting = _first(self._waiting, self._canary.phones)
            self._close(some)
        while self._has_first and len(self._waiting) >= BATCH:
            self._close(self._waiting[:BATCH])
            del self._waiting[:BATCH]

    def _may_wait(self, reference: str) -> bool:
        """Return whether a call may be placed by the plan that was reviewed, where one is given."""
        return self._saved is None or self._saved.lets_place(reference)

    def _close(self, some: Sequence[_Waiting]) -> None:
        """Seal some calls, the next batch."""
        references = [call.batch.references[call.at] for call in some]
        said = [said_of(call.batch, call.at, self._ledger.pseudonymizer) for call in some]
        sealed = self._seal.close(self._new.id, self._sealed, _kept(some))
        self._spool.add(SealedCalls(references, said, sum(call.phones for call in some), sealed))
        self._sealed += 1
        self._calls += len(some)
        if not self._asks:
            self._write()

    def _write(self) -> Future[Campaign]:
        """Begin to write what is sealed."""
        if self._written is None:
            ledger = self._ledger
            ledger.begin()
            self._written = self._writer.submit(
                ledger.campaigns.hand_over, self._new, self._spool, self._spool.approved, ledger.run
            )
        return self._written

    def hand_over(self, found: Planned) -> HandOver:
        """Let a plan that was confirmed become the campaign.

        Raises StalePlan when a file is not what it was when the plan was made: then nothing is handed over.
        """
        guards, _ = look_again(found)
        if guards:
            return HandOver(None, guards=guards)
        changed: list[str] = []
        record_moves(found, changed.append)
        if changed:
            raise StalePlan(
                "the files changed while they were handed over; nothing was handed over",
                details=[f"{reference}: is not what it was" for reference in changed[:MOVED]],
                hint="plan again",
            )
        for at in range(0, len(self._waiting), BATCH):
            self._close(self._waiting[at : at + BATCH])
        if not self._calls:
            _log.info("nothing is handed over: no call of the plan can be placed")
            return HandOver(None)
        approved = self._new._replace(
            digest=found.plan.digest,
            settings=found.plan.settings,
            canary=self._canary if self._has_first else None,
        )
        made = self._finish(approved)
        about = {"campaign": made.id, "calls": made.calls, "phones": made.phones, "batches": made.batches}
        _log.info(
            "campaign %(campaign)s is handed over: calls %(calls)d, phones %(phones)d, batches %(batches)d", about
        )
        return HandOver(made, found.ledger.campaigns.progress(made.id))

    def _finish(self, approved: Campaign) -> Campaign:
        """Wait until all is written; return the campaign that others see now."""
        written = self._write()
        with self._observer.progress("handing over", self._calls) as advance:
            self._spool.end(approved)
            told = 0
            while not _is_done(written):
                advance(self._spool.taken - told)
                told = self._spool.taken
        return written.result()


def _is_done(written: Future[Campaign]) -> bool:
    """Return whether all is written, after a while at most."""
    return not wait([written], timeout=_LOOK).not_done


def _new(ledger: Store, name: str | None, start: datetime | None) -> Campaign:
    """Return a campaign of which nothing is handed over yet; what its plan says of it is not known."""
    id_ = ulid().lower()
    return Campaign(
        id=id_,
        name=name or id_,
        state=CampaignState.NEW,
        why=None,
        created_at=iso(clock()),
        starts_at=iso(start or clock()),
        ended_at=None,
        who=ledger.actor.who,
        host=ledger.actor.host,
        commit=ledger.actor.commit,
        digest="",
        settings=NO_SETTINGS,
        calls=0,
        phones=0,
        batches=0,
        canary=None,
    )


def _first(calls: Sequence[_Waiting], canary: int) -> tuple[list[_Waiting], list[_Waiting]]:
    """Return the calls that are a canary of so many phones, and one at least, and the others."""
    first: list[_Waiting] = []
    others: list[_Waiting] = []
    left = canary
    for call in calls:
        if call.is_due and left > 0 and (call.phones <= left or not first):
            first.append(call)
            left -= call.phones
        else:
            others.append(call)
            # What does not fit ends it: the calls behind it keep their order.
            left = 0 if call.is_due else left
    return first, others


def _kept(calls: Sequence[_Waiting]) -> list[Value]:
    """Return calls as a campaign keeps them: those of one document that come together are one part."""
    parts = []
    for _, some in groupby(calls, key=lambda call: id(call.batch)):
        together = list(some)
        parts.append(keep(together[0].batch, [call.at for call in together]))
    return parts


def _not_kept(error: OSError) -> FlowopsError:
    reason = error.strerror or type(error).__name__
    return FlowopsError(
        f"what is handed over cannot be kept in {visible(tempfile.gettempdir())}: {reason.lower()}",
        hint="TMPDIR names another directory for temporary files",
    )


class _DroppedError(Exception):
    """Nothing is handed over."""


class _Spool:
    """Batches on their way into the ledger, sealed, in a private file: the one who reads them waits for more."""

    def __init__(self) -> None:
        self.taken = 0
        self._size = 0
        self._changed = threading.Condition()
        self._approved: Campaign | None = None
        self._is_dropped = False

    def __enter__(self) -> Self:
        try:
            self._file = tempfile.TemporaryFile()
        except OSError as error:
            raise _not_kept(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, calls: SealedCalls) -> None:
        """Add a batch."""
        known = json.dumps([calls.references, calls.said, calls.phones]).encode()
        with self._changed:
            try:
                self._file.seek(self._size)
                self._size += self._file.write(_LENGTHS.pack(len(known), len(calls.sealed)) + known + calls.sealed)
                self._file.flush()
            except OSError as error:
                raise _not_kept(error) from error
            self._changed.notify()

    def end(self, approved: Campaign) -> None:
        """Say that there are no more batches, and whose they are."""
        with self._changed:
            self._approved = approved
            self._changed.notify()

    def drop(self) -> None:
        """End whoever waits for more, if anybody does."""
        with self._changed:
            self._is_dropped = True
            self._changed.notify()

    def approved(self) -> Campaign:
        """Return the campaign that the batches are of, once there are no more."""
        assert self._approved is not None, "it has ended"
        return self._approved

    def __iter__(self) -> Iterator[SealedCalls]:
        at = 0
        while True:
            with self._changed:
                while at == self._size and self._approved is None and not self._is_dropped:
                    self._changed.wait()
                if self._is_dropped:
                    raise _DroppedError
                if at == self._size:
                    return
                self._file.seek(at)
                known, sealed = _LENGTHS.unpack(self._file.read(_LENGTHS.size))
                references, said, phones = json.loads(self._file.read(known))
                calls = SealedCalls(references, said, phones, self._file.read(sealed))
                at = self._file.tell()
            self.taken += len(references)
            yield calls
