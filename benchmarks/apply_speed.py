"""How fast `apply` places calls: with durable ledgers, as a share of the bare client.

* ``bare client``: flowops' own client (`flowops.api.client.FlowBuilder`), one task a connection that sends one body
  after the other and judges each answer. No ledger, no pace, no signals, nothing kept.
* ``no ledger``: `flowops.apply.apply` with a ledger that forgets everything; what is above it is the ledger's cost.
* ``SQLite``, ``PostgreSQL``: `flowops.apply.apply`; every claim is on disk before its request leaves, and every answer
  before the run ends.
* ``SQLite: bare program``: `bare_apply`, which does only what cannot be left out of that.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from api_server import api_server
from comparison import Comparison
from ledgers import ledgers, new_ledger
from measuring import Run, in_turns, measured

if TYPE_CHECKING:
    from size import Size

CONCURRENCY = 100
#: Milliseconds until the server answers.
DELAYS = (200, 50, 0)
SCRIPT, BARE = map(Path(__file__).with_name, ("apply_run.py", "bare_apply.py"))
PROGRAM = "SQLite: bare program"


def run(way: str, calls: int, address: str, url: str) -> Run:
    """One run: the times are those of the placing alone, the memory is that of the process."""
    with tempfile.NamedTemporaryFile("r") as told:
        script: list[str | Path] = [BARE] if way == PROGRAM else [SCRIPT, way]
        command: list[str | Path] = [sys.executable, *script, str(calls), str(CONCURRENCY), address, url]
        whole = measured(command, told=Path(told.name))
        return Run(**json.load(told), peak=whole.peak)


def apply_speed(size: Size, keep: Path | None) -> list[Comparison]:
    """All of them, at each delay. The ledgers are beside the kept data, so it is that disk which is measured."""
    found = []
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=keep))).resolve()
        urls = {"bare client": "", "no ledger": "", **stack.enter_context(ledgers(root))}
        bare = root / "bare.db"
        new_ledger(root, f"sqlite:///{bare}")
        for delay in DELAYS:
            with api_server(delay / 1000) as address:
                jobs = {way: partial(run, way, size.calls, address, url) for way, url in urls.items()}
                if not delay:  # where what cannot be left out is all that takes time
                    jobs[PROGRAM] = partial(run, PROGRAM, size.calls, address, str(bare))
                runs = in_turns(jobs, size.rounds)
            title = f"`apply` of {size.calls:,} calls at {CONCURRENCY} connections, server at {delay} ms"
            found.append(
                Comparison(
                    title, size.calls, "call", runs, by="speed", bare={"SQLite": PROGRAM} if PROGRAM in jobs else {}
                )
            )
    return found
