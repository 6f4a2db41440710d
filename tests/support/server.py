"""A server on loopback that plays the API and keeps a log that is not ours to fool.

It speaks just enough HTTP to read a request wholly, counts what it received per reference, and then
answers, or fails, as the test's `behave` says.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import struct
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Behaviour = Callable[[socket.socket, dict[str, Any], dict[str, str]], None]


#: The product token of tests.
TOKEN = "11111111-2222-3333-4444-555555555555"


def respond(connection: socket.socket, status: str, body: bytes, headers: tuple[str, ...] = ()) -> None:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers, "", ""]
    connection.sendall("\r\n".join(lines).encode() + body)


def queued(request: dict[str, Any], callee: str | None = None) -> dict[str, Any]:
    """The API's word that one callee will be rung."""
    return {
        "type": "call-queued",
        "call-id": f"id-{request['instruction-id']}-{str(callee or request.get('callee'))[-3:]}",
        "instruction-id": request["instruction-id"],
        "caller": request["caller"],
        "callee": callee or request.get("callee"),
        "success": True,
    }


def accept(connection: socket.socket, request: dict[str, Any], _headers: dict[str, str]) -> None:
    """Answer as the API does."""
    several = request.get("callees")
    answer = [queued(request, callee) for callee in several] if several else queued(request)
    respond(connection, "200 OK", json.dumps(answer).encode())


def drop(connection: socket.socket, _request: dict[str, Any], _headers: dict[str, str]) -> None:
    """Close without an answer."""
    connection.close()


def reset(connection: socket.socket, _request: dict[str, Any], _headers: dict[str, str]) -> None:
    """Send a RST instead of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answer_with(status: str, body: bytes, headers: tuple[str, ...] = ()) -> Behaviour:
    """Always this response."""
    return lambda connection, _request, _headers: respond(connection, status, body, headers)


def half(connection: socket.socket, request: dict[str, Any], _headers: dict[str, str]) -> None:
    """Half of a good answer, and then nothing."""
    body = json.dumps(queued(request)).encode()
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
    connection.close()


def stranger(connection: socket.socket, request: dict[str, Any], _headers: dict[str, str]) -> None:
    """A good answer to somebody else's request."""
    respond(connection, "200 OK", json.dumps({**queued(request), "instruction-id": "another"}).encode())


class Gate:
    """A behaviour: no answer before it is opened, good ones then."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def __call__(self, connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        self._open.wait(60)
        accept(connection, request, headers)


class ApiServer:
    """Listens on a port of its own while the block lasts; `received` counts requests per reference."""

    def __init__(self, behave: Behaviour = accept, port: int = 0, delay: float = 0.0) -> None:
        self.behave = behave
        self.delay = delay
        self.received: Counter[str] = Counter()
        #: When each request had been read.
        self.times: list[float] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._open = 0
        self._changed = threading.Condition(self._lock)
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self._stopped = threading.Event()
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/voiceapi/v2"

    def __enter__(self) -> Self:
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        # A thread that is left waiting at a closed socket may take connections from the next server, whose socket has
        # the same number: it is woken up first.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._serving.join()
        self._listener.close()

    def wait_for(self, count: int) -> None:
        """Wait until so many requests have been received."""
        with self._changed:
            self._changed.wait_for(lambda: self.received.total() >= count, timeout=60)
            assert self.received.total() >= count, "they do not come"

    def settle(self) -> None:
        """Wait until everything that clients who are gone have sent was read and counted."""
        # Connections are accepted in their order: behind this one, none of an earlier client is waiting any more.
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.shutdown(socket.SHUT_WR)
            assert last.recv(1) == b""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, timeout=30)
            assert self._open == 0, "a client is still there"

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._stopped.is_set():
                connection.close()
                return
            with self._lock:
                self._open += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            self._answer_all(connection)
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _answer_all(self, connection: socket.socket) -> None:
        with connection:
            # Not `makefile`, which would keep the socket open behind the back of a behaviour that closes it.
            stream = io.BufferedReader(socket.SocketIO(connection, "r"))
            try:
                # As web servers do: a greeting of TLS, which has an end of line in it or not, waits for nothing.
                if stream.peek(1)[:1] == b"\x16":
                    respond(connection, "400 Bad Request", b"")
                    return
                while stream.readline():
                    headers: dict[str, str] = {}
                    while (line := stream.readline().decode("latin-1").strip()) != "":
                        name, _, value = line.partition(":")
                        headers[name.lower()] = value.strip()
                    request = json.loads(stream.read(int(headers.get("content-length", 0))))
                    with self._lock:
                        self.received[request["instruction-id"]] += 1
                        self.bodies.append(request)
                        self.headers.append(headers)
                        self.times.append(time.monotonic())
                        self._changed.notify_all()
                    if self.delay:
                        time.sleep(self.delay)
                    self.behave(connection, request, headers)
            except (OSError, ValueError):
                return
