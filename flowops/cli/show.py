"""``flowops show``: a saved plan or result again."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.app.saved import read_output
from flowops.cli import options
from flowops.cli.output import print_result
from flowops.report.formats import PLAN, RESULT
from flowops.report.reading import plan_of_json, result_of_json
from flowops.report.views.plan import PlanOutput
from flowops.report.views.result import ResultView


@click.command("show", short_help="Print a saved plan or result again.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.full
@options.formats(PLAN)
def command(file: Path, full: bool, format_: str) -> None:
    """Print a plan saved with `plan -o`, or the JSON of a plan or a result, again, in any format."""
    kind, document = read_output(file)
    if kind == "result":
        print_result(RESULT, ResultView(result_of_json(document), full=full, json=document), format_)
    else:
        view = PlanOutput(lambda full: plan_of_json(document, full=full), lambda: document, full)
        print_result(PLAN, view, format_)
