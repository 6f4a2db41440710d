"""Names that were never used before."""

from __future__ import annotations

import secrets
import time

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid() -> str:
    """Return 26 letters and digits, of which the first ten are the time: later ones sort behind earlier ones."""
    number = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return "".join(_DIGITS[number >> 5 * at & 31] for at in reversed(range(26)))
