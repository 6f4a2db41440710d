"""One call under two names, in every order: two runners, old and new files, evidence under either name, a rename.

The judge counts the claims that were taken, and not proven unsent since: each is a request to the API.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from support.values import document_at

from flowops.ledger.open import init_ledger, open_ledger
from flowops.ledger.operators import Rename
from flowops.model.call import Call, Origin, Terms
from flowops.model.claims import Claim, Move, Record
from flowops.model.ledger import Actor, EventType, Leg, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowops.ledger.store import Store

OLD, NEW, NUMBER = "old", "new", "+442079460101"
PRINT = f"v1:sha256:{'ab' * 32}"
ADA = Actor("ada", "desk")


def _call(reference: str, moved_from: str | None) -> Call:
    document = document_at("calls/a.yaml", "Call")
    body = {"instruction-id": reference, "caller": "+442079460000", "callee": NUMBER, "callflow-id": "f"}
    return Call(
        reference, body, None, frozenset({("callee",)}), Origin(document, {}), terms=Terms(moved_from=moved_from)
    )


class World:
    """A ledger, two runners, and what the API has been asked for: `posts` by reference."""

    def __init__(self, url: str, root: Path, environment: str) -> None:
        init_ledger(url, environment, root=root)
        self.runs = [open_ledger(url, environment, actor=ADA, root=root) for _ in range(2)]
        self.posts: list[str] = []

    def apply(self, run: Store, reference: str, answer: EventType) -> None:
        """Claim a call as its files name it, send it, and record an answer, unless another one is there."""
        moved_from = OLD if reference == NEW else None
        claim = Claim(_call(reference, moved_from), PRINT)
        if moved_from is not None:
            run.move([Move(reference, moved_from, lambda _name: PRINT)])
        if not run.write([claim])[0].done:
            return
        legs = (Leg(NUMBER, f"id-{reference}"),) if answer is EventType.ACCEPTED else ()
        if answer is not EventType.UNSENT:
            self.posts.append(reference)
        run.write([Record(reference, answer, legs)])

    def say(self, reference: str) -> None:
        """Tell by callback and record how a call ended, if it was posted under this name."""
        if reference in self.posts:
            self.runs[1].called_back({reference: [Leg(NUMBER, f"id-{reference}", code=10)]})
            self.runs[0].recorded({reference: [Leg(NUMBER, f"id-{reference}", code=10)]})

    def rename(self) -> None:
        """Let an operator rename the call."""
        operation = Rename({OLD: NEW})
        operator = self.runs[1]
        operator.operate(operation, operator.rehearse(operation, [OLD], "so"), "so")

    def close(self) -> None:
        for run in self.runs:
            run.close()


STEPS: dict[str, Callable[[World, EventType], None]] = {
    "old files": lambda world, answer: world.apply(world.runs[0], OLD, answer),
    "new files": lambda world, answer: world.apply(world.runs[1], NEW, answer),
    "old files again": lambda world, _answer: world.apply(world.runs[1], OLD, EventType.ACCEPTED),
    "word of the old": lambda world, _answer: world.say(OLD),
    "rename": lambda world, _answer: world.rename(),
}


@pytest.mark.parametrize("answer", [EventType.ACCEPTED, EventType.UNCLEAR, EventType.UNSENT])
def test_in_no_order_is_one_call_posted_under_two_names(tmp_path: Path, answer: EventType) -> None:
    for number, order in enumerate(permutations(STEPS)):
        world = World("sqlite:///ledger.db", tmp_path, f"e{number}")
        for step in order:
            STEPS[step](world, answer)
        world.apply(world.runs[0], NEW, EventType.ACCEPTED)
        assert len(world.posts) == 1, (order, world.posts)
        found = world.runs[0].look_up([OLD, NEW])
        assert all(entry.state in (State.PLACED, State.FINISHED, State.IN_DOUBT) for entry in found.values()), order
        assert world.runs[0].verify() is None, order
        world.close()
