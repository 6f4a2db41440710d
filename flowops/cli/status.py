"""``flowops status``: the ledger at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowops.app.access import open_for
from flowops.app.ledger import doubtful_calls, is_doubtful
from flowops.app.load import project_of
from flowops.cli import options
from flowops.cli.output import echo_status, print_result
from flowops.report.formats import ENTRIES, STATUS
from flowops.report.views import Entries, LedgerStatus

if TYPE_CHECKING:
    from flowops.ledger.store import Store

IN_DOUBT = 7


@click.command("status", short_help="Show the ledger at a glance.")
@click.argument("references", nargs=-1, metavar="[REF]...")
@options.env
@options.formats(STATUS)
def command(references: tuple[str, ...], environment: str, format_: str) -> int:
    """Show how many calls are in each state, how they ended, and what is in doubt; or the rows of some REFs."""

    project, settings = project_of(environment)
    with open_for(project, settings, readonly=True) as ledger:
        if references:
            return _of_calls(ledger, references, format_)
        doubtful = doubtful_calls(ledger)
        checkpoint = ledger.checkpoint()
        status = LedgerStatus(
            environment, checkpoint if checkpoint.id else None, ledger.count(), ledger.outcomes(), doubtful
        )
    print_result(STATUS, status, format_)
    return IN_DOUBT if doubtful else 0


def _of_calls(ledger: Store, references: tuple[str, ...], format_: str) -> int:
    """Print the rows of some calls; return 1 when the ledger does not know one of them."""

    entries = ledger.entries_of(references)
    print_result(ENTRIES, Entries(entries), format_)
    known = {entry.reference_id for entry in entries}
    unknown = [reference for reference in references if reference not in known]
    for reference in unknown:
        echo_status(f"{reference}: not in the ledger of {ledger.environment}")
    if any(map(is_doubtful, entries)):
        return IN_DOUBT
    return 1 if unknown else 0
