"""Keeping what is sensitive out of the ledger: keyed hashes that show a change and not the value.

Everything is made with the ledger's key. Equal values have equal pseudonyms within one key, so that a callback is
matched to its callee. A fingerprint is blinded too, because it is a plain hash: beside a body in which only four digits
are hidden, it would give them away after ten thousand tries.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING

from flowops.common.masking import hide_numbers, mask, mask_number, mask_text
from flowops.ledger.chain import canonical
from flowops.ledger.legs import StoredLeg
from flowops.model.call import FINGERPRINT, INSTRUCTION_ID
from flowops.model.ledger import PSEUDONYM, SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.model.call import Call
    from flowops.model.document import Path, Value
    from flowops.model.ledger import Leg

#: The bytes of a fingerprint's nonce.
NONCE = 8
_DIGITS = 64
_LONGEST_TEXT = 500
#: Where values are sensitive, by key or position; None where all of a value is.
_Tree = dict[str | int, "_Tree | None"]
_NOTHING: _Tree = {}
#: Hex digits of a pseudonym: 128 bits tell the numbers of the world apart, and each call keeps several.
_PSEUDONYM = 32
#: Characters of a short pseudonym, 5 bits each: enough to tell those apart whose masked numbers are the same.
_SHORT = 5
_KEPT = 1024
#: Characters of a text that is worth keeping.
_SHORT_TEXT = 200
#: Bytes of the hashes of a call's words, by which rows are found, and of what names it, which tells few apart.
_WORDS, _NAMING = 6, 2


class Pseudonymizer:
    """Makes pseudonyms with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        # Copied for each hash, as half of the work is the key's.
        self._values = hashlib.blake2b(digest_size=_PSEUDONYM // 2, key=key, person=b"value")
        self._blinding = hashlib.blake2b(digest_size=_DIGITS // 2, key=key, person=b"fingerprint")
        self._words = hashlib.blake2b(digest_size=_WORDS, key=key, person=b"words")
        self._said = hashlib.blake2b(digest_size=_WORDS, key=key, person=b"said")
        #: A callee gets its pseudonym when its call is claimed, and again when that is answered.
        self._text = lru_cache(maxsize=_KEPT)(self._pseudonym_of_text)
        #: What most calls of a document say alike, their caller and flow, is looked through once.
        self._short_text = lru_cache(maxsize=_KEPT)(self._without_numbers)
        self._naming = lru_cache(maxsize=_KEPT)(self._hash_of_naming)

    def check(self, ledger_id: str) -> str:
        """Return what proves that this key belongs to a ledger, kept in the ledger itself."""
        return self._hash(f"flowops ledger {ledger_id}".encode())

    def signature(self, text: str) -> str:
        """Return what proves that a text beside the ledger was written with its key."""
        return hmac.new(self._key, f"flowops spool {text}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    def value(self, value: Value) -> str:
        """Return a keyed hash of the value's canonical JSON (RFC 8785), as hex."""
        if isinstance(value, str):
            return self._text(value)
        import rfc8785  # few sensitive values are no texts

        return self._hash(rfc8785.dumps(value))

    def short_pseudonym(self, number: str) -> str:
        """Return five letters and digits that stand for a number, and that say nothing of it to who has no key."""
        digest = hmac.digest(self._key, f"flowops pseudonym {number}".encode(), "sha256")
        return base64.b32encode(digest[:_SHORT])[:_SHORT].decode().lower()  # no more of it is read

    def body(self, call: Call) -> dict[str, Value]:
        """Return a call's body with each sensitive leaf replaced; lists item by item.

        So is any other text with a phone number in it: what is said about somebody names them as well.
        """
        sensitive = _tree(call.sensitive)
        return {
            name: value
            if name == INSTRUCTION_ID and name not in sensitive
            else self._without(value, sensitive.get(name, _NOTHING))
            for name, value in call.body.items()
        }

    def words(self, body: Mapping[str, Value]) -> int:
        """Return a keyed hash of a body but for its reference: calls with the same one say the same to the same."""
        said = dict(body)
        del said[INSTRUCTION_ID]
        state = self._words.copy()
        state.update(canonical(said))
        return int.from_bytes(state.digest(), signed=True)

    def said(self, fingerprint: bytes) -> int:
        """Return a short keyed hash of what a call says, and when it may be placed."""
        state = self._said.copy()
        state.update(fingerprint)
        return int.from_bytes(state.digest(), signed=True)

    def naming(self, template: str) -> int:
        """Return a keyed hash of what a document says of the references of its calls."""
        return self._naming(template)

    def _hash_of_naming(self, template: str) -> int:
        text = template.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(text, digest_size=_NAMING, key=self._key, person=b"naming").digest()
        return int.from_bytes(digest, signed=True)

    def legs(self, legs: Iterable[Leg]) -> tuple[StoredLeg, ...]:
        """Return legs with pseudonyms for callees, and numbers in their texts masked."""
        return tuple([self._leg(leg) for leg in legs])

    def blind(self, fingerprint: str, nonce: bytes | None = None) -> str:
        """Return a fingerprint as the ledger keeps it, in base64; the same one looks different each time.

        `nonce` is `NONCE` random bytes that were not used before, for whoever fetches those of many at once.
        """
        if not fingerprint:
            return ""
        nonce = nonce or os.urandom(NONCE)
        digest = _digest_of(fingerprint)
        if digest is not None:
            hidden = int.from_bytes(digest) ^ self._stream(nonce)
            return binascii.b2a_base64(nonce + hidden.to_bytes(_DIGITS // 2), newline=False).decode()
        # What is not a SHA-256 fingerprint of this version is hidden as a text.
        return f"{nonce.hex()}:{self._pad(nonce, fingerprint.encode()).hex()}"

    def unblind(self, blinded: str) -> str:
        """Return the fingerprint that was blinded. Raises ValueError for a text that is not what `blind` makes."""
        if not blinded:
            return ""
        first, colon, hidden = blinded.partition(":")
        if colon:
            return self._pad(bytes.fromhex(first), bytes.fromhex(hidden)).decode()
        both = binascii.a2b_base64(blinded, strict_mode=True)
        if len(both) != NONCE + _DIGITS // 2:
            raise ValueError("not a blinded fingerprint")
        return f"{FINGERPRINT}{int.from_bytes(both[NONCE:]) ^ self._stream(both[:NONCE]):064x}"

    def _stream(self, nonce: bytes) -> int:
        """Return what hides one fingerprint: a keyed hash of its nonce."""
        state = self._blinding.copy()  # with the key in it, which is half of the work
        state.update(nonce)
        return int.from_bytes(state.digest())

    def _pseudonym_of_text(self, text: str) -> str:
        return self._hash(encode_basestring(text).encode("utf-8", "surrogatepass"))

    def _hash(self, message: bytes) -> str:
        state = self._values.copy()
        state.update(message)
        return state.hexdigest()

    def _pad(self, nonce: bytes, text: bytes) -> bytes:
        stream = b""
        while len(stream) < len(text):
            block = len(stream).to_bytes(4)
            stream += hashlib.blake2b(block, key=self._key, salt=nonce, person=b"fingerprint").digest()
        return (int.from_bytes(text) ^ int.from_bytes(stream[: len(text)])).to_bytes(len(text))

    def _leg(self, leg: Leg) -> StoredLeg:
        callee, shown = None, leg.shown
        if leg.callee is not None:
            callee, shown = self._text(leg.callee), mask_number(leg.callee)
        error, description = _said(leg.error), _said(leg.description)
        return StoredLeg(callee, shown, storable(leg.call_id), error, leg.code, description)

    def _without(self, value: Value, sensitive: _Tree | None) -> Value:
        """Return a value without what is sensitive in it, all of it for None, and without numbers in its texts."""
        if isinstance(value, str):
            if sensitive is None:
                return {PSEUDONYM: self._text(value), SHOWN: mask(value)}
            return self._short_text(value) if len(value) <= _SHORT_TEXT else self._without_numbers(value)
        if sensitive is None:
            if isinstance(value, list):
                return [self._pseudonymized(item) for item in value]
            return None if value is None else self._pseudonymized(value)
        if isinstance(value, dict):
            return {key: self._without(item, sensitive.get(key, _NOTHING)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._without(item, sensitive.get(at, _NOTHING)) for at, item in enumerate(value)]
        return value

    def _without_numbers(self, text: str) -> str | dict[str, str]:
        shown = mask_text(text)
        return text if shown == text else {PSEUDONYM: self._text(text), SHOWN: shown}

    def _pseudonymized(self, value: Value) -> dict[str, str]:
        return {PSEUDONYM: self.value(value), SHOWN: mask(value)}


def _digest_of(fingerprint: str) -> bytes | None:
    """Return the SHA-256 in a fingerprint of this version; None for a text that is not exactly one."""
    try:
        digest = bytes.fromhex(fingerprint[-_DIGITS:])
    except ValueError:
        return None
    return digest if fingerprint == f"{FINGERPRINT}{digest.hex()}" else None


@lru_cache(maxsize=_KEPT)
def _tree(paths: frozenset[Path]) -> _Tree:
    """Return paths as a tree, in which None stands for all that is below."""
    tree: _Tree = {}
    for path in sorted(paths, key=len):
        branch: _Tree | None = tree
        for at in path[:-1]:
            branch = None if branch is None else branch.setdefault(at, {})
        if branch is not None:
            branch[path[-1]] = None
    return tree


def storable(text: str | None) -> str | None:
    """Return a text from outside that every database takes, 500 characters at most."""
    if text is None:
        return None
    if text.isascii() and "\x00" not in text:
        return text[:_LONGEST_TEXT]
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:_LONGEST_TEXT]


def _said(text: str | None) -> str | None:
    """Return what the API has said of a callee as the ledger keeps it."""
    return None if text is None else storable(hide_numbers(text[: 2 * _LONGEST_TEXT]))


def clean(text: str | None) -> str | None:
    """Return a text from outside as the ledger keeps it: storable, and with numbers masked."""
    return None if text is None else storable(mask_text(text))
