"""``flowops doctor``: whether an environment has all that it needs."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.cli.output import print_result
from flowops.project import Project
from flowops.report.formats import DIAGNOSIS


@click.command("doctor", short_help="Check everything that an environment needs; write nothing.")
@options.env
@options.formats(DIAGNOSIS)
def command(environment: str, format_: str) -> int:
    """Check that every reference is set, the ledger opens and is the pinned one, the API can be reached and takes the
    token (asked for records: no phone rings), callbacks arrive, libraries are installed, and clocks agree.

    Nothing is written, and no value of a reference is shown. A warning keeps no call from being placed. Exit with 0
    unless a check fails, else with what apply would end with: 3 for files and what they may not name, 4 for a stop or a
    list, 5 for the ledger, 6 for the API and its token, 64 for a secret of callbacks.
    """
    diagnosis = Project(environment=environment).examine()
    print_result(DIAGNOSIS, diagnosis, format_)
    return diagnosis.code
