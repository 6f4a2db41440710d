"""A server on the loopback that can break at every phase of an exchange, and certificates for it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from support.certificates import make

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

CALL_ID = "0b0e8f6a-6d4e-4f53-8f0b-0a8a4f6f1a01"


@dataclass
class Server:
    """A running server: what it was asked, and where it listens."""

    scheme: str
    port: int = 0
    connections: int = 0
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/voiceapi/v2"

    @property
    def heads(self) -> list[list[str]]:
        """The lines of each request's head."""
        return [head.decode().split("\r\n") for head, _ in self.requests]


@dataclass
class Peer:
    """One connection, as the server sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: Server

    async def head(self) -> bytes:
        return (await self.reader.readuntil(b"\r\n\r\n"))[:-4]

    async def request(self) -> bytes:
        """Read one whole request, and note it."""
        head = await self.head()
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        content = await self.reader.readexactly(int(lengths[0]) if lengths else 0)
        self.server.requests.append((head, content))
        return content

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        await self.send("\r\n".join(lines).encode() + body)

    async def accept(self, **changes: object) -> None:
        """Read a request and answer that its call was queued."""
        await self.answer(queued(await self.request(), **changes))

    async def wait(self) -> None:
        """Do nothing until the client has closed the connection."""
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def queued(request: bytes, **changes: object) -> bytes:
    """The answer to an accepted call."""
    sent = json.loads(request)
    event = {"type": "call-queued", "call-id": CALL_ID, "instruction-id": sent["instruction-id"], "success": True}
    return json.dumps({**event, "caller": sent["caller"], "callee": sent["callee"], **changes}).encode()


@asynccontextmanager
async def _serving(
    script: Callable[[Peer], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    server = Server("http" if tls is None else "https")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            await script(Peer(reader, writer, server))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(serve(reader, writer)))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listening.wait_closed()


@pytest.fixture
def serving() -> Callable[..., object]:
    """``async with serving(script) as server``: every connection runs ``await script(peer)``, then closes."""
    return _serving


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that nobody listens on: it is taken as long as the test lasts, and no server of another one gets it."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def body() -> dict[str, object]:
    return {
        "instruction-id": "reminder-1",
        "callee": "+442079460001",
        "caller": "+442079460000",
        "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
        "flow-variables": {"patient": "Zoë Example"},
        "voicemail-response": "Stop",
    }


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with certificates: see `support.certificates`."""
    return make(tmp_path_factory.mktemp("tls"))
