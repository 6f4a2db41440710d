"""``flowops ledger import``: adopt calls that were placed elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowops.cli import options
from flowops.cli.output import echo_status, print_result
from flowops.errors import Invalid, UsageError
from flowops.report.formats import IMPORT

if TYPE_CHECKING:
    from flowops.ledger.operations import ImportedCall


@click.command("import", short_help="Adopt calls that were placed elsewhere.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.env
@options.formats(IMPORT)
def command(file: Path, environment: str, format_: str) -> None:
    """Adopt the calls in FILE (.jsonl or .csv), so that none of them is placed again.

    A row has a reference-id, and may have callee or callees, call-id, placed-at, state and fingerprint; what
    `ledger export` writes fits. Without a fingerprint a call is unchanged whatever its spec says. A call that
    the ledger has already stays as it is. Nothing is taken when any row is wrong.
    """
    from flowops.app.access import open_for
    from flowops.app.load import project_of
    from flowops.report.views import Imported

    adopted = _read(file)
    project, settings = project_of(environment)
    with open_for(project, settings) as ledger:
        done = ledger.import_calls(adopted)
    print_result(IMPORT, Imported(len(done.added), len(done.present)), format_)
    if done.added:
        echo_status("they count as placed: apply never places them again")


def _read(file: Path) -> list[ImportedCall]:
    """The calls in a file. Raises Invalid with every row that is wrong."""
    from flowops.documents.rows import read_data
    from flowops.ledger.operations import imported_call
    from flowops.model.document import Place, Problem

    calls: list[ImportedCall] = []
    problems: list[Problem] = []
    try:
        with file.open("rb") as stream:
            for row in read_data(str(file), stream):
                if isinstance(row, Problem):
                    problems.append(row)
                    continue
                try:
                    calls.append(imported_call(row.values))
                except ValueError as error:
                    place = Place(str(file), row.place.line or 1)
                    problems.append(Problem(place, row.place, str(error), "import"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    first: dict[str, ImportedCall] = {}
    twice = {call.reference_id for call in calls if first.setdefault(call.reference_id, call) is not call}
    problems += (
        Problem(Place(str(file)), None, f"reference-id: '{reference}' stands in more than one row", "import")
        for reference in sorted(twice)
    )
    if problems:
        raise Invalid(problems)
    return calls
