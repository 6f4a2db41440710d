"""Do-not-call lists: a number or a keyed hash of one a line, and in a comment how old the list is.

::

    # as-of: 2026-11-23T06:00:00Z
    +442079460023
    hmac-sha256:5f1c…            HMAC-SHA-256 of the E.164 text, with a key that is kept elsewhere

A list may be long: it is read once, line by line, and takes eight bytes for each of them.
"""

from __future__ import annotations

import hmac
import re
from array import array
from bisect import bisect_left
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowops.common.numbers import is_e164
from flowops.policy.rule import Listing
from flowops.policy.times import read_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HASH = "hmac-sha256:"
_HASHED = re.compile(rf"{HASH}[0-9a-f]{{64}}")
_SPACES = re.compile(r"[ ().-]")
_SAYS_AS_OF = re.compile(r"#\s*as-of:")
_AS_OF = re.compile(rf"{_SAYS_AS_OF.pattern}\s*(\S+)\s*")
#: A line of a list is short; whatever has a longer one is something else, and is not read into memory.
LONGEST = 200
#: So many hexadecimal digits of a hash are kept: nobody is taken for somebody else by eight bytes, and if so is spared.
_DIGITS = 16
_PARTS = 64


def hashed(number: str, key: bytes) -> str:
    """A number as a list keeps it when the list itself may be seen."""
    return f"{HASH}{hmac.digest(key, number.encode(), 'sha256').hex()}"


class Numbers:
    """Very many numbers, and keyed hashes of numbers, eight bytes each. It is sealed before it is asked."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        # In parts: as objects, which sorting takes, they have four times the size.
        self._plain = [array("Q") for _ in range(_PARTS)]
        self._hashed = [array("Q") for _ in range(_PARTS)]
        self._any_hashed = False

    def add(self, entry: str) -> None:
        """Take in a number, or a hash of one as a list has it."""
        if entry.startswith(HASH):
            value, parts = int(entry[len(HASH) : len(HASH) + _DIGITS], 16), self._hashed
            self._any_hashed = True
        else:
            value, parts = int(entry[1:]), self._plain
        parts[value % _PARTS].append(value)

    def seal(self) -> None:
        """Get ready to be asked."""
        for parts in (self._plain, self._hashed):
            parts[:] = [array("Q", sorted(part)) for part in parts]

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, str) or not is_e164(number):
            return False
        if _has(self._plain, int(number[1:])):
            return True
        if not self._any_hashed or self._key is None:
            return False
        return _has(self._hashed, int(hashed(number, self._key)[len(HASH) : len(HASH) + _DIGITS], 16))


def _has(parts: Sequence[array[int]], value: int) -> bool:
    part = parts[value % _PARTS]
    at = bisect_left(part, value)
    return at < len(part) and part[at] == value


def read_list(lines: Iterable[bytes], key: bytes | None) -> Listing:
    """Return what a list says. Any line that is neither a number nor a hash makes the whole list useless."""
    found, as_of = Numbers(key), None
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
        found.add(entry)
    found.seal()
    return Listing(found, as_of)


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
