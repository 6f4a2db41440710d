"""The fields in which two bodies differ.

Pseudonyms (``{"$pseudonym": <keyed hash>, "shown": <masked>}``, see `flowops.model.ledger.Ledger.pseudonymize`) are
leaves: two are the same when their hashes are, whatever they show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.ledger import PSEUDONYM
from flowops.model.plan import ABSENT, Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.document import Value


def diff(before: Value, after: Value) -> tuple[Change, ...]:
    """Every field that differs, by JSON Pointer (RFC 6901), keys in sorted order.

    An object or array that is on one side only is one change; inside those on both sides each leaf is its own.
    """
    return tuple(_changes(before, after, ""))


def pointer(key: str | int) -> str:
    """One step of a JSON Pointer, escaped, with its slash."""
    return "/" + str(key).replace("~", "~0").replace("/", "~1")


def _changes(before: Value, after: Value, path: str) -> Iterator[Change]:
    if _is_object(before) and _is_object(after):
        for key in sorted(before.keys() | after.keys()):
            yield from _changes(before.get(key, ABSENT), after.get(key, ABSENT), path + pointer(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else ABSENT
            new = after[index] if index < len(after) else ABSENT
            yield from _changes(old, new, path + pointer(index))
    elif not _same(before, after):
        yield Change(path, before, after)


def _is_object(value: Value) -> bool:
    return isinstance(value, dict) and PSEUDONYM not in value


def _same(before: Value, after: Value) -> bool:
    """Whether two leaves, or two values of different shape, are the same JSON."""
    if isinstance(before, dict) and isinstance(after, dict):
        # At least one is a pseudonym, else they would have been compared key by key.
        return PSEUDONYM in before and PSEUDONYM in after and bool(before[PSEUDONYM] == after[PSEUDONYM])
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after  # JSON's true is not its 1
    return bool(before == after)
