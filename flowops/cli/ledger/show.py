"""``flowops ledger show``: one call and its history."""

from __future__ import annotations

import sys

import click

from flowops.cli import options
from flowops.cli.output import print_json, print_lines
from flowops.errors import FlowopsError


@click.command("show", short_help="Show one call and everything that happened to it.")
@click.argument("reference", metavar="REF")
@options.env
@options.formats("text", "json", "markdown")
def command(reference: str, environment: str, format_: str) -> None:
    """Show the call REF, what was sent (sensitive values stay sealed), and everything that happened to it."""
    from flowops.cli.ledger_access import open_for
    from flowops.cli.workspace import project_of
    from flowops.report.json import entry_json
    from flowops.report.text.ledger import entry_text

    project, settings = project_of(environment)
    with open_for(project, settings, readonly=True) as ledger:
        entry = ledger.look_up([reference]).get(reference)
        history = list(ledger.events(reference))
    if entry is None:
        told = " any more; its history is in `flowops ledger export`" if history else ""
        raise FlowopsError(f"{reference}: not in the ledger of {environment}{told}")
    if format_ == "json":
        print_json(entry_json(entry, history))
    elif format_ == "markdown":
        from flowops.report.ledger_markdown import entry_markdown

        sys.stdout.writelines(entry_markdown(entry, history))
    else:
        print_lines(entry_text(entry, history))
