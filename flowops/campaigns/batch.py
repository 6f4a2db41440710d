"""The calls of a campaign as it keeps them: sealed, as JSON and back, what each of their attempts says.

AES-256-GCM of `cryptography`, over compressed JSON. What is sealed belongs to one batch of one campaign of one ledger:
a batch that was moved to another place does not open.
"""

from __future__ import annotations

import secrets
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from flowops.common.called import install_command
from flowops.common.text import Lines
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError, UsageError
from flowops.model.call import INSTRUCTION_ID, NO_TERMS, Attempts, Call, Origin, Script, Terms, attempt_reference
from flowops.model.document import Document, Place, RowPlace, SourceMap
from flowops.plan.canonical import hashes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from flowops.model.call import CallBatch
    from flowops.model.document import Path, Value

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


#: Where the document that is kept of a call says how it is named.
_NAMING: Path = ("reference-id",)
#: What is kept of each call besides its body, in the order in which it is read again.
_COLUMNS = ("flows", "sensitive", "files", "numbers", "lines", "terms", "values", "later")
_NO_ROW = (None, 0, None)


class KeptCall(NamedTuple):
    """A call as a campaign keeps it, rendered: `later` are the bodies of attempts that say something else.

    `values` are those of its row, where a rule of the policy looks at them.
    """

    body: dict[str, Value]
    flow: str | None
    sensitive: frozenset[Path]
    row: RowPlace | None
    terms: Terms
    values: Mapping[str, Value]
    later: Mapping[int, dict[str, Value]]

    def at(self, attempt: int) -> dict[str, Value]:
        """Return the body of an attempt, under its own reference-id."""
        if attempt == 1:
            return self.body
        body = self.later.get(attempt, self.body)
        return {**body, INSTRUCTION_ID: attempt_reference(self.body[INSTRUCTION_ID], attempt)}


class KeptBatch:
    """Some calls of one document, as a campaign keeps them: a `flowops.model.call.CallBatch`."""

    def __init__(
        self,
        origin: Origin,
        attempts: Attempts,
        scripts: frozenset[Script],
        calls: Sequence[KeptCall],
        attempt: int = 1,
    ) -> None:
        self.attempts = attempts
        self.scripts = scripts
        self.place = origin.document.place()
        self.labels = origin.document.labels
        self.bodies = [call.at(attempt) for call in calls]
        self.references = [str(body[INSTRUCTION_ID]) for body in self.bodies]
        self.hashes = hashes_of(self.bodies, self.bodies)
        self.has_terms = any(call.terms != NO_TERMS for call in calls)
        self._origin = origin
        self._calls = calls
        self._attempt = attempt

    def repeated(self, indices: Sequence[int], attempt: int) -> CallBatch:
        """Return some of them as they are at a later attempt."""
        some = [self._calls[index] for index in indices]
        return KeptBatch(self._origin, self.attempts, self.scripts, some, attempt)

    def call(self, index: int) -> Call:
        """Return one of them."""
        kept = self._calls[index]
        return Call(
            self.references[index],
            self.bodies[index],
            kept.flow,
            kept.sensitive,
            self._origin,
            kept.row,
            kept.terms,
            self.attempts,
            self._attempt,
            kept.values,
        )


def keep(batch: CallBatch, indices: Sequence[int]) -> Value:
    """Return some calls of a batch of first attempts as JSON, with all that `open_batch` makes of it again."""
    calls = [batch.call(index) for index in indices]
    later = [batch.repeated(indices, attempt).bodies for attempt in range(2, batch.attempts.most + 1)]
    document = calls[0].origin.document
    # Nearly always the same for all of them.
    sensitive = {paths: sorted(map(list, paths), key=str) for paths in {call.sensitive for call in calls}}
    files, numbers, lines = map(list, zip(*(call.row or _NO_ROW for call in calls), strict=True))
    return {
        "document": {
            "place": list(batch.place),
            "kind": document.kind,
            "labels": dict(batch.labels),
            "naming": calls[0].naming,
        },
        "attempts": {
            "most": batch.attempts.most,
            "on": sorted(batch.attempts.on),
            "after": [pause.total_seconds() for pause in batch.attempts.after],
            "within": batch.attempts.within.total_seconds(),
        },
        "scripts": [[script.flow, script.callflow_id, sorted(script.variables)] for script in batch.scripts],
        "bodies": [call.body for call in calls],
        "flows": _column([call.flow for call in calls]),
        "sensitive": _column([sensitive[call.sensitive] for call in calls]),
        "files": _column(files),
        "numbers": numbers,
        "lines": _column(lines),
        "terms": _column([list(call.terms) for call in calls]) if batch.has_terms else [None],
        "values": _column([dict(call.values) if call.values else None for call in calls]),
        "later": [_later(call.body, bodies) for call, *bodies in zip(calls, *later, strict=True)] if later else [None],
    }


def _column(values: Sequence[Value]) -> Sequence[Value]:
    """Return a value for each call, or one alone where it is that of all of them."""
    return values[:1] if len({*map(id, values)}) == 1 else values


def _later(first: Mapping[str, Value], bodies: Sequence[Mapping[str, Value]]) -> dict[str, Value]:
    """Return those bodies of later attempts that are not the first one under another reference-id."""
    name = first[INSTRUCTION_ID]
    return {
        str(attempt): body for attempt, body in enumerate(bodies, 2) if {**body, INSTRUCTION_ID: name} != dict(first)
    }


def open_batch(kept: Value) -> KeptBatch:
    """Return the calls that `keep` has made JSON of. What is wrong with it raises an exception that nobody catches."""
    document, attempts = kept["document"], kept["attempts"]
    place = Place(*document["place"])
    value = {"labels": document["labels"], "reference-id": document["naming"]}
    # All of it is where the document begins: a campaign keeps no text.
    text = "\n" * (place.line - 1) + " " * (place.column - 1)
    written = Document(place.file, document["kind"], value, SourceMap(Lines(text), len(text), len(text)), text)
    return KeptBatch(
        Origin(written, {_NAMING: (written, _NAMING)}),
        Attempts(
            attempts["most"],
            frozenset(attempts["on"]),
            tuple(timedelta(seconds=pause) for pause in attempts["after"]),
            timedelta(seconds=attempts["within"]),
        ),
        frozenset(Script(flow, callflow, frozenset(names)) for flow, callflow, names in kept["scripts"]),
        list(map(_kept_call, kept["bodies"], *(_each(kept[name], len(kept["bodies"])) for name in _COLUMNS))),
    )


def _each(column: list[Value], count: int) -> list[Value]:
    """Return what `_column` has made less of, whole."""
    return column * count if len(column) == 1 else column


def _kept_call(
    body: dict[str, Value],
    flow: str | None,
    sensitive: list[list[str | int]],
    file: str | None,
    number: int,
    line: int | None,
    terms: list[Any] | None,
    values: dict[str, Value] | None,
    later: dict[str, dict[str, Value]] | None,
) -> KeptCall:
    return KeptCall(
        body,
        flow,
        frozenset(map(tuple, sensitive)),
        None if file is None else RowPlace(file, number, line),
        NO_TERMS if terms is None else Terms(*terms),
        values or {},
        {int(attempt): other for attempt, other in (later or {}).items()},
    )
