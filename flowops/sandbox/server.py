"""The sandbox on a port of this machine: inside another program's loop, or as a program of its own."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.errors import FlowopsError, UsageError
from flowops.model.address import is_loopback
from flowops.sandbox.connection import converse
from flowops.sandbox.handler import VOICE_BASE
from flowops.sandbox.journal import Journal
from flowops.sandbox.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from flowops.sandbox.settings import Settings


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that listens: `url` is what an environment's ``api`` would be, `token` is what it takes."""

    url: str
    token: str


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[Sandbox]:
    """Run a sandbox in this loop for as long as the context lasts.

    Raises UsageError for a host that is not the loopback, FlowopsError when the port or the log cannot be
    had. At the end, callbacks that are due are still sent; calls that still ring are forgotten.
    """
    if not is_loopback(settings.host):
        raise UsageError(
            f"the sandbox cannot listen on '{settings.host}'",
            hint="it is for this machine only: use 127.0.0.1, ::1 or localhost",
        )
    with Journal(settings.log) as journal:
        connections = _Connections(Service(settings, journal))
        # A name could stand for several addresses, each with a port of its own.
        host = "127.0.0.1" if settings.host == "localhost" else settings.host
        try:
            server = await asyncio.start_server(connections.connected, host, settings.port, backlog=1024)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise FlowopsError(f"the sandbox cannot listen on {host}, port {settings.port}: {why}") from None
        port = server.sockets[0].getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        try:
            yield Sandbox(f"http://{shown}:{port}{VOICE_BASE}", settings.token)
        finally:
            server.close()
            await connections.close()
            await server.wait_closed()


def run(settings: Settings, ready: Callable[[Sandbox], None]) -> int:
    """Serve until SIGINT or SIGTERM comes, and return its number. `ready` is called once it listens."""
    return asyncio.run(_until_signal(settings, ready))


async def _until_signal(settings: Settings, ready: Callable[[Sandbox], None]) -> int:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if not stopped.done():
            stopped.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    async with serve(settings) as sandbox:
        ready(sandbox)
        return await stopped


class _Connections:
    """The connections that are open, each served by a task."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._open: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, until it ends or `close` ends it."""
        # A task of our own: those that asyncio starts for coroutines complain when they are cancelled.
        task = asyncio.create_task(converse(reader, writer, self._service.respond))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def close(self) -> None:
        """End all connections, then the callbacks."""
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)
        await self._service.close()
