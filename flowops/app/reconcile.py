"""Settle calls from Call Detail Records: a record proves that a call was placed; no record proves nothing."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING

from flowops.api.cdr import CallDetailRecords, Wait, conversations
from flowops.api.records import read_file
from flowops.app.access import open_for
from flowops.app.asked import names_in_files
from flowops.app.load import project_of
from flowops.app.observer import SILENT
from flowops.app.secrets import connection_of, token_of, value_of
from flowops.common.names import why_unusable
from flowops.common.text import count
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.documents.files import Unreadable, read_given
from flowops.documents.foreign import foreign
from flowops.errors import ApiError, UsageError
from flowops.model.call import split_reference
from flowops.model.ledger import Adopt, Leg, State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from flowops.api.cdr import Page
    from flowops.api.records import CallRecord
    from flowops.app.observer import Observer
    from flowops.ledger.store import Store
    from flowops.model.ledger import Entry
    from flowops.model.project import Environment, Project

#: The API sums a call up when it has ended; a record may come a while after the claim.
MARGIN = timedelta(hours=1)
#: Bytes of a file of records.
MAX_RECORDS = 256 * 1024 * 1024

_log = logging.getLogger(__name__)


class Reconciled(NamedTuple):
    """What records came to.

    `settled` counts the calls that are in another state for them, `in_doubt` those in doubt now. Of the calls that the
    ledger did not know, `doubtful` are named by the files and in doubt for it, `adopted` were taken for its own, and
    `foreign` are those of others on the same account. `namesakes` are placed calls of which all records have other
    call-ids: they are of other calls with the same references, and change nothing.
    """

    settled: int
    in_doubt: int
    doubtful: int = 0
    adopted: int = 0
    foreign: int = 0
    namesakes: int = 0


def reconcile(
    environment: str,
    since: timedelta | None = None,
    *,
    adopt: Adopt = Adopt.NONE,
    wait: bool = True,
    observer: Observer = SILENT,
) -> Reconciled:
    """Ask the API for records, from as long back as `since` says, and settle the calls that have one.

    Without `since`, ask for the time since the oldest call that a record could still settle, or at least since the
    ledger's last event. `adopt` says what becomes of calls that the ledger does not know, `wait` whether to wait for
    the API's throttle. Raise ApiError when the API cannot be asked, or when there is no waiting.
    """
    project, settings = project_of(environment)
    if settings.sandboxed:
        raise UsageError(
            "the embedded sandbox forgets its records when a run ends",
            hint="serve it with `flowops sandbox`, and name its address as the environment's api; or use --from-file",
        )
    with open_for(project, settings, observer=observer) as ledger:
        ledger.sweep()
        start = clock() - since if since is not None else _oldest(ledger)
        records = _Records(ledger, environment, adopt)
        asyncio.run(_ask(records, project, settings, start, wait=wait, observer=observer))
        return records.reconciled()


def reconcile_file(
    environment: str, file: Path, *, adopt: Adopt = Adopt.NONE, observer: Observer = SILENT
) -> Reconciled:
    """Settle the calls that have a record in a file that was exported by hand (JSON, JSONL, CSV)."""
    project, settings = project_of(environment)
    with open_for(project, settings, observer=observer) as ledger:
        ledger.sweep()
        records = _Records(ledger, environment, adopt)
        records.settle(_read(file))
        return records.reconciled()


def _read(file: Path) -> list[CallRecord]:
    try:
        data = read_given(file, MAX_RECORDS)
        if (trouble := foreign(data)) is not None:
            raise UsageError(f"{file} {trouble}")
        return read_file(StringIO(data.decode(), newline=None), str(file))
    except Unreadable as error:
        raise UsageError(f"{file} {error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8") from None


async def _ask(
    records: _Records, project: Project, settings: Environment, start: datetime, *, wait: bool, observer: Observer
) -> None:
    """Page through the records, and settle what they prove."""
    if settings.account is None:
        raise ApiError(
            f"environment '{settings.name}' has no account",
            hint="the records are asked for by voice account: account: {env: NAME}",
        )
    account = value_of(settings.account, f"environments.{settings.name}.account", ApiError, project)
    token, connection = token_of(project, settings), connection_of(settings)
    async with CallDetailRecords.opened(settings.api, token, connection) as fetch:
        _log.info("asking for records from %(start)s on", {"start": start.isoformat(timespec="seconds")})
        pages = conversations(fetch, account, start, clock(), throttle=records.ledger, clock=clock)
        async for page in _without_waits(pages, wait=wait, observer=observer):
            records.settle(page)


async def _without_waits(
    pages: AsyncIterator[Page | Wait], *, wait: bool, observer: Observer
) -> AsyncIterator[Iterable[CallRecord]]:
    """Yield the records of each page, and wait for the API's throttle in between."""
    async for page in pages:
        if not isinstance(page, Wait):
            observer.report(f"{count(len(page.records), 'record')} from {page.query.start:%Y-%m-%d %H:%M} UTC on")
            yield page.records
            continue
        seconds = max((page.until - clock()).total_seconds(), 0.0)
        if not wait:
            raise ApiError(
                f"the API takes the next request in {seconds:.0f} s",
                hint="run reconcile again then, or without --no-wait",
            )
        observer.report(f"waiting {seconds:.0f} s for the API's throttle")
        await asyncio.sleep(seconds)


def _oldest(ledger: Store) -> datetime:
    """Return since when there may be records that tell the ledger something.

    That is the claim of the oldest call that one could still settle, or the last event: where a copy was put back, all
    that it has lost came after.
    """
    times = [entry.claimed_at for entry in ledger.entries(states={State.IN_DOUBT, State.PLACED})]
    last = ledger.last_event_at()
    return min(map(datetime.fromisoformat, [*times, *([last] if last else [])]), default=clock()) - MARGIN


def _leg(record: CallRecord, entry: Entry | None) -> Leg:
    """Return what a record tells of a leg; an id of its own tells nothing of one that the API has named."""
    call_id, known = record.call_id, {leg.call_id for leg in entry.legs} if entry is not None else set()
    if record.is_of_record and known - {None} and call_id not in known:
        call_id = None
    return Leg(record.callee, call_id, code=record.code, description=record.description)


class _Records:
    """Records on their way into a ledger, and what they came to."""

    def __init__(self, ledger: Store, environment: str, adopt: Adopt) -> None:
        self.ledger = ledger
        self._environment = environment
        self._adopt = adopt
        self._counts: Counter[str] = Counter()
        #: What the files name, and what that was called before.
        self._named: Mapping[str, str | None] | None = None

    def settle(self, records: Iterable[CallRecord]) -> None:
        """Write records into the ledger."""
        told: dict[str, list[CallRecord]] = {}
        for record in records:
            told.setdefault(record.reference_id, []).append(record)
        entries = self.ledger.look_up(list(told))
        legs = {reference: [_leg(each, entries.get(reference)) for each in some] for reference, some in told.items()}
        before = {reference: entry.state for reference, entry in entries.items()}
        _log.info(
            "records of %(calls)d calls, of which the ledger knows %(known)d",
            {"calls": len(legs), "known": len(before)},
        )
        known = {reference: some for reference, some in legs.items() if reference in before}
        for reference, after in self.ledger.recorded(known).items():
            self._counts["settled"] += after is not None and after.state != before[reference]
            self._counts["namesakes"] += after is not None and not after.done
        unknown = legs.keys() - known.keys()
        if unknown:
            self._take_unknown({reference: legs[reference] for reference in sorted(unknown)})

    def reconciled(self) -> Reconciled:
        """Return what they came to."""
        counts = self._counts
        in_doubt = self.ledger.count()[State.IN_DOUBT]
        unknown = (counts[name] for name in ("doubtful", "adopted", "foreign", "namesakes"))
        found = Reconciled(counts["settled"], in_doubt, *unknown)
        _log.info(
            "settled: %(settled)d, in doubt: %(in_doubt)d, adopted: %(adopted)d, of others: %(foreign)d",
            found._asdict(),
        )
        return found

    def _take_unknown(self, legs: dict[str, list[Leg]]) -> None:
        """Take records of calls that the ledger does not know: it has lost them, or they are somebody else's."""
        if self._named is None:
            self._named = names_in_files(self._environment)
        # The files name the call whose attempt it may be.
        named = {reference for reference in legs if {reference, split_reference(reference)[0]} & self._named.keys()}
        usable = frozenset(reference for reference in legs if why_unusable(reference) is None)
        adopted = {Adopt.NONE: frozenset(), Adopt.NAMED: named, Adopt.ALL: usable}[self._adopt]
        for name, taken, state in (("adopted", adopted, State.PLACED), ("doubtful", named - adopted, State.IN_DOUBT)):
            if taken:
                some = {reference: legs[reference] for reference in sorted(taken)}
                self.ledger.recorded(some, unknown=state, moved_from=self._named)
            self._counts[name] += len(taken)
        self._counts["foreign"] += len(legs.keys() - adopted - named)
