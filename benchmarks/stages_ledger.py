"""The stages of the ledger, on SQLite, and their bare limits."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from itertools import count as numbers
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from bare_loop import LOOK_UP
from pair import Pair
from sample_plan import ENVIRONMENT, plan_of

from flowops.ledger.open import init_ledger, open_ledger
from flowops.model.claims import Claim, Record
from flowops.model.ledger import Actor, EventType, Leg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowops.model.claims import Written
    from flowops.model.plan import PlannedCall


ACTOR = Actor("benchmark", "host")
TOGETHER = 100


@contextmanager
def look_ups(root: Path, count: int) -> Iterator[Pair]:
    """Bare: one query of Python's sqlite3 for a thousand references."""
    wanted = [f"reminder-{number}" for number in range(count)]
    parts = [wanted[at : at + 1_000] for at in range(0, count, 1_000)]
    with (
        closing(sqlite3.connect(f"file:{root}/large.db?mode=ro", uri=True)) as database,
        open_ledger(
            f"sqlite:///{root}/large.db", "large", actor=ACTOR, project="benchmark", api="127.0.0.1", readonly=True
        ) as ledger,
    ):

        def bare() -> int:
            return sum(len({row[0]: row for row in database.execute(LOOK_UP, (json.dumps(part),))}) for part in parts)

        def own() -> int:
            return sum(len(ledger.fingerprints(part)) for part in parts)

        yield Pair(bare, own)


@contextmanager
def writes(_root: Path, count: int) -> Iterator[Pair]:
    """Bare: a row a call, inserted and then updated, a hundred to a commit that is synced to the disk."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ledger.db"
        init_ledger(url, ENVIRONMENT, root=Path(folder))
        with (
            closing(sqlite3.connect(f"{folder}/bare.db")) as database,
            open_ledger(url, ENVIRONMENT, actor=ACTOR) as ledger,
        ):
            database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE calls (r, b, s)")
            database.execute("CREATE UNIQUE INDEX one ON calls (r)")
            turns = numbers()
            calls: list[PlannedCall] = []

            def prepare() -> None:
                calls[:] = plan_of(count).calls

            def bare() -> int:
                turn, at = next(turns), iter(range(count))
                while some := [f"{turn}-{number}" for number in islice(at, TOGETHER)]:
                    with database:
                        database.executemany("INSERT INTO calls VALUES (?, ?, 0)", [(each, "x" * 300) for each in some])
                    with database:
                        database.executemany("UPDATE calls SET s = 1 WHERE r = ?", [(each,) for each in some])
                return count

            def own() -> int:
                for at in range(0, count, TOGETHER):
                    place(ledger.write, calls[at : at + TOGETHER])
                return count

            yield Pair(bare, own, prepare)


def place(write: Callable[[Sequence[Claim | Record]], list[Written]], calls: Sequence[PlannedCall]) -> None:
    """Claim calls in one commit, and record in the next that they are placed."""
    made = write([Claim(each.call, each.fingerprint) for each in calls])
    assert all(written.done for written in made)
    write([_placed(each) for each in calls])


def _placed(each: PlannedCall) -> Record:
    legs = tuple(Leg(callee, f"id-{each.call.reference_id}") for callee in each.call.callees)
    return Record(each.call.reference_id, EventType.ACCEPTED, legs)
