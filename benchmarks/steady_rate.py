"""How evenly `apply` spaces calls at ten a second, which the API takes by default, and what the rate costs."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api_server import api_server
from apply_speed import SCRIPT
from comparison import Comparison
from ledgers import ledgers
from measuring import Run, measured, spread

if TYPE_CHECKING:
    from size import Size

RATE, CONNECTIONS, DELAY = 10, 10, 0.05
#: Half a minute of it.
MOST = 300


@dataclass(frozen=True)
class Gaps:
    """Milliseconds between one request and the next, by the server's clock, sorted; a kind of database each."""

    gaps: dict[str, list[float]]
    title = f"How evenly calls leave at {RATE} a second"
    note = f"Milliseconds from one request to the next, by the server's clock; {1000 / RATE:.0f} were wanted."

    def table(self) -> list[list[str]]:
        """A head, then a row a database."""
        rows = [["", "middle", "a hundredth are under", "a hundredth are over", "least", "most"]]
        for kind, gaps in self.gaps.items():
            least, middle, most = spread(gaps)
            under, over = gaps[len(gaps) // 100], gaps[-1 - len(gaps) // 100]
            rows.append([kind, *(f"{each:.1f}" for each in (middle, under, over, least, most))])
        return rows

    def told(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {"title": self.title, "runs": {kind: [gaps] for kind, gaps in self.gaps.items()}}


def steady_rate(size: Size, keep: Path | None) -> list[Comparison | Gaps]:
    """On each kind of database: at the rate, and without one."""
    calls = min(size.calls, MOST)
    found: list[Comparison | Gaps] = []
    gaps: dict[str, list[float]] = {}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=keep))).resolve()
        log = root / "log"
        for kind, url in stack.enter_context(ledgers(root)).items():
            runs: dict[str, list[Run]] = {"without a rate": [], f"at {RATE}/s": []}
            gaps[kind] = []
            for _ in range(size.rounds):
                with api_server(DELAY) as address:
                    runs["without a rate"].append(_placed(calls, address, url))
                with api_server(DELAY, log) as address:
                    runs[f"at {RATE}/s"].append(_placed(calls, address, url, RATE))
                times = sorted(map(float, log.read_text().split()))
                gaps[kind] += [1000 * (after - before) for before, after in pairwise(times)]
            gaps[kind].sort()
            title = f"{calls:,} calls at {RATE} a second, {kind}"
            found.append(Comparison(title, calls, "call", runs, by="processor"))
    return [*found, Gaps(gaps)]


def _placed(calls: int, address: str, url: str, *rate: int) -> Run:
    """One run: the times are those of the placing alone."""
    with tempfile.NamedTemporaryFile("r") as told:
        command = [sys.executable, SCRIPT, "ledger", str(calls), str(CONNECTIONS), address, url, *map(str, rate)]
        measured(command, told=Path(told.name))
        return Run(**json.load(told), peak=0.0)
