"""Do-not-call lists: a number or a keyed hash of one a line, and in a comment how old the list is.

::

    # as-of: 2026-11-23T06:00:00Z
    +442079460023
    hmac-sha256:5f1c…            HMAC-SHA-256 of the E.164 text, with a key that is kept elsewhere

A list may be long: it is read line by line, and only what is asked for is kept.
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowops.common.numbers import is_e164
from flowops.policy.rule import Listing
from flowops.policy.times import read_moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

HASH = "hmac-sha256:"
_HASHED = re.compile(rf"{HASH}[0-9a-f]{{64}}")
_SPACES = re.compile(r"[ ().-]")
_SAYS_AS_OF = re.compile(r"#\s*as-of:")
_AS_OF = re.compile(rf"{_SAYS_AS_OF.pattern}\s*(\S+)\s*")
#: A line of a list is short; whatever has a longer one is something else, and is not read into memory.
LONGEST = 200


def hashed(number: str, key: bytes) -> str:
    """A number as a list keeps it when the list itself may be seen."""
    return f"{HASH}{hmac.digest(key, number.encode(), 'sha256').hex()}"


def find(lines: Iterable[bytes], numbers: Collection[str], key: bytes | None) -> Listing:
    """Which of the numbers are in the list. Any line that is neither makes the whole list useless."""
    wanted = {number: number for number in numbers}
    if key is not None:
        wanted |= {hashed(number, key): number for number in numbers}
    found, as_of = set(), None
    for number, raw in enumerate(lines, 1):
        line = _text(raw)
        if line is None:
            return Listing(trouble=f"cannot be used: line {number} is not text of a list")
        if not line:
            continue
        if line.startswith("#"):
            as_of = as_of or _as_of(line)
            continue
        entry = _SPACES.sub("", line) if line.startswith("+") else line
        if _HASHED.fullmatch(entry):
            if key is None:
                return Listing(trouble="holds hashes: say which key they are made with, key: {env: NAME}")
        elif not is_e164(entry):
            return Listing(trouble=f"cannot be used: line {number} is neither a number nor a hash")
        if entry in wanted:
            found.add(wanted[entry])
    return Listing(frozenset(found), as_of)


def hash_lines(lines: Iterable[bytes], key: bytes, now: datetime) -> Iterator[str]:
    """The lines of a hashed list, sorted so that their order tells nothing. Raises ValueError, with the line."""
    as_of, hashes = None, set()
    for number, raw in enumerate(lines, 1):
        line = _text(raw)
        if line == "":
            continue
        if line is not None and line.startswith("#"):
            as_of = as_of or _as_of(line)
            if as_of is None and _SAYS_AS_OF.match(line):
                raise ValueError(f"line {number} does not say how old the list is: write '# as-of: 2026-11-23'")
            continue
        if line is None or not is_e164(entry := _SPACES.sub("", line)):
            raise ValueError(f"line {number} is not a number in E.164")
        hashes.add(hashed(entry, key))
    yield f"# as-of: {(as_of or now).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    yield from sorted(hashes)


def _text(raw: bytes) -> str | None:
    if len(raw) > LONGEST:
        return None
    try:
        return raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None


def _as_of(line: str) -> datetime | None:
    given = _AS_OF.fullmatch(line)
    if given is None:
        return None
    try:
        return read_moment(given[1], [UTC], end=False)
    except ValueError:
        return None
