"""A TCP proxy between a program and a server, which a test cuts: the server is there, and nothing gets through."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_CHUNK = 65_536


class TcpProxy:
    """Passes on what comes to a port of its own, to a TCP port or a Unix socket.

    Cut `hard` it resets connections and refuses new ones; else it keeps them open and passes nothing on, neither way:
    what was sent before it is whole again gets through then.
    """

    def __init__(self, target: int | str) -> None:
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._ended = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self.port = 0

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._refuse()
        self._whole.set()
        for thread in self._threads:
            thread.join(30)
        for pair in self._pairs:
            for each in pair:
                each.close()

    def cut(self, *, hard: bool) -> None:
        """Let nothing through from now on."""
        self._whole.clear()
        if hard:
            self._refuse()

    def mend(self) -> None:
        """Let everything through again."""
        self._whole.set()
        if self._listener.fileno() == -1:
            self._listen()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._run(self._accept, self._listener)

    def _refuse(self) -> None:
        """Take no more connections, and end those that there are."""
        # Closing alone would not wake up whoever waits there.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            for each in pair:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _run(self, work: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = self._connect()
            self._pairs.append((client, server))
            self._run(self._pump, client, server)
            self._run(self._pump, server, client)

    def _connect(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        return server

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(_CHUNK):
                self._whole.wait()
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)
