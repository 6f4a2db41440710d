"""``flowops ledger``: work on the ledger, one file a command."""

from __future__ import annotations

import click

from flowops.cli.group import LazyGroup

MEMBERS = {
    "init": ("flowops.cli.ledger.init", "Make the ledger of an environment, once."),
    "list": ("flowops.cli.ledger.list", "List calls."),
    "show": ("flowops.cli.ledger.show", "Show one call and everything that happened to it."),
    "export": ("flowops.cli.ledger.export", "Write the ledger out as JSONL or CSV."),
    "import": ("flowops.cli.ledger.import_", "Adopt calls that were placed elsewhere."),
    "resolve": ("flowops.cli.ledger.resolve", "Settle a call that is in doubt."),
    "purge": ("flowops.cli.ledger.purge", "Remove personal data older than an age."),
    "verify": ("flowops.cli.ledger.verify", "Check the chain of events."),
}


@click.group("ledger", cls=LazyGroup, members=MEMBERS, short_help="Work on the ledger.")
def command() -> None:
    """Work on the ledger: what is known of every call that was ever placed."""
