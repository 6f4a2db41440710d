"""One answer, read from bytes as they come. No I/O: what it says does not depend on how the bytes were cut."""

from __future__ import annotations

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

#: The longest head that is read, in bytes, 1xx answers before it and trailers behind the body included.
LONGEST_HEAD = 64 << 10

#: What a field takes besides its name and its value, and what a head takes besides its fields and its reason.
_FIELD, _LINE = len(": \r\n"), len("HTTP/1.1 200 \r\n\r\n")


class Malformed(Exception):
    """The bytes are no answer; what is wrong, in words."""


class Reading:
    """An answer on its way in. `chunks` is the part of its body that nobody has taken yet.

    `head_read` says that `status` and `headers` are the final ones, `complete` that the body has ended as its head
    said it would. `surplus` says that more followed: the connection is of no use any more.

    llhttp refuses what RFC 9112 does: a length that is given twice or beside chunks, a folded or unfinished line,
    white space before a colon, chunks that do not add up.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.head_read = self.complete = self.surplus = self.keep_alive = False
        self._parser: HttpResponseParser | None = None
        self._wrong = ""
        self._size = self._since_body = 0
        self._framed = False
        self._tail = b""
        #: What the last bytes of the answer are: its last piece of body, or None for an empty line.
        self._last: bytes | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes in, at least one. Raises `Malformed`; bytes behind the answer are `surplus` and are not read."""
        if self.complete:
            self.surplus = True
            return
        if self._parser is None:
            # llhttp would skip line breaks here, and take RTSP.
            if not data.startswith(b"H"):
                raise Malformed("it does not begin with HTTP/")
            self._parser = HttpResponseParser(self)
        self._since_body += len(data)
        self._tail = data[-6:] if len(data) >= 6 else (self._tail + data)[-6:]
        self._parse(self._parser, data)

    def _parse(self, parser: HttpResponseParser, data: bytes) -> None:
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            raise Malformed("the server speaks another protocol from here on") from None
        except HttpParserError as error:
            if not self.complete:
                raise Malformed(str(error)) from None
            self.surplus = True
        # The parser itself keeps a field, however long, until it ends.
        if self._size > LONGEST_HEAD or (not self.complete and self._since_body > 2 * LONGEST_HEAD):
            self._wrong = f"what is not its body is longer than {LONGEST_HEAD:,} bytes"
        if self._wrong:
            raise Malformed(self._wrong)
        if self.complete:
            self._parser = None  # it holds on to this object
            self.surplus = self.surplus or not self._ends_with(data)

    def finish(self, *, cut: bool = False) -> None:
        """The server has ended its side, or it was `cut`. Raises `Malformed` unless the answer is whole."""
        if self.complete:
            return
        if cut or not self.head_read or self._framed:
            raise Malformed(f"the connection closed {'in the middle of' if self._parser else 'without'} an answer")
        self.complete = True
        self._parser = None

    def _ends_with(self, data: bytes) -> bool:
        """Whether these bytes end where the answer does: line breaks behind it are all that llhttp passes over.

        They are seen behind any body but one of nothing but line breaks.
        """
        if self._last is not None:
            return data.endswith(self._last)
        return self._tail.endswith(b"\r\n\r\n") and self._tail != b"\r\n\r\n\r\n"

    # What llhttp tells.

    def on_message_begin(self) -> None:
        self.surplus = self.complete
        self._size += _LINE

    def on_status(self, reason: bytes) -> None:
        self._size += len(reason)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value) + _FIELD
        if not self.head_read:  # a trailer says nothing that anybody here would listen to
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self.complete or parser is None:
            return
        self.status = parser.get_status_code()
        if parser.get_http_version() not in ("1.1", "1.0") or not 100 <= self.status <= 599:
            self._wrong = "its status line is not one of HTTP/1.1"
        if self.status < 200:
            self.headers = []
            return
        self.head_read = True
        self.keep_alive = parser.should_keep_alive()
        # Without either the body ends with the connection.
        names = {name.lower() for name, _ in self.headers}
        self._framed = not names.isdisjoint((b"content-length", b"transfer-encoding"))

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self.chunks.append(body)
            self._last = body
            self._since_body = 0

    def on_chunk_header(self) -> None:
        self._last = None

    def on_message_complete(self) -> None:
        self.complete = self.complete or self.head_read
