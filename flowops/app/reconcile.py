"""Settle calls from Call Detail Records: a record proves that a call was placed; no record proves nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from flowops.api.cdr import CallDetailRecords, Wait, conversations
from flowops.api.records import read_file
from flowops.app.access import open_for
from flowops.app.load import project_of
from flowops.app.observer import SILENT
from flowops.app.policy_run import clock
from flowops.app.secrets import connection_of, token_of, value_of
from flowops.documents.files import Unreadable, read_given
from flowops.errors import ApiError, UsageError
from flowops.model.ledger import Leg, State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from flowops.api.cdr import Page
    from flowops.api.records import CallRecord
    from flowops.app.observer import Observer
    from flowops.ledger.store import Store
    from flowops.model.project import Environment, Project

#: The API sums a call up when it has ended; a record may come a while after the claim.
MARGIN = timedelta(hours=1)
#: Bytes of a file of records.
MAX_RECORDS = 256 * 1024 * 1024


class Reconciled(NamedTuple):
    """How many calls the records settled, and how many are in doubt now."""

    settled: int
    in_doubt: int


def reconcile(
    environment: str, since: timedelta | None = None, *, wait: bool = True, observer: Observer = SILENT
) -> Reconciled:
    """Ask the API for records, from as long back as `since` says, and settle the calls that have one.

    Without `since`, ask for the time since the oldest call that a record could still settle. `wait` says whether to
    wait for the API's throttle. Raise ApiError when the API cannot be asked, or when there is no waiting.
    """
    project, settings = project_of(environment)
    if settings.sandboxed:
        raise UsageError(
            "the embedded sandbox forgets its records when a run ends",
            hint="serve it with `flowops sandbox`, and name its address as the environment's api; or use --from-file",
        )
    with open_for(project, settings) as ledger:
        ledger.sweep()
        start = clock() - since if since is not None else _oldest(ledger)
        settled = asyncio.run(_ask(ledger, project, settings, start, wait=wait, observer=observer))
        return Reconciled(settled, ledger.count()[State.IN_DOUBT])


def reconcile_file(environment: str, file: Path) -> Reconciled:
    """Settle the calls that have a record in a file that was exported by hand (JSON, JSONL, CSV)."""
    project, settings = project_of(environment)
    with open_for(project, settings) as ledger:
        ledger.sweep()
        settled = _settle(ledger, _read(file))
        return Reconciled(settled, ledger.count()[State.IN_DOUBT])


def _read(file: Path) -> list[CallRecord]:
    try:
        return read_file(StringIO(read_given(file, MAX_RECORDS).decode(), newline=None), str(file))
    except Unreadable as error:
        raise UsageError(f"{file} {error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8") from None


async def _ask(
    ledger: Store, project: Project, settings: Environment, start: datetime | None, *, wait: bool, observer: Observer
) -> int:
    """Page through the records; return how many calls they settled."""
    if settings.account is None:
        raise ApiError(
            f"environment '{settings.name}' has no account",
            hint="the records are asked for by voice account: account: {env: NAME}",
        )
    account = value_of(settings.account, f"environments.{settings.name}.account", ApiError, project)
    token, connection = token_of(project, settings), connection_of(settings)
    if start is None:
        return 0
    settled = 0
    async with CallDetailRecords.opened(settings.api, token, connection) as fetch:
        pages = conversations(fetch, account, start, clock(), throttle=ledger, clock=clock)
        async for records in _without_waits(pages, wait=wait, observer=observer):
            settled += _settle(ledger, records)
    return settled


async def _without_waits(
    pages: AsyncIterator[Page | Wait], *, wait: bool, observer: Observer
) -> AsyncIterator[Iterable[CallRecord]]:
    """Yield the records of each page, and wait for the API's throttle in between."""
    async for page in pages:
        if not isinstance(page, Wait):
            observer.report(f"{len(page.records):,} records from {page.query.start:%Y-%m-%d %H:%M} UTC on")
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


def _oldest(ledger: Store) -> datetime | None:
    """Return when the oldest call was claimed that a record could still settle; None when there is none."""
    claimed = [entry.claimed_at for entry in ledger.entries(states={State.IN_DOUBT, State.PLACED})]
    return datetime.fromisoformat(min(claimed)) - MARGIN if claimed else None


def _settle(ledger: Store, records: Iterable[CallRecord]) -> int:
    """Write records into the ledger; return how many calls are in another state for it."""
    legs: dict[str, list[Leg]] = {}
    for record in records:
        leg = Leg(record.callee, record.call_id, code=record.code, description=record.description)
        legs.setdefault(record.reference_id, []).append(leg)
    before = {reference: entry.state for reference, entry in ledger.look_up(list(legs)).items()}
    written = ledger.recorded(legs)
    return sum(after is not None and after.state != before.get(reference) for reference, after in written.items())
