"""`flowops plan` of very many rows, against the bare loop that does no more than has to be done."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from comparison import Comparison
from data_set import data_set
from measuring import in_turns, measured

if TYPE_CHECKING:
    from size import Size

LOOP = Path(__file__).with_name("bare_loop.py")
PLAN = [sys.executable, "-m", "flowops", "plan", "--env", "large"]


def plan_rows(size: Size, keep: Path | None) -> list[Comparison]:
    """Both, on a ledger that knows most calls, and on an empty one: with as many phones as calls, and with a third."""
    known = size.rows * 9 // 10
    return [
        _compared(size, keep, known, 1, f"{known:,} of them in the ledger"),
        _compared(size, keep, 0, 1, "none of them in the ledger"),
        _compared(size, keep, 0, 3, "none of them in the ledger, every phone three times"),
    ]


def _compared(size: Size, keep: Path | None, known: int, each: int, which: str) -> Comparison:
    with data_set(size.rows, known, keep, each) as root:
        jobs = {
            "bare loop": partial(measured, [sys.executable, LOOP, root]),
            "flowops plan": partial(measured, PLAN, root),
        }
        runs = in_turns(jobs, size.rounds)
    title = f"`plan` of {size.rows:,} rows of CSV, {which}"
    note = "The bare loop reads, renders, checks, hashes and looks up each row; it keeps nothing and tells nothing."
    return Comparison(title, size.rows, "row", runs, note=note)
