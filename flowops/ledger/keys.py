"""The key of a ledger's pseudonyms: where it is kept, and that it is the one that the ledger was made with."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from flowops.common.secrets import without_line_break
from flowops.errors import LedgerError
from flowops.ledger.files import write_private
from flowops.ledger.pseudonyms import Pseudonymizer

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.ledger.open import Place
    from flowops.ledger.records import Record

#: Where a key is kept, as the ledger's record says it.
GIVEN, FILE, ROW = "given", "file", "row"
KEY_BYTES = 32
_SHORTEST = 16
_LOST = (
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
        raise LedgerError(f"{path}: the key of this database's ledgers is missing", hint=f"restore it; {_LOST}")
    try:
        write_private(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
        return FILE, usable_key(key_in(path))
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror or error}") from error


def pseudonymizer_of(
    record: Record, place: Place, given: bytes | None, *, may_be_lost: bool
) -> Pseudonymizer | LedgerError:
    """Return what makes pseudonyms with the record's key; where that may be lost, the error for who needs one."""
    try:
        return _pseudonymizer(record, place, given)
    except LedgerError as error:
        if not may_be_lost:
            raise
        return error


def _pseudonymizer(record: Record, place: Place, given: bytes | None) -> Pseudonymizer:
    found = Pseudonymizer(_find(record, place, given))
    if not hmac.compare_digest(found.check(record.id), record.key_check):
        raise LedgerError(
            f"{place.name}: the key is not the one that ledger {record.id} was made with",
            hint=f"give it the key it was made with; {_LOST}",
        )
    return found


def _find(record: Record, place: Place, given: bytes | None) -> bytes:
    if given is not None:
        return usable_key(given)
    if record.key_place == ROW and record.key:
        return usable_key(record.key.encode())
    if record.key_place == FILE and place.key_file is not None:
        try:
            return usable_key(key_in(place.key_file))
        except PermissionError as error:
            raise LedgerError(
                f"{place.key_file}: the ledger's key cannot be read by this user: {error.strerror}",
                hint="run flowops as the user that the ledger and its key belong to",
            ) from error
        except OSError as error:
            raise LedgerError(
                f"{place.key_file}: the ledger's key: {error.strerror or error}", hint=f"restore the file; {_LOST}"
            ) from error
    raise LedgerError(
        f"{place.name}: the key of ledger {record.id} is kept elsewhere, and was not given",
        hint="name the environment variable that holds it: `ledger: {url: …, key: {env: NAME}}`",
    )


def key_in(path: Path) -> bytes:
    """Return the key in a file, without the line break at its end."""
    return without_line_break(path.read_text(encoding="utf-8", errors="surrogateescape")).encode(
        "utf-8", "surrogateescape"
    )


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
