"""What was read, kept or remembered, so that another walk over the same rows finds the same, or that they changed.

The rows of a query are kept: nobody knows whether asking again would give the same. Rows of text are read again, and
the file's hash says whether it still is what it was. A matrix stands in its document.
"""

from __future__ import annotations

import marshal
from hashlib import sha256
from tempfile import SpooledTemporaryFile, gettempdir
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from weakref import finalize

from flowops.common.text import visible
from flowops.errors import FlowopsError
from flowops.model.document import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: How many bytes of rows stay in memory, before they go into a file.
IN_MEMORY = 1024 * 1024
_CHUNK = 1024 * 1024


class Snapshot:
    """Keeps the rows of a query in a temporary file that has no name.

    Nobody else can open such a file, and the system removes it however the process ends. Values keep their types.
    """

    def __init__(self) -> None:
        self._file: Any = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - it lives as long as the snapshot
        finalize(self, self._file.close)
        #: For each batch: where it was from, the number of its first row, and where it stands in the file.
        self._kept: list[tuple[str, int, int, int]] = []

    def keep(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield batches that have no lines and no problems, and keep the rows of each. Raises FlowopsError."""
        for batch in batches:
            assert batch.lines is None
            assert not batch.problems
            data = marshal.dumps(batch.rows)
            try:
                at = self._file.seek(0, 2)
                self._file.write(data)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise FlowopsError(
                    f"the rows of {batch.file} cannot be kept in {visible(gettempdir())}: {reason.lower()}",
                    hint="TMPDIR names another directory for temporary files",
                ) from error
            self._kept.append((batch.file, batch.numbers[0] if batch.rows else 1, at, len(data)))
            yield batch

    def batches(self) -> Iterator[Batch]:
        """Yield the same batches again."""
        for file, first, at, length in self._kept:
            self._file.seek(at)
            rows = marshal.loads(self._file.read(length))  # noqa: S302 - written a moment ago, by this process
            yield Batch(file, rows, range(first, first + len(rows)), None)


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
