"""What the tests of the callbacks share: a ledger in memory, bodies, and a request without a socket."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from flowops.callbacks.app import Endpoint, application
from flowops.callbacks.token import callback_url
from flowops.errors import LedgerError
from flowops.httpd import Request
from flowops.model.claims import Written
from flowops.model.ledger import Checkpoint, Leg, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SECRET = "a secret of more than 16 characters"
BASE = "https://hooks.example.org/flowops"
ENVIRONMENT = "production"


class MemoryLedger:
    """A ledger as callbacks see it: calls with legs; the first code of a leg counts."""

    def __init__(self, *references: str, callees: int = 1) -> None:
        self.calls: dict[str, dict[str, int]] = {reference: {} for reference in references}
        self.callees = callees
        self.broken = False
        #: The references that cannot be written, and those that were written together, a list a write.
        self.unwritable: set[str] = set()
        self.writes: list[list[str]] = []

    def called_back(self, callbacks: Mapping[str, Sequence[Leg]]) -> dict[str, Written | None]:
        self._check()
        self.writes.append(list(callbacks))
        if self.unwritable & callbacks.keys():
            raise LedgerError("invalid byte sequence")
        return {reference: self._called_back(reference, legs) for reference, legs in callbacks.items()}

    def _called_back(self, reference_id: str, finished: Sequence[Leg]) -> Written | None:
        if reference_id not in self.calls:
            return None
        legs = self.calls[reference_id]
        for leg in finished:
            assert leg.call_id is not None
            assert leg.code is not None
            legs.setdefault(leg.call_id, leg.code)
        state = State.FINISHED if len(legs) >= self.callees else State.PLACED
        return Written(done=True, state=state)

    def called_back_elsewhere(self, _reference_id: str, _finished: Sequence[Leg], *, named: bool) -> State | None:
        self._check()
        return State.IN_DOUBT if named else None

    def count(self) -> dict[State, int]:
        self._check()
        finished = sum(len(legs) >= self.callees for legs in self.calls.values())
        return {State.PLACED: len(self.calls) - finished, State.FINISHED: finished}

    def checkpoint(self) -> Checkpoint:
        self._check()
        return Checkpoint("id", 0, "head")

    def _check(self) -> None:
        if self.broken:
            raise LedgerError("the disk is full")


def event(reference: str = "a", **fields: Any) -> dict[str, Any]:
    """The body of a callback; a keyword replaces a field, None takes it away."""
    body: dict[str, Any] = {
        "type": "call-finished",
        "call-id": f"id-{reference}",
        "instruction-id": reference,
        "caller": "+442079460000",
        "callee": "+442079460018",
        "result": {"code": 10, "description": "Finished successfully", "sip-disconnect-code": "BYE"},
    }
    body |= {name.replace("_", "-"): value for name, value in fields.items()}
    return {name: value for name, value in body.items() if value is not None}


def path_of(reference: str = "a", *, environment: str = ENVIRONMENT, secret: str = SECRET) -> str:
    """The path of a call's callback address."""
    return callback_url(BASE, secret, environment, reference).removeprefix("https://hooks.example.org")


class Content:
    """A body that has arrived."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self, limit: int) -> bytes:
        return self._content[: limit + 1]


class Receiver:
    """The application with a ledger in memory, asked without a socket."""

    def __init__(self, ledger: Any) -> None:
        self.ledger = ledger
        self.log: list[str] = []
        self.app = application([Endpoint(ENVIRONMENT, (SECRET,), ledger, ENVIRONMENT)], self.log.append)

    async def ask(self, path: str, body: Any = b"", *, method: str = "POST") -> tuple[int, str]:
        """Status and text of the answer to one request; a body is bytes, or a value to be sent as JSON."""
        content = Content(body if isinstance(body, bytes) else json.dumps(body).encode())
        response = await self.app(Request(method, path, "", {}), content)
        return response.status, response.body.decode().strip()

    def post(self, path: str, body: Any = b"", **how: Any) -> tuple[int, str]:
        return asyncio.run(self.ask(path, body, **how))

    @property
    def outcomes(self) -> list[str]:
        return [json.loads(line)["outcome"] for line in self.log]


@pytest.fixture(name="event")
def _event() -> Callable[..., dict[str, Any]]:
    return event


@pytest.fixture(name="path_of")
def _path_of() -> Callable[..., str]:
    return path_of


@pytest.fixture
def ledger() -> type[MemoryLedger]:
    """A ledger in memory that knows some references."""
    return MemoryLedger


@pytest.fixture
def receiving() -> type[Receiver]:
    """Makes a receiver for a ledger."""
    return Receiver


@pytest.fixture
def receiver() -> Receiver:
    """A receiver whose ledger knows the call ``a``."""
    return Receiver(MemoryLedger("a"))
