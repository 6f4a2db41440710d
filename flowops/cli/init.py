"""``flowops init``: a small working repository."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.app.starter import SERVICES, TEMPLATES, UNPINNED, write_starter
from flowops.cli.output import echo_status
from flowops.report.escape import safe


@click.command("init", short_help="Write a small working repository.")
@click.argument("directory", default=".", metavar="[DIR]", type=click.Path(file_okay=False))
@click.option("--ci", "service", type=click.Choice(list(SERVICES)), help="Write a pipeline for this service, too.")
@click.option("--template", type=click.Choice(list(TEMPLATES)), help="Begin with an example: what it is about.")
def command(directory: str, service: str | None, template: str | None) -> None:
    """Write a small working repository into DIR: a project, a flow, a call set and its data, and for editors the
    schemas of these, in .flowops/schemas. `flowops schema build --project DIR` makes those again when a flow changes.

    With --ci the project has an environment `production`, and its pipeline reviews, plans, applies and works by a
    schedule; it installs the flowops that wrote it. With --template the repository begins with an example. Nothing
    that exists is overwritten: when one of the files is there already, nothing is written.
    """
    root = Path(directory)
    for path in write_starter(root, service, template):
        click.echo(safe(str(path)))
    options = TEMPLATES[template].options if template is not None else ""
    echo_status(f"Next: flowops plan{options}, then flowops apply{options}: in the sandbox no phone rings.")
    if service is not None:
        pipeline = root / SERVICES[service].target
        unpinned = UNPINNED in pipeline.read_text(encoding="utf-8")
        pin = f"pin flowops in {pipeline}, which says how; then " if unpinned else ""
        echo_status(f"Before the first push: {pin}read the head of {pipeline}, and set the secrets that it names.")
