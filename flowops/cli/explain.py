"""``flowops explain``: what a field of a document means."""

from __future__ import annotations

import click

from flowops.cli import completing, options
from flowops.cli.output import print_result
from flowops.report.formats import FIELD
from flowops.schema.fields import field_at


@click.command("explain", short_help="Say what a field of a document means.")
@click.argument("field", shell_complete=completing.fields)
@options.formats(FIELD)
def command(field: str, format_: str) -> None:
    """Say what FIELD means, what it takes, and which fields are inside it.

    A field is a path that begins with a kind of document: call, callset, flow, project or test; such as call.callee,
    project.environments.rate or callset.on-invalid. Where only one field has a name, the name is enough.
    """
    print_result(FIELD, field_at(field), format_)
