"""HTTP/1.1 on the wire: a request as bytes, and an answer from bytes."""

from __future__ import annotations

import re
from functools import lru_cache

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

#: What a field takes besides its name and its value, and what a head takes besides its fields and its reason.
_FIELD, _LINE = len(": \r\n"), len("HTTP/1.1 200 \r\n\r\n")

#: The longest head that is read, in bytes, 1xx answers before it and trailers behind the body included.
LONGEST_HEAD = 64 << 10


class MalformedAnswer(Exception):
    """The bytes are no answer; what is wrong, in words."""


class AnswerReader:
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
        """Take bytes in, at least one; those behind the answer are `surplus` and not read. Raise `MalformedAnswer`."""
        if self.complete:
            self.surplus = True
            return
        if self._parser is None:
            # llhttp would skip line breaks here, and take RTSP.
            if not data.startswith(b"H"):
                raise MalformedAnswer("it does not begin with HTTP/")
            self._parser = HttpResponseParser(self)
        self._since_body += len(data)
        self._tail = data[-6:] if len(data) >= 6 else (self._tail + data)[-6:]
        self._parse(self._parser, data)

    def _parse(self, parser: HttpResponseParser, data: bytes) -> None:
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            raise MalformedAnswer("the server speaks another protocol from here on") from None
        except HttpParserError as error:
            if not self.complete:
                raise MalformedAnswer(str(error)) from None
            self.surplus = True
        # The parser itself keeps a field, however long, until it ends.
        if self._size > LONGEST_HEAD or (not self.complete and self._since_body > 2 * LONGEST_HEAD):
            self._wrong = f"what is not its body is longer than {LONGEST_HEAD:,} bytes"
        if self._wrong:
            raise MalformedAnswer(self._wrong)
        if self.complete:
            self._parser = None  # it holds on to this object
            self.surplus = self.surplus or not self._ends_with(data)

    def finish(self, *, cut: bool = False) -> None:
        """End the answer with the server's side, or where it was `cut`. Raise `MalformedAnswer` unless it is whole."""
        if self.complete:
            return
        if cut or not self.head_read or self._framed:
            raise MalformedAnswer(
                f"the connection closed {'in the middle of' if self._parser else 'without'} an answer"
            )
        self.complete = True
        self._parser = None

    def _ends_with(self, data: bytes) -> bool:
        """Return whether these bytes end where the answer does: line breaks behind it are all that llhttp passes over.

        They are seen behind any body but one of nothing but line breaks.
        """
        if self._last is not None:
            return data.endswith(self._last)
        return self._tail.endswith(b"\r\n\r\n") and self._tail != b"\r\n\r\n\r\n"

    # Called by llhttp.

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


#: What a field's name and its value may be made of (RFC 9110, sections 5.1 and 5.5); a target has no spaces.
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\x21-\x7e\x80-\xff](?:[ \t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|")
_TARGET = re.compile(rb"[\x21-\x7e]+")
#: Fields that this module writes itself, since the whole content is at hand.
_FRAMING = (b"content-length", b"transfer-encoding")


@lru_cache(maxsize=16)
def encode_head(method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Return the request line and the fields, without the empty line, so that a length can follow.

    Raises httpx.LocalProtocolError for anything that would end a line early. Requests of one run differ in their
    content only, so the last few heads are kept.
    """
    if not _NAME.fullmatch(method.encode()) or not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("the request line cannot be written")
    lines = [method.encode() + b" " + target + b" HTTP/1.1\r\n"]
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise httpx.LocalProtocolError("a header cannot be written")
        if name.lower() not in _FRAMING:
            lines.append(name + b": " + value + b"\r\n")
    return b"".join(lines)


def encode_body(method: str, content: bytes) -> bytes:
    """Return the rest of a request: how long its content is, the empty line, and the content itself."""
    if not content and method in ("GET", "DELETE", "OPTIONS"):
        return b"\r\n"
    return b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
