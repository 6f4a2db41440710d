"""One connection: a request goes out in one piece, one answer comes in, and anything else ends it."""

from __future__ import annotations

import asyncio
import select
import ssl
from typing import TYPE_CHECKING

import httpx

from flowops.api.http.reading import Malformed, Reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Of a body that nobody takes, in bytes, before the server has to wait.
_MOST_WAITING = 256 << 10


class Connection(asyncio.Protocol):
    """Use it for one exchange at a time: `send`, `head`, then `body` until it is empty.

    `used_at` is the loop's time at which its last answer was whole.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.used_at = self._loop.time()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._transport: Any = None
        self._reading: Reading | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._failure: httpx.TransportError | None = None
        self._writing = False
        self._poll: select.poll | None = None

    @property
    def transport(self) -> Any:
        """What asyncio calls a transport: the socket, or TLS over it."""
        return self._transport

    @transport.setter
    def transport(self, transport: Any) -> None:
        self._transport = transport
        # `_writing` is to say whether anything waits here at all; asyncio's TLS takes a limit of 0 for always.
        transport.set_write_buffer_limits(high=1, low=0)

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.gone.done() or self._failure is not None or self._transport.is_closing()

    def quiet(self) -> bool:
        """Whether an idle connection can be used again: the server has neither closed it nor said anything.

        The socket itself is asked: the event loop may not have come round to it.
        """
        if self.closed:
            return False
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._poll.poll(0)

    def send(self, data: bytes, seconds: float | None = None, on_send: Callable[[], None] | None = None) -> None:
        """Hand a whole request to the operating system, and be ready for its answer, all of it within `seconds`.

        Raises httpx.ConnectError, before `on_send` is called, when the connection has closed meanwhile.
        """
        if self.closed:
            raise httpx.ConnectError("the server closed the connection before the request")
        if on_send is not None:
            on_send()
        if seconds is not None:
            self._deadline = self._loop.call_later(seconds, self._late, httpx.ReadTimeout)
        self._reading = Reading()
        self._transport.write(data)

    async def written(self, seconds: float | None) -> None:
        """Wait until the operating system has taken all of the request, or there is an answer, or no hope of one."""
        while self._writing and self._reading is not None and not self._reading.head_read and self._failure is None:
            await self._changed(seconds, httpx.WriteTimeout)

    async def head(self, seconds: float | None) -> Reading:
        """The answer, of which at least the head is there."""
        reading = self._reading
        assert reading is not None, "a request was sent"
        while not reading.head_read:
            self._check()
            await self._changed(seconds, httpx.ReadTimeout)
        return reading

    async def body(self, seconds: float | None) -> bytes:
        """The next part of the answer's body, empty at its end."""
        reading = self._reading
        assert reading is not None, "a request was sent"
        while not reading.chunks:
            if reading.complete:
                return b""
            self._check()
            self._transport.resume_reading()
            await self._changed(seconds, httpx.ReadTimeout)
        taken, reading.chunks = reading.chunks, []
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def release(self) -> bool:
        """Be done with the exchange; whether the connection is fit for another one."""
        self._stop_clock()
        reading, self._reading = self._reading, None
        clean = reading is not None and reading.complete and reading.keep_alive and not reading.surplus
        if not clean or self._writing or self.closed:
            self.abort()
            return False
        self.used_at = self._loop.time()
        return True

    def abort(self) -> None:
        """Close at once; `gone` is done a moment later."""
        self._stop_clock()
        if self._transport is not None:
            self._transport.abort()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    async def _changed(self, seconds: float | None, error: type[httpx.TimeoutException]) -> None:
        """Wait until something has happened."""
        self._waiter = waiter = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(seconds, self._late, error)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _late(self, error: type[httpx.TimeoutException]) -> None:
        self._fail(error("not in time"))

    def _fail(self, failure: httpx.TransportError) -> None:
        self._failure = self._failure or failure
        self.abort()
        self._wake()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        reading = self._reading
        if reading is None:
            self._fail(httpx.RemoteProtocolError("the server spoke without being asked"))
            return
        try:
            reading.feed(data)
        except Malformed as wrong:
            self._fail(httpx.RemoteProtocolError(f"the answer is not HTTP/1.1: {wrong}"))
            return
        if len(reading.chunks) > 1 and sum(map(len, reading.chunks)) > _MOST_WAITING:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """The server has ended its side; asyncio closes ours."""
        if self._reading is not None:
            try:
                self._reading.finish(cut=not self._said_so())
            except Malformed as wrong:
                self._fail(httpx.RemoteProtocolError(str(wrong)))
        self._wake()

    def _said_so(self) -> bool:
        """Whether the end is the server's own: over TLS anybody in between can end the TCP connection.

        asyncio does not tell the two apart. The TLS object behind it reads nothing, instead of waiting for more, when
        it has seen the server's close_notify.
        """
        tls = self._transport.get_extra_info("ssl_object")
        try:
            return tls is None or tls.read(1) == b""
        except ssl.SSLError:
            return False

    def connection_lost(self, error: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result(None)
        if self._failure is None:
            self._failure = httpx.ReadError(str(error) if error else "the connection broke off")
            self._failure.__cause__ = error
        self._wake()

    def pause_writing(self) -> None:
        self._writing = True

    def resume_writing(self) -> None:
        self._writing = False
        self._wake()
