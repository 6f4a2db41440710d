"""A request's head as bytes."""

from __future__ import annotations

import re
from functools import lru_cache

import httpx

#: What a field's name and its value may be made of (RFC 9110, sections 5.1 and 5.5); a target has no spaces.
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\x21-\x7e\x80-\xff](?:[ \t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|")
_TARGET = re.compile(rb"[\x21-\x7e]+")
#: Fields that this module writes itself, since the whole content is at hand.
_FRAMING = (b"content-length", b"transfer-encoding")


@lru_cache(maxsize=16)
def encoded(method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """The request line and the fields, without the empty line, so that a length can follow.

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


def framing(method: str, content: bytes) -> bytes:
    """The rest of a request: how long its content is, the empty line, and the content itself."""
    if not content and method in ("GET", "DELETE", "OPTIONS"):
        return b"\r\n"
    return b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
