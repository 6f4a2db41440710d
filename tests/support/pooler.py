"""A connection pooler between clients and a PostgreSQL server, as PgBouncer is one: by transaction, or by session."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The codes of a client's first message that ask for encryption: TLS, GSSAPI.
_ENCRYPTION = (80877103, 80877104)
#: Behind these messages of a client the server has something to answer.
_ASKS = (b"Q", b"S")


@dataclass
class Backend:
    """One session of the server, and what it said when it began."""

    peer: socket.socket
    hello: bytes


@dataclass
class Pooler:
    """Who gets which session of the server.

    `by_transaction` hands a session on as soon as it is in no transaction; `in_turn` gives the one that has waited
    longest, and not the one that was used last. `says_who` passes on which process of the server it is, as no real
    pooler does.
    """

    server: str
    by_transaction: bool
    in_turn: bool = False
    says_who: bool = False
    idle: list[Backend] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def take(self, startup: bytes) -> Backend:
        """Return a session, a new one where none is free."""
        with self.turn:
            if self.idle:
                return self.idle.pop(0 if self.in_turn else -1)
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(f"{self.server}/.s.PGSQL.5432")
        peer.sendall(startup)
        backend = Backend(peer, b"")
        backend.hello = self._until_ready(backend)[0]
        return backend

    def give_back(self, backend: Backend) -> None:
        """Keep a session for whoever comes next."""
        with self.turn:
            self.idle.append(backend)

    def serve(self, client: socket.socket) -> None:
        """Serve a client until it goes away."""
        with client, suppress(OSError, ConnectionError):
            startup = _startup(client)
            backend: Backend | None = self.take(startup)
            assert backend is not None
            client.sendall(backend.hello if self.says_who else _with_other_pid(backend.hello))
            if self.by_transaction:
                self.give_back(backend)
                backend = None
            try:
                while (message := _message(client)) is not None and message[:1] != b"X":
                    backend = backend or self.take(startup)
                    backend.peer.sendall(message)
                    if message[:1] in _ASKS:
                        answer, status = self._until_ready(backend)
                        client.sendall(answer)
                        if self.by_transaction and status == b"I":
                            self.give_back(backend)
                            backend = None
            finally:
                if backend is not None:
                    backend.peer.close()

    def _until_ready(self, backend: Backend) -> tuple[bytes, bytes]:
        """Return what the server says until it is ready, and whether a transaction is open then."""
        said = b""
        while True:
            message = _message(backend.peer)
            if message is None:
                raise ConnectionError
            said += message
            if message[:1] == b"Z":
                return said, message[5:6]


def _startup(client: socket.socket) -> bytes:
    while True:
        (length,) = struct.unpack(">I", _exactly(client, 4))
        rest = _exactly(client, length - 4)
        if struct.unpack(">I", rest[:4])[0] not in _ENCRYPTION:
            return struct.pack(">I", length) + rest
        client.sendall(b"N")


def _with_other_pid(hello: bytes) -> bytes:
    """Return a session's first words with a process of the pooler's own invention."""
    found, at = b"", 0
    while at < len(hello):
        (length,) = struct.unpack(">I", hello[at + 1 : at + 5])
        message = hello[at : at + 1 + length]
        found += b"K" + struct.pack(">III", 12, 1, 1) if message[:1] == b"K" else message
        at += 1 + length
    return found


def _message(peer: socket.socket) -> bytes | None:
    kind = peer.recv(1)
    if not kind:
        return None
    length = _exactly(peer, 4)
    return kind + length + _exactly(peer, struct.unpack(">I", length)[0] - 4)


def _exactly(peer: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        some = peer.recv(count - len(found))
        if not some:
            raise ConnectionError
        found += some
    return found


@contextmanager
def pooled(url: str, *, by_transaction: bool, in_turn: bool = False, says_who: bool = False) -> Iterator[str]:
    """Put a pooler before the server of an address, and give its address."""
    before, _, directory = url.partition("?host=")
    pooler = Pooler(directory, by_transaction, in_turn, says_who)
    serving: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    serving.append(threading.Thread(target=pooler.serve, args=(client,)))
                    serving[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"{before}?host=127.0.0.1&port={listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *serving):
                thread.join()
            for backend in pooler.idle:
                backend.peer.close()
