"""The stages of the ledger, on SQLite, and their bare limits."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bare_ledger import BareLedger
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
    """Bare: see `bare_ledger`; as many calls to a commit, synced to the disk."""
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{folder}/{name}.db" for name in ("bare", "ledger")]
        for url in urls:
            init_ledger(url, ENVIRONMENT, root=Path(folder))
        bare_ledger = BareLedger(Path(folder) / "bare.db")
        with open_ledger(urls[1], ENVIRONMENT, actor=ACTOR) as ledger:
            calls: list[PlannedCall] = []

            def prepare() -> None:
                calls[:] = plan_of(count).calls

            def bare() -> int:
                for at in range(0, count, TOGETHER):
                    bodies = [each.call.body for each in calls[at : at + TOGETHER]]
                    bare_ledger.claim(bodies)
                    bare_ledger.record([(body["instruction-id"], f"id-{body['instruction-id']}") for body in bodies])
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
