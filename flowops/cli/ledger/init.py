"""``flowops ledger init``: make the ledger of an environment, once."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.cli.output import echo_status


@click.command("init", short_help="Make the ledger of an environment, once.")
@options.env
def command(environment: str) -> None:
    """Make the ledger of an environment, once, and print its id.

    A lost ledger would ring everyone again: if there was one, restore it instead. An older ledger is brought
    up to date.
    """
    from flowops.app.access import address_of
    from flowops.app.load import project_of
    from flowops.ledger.open import init_ledger

    project, settings = project_of(environment)
    address = address_of(project, settings)
    mark = init_ledger(address.url, environment, key=address.key, root=project.root)
    click.echo(mark.id)
    echo_status(
        f"the ledger of {environment} is ready; pin it with `ledger: {{url: …, id: {mark.id}}}` in flowops.yaml"
    )
