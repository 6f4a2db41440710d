"""The key that a ledger seals with: given by reference, in a file beside a SQLite ledger, or in PostgreSQL itself."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, NamedTuple

from flowops.errors import LedgerError
from flowops.ledger.files import write_private
from flowops.ledger.sealing import Sealer

if TYPE_CHECKING:
    from flowops.ledger.place import Place

#: Where a key is kept, as the ledger's record says it.
GIVEN, FILE, ROW = "given", "file", "row"
KEY_BYTES = 32
_SHORTEST = 16
_LOST = (
    "if it is lost for good: `flowops ledger export` still works; import that into a new ledger, which then knows "
    "every call and no fingerprint"
)


class Record(NamedTuple):
    """A ledger's own row."""

    id: str
    serial: int
    head: str
    key_place: str
    key_check: str
    key: str | None


def new(place: Place, given: bytes | None, *, must_exist: bool) -> tuple[str, bytes]:
    """Where the key of a new record is kept, and the key.

    `must_exist`: other records of the database use the key file, so a new one must not take its place.
    """
    if given is not None:
        return GIVEN, usable(given)
    path = place.key_file
    if path is None:
        return ROW, secrets.token_bytes(KEY_BYTES)
    if not path.exists() and must_exist:
        raise LedgerError(f"{path}: the key of this database's ledgers is missing", hint=f"restore it; {_LOST}")
    try:
        write_private(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
        return FILE, usable(path.read_bytes())
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror or error}") from error


def sealer(record: Record, place: Place, given: bytes | None, *, may_be_lost: bool) -> Sealer | LedgerError:
    """What seals with the record's key. Where it may be lost, the error comes back for whoever needs to seal."""
    try:
        return _sealer(record, place, given)
    except LedgerError as error:
        if not may_be_lost:
            raise
        return error


def _sealer(record: Record, place: Place, given: bytes | None) -> Sealer:
    found = Sealer(_find(record, place, given))
    if not hmac.compare_digest(found.check(record.id), record.key_check):
        raise LedgerError(
            f"{place.name}: the key is not the one that ledger {record.id} was made with",
            hint=f"give it the key it was made with; {_LOST}",
        )
    return found


def _find(record: Record, place: Place, given: bytes | None) -> bytes:
    if given is not None:
        return usable(given)
    if record.key_place == ROW and record.key:
        return usable(record.key.encode())
    if record.key_place == FILE and place.key_file is not None:
        try:
            return usable(place.key_file.read_bytes())
        except OSError as error:
            raise LedgerError(
                f"{place.key_file}: the ledger's key: {error.strerror or error}", hint=f"restore the file; {_LOST}"
            ) from error
    raise LedgerError(
        f"{place.name}: the key of ledger {record.id} is kept elsewhere, and was not given",
        hint="name the environment variable that holds it: `ledger: {url: …, key: {env: NAME}}`",
    )


def usable(text: bytes) -> bytes:
    """The 32 bytes behind a key as it is written: 64 hex digits, or any secret of 16 characters or more."""
    text = text.strip()
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
