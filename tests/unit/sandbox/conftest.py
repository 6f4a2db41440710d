"""What the tests of the sandbox share: instructions, and a way to ask without a socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from flowops.httpd import Request
from flowops.sandbox.exchange import Memory
from flowops.sandbox.handler import PLACE_PATH, handle
from flowops.sandbox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.sandbox.exchange import Reply

TOKEN = "11111111-2222-4333-8444-555555555555"
ADA, BOB = "+442079460018", "+12125550143"


@pytest.fixture
def instruction() -> Callable[..., dict[str, Any]]:
    """A body that the sandbox takes; a keyword replaces a field (``callback_url``), None takes it away."""

    def make(reference: str = "reminder-1", **fields: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "instruction-id": reference,
            "callee": ADA,
            "caller": "+442079460000",
            "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
            "voicemail-response": "Stop",
        }
        body |= {name.replace("_", "-"): value for name, value in fields.items()}
        return {name: value for name, value in body.items() if value is not None}

    return make


class Asker:
    """A sandbox without sockets."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(token=TOKEN, **settings)
        self.memory = Memory()
        self.now = 1_800_000_000.0

    def ask(
        self,
        body: Any = None,
        *,
        method: str = "POST",
        path: str = PLACE_PATH,
        query: str = "",
        raw: bytes | None = None,
        **headers: str | None,
    ) -> Reply:
        """The reply to a request; ``content_type=None`` leaves a header out."""
        given: dict[str, str | None] = {"x-cm-producttoken": TOKEN, "content-type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
        request = Request(method, path, query, {k: v for k, v in given.items() if v is not None})
        return handle(request, content, self.memory, self.settings, now=self.now)


@pytest.fixture
def sandbox() -> Callable[..., Asker]:
    """Makes a sandbox with some settings."""
    return Asker
