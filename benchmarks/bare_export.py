"""The export that nothing can do without: what `flowops ledger export` is held against.

Takes a ledger's file, beside which its key is. It goes through the calls and their legs in the order of their names,
uncovers each fingerprint, and writes the same line of JSON. Left out are calls that are renamed, cancelled, refused or
given up, labels and further attempts, and reading a thousand calls at a time, so that whoever writes need not wait.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from binascii import a2b_base64
from contextlib import closing
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = """\
SELECT reference_id, state, fingerprint, attempts, error, claimed_at,
  (SELECT at FROM flowops_events WHERE flowops_events.ledger = 1 AND flowops_events.serial = flowops_calls.serial)
FROM flowops_calls WHERE ledger = 1 AND state IS NOT NULL ORDER BY reference_id
"""
LEGS = """\
SELECT reference_id, shown, call_id, code, description, error FROM flowops_legs
WHERE ledger = 1 ORDER BY reference_id, position
"""
LEG = ("callee", "call_id", "code", "description", "error")
#: The bytes of a fingerprint's nonce.
NONCE = 8


def bare(file: Path) -> Iterator[str]:
    """Yield all lines."""
    key = bytes.fromhex(file.with_name(f"{file.name}.key").read_text())
    hiding = blake2b(digest_size=32, key=key, person=b"fingerprint")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as ledger:
        legs = groupby(ledger.execute(LEGS), key=lambda leg: leg[0])
        for name, state, covered, attempts, error, claimed_at, updated_at in ledger.execute(CALLS):
            both, state_of = a2b_base64(covered), hiding.copy()
            state_of.update(both[:NONCE])
            own = int.from_bytes(both[NONCE:]) ^ int.from_bytes(state_of.digest())
            _, some = next(legs)
            row: dict[str, Any] = {
                "reference_id": name,
                "state": state,
                "fingerprint": f"v1:sha256:{own:064x}",
                "attempts": attempts,
                "root": name,
                "attempt": 1,
                "max_attempts": 1,
                "terms": None,
                "error": error,
                "claimed_at": claimed_at,
                "updated_at": updated_at,
                "purged": False,
                "renamed": None,
                "cancelled_from": None,
                "refused": 0,
                "given_up": None,
                "labels": {},
                "legs": [dict(zip(LEG, leg[1:], strict=True)) for leg in some],
            }
            yield f"{json.dumps(row)}\n"


if __name__ == "__main__":
    sys.stdout.writelines(bare(Path(sys.argv[1])))
