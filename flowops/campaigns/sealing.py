"""Calls at rest: sealed with a key that is not where they are kept, so that a database tells nobody who is called.

AES-256-GCM of `cryptography`, over compressed JSON. What is sealed belongs to one batch of one campaign of one ledger:
a batch that was moved to another place does not open.
"""

from __future__ import annotations

import secrets
import zlib
from typing import TYPE_CHECKING

import orjson

from flowops.common.extras import install_command
from flowops.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from flowops.model.document import Value

#: Bytes of a nonce: a random one for each batch.
_NONCE = 12
#: Bodies of one document are alike, so that the quickest way saves most of it.
_LEVEL = 1
#: More bytes no batch has: what opens is ours, and still not trusted to have a bounded size.
_LARGEST = 512 * 1024 * 1024


class Seal:
    """Seals and opens the batches of a ledger's campaigns with a key of 32 bytes."""

    def __init__(self, key: bytes, ledger_id: str) -> None:
        """Raises UsageError where `cryptography` is not installed."""
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise UsageError(
                "campaigns need a library that seals their rows", hint=f"install it: {install_command('cryptography')}"
            ) from None
        self._cipher: AESGCM = AESGCM(key)
        self._ledger_id = ledger_id

    def close(self, campaign: str, number: int, value: Value) -> bytes:
        """Return JSON, sealed for its place."""
        nonce = secrets.token_bytes(_NONCE)
        text = zlib.compress(orjson.dumps(value), _LEVEL)
        return nonce + self._cipher.encrypt(nonce, text, self._place(campaign, number))

    def open(self, campaign: str, number: int, sealed: bytes) -> Value:
        """Return what was sealed. Raises LedgerError where it was altered, moved, or sealed with another key."""
        from cryptography.exceptions import InvalidTag

        try:
            text = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._place(campaign, number))
        except (InvalidTag, ValueError):
            raise LedgerError(
                f"batch {number} of campaign {campaign} does not open",
                hint="the key is another one than that which it was handed over with, or it was altered",
            ) from None
        return orjson.loads(zlib.decompressobj().decompress(text, _LARGEST))

    def _place(self, campaign: str, number: int) -> bytes:
        return f"1/{self._ledger_id}/{campaign}/{number}".encode()
