"""`flowops plan` of very many rows, against the bare loop that does no more than has to be done."""

from __future__ import annotations

import sys
from functools import partial
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
    """Both, on a ledger that knows most calls, and on an empty one: the first plan, in four shapes."""
    known = size.rows * 9 // 10
    return [
        _compared(size, keep, known, f"{known:,} of them in the ledger"),
        _compared(size, keep, 0, "none of them in the ledger"),
        _compared(size, keep, 0, "none of them in the ledger, every phone three times", each=3),
        _compared(size, keep, 0, "none of them in the ledger, with a policy of five rules", kind="policy"),
        _compared(size, keep, 0, "none of them in the ledger, with e164 and datetime", kind="written"),
    ]


def _compared(
    size: Size, keep: Path | None, known: int, which: str, *, each: int = 1, kind: str = "plain"
) -> Comparison:
    with data_set(size.rows, known, keep, each, kind) as root:
        jobs = {
            "bare loop": partial(measured, [sys.executable, LOOP, root]),
            "flowops plan": partial(measured, PLAN, root),
        }
        runs = in_turns(jobs, size.rounds)
    title = f"`plan` of {size.rows:,} rows of CSV, {which}"
    note = "The bare loop reads, renders, checks, hashes and looks up each row; it keeps nothing and tells nothing."
    return Comparison(title, size.rows, "row", runs, by="processor", note=note)
