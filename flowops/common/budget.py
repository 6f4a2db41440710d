"""What a command may do with what a repository says, over all of its documents and rows together.

Work is counted in steps, never by the clock, so that the same files give the same answer everywhere. A step is a round
of a loop, 16 parts of a template that are worked out, 256 characters of text or 16 items of a list that are touched:
a few microseconds. What is counted is what is touched, also where little is written: an alias, a default or a
constant counts for each call that has it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: Steps of one call, over all its templates.
CALL_STEPS = 10_000
#: Steps of a command: this many, and so many more for each row and each document of calls, which somebody has written.
COMMAND_STEPS = 400_000
ROW_STEPS = 20
DOCUMENT_STEPS = 60
#: A later attempt of a call brings none, since nobody has written it, and takes so many: of a row, of a document.
AGAIN_STEPS = 1
DOCUMENT_AGAIN_STEPS = 6
#: What is wrong with a row of a set is looked for at length: so many are taken of one that is told.
WRONG_STEPS = 40

PARTS_PER_STEP = 16
CHARACTERS_PER_STEP = 256
ITEMS_PER_STEP = 16
#: A step makes no more JSON than this: 256 characters that are escaped, or 16 items.
BYTES_PER_STEP = 2_048

#: Short texts whose templates are remembered, and how short they are.
MOST_KNOWN = 4_096
SHORT = 256

#: Bytes of JSON that a body may have.
MAX_BODY = 1024 * 1024
#: No number, true, false or null has more, and no entry of a mapping around its text.
_SCALAR_BYTES = 25
_ENTRY_BYTES = _SCALAR_BYTES + 4
#: Characters of any text that a template takes or makes.
MAX_TEXT = 65_536


class Budget:
    """The steps that are left of one walk over the calls of a command; all documents and rows draw on it."""

    __slots__ = ("_known", "left")

    def __init__(self, steps: int = COMMAND_STEPS) -> None:
        self.left = steps
        self._known: set[str] = set()

    @property
    def exhausted(self) -> bool:
        """Return whether nothing more may be done."""
        return self.left < 0

    def begin(self, steps: int = ROW_STEPS) -> int:
        """Begin with a row, or a document of one call, which brings some steps; return how many it may take."""
        self.left = left = self.left + steps
        return CALL_STEPS if left >= CALL_STEPS else max(0, left)

    def end(self, given: int, left: int) -> None:
        """End what `begin` has begun: of the steps that were given so many are left; what is beyond was not done."""
        if left >= 0:
            self.left -= given - left
        elif given == CALL_STEPS:
            self.left -= given
        else:
            # All that the command had left was not enough.
            self.left = -1

    def spend(self, steps: int) -> None:
        """Take steps of what is done once for a document; whoever goes on asks whether any are left."""
        self.left -= steps

    def spend_once(self, key: str, steps: int) -> None:
        """Take steps of what is done once for a short text, however often it is met."""
        if key in self._known:
            return
        if len(self._known) < MOST_KNOWN:
            self._known.add(key)
        self.left -= steps


def shallow(value: Any) -> int:
    """Return the steps of going through a value once, without going into its items."""
    if type(value) is str:
        return len(value) // CHARACTERS_PER_STEP
    if type(value) is list or type(value) is dict:
        return len(value) // ITEMS_PER_STEP
    return 0


def with_texts(value: Any) -> int:
    """Return the steps of going through a value and the texts in it, the keys of a mapping too."""
    if type(value) is list:
        return 1 + len(value) // ITEMS_PER_STEP + _characters(value) // CHARACTERS_PER_STEP
    if type(value) is dict:
        characters = _characters(value) + _characters(value.values())
        return 1 + len(value) // ITEMS_PER_STEP + characters // CHARACTERS_PER_STEP
    return shallow(value)


def search(text: str, part: str) -> int:
    """Return the steps of looking for a part in a text, which in the worst case compares it at many places."""
    return (len(text) + len(part) + len(text) * min(len(part), 100) // 16) // CHARACTERS_PER_STEP


def _characters(items: Iterable[Any]) -> int:
    return sum([len(item) for item in items if type(item) is str])


def deep(value: Any, limit: int = CALL_STEPS) -> int:
    """Return the steps of going through all that is in a value; beyond the limit nobody goes on counting."""
    if type(value) is not list and type(value) is not dict:
        return shallow(value)
    items, characters = 0, 0
    ahead = [value]
    while ahead and items // ITEMS_PER_STEP + characters // CHARACTERS_PER_STEP <= limit:
        found = ahead.pop()
        items += 1 + len(found)
        characters += _characters(found)
        inside: Iterable[Any] = found
        if type(found) is dict:
            inside = found.values()
            characters += _characters(inside)
        ahead += [item for item in inside if type(item) is list or type(item) is dict]
    return 1 + items // ITEMS_PER_STEP + characters // CHARACTERS_PER_STEP


def json_size(value: Any, limit: int = MAX_BODY) -> int:
    """Return how many bytes a value has as JSON; beyond the limit nobody goes on counting."""
    size = 0
    ahead = [value]
    while ahead and size <= limit:
        found = ahead.pop()
        if type(found) is dict:
            size += 2 + 2 * len(found) + _bytes_of(found, limit)
            found = found.values()
        elif type(found) is list:
            size += 2 + len(found)
        else:
            found = (found,)
        inside = [item for item in found if type(item) is list or type(item) is dict]
        ahead += inside
        size += _bytes_of(found if not inside else [item for item in found if type(item) not in (list, dict)], limit)
    return size


def most_json(value: Any, limit: int = MAX_BODY) -> int:
    """Return more bytes than a value has as JSON, sooner: a character is six when it is escaped."""
    size = 0
    ahead = [value]
    while ahead and size <= limit:
        found = ahead.pop()
        if type(found) is str:
            size += json_bound(1, len(found))
        elif type(found) is dict:
            characters = sum(map(len, found))
            for item in found.values():
                if type(item) is str:
                    characters += len(item)
                elif type(item) is list or type(item) is dict:
                    ahead.append(item)
            size += json_bound(len(found), characters)
        elif type(found) is list:
            size += 2 + len(found)
            ahead += found
        else:
            size += _SCALAR_BYTES
    return size


def json_bound(entries: int, characters: int) -> int:
    """Return more bytes of JSON than a mapping has with so many entries, and so many characters in keys and texts."""
    return 2 + _ENTRY_BYTES * entries + 6 * characters


def _bytes_of(scalars: Collection[Any], limit: int) -> int:
    """Return how many bytes scalars have as JSON, without what stands between them."""
    if len(scalars) + _characters(scalars) > limit:
        return limit + 1
    written = json.dumps(list(scalars), ensure_ascii=False, separators=(",", ","))
    length = len(written) if written.isascii() else len(written.encode("utf-8", "surrogatepass"))
    return length - 1 - max(len(scalars), 1)


#: Beyond it a JSON number loses digits on its way (RFC 8259, section 6; RFC 7493, section 2.2; RFC 8785 refuses it).
MAX_INTEGER = 2**53 - 1
#: How many mappings and lists may stand inside each other in a value that is sent or received.
VALUE_DEPTH = 64
#: The same in what people write, in any language (contract, section 2).
DOCUMENT_DEPTH = 32
