"""A server for benchmarks that accepts every call: raw asyncio in a process of its own, as cheap as it can be.

It knows just enough HTTP for clients that send one request after the other, each in one piece or two, with its length
last in its head or anywhere, and looks the instruction-id, caller and callee up in the bytes.
"""

from __future__ import annotations

import asyncio
import gc
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: When each request was whole, by the monotonic clock of the machine.
TIMES: list[float] = []
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_ECHOED = re.compile(rb'"(?:instruction-id|caller|callee)":"[^"]*"')


class Server(asyncio.Protocol):
    """One connection."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        TIMES.append(time.monotonic())
        data = self._buffer + data
        end = data.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(data, 0, end)
        if end < 4 or length is None or len(data) < end + int(length[1]):
            self._buffer = data
            TIMES.pop()  # it is counted when it is whole
            return
        self._buffer = b""
        echoed = b",".join(_ECHOED.findall(data, end))
        call_id = echoed.partition(b'"instruction-id":"')[2].partition(b'"')[0]
        body = b'{"type":"call-queued","success":true,"call-id":"id-%b",%b}' % (call_id, echoed)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        answer = head + body
        if self._delay:
            self._loop.call_later(self._delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def serve(delay: float) -> None:
    """Say the port, then serve until the process is told to end."""
    server = await asyncio.get_running_loop().create_server(lambda: Server(delay), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    gc.freeze()
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
    server.close()


@contextmanager
def api_server(delay: float, log: Path | None = None) -> Iterator[str]:
    """The address of a server that answers behind `delay` seconds, in a process of its own.

    When it has ended, `log` has when each request came.
    """
    command = [sys.executable, __file__, str(delay), str(log or "")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/voiceapi/v2"
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
    if sys.argv[2]:
        Path(sys.argv[2]).write_text("\n".join(map(str, TIMES)))
