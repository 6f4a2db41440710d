"""``flowops resume``: let runs claim calls again."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.cli import options
from flowops.cli.output import echo_status


@click.command("resume", short_help="Let runs claim calls again.")
@options.env
def command(environment: str) -> int:
    """Let runs of the environment claim calls again after `flowops stop`. Nothing is placed by this itself."""
    from flowops.app.access import open_for, revision_of
    from flowops.app.load import project_of

    project, settings = project_of(environment)
    with open_for(project, settings, revision=revision_of(Path.cwd())) as ledger:
        echo_status(f"{environment} is resumed" if ledger.resume() else f"{environment} was not stopped")
    return 0
