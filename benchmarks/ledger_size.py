"""How many bytes a ledger keeps of a call, on each kind of database."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledgers import ledgers
from measuring import measured

if TYPE_CHECKING:
    from size import Size

#: The finished ones are told by their Call Detail Records.
STATES = ("placed", "finished")


@dataclass(frozen=True)
class Sizes:
    """Bytes a call, by the database's kind and the calls' state, between a tenth of `count` calls and all."""

    count: int
    found: dict[str, dict[str, float]]
    title = "What a ledger keeps of a call"
    note = "Tables, indexes and events on the disk, for a body of about 300 bytes, as they stand."

    def table(self) -> list[list[str]]:
        """A head, then a row a database."""
        rows = [[kind, *(f"{by_state[state]:,.0f} bytes" for state in STATES)] for kind, by_state in self.found.items()]
        return [["", *STATES], *rows]

    def told(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {"title": self.title, "count": self.count, "bytes": self.found}


def ledger_size(size: Size, keep: Path | None) -> list[Sizes]:
    """All kinds, one after the other, in a process of their own."""
    with tempfile.NamedTemporaryFile("r") as told:
        folder = [] if keep is None else [keep]
        measured([sys.executable, __file__, str(size.ledger), *folder], told=Path(told.name))
        return [Sizes(size.ledger, json.load(told))]


def main(count: int, keep: Path | None) -> None:
    """Fill them, and print what they keep of a call."""
    with tempfile.TemporaryDirectory(dir=keep) as folder, ledgers(Path(folder).resolve()) as urls:
        print(json.dumps({kind: fill(url, count) for kind, url in urls.items()}))


def fill(url: str, count: int) -> dict[str, float]:
    """Bytes a call, by state: what the last nine tenths of the calls have added."""
    from sample_plan import ENVIRONMENT, plan_of
    from stages_ledger import ACTOR, place

    from flowops.ledger.open import open_ledger
    from flowops.model.ledger import Leg

    sizes: dict[str, list[int]] = {state: [] for state in STATES}
    with open_ledger(url, ENVIRONMENT, actor=ACTOR) as ledger:
        for some in (count // 10, count - count // 10):
            planned = list(plan_of(some).calls)
            todo = iter(planned)
            while part := list(islice(todo, 1_000)):
                place(ledger.write, part)
            sizes["placed"].append(stored(url))
            todo = iter(planned)
            while part := list(islice(todo, 1_000)):
                calls = [each.call for each in part]
                legs = {call.reference_id: [Leg(call.callees[0], f"id-{call.reference_id}", code=10)] for call in calls}
                assert len(ledger.recorded(legs)) == len(calls)
            sizes["finished"].append(stored(url))
    # What was placed comes on top of calls that were finished before.
    (_, placed), (before, finished) = sizes["placed"], sizes["finished"]
    more = count - count // 10
    return {"placed": (placed - before) / more, "finished": (finished - before) / more}


def stored(url: str) -> int:
    """The bytes of a ledger's tables and indexes."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            database.execute("PRAGMA wal_checkpoint(FULL)")
            (size,) = database.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            return int(size[0])
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        query = (
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relname LIKE 'flowops_%' AND relkind = 'r'"
        )
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
