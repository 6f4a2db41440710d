"""``flowops init``: a small working repository."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.errors import FlowopsError


@click.command("init", short_help="Write a small working repository.")
@click.argument("directory", default=".", metavar="[DIR]", type=click.Path(file_okay=False))
def command(directory: str) -> None:
    """Write a small working repository into DIR: a project, a flow, a call set and its data, and for editors the
    schemas of these, in .flowops/schemas. `flowops schema build --project DIR` makes those anew when a flow changes.

    Nothing that exists is overwritten: when one of the files is there already, nothing is written.
    """
    from flowops.cli.schema import write_for_editors
    from flowops.cli.starter import FILES

    root = Path(directory)
    there = [name for name in FILES if (root / name).exists()]
    if there:
        raise FlowopsError(f"{root / there[0]} exists already; nothing was written.")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(path)
    for path in write_for_editors(root):
        click.echo(path)
    where = "" if directory == "." else f" {directory}"
    click.echo(f"Next: flowops plan{where}, then flowops apply{where}: in the sandbox no phone rings.", err=True)
