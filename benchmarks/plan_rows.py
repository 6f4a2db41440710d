"""`flowops plan` of very many rows, and of each kind of source, against the bare loop that does what has to be done."""

from __future__ import annotations

import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from comparison import Comparison
from data_set import AT, data_set
from measuring import in_turns, measured

if TYPE_CHECKING:
    from size import Size

LOOP = Path(__file__).with_name("bare_loop.py")
PLAN = [sys.executable, "-m", "flowops", "plan", "--env", "large", "--at", AT]


def plan_rows(size: Size, keep: Path | None) -> list[Comparison]:
    """Both, on a ledger that knows most calls, and on an empty one: the first plan, in five shapes."""
    known = size.rows * 9 // 10
    return [
        _compared(size, keep, known, f"{known:,} of them in the ledger"),
        _compared(size, keep, 0, "none of them in the ledger"),
        _compared(size, keep, 0, "none of them in the ledger, every phone three times", each=3),
        _compared(size, keep, 0, "none of them in the ledger, with a policy of five rules", kind="policy"),
        _compared(size, keep, 0, "none of them in the ledger, with e164 and datetime", kind="written"),
        _compared(size, keep, 0, "none of them in the ledger, with attempts", kind="attempts"),
    ]


def sources(size: Size, keep: Path | None) -> list[Comparison]:
    """The first plan of a tenth as many rows, from each kind of source; the bare loop reads the same."""
    fewer = size._replace(rows=max(size.rows // 10, 1))
    found = [
        _compared(fewer, keep, 0, "with `where`", kind="where"),
        _compared(fewer, keep, 0, "", kind="jsonl", source="JSON Lines"),
    ]
    if find_spec("duckdb") is None:
        print("Parquet and SQL are left out: duckdb is not installed", file=sys.stderr)
        return found
    return [
        *found,
        _compared(fewer, keep, 0, "", kind="parquet", source="Parquet"),
        _compared(fewer, keep, 0, "by SQL over the file", kind="sql"),
    ]


def _compared(
    size: Size, keep: Path | None, known: int, which: str, *, each: int = 1, kind: str = "plain", source: str = "CSV"
) -> Comparison:
    with data_set(size.rows, known, keep, each, kind) as root:
        jobs = {
            "bare loop": partial(measured, [sys.executable, LOOP, root]),
            "flowops plan": partial(measured, PLAN, root),
        }
        runs = in_turns(jobs, size.rounds)
    title = ", ".join(filter(None, [f"`plan` of {size.rows:,} rows of {source}", which]))
    note = "The bare loop reads, renders, checks, hashes and looks up each row; it keeps nothing and tells nothing."
    return Comparison(title, size.rows, "row", runs, by="processor", note=note)
