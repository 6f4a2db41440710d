"""``flowops stop`` and ``flowops resume``: the red button of an environment."""

from __future__ import annotations

import click

from flowops.app.access import open_for
from flowops.app.load import project_of
from flowops.cli import options
from flowops.cli.output import echo_status


@click.command("stop", short_help="Let no run claim another call.")
@options.env
@click.option("--reason", required=True, help="Why; every run that is stopped reports it.")
def stop(environment: str, reason: str) -> int:
    """Stop every run of the environment, on whatever machine, before its next claim; what is in flight is recorded.

    It stays stopped until `flowops resume`.
    """

    project, settings = project_of(environment)
    with open_for(project, settings) as ledger:
        if ledger.stop(reason):
            echo_status(
                f"{environment} is stopped: no run claims another call until `flowops resume --env {environment}`"
            )
        else:
            echo_status(f"{environment} was stopped already: {ledger.stopped()}")
    return 0


@click.command("resume", short_help="Let runs claim calls again.")
@options.env
def resume(environment: str) -> int:
    """Let runs of the environment claim calls again after `flowops stop`. Nothing is placed by this itself."""

    project, settings = project_of(environment)
    with open_for(project, settings) as ledger:
        echo_status(f"{environment} is resumed" if ledger.resume() else f"{environment} was not stopped")
    return 0
