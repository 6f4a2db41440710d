"""The key of a ledger's pseudonyms: where it is kept, and how it is written."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from flowops.common.secrets import without_line_break
from flowops.errors import LedgerError
from flowops.ledger.files import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.ledger.database import Place

#: Where a key is kept, as the ledger's record says it.
GIVEN, FILE, ROW = "given", "file", "row"
KEY_BYTES = 32
#: Characters, and bytes, that one may have.
_SHORTEST, _LONGEST = 16, 65_536
#: What to do where a key is lost.
LOST = (
    "if it is lost for good: `flowops ledger export` still works; import that into a new ledger, which then knows "
    "every call and no fingerprint"
)


def new_key(place: Place, given: bytes | None, *, must_exist: bool) -> tuple[str, bytes]:
    """Return where the key of a new record is kept, and the key.

    `must_exist`: other records of the database use the key file, so a new one must not take its place.
    """
    if given is not None:
        return GIVEN, usable_key(given)
    path = place.key_file
    if path is None:
        return ROW, secrets.token_bytes(KEY_BYTES)
    if not path.exists() and must_exist:
        raise LedgerError(f"{path}: the key of this database's ledgers is missing", hint=f"restore it; {LOST}")
    try:
        write_private(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
        return FILE, usable_key(key_in(path))
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror or error}") from error


def put_key(place: Place, key: bytes, given: bytes | None) -> str:
    """Keep the key of a ledger that comes from another database; return where.

    Raises LedgerError for a place that keeps another one.
    """
    if given is not None:
        return GIVEN
    path = place.key_file
    if path is None:
        return ROW
    try:
        if not write_private(path, f"{key.hex()}\n".encode()) and usable_key(key_in(path)) != key:
            raise LedgerError(
                f"{path}: the ledgers of this file have another key", hint="give the copy a file of its own"
            )
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror or error}") from error
    return FILE


def key_in(path: Path) -> bytes:
    """Return the key in a file, without the line break at its end. Raises LedgerError for one that is no key."""
    with path.open("rb") as file:
        found = file.read(_LONGEST + 1)
    if len(found) > _LONGEST:
        raise LedgerError(f"{path}: is longer than any key of a ledger", hint=f"restore the key; {LOST}")
    return without_line_break(found.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def usable_key(text: bytes) -> bytes:
    """Return the 32 bytes behind a key as it is written: 64 hex digits, or any secret of 16 characters or more."""
    if len(text) < _SHORTEST:
        raise LedgerError(
            f"the ledger's key is too short: {_SHORTEST} characters at least",
            hint="make one with `openssl rand -hex 32`, and keep it as long as the ledger",
        )
    try:
        decoded = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        decoded = b""
    return decoded if len(decoded) == KEY_BYTES else hashlib.sha256(text).digest()
