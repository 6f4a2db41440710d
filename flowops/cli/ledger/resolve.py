"""``flowops ledger resolve``: an operator's word on a call in doubt."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.cli import options
from flowops.cli.output import echo_status
from flowops.errors import UsageError


@click.command("resolve", short_help="Settle a call that is in doubt.")
@click.argument("reference", metavar="REF")
@options.env
@click.option("--placed", is_flag=True, help="It was placed: it will not be placed again.")
@click.option("--not-placed", is_flag=True, help="It was not placed: the next apply may place it.")
@click.option("--call-id", help="What the API called it; with --placed.")
@click.option("--reason", help="How you know; kept for ever. Needed with --not-placed.")
def command(
    reference: str, environment: str, placed: bool, not_placed: bool, call_id: str | None, reason: str | None
) -> None:
    """Settle the call REF, which is in doubt: it was placed, or it was not.

    Ask the vendor or the callee first: after --not-placed the next apply rings. A call whose run may still
    be waiting for the answer cannot be settled.
    """
    from flowops.app.access import open_for, revision_of
    from flowops.app.load import project_of

    if placed == not_placed:
        raise UsageError("say which it is: --placed or --not-placed")
    if not_placed and not reason:
        raise UsageError("--not-placed needs --reason: after it the phone may ring again")
    if not_placed and call_id:
        raise UsageError("--call-id goes with --placed")
    project, settings = project_of(environment)
    with open_for(project, settings, revision=revision_of(Path.cwd())) as ledger:
        written = ledger.resolve(reference, placed=placed, reason=reason or "", call_id=call_id)
    echo_status(f"{reference} is {written.state.value if written.state else 'settled'} now")
