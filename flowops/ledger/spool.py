"""A file for results that the ledger could not take: a call was placed, and then the database was gone.

JSON Lines, appended and synced; callees are pseudonyms. The next run that opens the ledger for writing records them and
empties the file. Doing that twice changes nothing, so a crash in between is harmless.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from flowops.common.safe_files import PRIVATE_DIRECTORY, PRIVATE_FILE, make_folder, sync_directory
from flowops.errors import LedgerError
from flowops.ledger.files import check_own, replace_private
from flowops.ledger.states import Change, StoredLeg
from flowops.model.ledger import Actor, EventType, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from flowops.model.document import Value


_OPEN = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Spool:
    """The file; it need not exist. `root` is the project's folder, which may hold what a stranger committed."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self._root = root

    def keep(self, ledger_id: str, changes: Sequence[Change]) -> None:
        """Append changes, on disk when this returns. Raises `OSError` when there is no way."""
        make_folder(self.path.parent, self._root, PRIVATE_DIRECTORY)
        lines = "".join(json.dumps({"ledger": ledger_id, **_plain(change)}) + "\n" for change in changes)
        with self._locked(os.O_CREAT) as descriptor:
            content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            # A line that a crash cut short was promised to nobody, and must not swallow the next one.
            os.ftruncate(descriptor, content.rfind(b"\n") + 1)
            rest = memoryview(lines.encode())
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        sync_directory(self.path.parent)

    @contextmanager
    def emptied(self, ledger_id: str) -> Iterator[list[Change]]:
        """The changes of one ledger, which are gone from the file when the block ends without an error."""
        check_own([self.path], self._root)
        try:
            with self._locked(os.O_CREAT) as descriptor:
                content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
                own, others = self._split(content, ledger_id)
                yield own
                if others:
                    replace_private(self.path, b"".join(others))
                else:
                    self.path.unlink()
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror}") from error

    @contextmanager
    def _locked(self, flags: int) -> Iterator[int]:
        """The open file, for nobody else at the same time."""
        while True:
            descriptor = os.open(self.path, flags | _OPEN, PRIVATE_FILE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.fstat(descriptor).st_nlink == 0:  # taken in and removed while we waited
                    continue
                yield descriptor
                return
            finally:
                os.close(descriptor)

    def _split(self, content: bytes, ledger_id: str) -> tuple[list[Change], list[bytes]]:
        own: list[Change] = []
        others: list[bytes] = []
        lines = content.splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            try:
                value = json.loads(line)
                if value.pop("ledger") == ledger_id:
                    own.append(_change(value))
                else:
                    others.append(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                if number == len(lines) and not line.endswith(b"\n"):
                    continue  # cut short by a crash, before anybody was told that it is kept
                raise LedgerError(
                    f"{self.path}:{number}: flowops did not write this line",
                    hint="what the other lines say is not recorded yet: mend or remove this one line",
                ) from None
        return own, others


def _plain(change: Change) -> dict[str, Value]:
    actor, legs = asdict(change.actor), [leg._asdict() for leg in change.legs]
    return {**change._asdict(), "actor": actor, "legs": legs, "data": dict(change.data)}


def _change(value: dict[str, object]) -> Change:
    plain = json.loads(json.dumps(value))
    plain["event_type"] = EventType(plain["event_type"])
    plain["actor"] = Actor(**plain["actor"])
    plain["legs"] = tuple(StoredLeg(**leg) for leg in plain["legs"])
    plain["to"] = State(plain["to"]) if plain["to"] else None
    return Change(**plain)
