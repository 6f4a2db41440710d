"""``flowops ledger export``: the rows, for other programs."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from flowops.cli import options
from flowops.errors import FlowopsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model import Value

COLUMNS = (
    "reference_id",
    "state",
    "callees",
    "call_ids",
    "codes",
    "attempts",
    "error",
    "claimed_at",
    "updated_at",
    "fingerprint",
)
#: What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@click.command("export", short_help="Write the ledger out as JSONL or CSV.")
@options.env
@options.formats("jsonl", "csv")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of stdout.")
def command(environment: str, format_: str, out: Path | None) -> None:
    """Write every call out, callees masked. What `--format jsonl` writes, `ledger import` takes.

    In CSV a text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    from flowops.cli.ledger_access import open_for
    from flowops.cli.workspace import project_of

    project, settings = project_of(environment)
    write = write_csv if format_ == "csv" else write_jsonl
    with open_for(project, settings, readonly=True) as ledger:
        if out is None:
            write(ledger.export(), sys.stdout)
            return
        try:
            with out.open("x", encoding="utf-8", newline="") as stream:
                write(ledger.export(), stream)
        except OSError as error:
            raise FlowopsError(f"{out} cannot be written: {error.strerror}") from None


def write_jsonl(rows: Iterable[dict[str, Value]], stream: TextIO) -> None:
    """One JSON object a line."""
    stream.writelines(f"{json.dumps(row)}\n" for row in rows)


def write_csv(rows: Iterable[dict[str, Value]], stream: TextIO) -> None:
    """One line a call; several callees of a call stand in one cell, with ``;`` between."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        legs = {f"{name}s": _joined(row, name) for name in ("callee", "call_id", "code")}
        cells = {**row, **legs}
        writer.writerow([harmless(cells[name]) for name in COLUMNS])


def harmless(value: Value) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _joined(row: dict[str, Value], name: str) -> str:
    return ";".join("" if leg[name] is None else str(leg[name]) for leg in row["legs"])
