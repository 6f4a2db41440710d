"""``flowops ledger list``: calls, one a row."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.cli.output import print_result
from flowops.report.formats import ENTRIES

STATES = ("in-flight", "placed", "finished", "rejected", "in-doubt")


@click.command("list", short_help="List calls.")
@click.argument("glob", required=False)
@options.env
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these; may be repeated.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@options.formats(ENTRIES)
def command(glob: str | None, environment: str, states: tuple[str, ...], limit: int | None, format_: str) -> None:
    """List the calls of the ledger whose reference-id fits GLOB (`*` and `?`), or all."""
    from flowops.app.access import open_for
    from flowops.app.load import project_of
    from flowops.model.ledger import State
    from flowops.report.views import Entries

    project, settings = project_of(environment)
    with open_for(project, settings, readonly=True) as ledger:
        wanted = [State(state) for state in states] or None
        print_result(ENTRIES, Entries(ledger.entries(states=wanted, glob=glob, limit=limit)), format_)
