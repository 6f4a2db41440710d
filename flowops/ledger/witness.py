"""What notices that an older copy of a ledger was put back: calls that were placed since that copy would ring again.

A workspace remembers how far each ledger went, in a private file below the project; a spool says it of what its run
had written; a saved plan says it of what was planned; and PostgreSQL says which server it is. A copy is older when it
does not hold what one of these has seen.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from typing import TYPE_CHECKING, Any

from flowops.common.json import read_json
from flowops.common.safe_files import PRIVATE_DIRECTORY, PRIVATE_FILE, make_folder
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger.files import check_own
from flowops.model.ledger import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)
#: A file has at most so many bytes, which are written at once.
_BYTES = 512
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Server(NamedTuple):
    """Which PostgreSQL server wrote a ledger: its system and timeline, and whether another had each write, too."""

    system: str
    timeline: str | None
    is_replicated: bool

    @classmethod
    def read(cls, text: str) -> Server:
        """Return a server as a ledger's record has it."""
        system, timeline, mode = text.split("/")
        return cls(system, timeline, mode == "replicated")

    def __str__(self) -> str:
        return f"{self.system}/{self.timeline}/{'replicated' if self.is_replicated else 'alone'}"

    def is_another(self, before: Server) -> bool:
        """Return whether what the server `before` wrote last may not have reached this one."""
        if self.timeline is None:  # a standby follows, and lags
            return False
        if before.is_replicated and self.system == before.system:
            return False  # a stand-by had each write, and is of the same system
        return self[:2] != before[:2]


class Memory:
    """A workspace's memory of how far a ledger went. `root` is the project's folder."""

    def __init__(self, root: Path, ledger_id: str) -> None:
        self.path = root / ".flowops" / f"seen-{ledger_id}.json"
        self._root = root

    def seen(self) -> Checkpoint | None:
        """Return how far the ledger went when this workspace wrote last; None where it does not remember.

        Raises LedgerError for a file that may have come with the repository.
        """
        check_own([self.path], self._root)
        try:
            with self.path.open("rb") as file:
                return _checkpoint(file.read(_BYTES))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror}") from error

    def keep(self, checkpoint: Checkpoint, *, again: bool = False, on_disk: bool = False) -> None:
        """Remember a checkpoint, unless a later one is remembered; `again` begins with this one anew.

        A workspace that cannot be written remembers nothing: other witnesses are left.
        """
        try:
            make_folder(self.path.parent, self._root, PRIVATE_DIRECTORY)
            descriptor = os.open(self.path, _OPEN, PRIVATE_FILE)
        except OSError as error:
            _log.warning("%(file)s cannot be written: %(why)s", {"file": self.path, "why": error.strerror})
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = _checkpoint(os.pread(descriptor, _BYTES, 0))
            if before is None or again or (before.epoch, before.serial) <= (checkpoint.epoch, checkpoint.serial):
                os.pwrite(descriptor, json.dumps(checkpoint._asdict()).encode().ljust(_BYTES), 0)
            if on_disk:
                os.fsync(descriptor)
        except OSError as error:
            _log.warning("%(file)s cannot be written: %(why)s", {"file": self.path, "why": error.strerror})
        finally:
            os.close(descriptor)


def _checkpoint(content: bytes) -> Checkpoint | None:
    """Return what a file says; None for one that a power cut has left half-written."""
    try:
        value: dict[str, Any] = read_json(content)
        return Checkpoint(str(value["id"]), int(value["serial"]), str(value["head"]), int(value["epoch"]))
    except (ValueError, KeyError, TypeError):
        return None


def has_seen(who: str, checkpoint: Checkpoint) -> str:
    """Return what a witness says."""
    return f"{who} has seen its event {checkpoint.serial:,}, which is not in it"
