"""The rule about do-not-call lists, and the lists: a number or a keyed hash a line, and in comments how old it is.

::

    # key-check: hmac-sha256:77aa…  what the key makes of a fixed text: it proves that this is the key
    # as-of: 2026-11-23T06:00:00Z
    +442079460023
    hmac-sha256:5f1c…            HMAC-SHA-256 of the E.164 text, with a key that is kept elsewhere

A list may be long: it is read once, line by line, and takes eight bytes for each of them. A line that is neither a
valid number nor a hash, or a key that is not proven, makes the whole list useless: whom it means cannot be known.
"""

from __future__ import annotations

import hmac
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import TYPE_CHECKING, ClassVar

from flowops.common.numbers import Refusal, is_canonical, read
from flowops.common.patterns import regex
from flowops.common.secrets import Reference
from flowops.common.times import span_text
from flowops.policy.reading import moment_text, read_moment
from flowops.policy.rule import (
    AHEAD,
    REFERENCE,
    Block,
    Finding,
    NumberList,
    Rule,
    RunGuard,
    Schema,
    Setting,
    each,
    span_schema,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowops.model.document import Path, Place, Value
    from flowops.policy.reading import PolicyReader
    from flowops.policy.rule import CallContext, CallGroup, PolicyContext

HASH = "hmac-sha256:"
_HASHED = regex(rf"{HASH}[0-9a-f]{{64}}")
_SAYS_AS_OF = regex(r"#\s*as-of:")
_AS_OF = regex(rf"{_SAYS_AS_OF.pattern}\s*(\S+)\s*")
_KEY_CHECK = regex(rf"#\s*key-check:\s*({_HASHED.pattern})\s*")
#: What a key is proven by; no number can be this text.
_PROOF = "flowops do-not-call"
#: A line of a list is short; whatever has a longer one is something else, and is not read into memory.
LONGEST = 200
#: So many hexadecimal digits of a hash are kept: nobody is taken for somebody else by eight bytes, and if so is spared.
_DIGITS = 16
_PARTS = 64


_FILE: Schema = {"type": "string", "minLength": 1}
_DO_NOT_CALL: Schema = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            **_FILE,
            "description": "A number or a hash a line. The path starts at the project file.",
            "examples": ["lists/do-not-call.txt"],
        },
        "max-age": span_schema("How old the list may be, by its own line `# as-of: 2026-11-23`."),
        "key": {
            **REFERENCE,
            "description": "The key of the hashes: {env: NAME} or {file: PATH}.",
            "examples": [{"env": "FLOWOPS_LIST_KEY"}],
        },
        "may-be-empty": {
            "type": "boolean",
            "default": False,
            "description": "Whether the list may name nobody. If not, nothing is placed while it is empty.",
            "examples": [True],
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class DoNotCall(Setting, Rule, RunGuard):
    """Nobody who is on this list. `file` is as it is written, `secret` says where the key of its hashes is kept."""

    file: str
    max_age: timedelta | None
    secret: Reference | None
    place: Place
    may_be_empty: bool = False
    key: ClassVar[str] = "do-not-call"
    name: ClassVar[str] = "do-not-call"
    schema: ClassVar[Schema] = {
        "description": "Numbers that are not called. While a list is missing or too old, nothing is placed.",
        "examples": ["lists/do-not-call.txt", {"file": "lists/national.txt", "max-age": "30d"}],
        "anyOf": [_FILE, _DO_NOT_CALL, {"type": "array", "minItems": 1, "items": {"anyOf": [_FILE, _DO_NOT_CALL]}}],
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield the rule of a file, of a mapping, or of each in a list of these."""
        for where, item in each(at, value):
            fields: Mapping[str, Value] = {"file": item} if isinstance(item, str) else item
            secret = Reference.of(fields["key"]) if "key" in fields else None
            max_age, may_be_empty = reader.span(where, fields, "max-age"), fields.get("may-be-empty", False)
            yield cls(fields["file"], max_age, secret, reader.place(where), may_be_empty)

    @property
    def source(self) -> tuple[str, str | None]:
        """Return what decides what the list says: the file, and the key of its hashes."""
        return self.file, self.secret and self.secret.name

    def check(self, facts: PolicyContext, at: datetime) -> str | None:
        """Return why the list cannot be relied on: it is missing, damaged, empty or too old."""
        listing = facts.lists.get(self.source)
        if listing is None:
            return f"{self.file} was not read"
        trouble = self.trouble_of(listing) or self._age(listing, at)
        return None if trouble is None else f"{self.file} {trouble}"

    def trouble_of(self, listing: NumberList) -> str | None:
        """Return why a list cannot be used whatever the time is, to stand behind its name."""
        if listing.trouble is not None:
            return listing.trouble
        if listing.is_empty and not self.may_be_empty:
            return "is empty: if it may be, say so with may-be-empty: true"
        if self.max_age is not None and listing.as_of is None:
            return "does not say how old it is: begin it with '# as-of: 2026-11-23'"
        return None

    def _age(self, listing: NumberList, at: datetime) -> str | None:
        if self.max_age is None or listing.as_of is None:
            return None
        if listing.as_of > at + AHEAD:
            return f"says that it is from the future: {moment_text(listing.as_of)}"
        if listing.as_of < at - self.max_age:
            return f"is from {moment_text(listing.as_of)}, older than {span_text(self.max_age)}"
        return None

    def evaluate(self, context: CallContext) -> Finding:
        """Block who is listed; should a claim ever ask while the list cannot be relied on, everybody."""
        trouble = self.check(context.facts, context.at)
        if trouble is not None:
            return Block(trouble)
        numbers = context.facts.lists[self.source].numbers
        for callee in context.callees:
            if callee.number in numbers:
                return Block(f"{context.named(callee)} is in {self.file}")
        return None

    def suspects(self, group: CallGroup) -> Iterable[int]:
        """Return the calls to somebody who is listed; all of them while the list cannot be relied on."""
        if self.check(group.facts, group.at) is not None:
            return group.calls
        numbers = group.facts.lists[self.source].numbers
        return compress(group.calls, map(numbers.__contains__, group.numbers))


def hashed(number: str, key: bytes) -> str:
    """Return a number as a list keeps it when the list itself may be seen."""
    return f"{HASH}{hmac.digest(key, number.encode(), 'sha256').hex()}"


class Numbers:
    """Very many numbers, and keyed hashes of numbers, eight bytes each. It is sorted before it is asked."""

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

    def sort(self) -> None:
        """Get ready to be asked."""
        for parts in (self._plain, self._hashed):
            parts[:] = [array("Q", sorted(part)) for part in parts]

    def __contains__(self, number: object) -> bool:
        """Return whether a number in E.164 is listed."""
        assert isinstance(number, str), "only numbers are asked for"
        if _has(self._plain, int(number)):
            return True
        if not self._any_hashed or self._key is None:
            return False
        return _has(self._hashed, int(hashed(number, self._key)[len(HASH) : len(HASH) + _DIGITS], 16))


def _has(parts: Sequence[array[int]], value: int) -> bool:
    part = parts[value % _PARTS]
    at = bisect_left(part, value)
    return at < len(part) and part[at] == value


def read_list(lines: Iterable[bytes], key: bytes | None) -> NumberList:
    """Return what a list says, or why it cannot be used."""
    listed, found = _List(key), Numbers(key)
    try:
        for entry in listed.entries(lines):
            found.add(entry)
    except ValueError as error:
        return NumberList(trouble=str(error))
    found.sort()
    return NumberList(found, listed.as_of, is_empty=listed.is_empty)


def read_unkeyed(lines: Iterable[bytes], *, is_keyed: bool) -> NumberList:
    """Return what can be said of a list without the key of its hashes, which `is_keyed` says that there is.

    Nobody is in it. Its lines are read, and that it can prove its key is looked at; not whether it does.
    """
    listed = _List(None, proves_elsewhere=is_keyed)
    try:
        for _ in listed.entries(lines):
            pass
    except ValueError as error:
        return NumberList(trouble=str(error))
    return NumberList(as_of=listed.as_of, is_empty=listed.is_empty)


def hash_lines(lines: Iterable[bytes], key: bytes, now: datetime, *, may_be_empty: bool = False) -> Iterator[str]:
    """Return the lines of a hashed list, sorted so that their order tells nothing.

    Raises ValueError for a list that could not be used as it is, for one that is hashed already, and for an empty one.
    """
    listed = _List(None)
    hashes = {hashed(number, key) for number in listed.entries(lines)}
    if listed.as_of is None and listed.undated is not None:
        raise ValueError(f"line {listed.undated} does not say how old the list is: write '# as-of: 2026-11-23'")
    if listed.is_empty and not may_be_empty:
        raise ValueError("the list is empty")
    yield f"# key-check: {hashed(_PROOF, key)}"
    yield f"# as-of: {(listed.as_of or now).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    yield from sorted(hashes)


class _List:
    """A list while it is read, and what its comments say."""

    def __init__(self, key: bytes | None, *, proves_elsewhere: bool = False) -> None:
        self.as_of: datetime | None = None
        #: The line of an ``as-of`` that gives no date.
        self.undated: int | None = None
        self.is_empty = True
        self._key = key
        self._proves_elsewhere = proves_elsewhere
        self._is_proven = False

    def entries(self, lines: Iterable[bytes]) -> Iterator[str]:
        """Give the numbers, in E.164, and the hashes. Raises ValueError when the list cannot be used."""
        for number, raw in enumerate(lines, 1):
            line = _text(raw)
            if line is None:
                raise ValueError(f"cannot be used: line {number} is not text of a list")
            if line.startswith("#"):
                self._comment(number, line)
            elif line:
                self.is_empty = False
                yield line if is_canonical(line) else self._entry(number, line)

    def _entry(self, number: int, line: str) -> str:
        if _HASHED.fullmatch(line) is not None:
            if self._key is None and not self._proves_elsewhere:
                raise ValueError("holds hashes: say which key they are made with, key: {env: NAME}")
            if not self._is_proven:
                raise ValueError(
                    "does not prove its key: make it again with flowops policy hash-numbers FILE --key-env NAME"
                )
            return line
        found = read(line)
        if not isinstance(found, Refusal):
            return found
        hint = f": {found.hint}" if found.hint else ""
        raise ValueError(f"cannot be used: line {number} {found.message}{hint}")

    def _comment(self, number: int, line: str) -> None:
        self.as_of = self.as_of or _as_of(line)
        if self.as_of is None and self.undated is None and _SAYS_AS_OF.match(line):
            self.undated = number
        check = _KEY_CHECK.fullmatch(line)
        if check is not None and self._key is not None:
            if not hmac.compare_digest(check[1], hashed(_PROOF, self._key)):
                raise ValueError("was made with another key than the one that is named")
            self._is_proven = True
        elif check is not None:
            self._is_proven = self._proves_elsewhere


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
