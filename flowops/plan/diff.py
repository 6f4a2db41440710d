"""The fields in which two bodies differ, and two calls.

Pseudonyms (``{"$pseudonym": <keyed hash>, "shown": <masked>}``, see `flowops.model.claims.Ledger.pseudonymize`) are
leaves: two are the same when their hashes are, whatever they show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from flowops.model.call import NO_TERMS, TERMS
from flowops.model.document import ABSENT
from flowops.model.ledger import PSEUDONYM
from flowops.model.plan import Change
from flowops.plan.canonical import Uncanonical, hash_of, hash_of_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowops.model.call import Call, CallBatch, Terms
    from flowops.model.document import Value

    #: What fingerprints are made of, or of a body that has none the body itself.
    Identity: TypeAlias = bytes | dict[str, Value]

_VARIABLES = "flow-variables"
_SCALARS = frozenset((str, int, float, bool))


def diff(before: Value, after: Value) -> tuple[Change, ...]:
    """Return every field that differs, by JSON Pointer (RFC 6901), keys in sorted order.

    An object or array that is on one side only is one change; inside those on both sides each leaf is its own.
    """
    return tuple(_changes(before, after, ""))


def pointer(key: str | int) -> str:
    """Return one step of a JSON Pointer, escaped, with its slash."""
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
    """Return whether two leaves, or two values of different shape, are the same JSON."""
    if isinstance(before, dict) and isinstance(after, dict):
        # At least one is a pseudonym, else they would have been compared key by key.
        return PSEUDONYM in before and PSEUDONYM in after and bool(before[PSEUDONYM] == after[PSEUDONYM])
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after  # JSON's true is not its 1
    return bool(before == after)


def identity(body: dict[str, Value], terms: Terms = NO_TERMS, hashed: bytes = b"") -> Identity:
    """Return what is the same for two calls when their bodies and terms are, whatever file they are written in.

    `hashed` is the hash of the body, where it is known.
    """
    try:
        return (hashed or hash_of(body)) + (hash_of_terms(terms) or b"")
    except Uncanonical:
        return {**body, **shown_terms(terms)}


def shown_terms(terms: Terms) -> dict[str, Value]:
    """Return the terms that a call has, by their names in a document."""
    return {name: value for name, value in zip(TERMS, terms, strict=True) if value not in (None, {})}


def later_attempts(batch: CallBatch) -> Iterator[CallBatch]:
    """Yield the calls of a batch as they are at each further attempt; not where one of them cannot be rendered."""
    everyone = range(len(batch.references))
    for attempt in range(2, batch.attempts.most + 1):
        further = batch.repeated(everyone, attempt)
        if len(further.references) == len(everyone):
            yield further


def changes_of(old: Call, new: Call, pseudonymize: Callable[[Call], dict[str, Value]]) -> tuple[Change, ...]:
    """Return the fields in which a call differs from what it was: what is sensitive in one has a pseudonym in both."""
    sensitive = old.sensitive if old.sensitive == new.sensitive else old.sensitive | new.sensitive
    before, after = _apart(old.body, new.body)
    then, now = before.get(_VARIABLES), after.get(_VARIABLES)
    if (_VARIABLES,) not in sensitive and isinstance(then, dict) and isinstance(now, dict):
        before[_VARIABLES], after[_VARIABLES] = _apart(then, now)
    before = pseudonymize(old._replace(body=before, sensitive=sensitive))
    after = pseudonymize(new._replace(body=after, sensitive=sensitive))
    if old.terms != new.terms:
        before |= shown_terms(old.terms)
        after |= shown_terms(new.terms)
    return diff(before, after)


def _apart(before: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return two objects without the texts, numbers and flags that are the same in both: most are, and to give each of
    them a pseudonym takes longer than all else."""
    first, second = dict(before), dict(after)
    for name, value in before.items():
        kind, other = type(value), after.get(name, ABSENT)
        if kind in _SCALARS and type(other) is kind and value == other:
            del first[name], second[name]
    return first, second
