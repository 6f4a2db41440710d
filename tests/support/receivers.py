"""Receivers of notifications on loopback: one that takes HTTP, and one that takes mail."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Receiver:
    """What has arrived: of each message the path and the body. `status` is what is answered."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 200
        self.received: list[tuple[str, str]] = []

    @property
    def messages(self) -> list[Any]:
        """The bodies that are JSON."""
        return [json.loads(body) for _, body in self.received]

    def wait(self, number: int, seconds: float = 20.0) -> None:
        """Wait until so many messages have arrived."""
        until = time.monotonic() + seconds
        while len(self.received) < number:
            assert time.monotonic() < until, self.received
            time.sleep(0.02)


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """Take what is posted."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            receiver.received.append((self.path, body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


@contextmanager
def mail_receiver() -> Iterator[Receiver]:
    """Take mail by SMTP (RFC 5321), as much of it as a client needs."""
    receiver = Receiver()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            self.say("220 here")
            to = ""
            while line := self.rfile.readline().decode().strip():
                word = line.partition(" ")[0].upper()
                if word == "RCPT":
                    to = line.partition(":")[2]
                if word == "DATA":
                    self.say("354 go on")
                    text = ""
                    while (part := self.rfile.readline().decode()) != ".\r\n":
                        text += part
                    receiver.received.append((to, text))
                self.say("221 bye" if word == "QUIT" else "250 ok")
                if word == "QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
