"""The receiver on a port, served by uvicorn, for as long as it takes until a signal comes.

It is meant to stand behind a proxy that does TLS, but does not trust in one being there: what a
stranger can hold on to is bounded in bytes, in seconds and in number.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from flowops.errors import FlowopsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from flowops.callbacks.app import Application

#: How long the line and the headers of a request may take to arrive, in seconds.
HEAD_PATIENCE = 10.0
#: How long requests that are being dealt with may still take when a signal has come, in seconds.
GRACE = 15
#: How many connections are served at once; further ones are answered 503.
MOST_CONNECTIONS = 512
_HEAD_LIMIT = 16 << 10
_HIGHEST_PORT = 65535


class _Protocol(H11Protocol):
    """uvicorn's own, with an end to the patience for a head: otherwise a few slow strangers take all places."""

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        elif self._due is not None:
            self._due.cancel()
            self._due = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._due is not None:
            self._due.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(HEAD_PATIENCE, self.transport.abort)


def make_server(app: Application) -> uvicorn.Server:
    """A server for the receiver; it writes no access log, because addresses are secrets here."""
    config = uvicorn.Config(
        cast("Any", app),
        loop="asyncio",
        http=_Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        log_level="error",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=_HEAD_LIMIT,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on a host and port (0: any). FlowopsError when they cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    refused = f"cannot listen on {host}, port {port}"
    if not 0 <= port <= _HIGHEST_PORT:
        raise FlowopsError(f"{refused}: there is no such port")
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise FlowopsError(f"{refused}: {error.strerror or error}") from None


def serve(host: str, port: int, app: Application, ready: Callable[[str], None]) -> int:
    """Serve until SIGINT or SIGTERM comes, finish what has been received, and return the signal's number.

    `ready` is called with the address once the port is open. FlowopsError when it cannot be had.
    """
    with listen(host, port) as listener:
        server = make_server(app)
        caught: list[int] = []

        def note(number: int, _frame: FrameType | None) -> None:
            caught.append(number)
            server.should_exit = True

        # uvicorn raises the signal that ended it once more, for whoever handled it before: that is us.
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            ready(f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}")
            asyncio.run(server.serve(sockets=[listener]))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return caught[0]
