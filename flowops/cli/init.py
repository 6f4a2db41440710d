"""``flowops init``: a small working repository."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.app.starter import write_starter


@click.command("init", short_help="Write a small working repository.")
@click.argument("directory", default=".", metavar="[DIR]", type=click.Path(file_okay=False))
def command(directory: str) -> None:
    """Write a small working repository into DIR: a project, a flow, a call set and its data, and for editors the
    schemas of these, in .flowops/schemas. `flowops schema build --project DIR` makes those again when a flow changes.

    Nothing that exists is overwritten: when one of the files is there already, nothing is written.
    """
    for path in write_starter(Path(directory)):
        click.echo(path)
    where = "" if directory == "." else f" {directory}"
    click.echo(f"Next: flowops plan{where}, then flowops apply{where}: in the sandbox no phone rings.", err=True)
