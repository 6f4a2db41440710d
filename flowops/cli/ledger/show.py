"""``flowops ledger show``: one call and its history."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.cli.output import print_result
from flowops.errors import FlowopsError
from flowops.report.formats import ENTRY


@click.command("show", short_help="Show one call and everything that happened to it.")
@click.argument("reference", metavar="REF")
@options.env
@options.formats(ENTRY)
def command(reference: str, environment: str, format_: str) -> None:
    """Show the call REF, what was sent (sensitive values are masked), and everything that happened to it."""
    from flowops.app.access import open_for
    from flowops.app.load import project_of
    from flowops.report.views import EntryView

    project, settings = project_of(environment)
    with open_for(project, settings, readonly=True) as ledger:
        entry = ledger.look_up([reference]).get(reference)
        history = list(ledger.events(reference))
    if entry is None:
        told = " any more; its history is in `flowops ledger export`" if history else ""
        raise FlowopsError(f"{reference}: not in the ledger of {environment}{told}")
    print_result(ENTRY, EntryView(entry, history), format_)
