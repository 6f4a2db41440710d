"""``flowops ledger export``: the rows, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from flowops.cli import options
from flowops.cli.output import print_result
from flowops.errors import FlowopsError
from flowops.report.formats import EXPORT


@click.command("export", short_help="Write the ledger out as JSONL or CSV.")
@options.env
@options.formats(EXPORT)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of stdout.")
def command(environment: str, format_: str, out: Path | None) -> None:
    """Write every call out, callees masked. What `--format jsonl` writes, `ledger import` takes.

    In CSV a text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    from flowops.app.access import open_for
    from flowops.app.load import project_of
    from flowops.report.views import Exported

    project, settings = project_of(environment)
    with open_for(project, settings, readonly=True) as ledger:
        rows = Exported(ledger.export())
        if out is None:
            print_result(EXPORT, rows, format_)
            return
        try:
            with out.open("x", encoding="utf-8", newline="") as stream:
                print_result(EXPORT, rows, format_, stream)
        except OSError as error:
            raise FlowopsError(f"{out} cannot be written: {error.strerror}") from None
