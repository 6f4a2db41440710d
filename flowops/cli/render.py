"""``flowops render``: the request bodies, exactly as they would be sent."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.cli.output import TERMINAL, print_result
from flowops.report.formats import BODIES


@click.command("render", short_help="Print the request bodies, exactly as they would be sent.")
@options.selection
@options.formats(BODIES)
def command(
    paths: tuple[str, ...], environment: str, var: tuple[str, ...], var_files: tuple[str, ...], format_: str
) -> None:
    """Print the request bodies of the calls of PATH, or of the whole project, exactly as they would be sent.

    Nothing is masked here: mind where the output goes. A callback address that flowops makes itself
    is added when a call is sent, and is not shown.
    """
    from flowops.app.load import Selection
    from flowops.app.render import render
    from flowops.report.views import Bodies

    print_result(BODIES, Bodies(render(Selection(paths, environment, var, var_files), TERMINAL)), format_)
