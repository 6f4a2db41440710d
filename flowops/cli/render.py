"""``flowops render``: the request bodies, exactly as they would be sent."""

from __future__ import annotations

import sys

import click

from flowops.cli import options
from flowops.cli.output import print_json, print_lines


@click.command("render", short_help="Print the request bodies, exactly as they would be sent.")
@options.selection
@options.formats("text", "json", "markdown")
def command(
    paths: tuple[str, ...], environment: str, var: tuple[str, ...], var_files: tuple[str, ...], format_: str
) -> None:
    """Print the request bodies of the calls of PATH, or of the whole project, exactly as they would be sent.

    Nothing is masked here: mind where the output goes. A callback address that flowops makes itself
    is added when a call is sent, and is not shown.
    """
    from flowops.cli.rendering import render
    from flowops.cli.workspace import load, variables

    workspace = load(paths, environment)
    batches = render(workspace, variables(workspace, var, var_files))
    calls = (call for batch in batches for call in batch)
    if format_ == "json":
        from flowops.report.json import render_json

        print_json(render_json(calls))
    elif format_ == "markdown":
        from flowops.report.ledger_markdown import render_markdown

        sys.stdout.writelines(render_markdown(calls))
    else:
        from flowops.report.text.render import render_text

        print_lines(render_text(calls))
