"""A file for results that the ledger could not take: a call was placed, and then the database was gone.

JSON Lines, appended and synced, each signed with the ledger's key; callees are pseudonyms. The next run that opens the
ledger for writing records them, and only then are they gone from the file. Doing that twice changes nothing, so a crash
in between is harmless.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flowops.common.json import read_json
from flowops.common.safe_files import PRIVATE_DIRECTORY, PRIVATE_FILE, make_folder, sync_directory
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger.changes import Change
from flowops.ledger.files import check_own, replace_private
from flowops.ledger.legs import StoredLeg
from flowops.model.ledger import Actor, Checkpoint, EventType, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


#: What signs a line: a keyed hash with the ledger's key.
Sign = Callable[[str], str]


class Kept:
    """What a spool has of one ledger; whoever records some of `changes` adds them to `recorded`.

    `seen` is how far the ledger went when what is kept came about, `others` the lines of other ledgers.
    """

    def __init__(self, changes: list[Change], seen: Sequence[Checkpoint] = (), others: Sequence[bytes] = ()) -> None:
        self.changes = changes
        self.seen = seen
        self.recorded: list[Change] = []
        self.others = others


_OPEN = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Spool:
    """The file; it need not exist. `root` is the project's folder, which may hold what a stranger committed."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self._root = root

    def keep(self, ledger_id: str, changes: Sequence[Change], sign: Sign, seen: Checkpoint | None = None) -> None:
        """Append changes, on disk when this returns; the ledger had gone as far as `seen`. Raises `OSError`."""
        make_folder(self.path.parent, self._root, PRIVATE_DIRECTORY)
        lines = "".join(_line(ledger_id, change, sign, seen) for change in changes)
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
    def taken(self, ledger_id: str, sign: Sign) -> Iterator[Kept]:
        """Give the changes of one ledger; those that were recorded are gone from the file when the block has ended.

        Raises LedgerError for a line that nobody with the ledger's key has written.
        """
        check_own([self.path], self._root)
        try:
            with self._locked(os.O_CREAT) as descriptor:
                content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
                own, others = self._split(content, ledger_id, sign)
                once = _once(own)
                kept = Kept(list(once.values()), [line.seen for line in own if line.seen is not None])
                try:
                    yield kept
                finally:
                    done = {id(change) for change in kept.recorded}
                    self._leave([*others, *(line.content for line in own if id(once[line.said]) not in done)])
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror}") from error

    def kept(self, ledger_id: str, sign: Sign) -> Kept:
        """Return what the file has of one ledger, and leave it as it is. Raises LedgerError as `taken` does.

        It may be the copy of one, so a last line that is not whole is an error as well.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror}") from error
        if content and not content.endswith(b"\n"):
            last = len(content.splitlines())
            raise LedgerError(
                f"{self.path}:{last}: the file ends within this line",
                hint="copy it again; if a crash of the machine has cut it off, remove this one line",
            )
        own, others = self._split(content, ledger_id, sign)
        return Kept(list(_once(own).values()), [line.seen for line in own if line.seen is not None], others=others)

    def seen(self, ledger_id: str, sign: Sign) -> list[Checkpoint]:
        """Return how far one ledger went when what is kept came about, and change nothing."""
        check_own([self.path], self._root)
        try:
            own, _ = self._split(self.path.read_bytes(), ledger_id, sign)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror}") from error
        return [line.seen for line in own if line.seen is not None]

    def _leave(self, lines: list[bytes]) -> None:
        if lines:
            replace_private(self.path, b"".join(lines))
        else:
            self.path.unlink()

    @contextmanager
    def _locked(self, flags: int) -> Iterator[int]:
        """Yield the open file, for nobody else at the same time."""
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

    def _split(self, content: bytes, ledger_id: str, sign: Sign) -> tuple[list[_Line], list[bytes]]:
        """Return the lines of one ledger with what they say, and all other lines."""
        own: list[_Line] = []
        others: list[bytes] = []
        lines = content.splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            try:
                value = read_json(line, half_characters=True)
                if value["ledger"] == ledger_id:
                    own.append(_read(line, value, sign))
                else:
                    others.append(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                if number == len(lines) and not line.endswith(b"\n"):
                    continue  # cut short by a crash, before anybody was told that it is kept
                raise LedgerError(
                    f"{self.path}:{number}: this line was not written with the ledger's key",
                    hint="what the other lines say is not recorded yet: fix or remove this one line",
                ) from None
        return own, others


def is_spool(first_line: bytes) -> bool:
    """Return whether a file that begins so is a spool, and not a list of calls."""
    try:
        value = read_json(first_line, half_characters=True)
    except ValueError:
        return False
    return isinstance(value, dict) and {"signature", "event_type", "ledger"} <= value.keys()


class _Line(NamedTuple):
    """A line of a file, with what it says; `said` is that without the time: a write that was tried again says it twice.

    `seen` is how far the ledger went.
    """

    content: bytes
    change: Change
    seen: Checkpoint | None
    said: str


def _once(lines: Iterable[_Line]) -> dict[str, Change]:
    """Return what lines say, each once, and as it was said first."""
    found: dict[str, Change] = {}
    for line in lines:
        found.setdefault(line.said, line.change)
    return found


def _line(ledger_id: str, change: Change, sign: Sign, seen: Checkpoint | None) -> str:
    actor, legs = change.actor._asdict(), [leg._asdict() for leg in change.legs]
    said = {"actor": actor, "legs": legs, "data": dict(change.data), "body": change.body.decode()}
    plain = {"ledger": ledger_id, **change._asdict(), **said}
    plain["seen"] = seen._asdict() if seen is not None else None
    return json.dumps({**plain, "signature": sign(json.dumps(plain, sort_keys=True))}) + "\n"


def _read(content: bytes, value: dict[str, Any], sign: Sign) -> _Line:
    """Return what a line says. Raises ValueError for one that was not signed with the ledger's key."""
    signature = value.pop("signature")
    if not hmac.compare_digest(sign(json.dumps(value, sort_keys=True)), signature):
        raise ValueError("its signature is another one")
    del value["ledger"]
    seen = value.pop("seen")
    said = json.dumps({**value, "at": None}, sort_keys=True)
    value["event_type"] = EventType(value["event_type"])
    value["actor"] = Actor(**value["actor"])
    value["legs"] = tuple(StoredLeg(**leg) for leg in value["legs"])
    value["to"] = State(value["to"]) if value["to"] else None
    value["body"] = value["body"].encode()
    return _Line(content, Change(**value), Checkpoint(**seen) if seen is not None else None, said)
