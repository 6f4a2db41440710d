"""The writes that no ledger of ours can do without: the same rows, as many bytes, and the chain; nothing is decided.

In one commit calls are claimed, in another their answers are recorded. Of each call it writes by hand: its row, the
body with hashes of the numbers, the fingerprint behind a keyed hash, the leg, and two events whose hashes cover what
was before them. Left out is all that may come otherwise: rules, rates, leases, retries, labels, terms, several
callees, a second process, and whatever an answer says but its call-id.
"""

from __future__ import annotations

import json
import os
import sqlite3
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    Row = list[Any]

KNOWN = "SELECT reference_id FROM flowops_calls WHERE ledger = 1 AND reference_id IN (SELECT value FROM json_each(?))"
CALL = f"INSERT INTO flowops_calls VALUES ({', '.join('?' * 18)})"
LEG = f"INSERT INTO flowops_legs VALUES ({', '.join('?' * 10)})"
EVENT = f"INSERT INTO flowops_events VALUES ({', '.join('?' * 12)})"
PLACED = "UPDATE flowops_calls SET state = 'placed', serial = ? WHERE ledger = 1 AND reference_id = ?"
COUNT = "INSERT INTO flowops_counts VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls"
#: Where the columns of a row are that a hash does not cover, or that its answer changes.
STATE, SERIAL = 2, 16


class BareLedger:
    """Writes into the tables of an empty ledger that flowops has made, as durably as flowops does."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode=PERSIST; PRAGMA synchronous=EXTRA; PRAGMA secure_delete=ON; PRAGMA cache_size=-16384"
        )
        self._id, self._head, self._serial = self._database.execute(
            "SELECT id, head, serial FROM flowops_ledgers"
        ).fetchone()
        self._key = os.urandom(32)
        self._actor = orjson.dumps({"commit": None, "host": "host", "job": None, "who": "benchmark", "run": "run"})
        self._rows: dict[str, tuple[Row, str, str]] = {}

    def claim(self, bodies: Sequence[dict[str, Any]]) -> None:
        """Claim calls that are not in the ledger."""
        at, rows, events = _now(), [], []
        self._database.execute("BEGIN IMMEDIATE")
        references = json.dumps([body["instruction-id"] for body in bodies])
        assert not self._database.execute(KNOWN, (references,)).fetchall()
        for body in bodies:
            name, said = body["instruction-id"], dict(body)
            del said["instruction-id"]
            words = blake2b(_json(said), digest_size=6, key=self._key).digest()
            number, shown = self._hidden(body["callee"]), f"{body['callee'][:8]}•••{body['callee'][-2:]}"
            said["callee"] = {"$pseudonym": number, "shown": shown}
            said["caller"] = {"$pseudonym": self._hidden(body["caller"]), "shown": f"{body['caller'][:8]}•••"}
            patient = said["flow-variables"]["patient"]
            hidden = {"$pseudonym": self._hidden(patient), "shown": "•••"}
            said["flow-variables"] = {**said["flow-variables"], "patient": hidden}
            row: Row = [1, name, "in-flight", None, self._blinded(body), 0, 1, "run", None, at, None]
            row += [int.from_bytes(words), 17577, False, None, 0, 0, 1]
            events.append(self._event(row, "claimed", at, None, {"attempt": 1}, _json(said).decode()))
            row[5] = row[SERIAL] = self._serial
            rows.append(row)
            self._rows[name] = (row, number, shown)
        self._database.executemany(CALL, rows)
        self._end(events, {"in-flight": len(rows), at[:15]: len(rows)})

    def record(self, answers: Sequence[tuple[str, str]]) -> None:
        """Record what calls are called by the API, given with their references."""
        at, legs, changes, events = _now(), [], [], []
        self._database.execute("BEGIN IMMEDIATE")
        for name, call_id in answers:
            row, number, shown = self._rows.pop(name)
            row[STATE] = "placed"
            said = {"legs": [{"call_id": call_id, "shown": shown}]}
            events.append(self._event(row, "accepted", at, row[SERIAL], said, None))
            legs.append((1, name, 0, number, shown, call_id, None, None, None, None))
            changes.append((self._serial, name))
        self._database.executemany(PLACED, changes)
        self._database.executemany(LEG, legs)
        self._end(events, {"in-flight": -len(answers), "placed": len(answers)})

    def _event(
        self, row: Row, kind: str, at: str, earlier: int | None, data: dict[str, Any], body: str | None
    ) -> tuple[Any, ...]:
        kept = {"data": data, "row": _hash(_json(row[1:SERIAL]))[:32], "salt": b64encode(os.urandom(12)).decode()}
        details = _json(kept).decode()
        told = _hash(b"%b\n%b\n%b" % (self._actor, details.encode(), (body or "").encode()))
        self._serial += 1
        said = (self._serial, row[1], kind, row[STATE], at, earlier)
        self._head = _hash(_json((self._head, told, self._id, *said)))
        return (1, *said, 1, details, body, None, self._head)

    def _end(self, events: list[tuple[Any, ...]], counts: dict[str, int]) -> None:
        self._database.executemany(EVENT, events)
        self._database.executemany(COUNT, [(what, more, more) for what, more in counts.items()])
        self._database.execute("UPDATE flowops_ledgers SET serial = ?, head = ?", (self._serial, self._head))
        self._database.execute("COMMIT")

    def _hidden(self, text: str) -> str:
        return blake2b(text.encode(), digest_size=16, key=self._key).hexdigest()

    def _blinded(self, body: dict[str, Any]) -> str:
        nonce = os.urandom(8)
        stream = blake2b(nonce, digest_size=32, key=self._key).digest()
        hidden = int.from_bytes(sha256(_json(body)).digest()) ^ int.from_bytes(stream)
        return b64encode(nonce + hidden.to_bytes(32)).decode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _hash(content: bytes) -> str:
    return b64encode(sha256(content).digest())[:-1].decode()
