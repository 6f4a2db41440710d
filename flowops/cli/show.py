"""``flowops show``: a saved plan or result again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowops.cli import options
from flowops.cli.output import print_result
from flowops.errors import Invalid, UsageError
from flowops.report.formats import PLAN, RESULT

if TYPE_CHECKING:
    from flowops.model.document import Problem
    from flowops.report.json import Json

HINT = "it shows what `plan -o`, `plan --format json` and `apply --format json` write"


@click.command("show", short_help="Print a saved plan or result again.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.full
@options.formats(PLAN)
def command(file: Path, full: bool, format_: str) -> None:
    """Print a plan saved with `plan -o`, or the JSON of a plan or a result, again, in any format."""
    document = _read(file)
    from flowops.report.reading import plan_of_json, result_of_json
    from flowops.report.views import PlanOutput, ResultView

    if _kind(document, file) == "result":
        print_result(RESULT, ResultView(result_of_json(document), full=full, json=document), format_)
    else:
        view = PlanOutput(lambda full: plan_of_json(document, full=full), lambda: document, full)
        print_result(PLAN, view, format_)


def _read(file: Path) -> Json:
    """The JSON object in a file."""
    try:
        document: Any = json.loads(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Invalid([_problem(file, "not JSON that flowops wrote")])
    return document


def _kind(document: Json, file: Path) -> str:
    """Which of flowops' own formats a document has. Raises Invalid for any other."""
    from flowops.schema.check import check

    if "ledger" in document:
        calls = document.get("calls")
        whole = isinstance(calls, list) and any(isinstance(call, dict) and "source" in call for call in calls)
        kind = "plan" if whole else "saved-plan"
    else:
        kind = "result"
    errors = check(kind, document)
    if errors:
        raise Invalid([_problem(file, f"not a {kind.replace('-', ' ')}: {errors[0].message}")])
    return kind


def _problem(file: Path, message: str) -> Problem:
    from flowops.model.document import Place, Problem

    return Problem(Place(str(file)), message=message, code="format", hint=HINT)
