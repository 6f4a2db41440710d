"""The loop that nothing can do without: what `flowops plan` is held against. Takes a data set's folder.

It reads each row, renders its values with f-strings, holds the body against the schema, hashes its JSON, and looks its
reference up, a thousand at a time, in the ledger's table; it keeps nothing and tells nothing.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema_rs
import orjson
from data_set import body

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = Path(__file__).parent.parent / "schemas/request.schema.json"
LOOK_UP = (
    "SELECT reference_id, state, fingerprint FROM flowops_calls "
    "WHERE ledger = 1 AND reference_id IN (SELECT value FROM json_each(?))"
)


def bare(root: Path) -> None:
    """Go through all rows."""
    valid = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid
    ledger = sqlite3.connect(f"file:{root}/large.db?mode=ro", uri=True)
    (source,) = (root / "data").glob("appointments.*")
    records = READERS[source.suffix](source)
    while some := list(islice(records, 1_000)):
        references = []
        for record in some:
            made = body(record)
            assert valid(made)
            sha256(orjson.dumps(made, option=orjson.OPT_SORT_KEYS)).hexdigest()
            references.append(made["instruction-id"])
        found = {row[0]: row for row in ledger.execute(LOOK_UP, (json.dumps(references),))}
        for reference in references:
            found.get(reference)
    ledger.close()


def _csv(source: Path) -> Iterator[dict[str, str]]:
    with source.open(newline="") as file:
        records = csv.reader(file)
        header = next(records)
        for record in records:
            yield dict(zip(header, record, strict=True))


def _jsonl(source: Path) -> Iterator[dict[str, str]]:
    with source.open("rb") as file:
        yield from map(orjson.loads, file)


def _parquet(source: Path) -> Iterator[dict[str, str]]:
    import duckdb

    rows = duckdb.execute(f"SELECT * FROM '{source}'")
    header = [column[0] for column in rows.description or ()]
    while some := rows.fetchmany(1_000):
        for record in some:
            yield dict(zip(header, record, strict=True))


READERS = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}

if __name__ == "__main__":
    bare(Path(sys.argv[1]))
