"""The stage that sends, and its bare limit."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from api_server import api_server
from pair import Pair
from sample_plan import plan_of

from flowops.api.address import Secret
from flowops.api.client import FlowBuilder
from flowops.model.ledger import EventType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowops.model.call import Call


CONNECTIONS = 20


@contextmanager
def requests(_root: Path, count: int) -> Iterator[Pair]:
    """Bare: bytes that were made before, over asyncio's own protocols; of an answer no more is read than its status."""
    calls = [planned.call for planned in plan_of(count).calls]
    with api_server(0) as address:
        host, port = str(urlsplit(address).hostname), int(urlsplit(address).port or 0)
        made = [_request(call) for call in calls]

        async def bare() -> int:
            loop, left = asyncio.get_running_loop(), iter(made)
            each = [await loop.create_connection(lambda: Exchange(left), host, port) for _ in range(CONNECTIONS)]
            return sum([await protocol.done for _, protocol in each])

        async def own() -> int:
            left = iter(calls)
            api = FlowBuilder(address, Secret("11111111-2222-3333-4444-555555555555"))
            return sum(await asyncio.gather(*(_work(api, left) for _ in range(CONNECTIONS))))

        yield Pair(lambda: asyncio.run(bare()), lambda: asyncio.run(own()))


class Exchange(asyncio.Protocol):
    """One connection of the bare limit: sends what is left, one after the other, and counts what was accepted."""

    def __init__(self, left: Iterator[bytes]) -> None:
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._left = left
        self._accepted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        # The server writes an answer in one piece, and of loopback it comes in one.
        self._accepted += data.startswith(b"HTTP/1.1 200 ")
        self._next()

    def _next(self) -> None:
        content = next(self._left, None)
        if content is not None:
            self._transport.write(content)
        else:
            self._transport.close()
            self.done.set_result(self._accepted)


async def _work(api: FlowBuilder, left: Iterator[Call]) -> int:
    accepted = 0
    async with api.sender() as sender:
        for call in left:
            accepted += (await sender.place(call.body)).event_type is EventType.ACCEPTED
    return accepted


def _request(call: Call) -> bytes:
    content = json.dumps(call.body, separators=(",", ":")).encode()
    head = "POST /voiceapi/v2/FlowBuilder HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
