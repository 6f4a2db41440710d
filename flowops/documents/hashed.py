"""The hash of a file of data, taken as the file is read: another walk over its rows finds the same, or says so."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 1024 * 1024


class HashedStream:
    """Reads a file, and tells the SHA-256 of all of it, and its size, to `done` when its end has been reached."""

    def __init__(self, stream: BinaryIO, done: Callable[[bytes, int], None]) -> None:
        self._stream = stream
        self._done = done
        self._hash = sha256()
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        data = self._stream.read(size)
        if data:
            self._hash.update(data)
            self._size += len(data)
        else:
            self._done(self._hash.digest(), self._size)
        return data


def digest_of(stream: BinaryIO) -> bytes:
    """Return the SHA-256 of what is left of a stream."""
    digest = sha256()
    while data := stream.read(_CHUNK):
        digest.update(data)
    return digest.digest()
