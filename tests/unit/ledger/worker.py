"""A process that has a ledger open, and does what its standard input says, a line at a time."""

from __future__ import annotations

import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.text import Lines
from flowops.errors import LedgerError
from flowops.ledger import postgres
from flowops.ledger.open import open_ledger
from flowops.model.call import Call, Origin
from flowops.model.claims import Claim, Condition, Record, Used
from flowops.model.document import Document, SourceMap
from flowops.model.ledger import Actor, EventType, Leg
from flowops.model.plan import Action, Decision

if TYPE_CHECKING:
    from flowops.ledger.store import Store

CALLEE = "+442079460023"


def main() -> None:
    url, root, environment, *options = sys.argv[1:]
    for option in options:
        if option.startswith("beat="):
            postgres.BEAT = float(option.removeprefix("beat="))  # type: ignore[assignment]
    store = open_ledger(url, environment, actor=Actor("worker", "host"), root=Path(root), create="create" in options)
    print("ready", flush=True)
    for line in sys.stdin:
        word, *arguments = line.split()
        try:
            answer = COMMANDS[word](store, *arguments)
        except LedgerError as error:
            answer = f"LedgerError: {error.message}"
        print(answer, flush=True)


def _claim(reference_id: str, callee: str = CALLEE, condition: Condition | None = None) -> Claim:
    body = {"instruction-id": reference_id, "callee": callee}
    document = Document("calls.yaml", "Call", {}, SourceMap(Lines(""), 0, 0), "")
    call = Call(reference_id, body, None, frozenset({("callee",)}), Origin(document, {}))
    return Claim(call, f"v1:sha256:{'0' * 64}", condition)


def claim(store: Store, *references: str) -> str:
    """Claim these calls; the run, and whether each claim was won."""
    return json.dumps([store.run, [written.done for written in store.write([_claim(name) for name in references])]])


def race(store: Store, count: str) -> str:
    """Claim so many calls in a random order, a few at a time; those that were won."""
    references = [f"call-{number}" for number in range(int(count))]
    random.shuffle(references)
    won: list[str] = []
    for start in range(0, len(references), 7):
        some = references[start : start + 7]
        written = store.write([_claim(reference) for reference in some])
        won += [reference for reference, answer in zip(some, written, strict=True) if answer.done]
    return json.dumps(won)


def race_for(store: Store, most: str, *callees: str) -> str:
    """Claim thirty calls of this process, a few at a time, as long as the ledger has room for so many; those won.

    With callees: thirty to each, and room for so many to each.
    """
    begin = datetime.now(UTC) - timedelta(days=1)

    def condition(callee: str) -> Condition:
        def decide(used: Used) -> Decision | None:
            full = len(used.rung[callee]) if callees else used.claimed[begin]
            return Decision(Action.DEFERRED, reasons=("full",)) if full >= int(most) else None

        return Condition(frozenset({begin}), (callee,) if callees else (), begin if callees else None, decide)

    claims = [
        _claim(f"{store.run}-{number}-{callee}", callee, condition(callee))
        for number in range(30)
        for callee in callees or [CALLEE]
    ]
    won: list[str] = []
    for start in range(0, len(claims), 3):
        some = claims[start : start + 3]
        written = store.write(some)
        won += [claim.call.reference_id for claim, answer in zip(some, written, strict=True) if answer.done]
    return json.dumps(won)


def record(store: Store, event_type: str, *references: str) -> str:
    """Record something of calls; the states they are in then."""
    legs = (Leg(CALLEE, "id-1"),) if event_type == EventType.ACCEPTED else ()
    written = store.write([Record(name, EventType(event_type), legs) for name in references])
    return json.dumps([answer.state for answer in written])


def limit(store: Store, size: str) -> str:
    """From now on no file of this process may grow beyond a size, in bytes."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
    return "limited"


def close(store: Store) -> str:
    """End the run."""
    store.close()
    return "closed"


COMMANDS = {command.__name__: command for command in (claim, race, race_for, record, limit, close)}


if __name__ == "__main__":
    main()
