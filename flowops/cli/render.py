"""``flowops render``: the request bodies, exactly as they would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowops.cli import options, selecting
from flowops.cli.output import TERMINAL, print_result
from flowops.project import Project
from flowops.report.formats import BODIES
from flowops.report.views.plan import Bodies

if TYPE_CHECKING:
    from flowops.model.selection import Selection


@click.command("render", short_help="Print the request bodies, exactly as they would be sent.")
@selecting.selection
@options.formats(BODIES)
def command(selection: Selection, format_: str) -> None:
    """Print the request bodies of the calls of PATH, or of the whole project, exactly as they would be sent.

    Nothing is masked here: mind where the output goes. A callback address that flowops makes itself
    is added when a call is sent, and is not shown.
    """

    print_result(BODIES, Bodies(Project.of(selection, TERMINAL).render(), selection.environment), format_)
