"""``flowops reconcile``: settle calls from Call Detail Records."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowops.cli import options
from flowops.cli.output import echo_status
from flowops.errors import ApiError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from flowops.api.records import CallRecord
    from flowops.ledger.store import Store
    from flowops.model.ledger import Entry
    from flowops.model.project import Environment

IN_DOUBT = 7
#: The API sums a call up when it has ended; a record may come a while after the claim.
MARGIN = timedelta(hours=1)


@click.command("reconcile", short_help="Settle calls from Call Detail Records.")
@options.env
@click.option(
    "--since",
    callback=options.span,
    metavar="AGE",
    help="Ask for so long back: 36h, 7d, 2w. As a rule, since the oldest open call.",
)
@click.option("--no-wait", is_flag=True, help="Stop instead of waiting when the API's throttle says so.")
@click.option(
    "--from-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Take records exported by hand (JSON, JSONL, CSV) instead of asking the API.",
)
def command(environment: str, since: timedelta | None, no_wait: bool, from_file: Path | None) -> int:
    """Ask for the Call Detail Records of the calls that are placed or in doubt, and settle those that have one.

    A record proves that a call was placed. No record proves nothing: the records hold successful calls only,
    so what is still in doubt afterwards stays in doubt. The API takes one request in five minutes for the
    same records; the ledger remembers when, across runs.
    """
    from flowops.app.access import open_for
    from flowops.app.load import project_of

    if from_file is not None and (since is not None or no_wait):
        raise UsageError("--since and --no-wait have no meaning with --from-file")
    project, settings = project_of(environment)
    if from_file is None and settings.sandboxed:
        raise UsageError(
            "the embedded sandbox forgets its records when a run ends",
            hint="serve it with `flowops sandbox`, and name its address as the environment's api; or use --from-file",
        )
    with open_for(project, settings) as ledger:
        ledger.sweep()
        start = datetime.now(UTC) - since if since is not None else None
        if from_file is not None:
            settled = _settle(ledger, _read(from_file))
        else:
            settled = asyncio.run(_ask(ledger, settings, start, wait=not no_wait))
        return _tell(ledger, settled)


def _read(file: Path) -> list[CallRecord]:
    from flowops.api.records import read_file

    try:
        with file.open(encoding="utf-8") as lines:
            return read_file(lines, str(file))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8") from None


async def _ask(ledger: Store, settings: Environment, since: datetime | None, *, wait: bool) -> int:
    """Page through the records; how many calls they settled."""
    settled = 0
    async for records in _pages(ledger, settings, since, wait=wait):
        settled += _settle(ledger, records)
    return settled


async def _pages(
    ledger: Store, settings: Environment, since: datetime | None, *, wait: bool
) -> AsyncIterator[Iterable[CallRecord]]:
    from flowops.api.cdr import CallDetailRecords, Wait, conversations
    from flowops.app.access import connection_of, token_of, value_of

    if settings.account is None:
        raise ApiError(
            f"environment '{settings.name}' has no account",
            hint="the records are asked for by voice account: account: {env: NAME}",
        )
    account = value_of(settings.account, f"environments.{settings.name}.account", ApiError)
    token, connection = token_of(settings), connection_of(settings)
    until = datetime.now(UTC)
    start = since or _oldest(ledger)
    if start is None:
        return
    async with CallDetailRecords.opened(settings.api, token, connection) as fetch:
        pages = conversations(fetch, account, start, until, throttle=ledger, clock=lambda: datetime.now(UTC))
        async for page in pages:
            if not isinstance(page, Wait):
                echo_status(f"{len(page.records):,} records from {page.query.start:%Y-%m-%d %H:%M} UTC on")
                yield page.records
                continue
            seconds = max((page.until - datetime.now(UTC)).total_seconds(), 0.0)
            if not wait:
                raise ApiError(
                    f"the API takes the next request in {seconds:.0f} s",
                    hint="run reconcile again then, or without --no-wait",
                )
            echo_status(f"waiting {seconds:.0f} s for the API's throttle")
            await asyncio.sleep(seconds)


def _oldest(ledger: Store) -> datetime | None:
    """Return when the oldest call was claimed that a record could still tell of; None when there is none."""
    claimed = [entry.claimed_at for entry in _open_calls(ledger)]
    return datetime.fromisoformat(min(claimed)) - MARGIN if claimed else None


def _open_calls(ledger: Store) -> Iterable[Entry]:
    from flowops.model.ledger import State

    return ledger.entries(states={State.IN_DOUBT, State.PLACED})


def _settle(ledger: Store, records: Iterable[CallRecord]) -> int:
    """Tell the ledger of records; how many calls are in another state for it."""
    from flowops.model.ledger import Leg

    legs: dict[str, list[Leg]] = {}
    for record in records:
        leg = Leg(record.callee, record.call_id, code=record.code, description=record.description)
        legs.setdefault(record.reference_id, []).append(leg)
    before = {reference: entry.state for reference, entry in ledger.look_up(list(legs)).items()}
    written = ledger.recorded(legs)
    return sum(after is not None and after.state != before.get(reference) for reference, after in written.items())


def _tell(ledger: Store, settled: int) -> int:
    """Print what came of it; return 7 when something is still in doubt."""
    from flowops.model.ledger import State

    left = ledger.count()[State.IN_DOUBT]
    click.echo(f"{settled:,} settled, {left:,} in doubt")
    if not left:
        return 0
    echo_status(
        "No record proves nothing: the records hold successful calls only. Ask the vendor, then "
        f"`flowops ledger resolve REF --env {ledger.environment} --placed` or `--not-placed --reason …`."
    )
    return IN_DOUBT
