"""HTTP/1.1 under httpx's own interface: `Transport` is an `httpx.AsyncBaseTransport`.

Why not httpx's: its pool becomes slower with every connection, it does not say whether a byte of a request has left,
and it reads on behind an answer. Here a request is written once, whole, by one call; what is not one clean answer
ends the connection. llhttp, the parser of Node.js, reads the answers (through httptools), as strictly as it can.
"""

from flowops.api.http.transport import ANSWER, IDLE, ON_SEND, Transport

__all__ = ["ANSWER", "IDLE", "ON_SEND", "Transport"]
