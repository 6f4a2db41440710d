"""The fields in which two bodies differ, and the calls in which two revisions do.

Pseudonyms (``{"$pseudonym": <keyed hash>, "shown": <masked>}``, see `flowops.model.claims.Ledger.pseudonymize`) are
leaves: two are the same when their hashes are, whatever they show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from flowops.common.tuples import NamedTuple
from flowops.model.call import FINGERPRINT, NO_TERMS, ONE_ATTEMPT, TERMS
from flowops.model.document import ABSENT
from flowops.model.ledger import PSEUDONYM
from flowops.model.plan import Change, ChangedAttempts, Difference, DifferentCall, Shift
from flowops.plan.canonical import Uncanonical, hash_of, hash_of_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from flowops.model.call import Attempts, Call, CallBatch, Terms
    from flowops.model.document import Place, Value

    #: A fingerprint, or of a body that has none the body itself.
    Identity: TypeAlias = str | dict[str, Value]

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


class Side(Protocol):
    """One of two revisions: what each reference-id stands for, and the calls, gone through for those that differ."""

    @property
    def identities(self) -> Mapping[str, Identity]:
        """Return the identities of the bodies by reference-id."""
        ...

    @property
    def calls(self) -> Iterable[Call]:
        """Return the calls themselves."""
        ...


def identity(body: dict[str, Value], terms: Terms = NO_TERMS, hashed: bytes = b"") -> Identity:
    """Return what is the same for two calls when their bodies and terms are, whatever file they are written in.

    `hashed` is the hash of the body, where it is known.
    """
    try:
        own = f"{FINGERPRINT}{(hashed or hash_of(body)).hex()}"
    except Uncanonical:
        return {**body, **shown_terms(terms)}
    said = hash_of_terms(terms)
    return own if said is None else f"{own} {said.hex()}"


def identities(batch: CallBatch) -> Iterator[tuple[str, Identity]]:
    """Yield the reference-ids of a batch and the identities of its calls."""
    for index, (reference, body, hashed) in enumerate(zip(batch.references, batch.bodies, batch.hashes, strict=True)):
        yield reference, identity(body, batch.call(index).terms if batch.has_terms else NO_TERMS, hashed)


def shown_terms(terms: Terms) -> dict[str, Value]:
    """Return the terms that a call has, by their names in a document."""
    return {name: value for name, value in zip(TERMS, terms, strict=True) if value not in (None, {})}


def difference(
    base: Side,
    head: Side,
    *,
    names: tuple[str, str | None],
    pseudonymize: Callable[[Call], dict[str, Value]],
) -> Difference:
    """Return what the head renders otherwise than the base; `names` are what people call the two.

    Of a call whose bodies differ, every value that is sensitive on either side has a pseudonym on both before the
    fields are compared; the calls themselves are left as they are.
    """
    before, after = base.identities, head.identities
    unchanged = {reference for reference, body in after.items() if before.get(reference) == body}
    old = _others(base, unchanged)
    new = _others(head, unchanged)
    found: list[DifferentCall] = []
    for reference, call in new.items():
        if reference not in old:
            found.append(DifferentCall(Shift.ADDED, call))
            continue
        found.append(DifferentCall(Shift.CHANGED, call, _changes_of(old[reference], call, pseudonymize)))
    found += (DifferentCall(Shift.REMOVED, call) for reference, call in old.items() if reference not in new)
    return Difference(*names, tuple(found), len(unchanged))


class Repeated(NamedTuple):
    """How often the calls of a document, or some of them, may be tried."""

    place: Place
    attempts: Attempts
    references: Sequence[str]


def changed_attempts(base: Iterable[Repeated], head: Iterable[Repeated]) -> Iterator[ChangedAttempts]:
    """Yield what became of how often calls may be tried, once a document of the head and way; both have all calls."""
    before = {name: some.attempts for some in base for name in some.references}
    found: dict[tuple[Place, Attempts | None, Attempts], list[str]] = {}
    for some in head:
        for name in some.references:
            known = before.get(name)
            if (known or ONE_ATTEMPT) != some.attempts:
                found.setdefault((some.place, known, some.attempts), []).append(name)
    for (place, known, attempts), names in found.items():
        yield ChangedAttempts(place, known, attempts, len(names), names[0])


def later_attempts(batch: CallBatch) -> Iterator[CallBatch]:
    """Yield the calls of a batch as they are at each further attempt; not where one of them cannot be rendered."""
    everyone = range(len(batch.references))
    for attempt in range(2, batch.attempts.most + 1):
        further = batch.repeated(everyone, attempt)
        if len(further.references) == len(everyone):
            yield further


def changed_later(
    base: Side, head: Side, first: Iterable[DifferentCall], pseudonymize: Callable[[Call], dict[str, Value]]
) -> Iterator[DifferentCall]:
    """Yield what further attempts say otherwise, where both sides have them; not what the first attempt does as well.

    Here the identities and calls of the sides are those of further attempts.
    """
    before, after = base.identities, head.identities
    names = {name for name, own in after.items() if name in before and before[name] != own}
    if not names:
        return
    known = {each.call.reference_id: each.changes for each in first}
    old = {call.reference_id: call for call in base.calls if call.reference_id in names}
    for call in (call for call in head.calls if call.reference_id in names):
        changes = _changes_of(old[call.reference_id], call, pseudonymize)
        if changes != known.get(call.root):
            yield DifferentCall(Shift.CHANGED, call, changes)


def _changes_of(old: Call, new: Call, pseudonymize: Callable[[Call], dict[str, Value]]) -> tuple[Change, ...]:
    """Return the fields in which a call differs from what it was: what is sensitive in one has a pseudonym in both."""
    sensitive = old.sensitive | new.sensitive
    before, after = _apart(old.body, new.body)
    then, now = before.get(_VARIABLES), after.get(_VARIABLES)
    if (_VARIABLES,) not in sensitive and isinstance(then, dict) and isinstance(now, dict):
        before[_VARIABLES], after[_VARIABLES] = _apart(then, now)
    both = (side._replace(body=body, sensitive=sensitive) for side, body in ((old, before), (new, after)))
    return diff(*(pseudonymize(side) | shown_terms(side.terms) for side in both))


def _apart(before: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return two objects without the texts, numbers and flags that are the same in both: most are, and to give each of
    them a pseudonym takes longer than all else."""
    same = {
        name
        for name, value in before.items()
        if type(value) in _SCALARS and name in after and type(after[name]) is type(value) and after[name] == value
    }
    first, second = ({name: value for name, value in side.items() if name not in same} for side in (before, after))
    return first, second


def _others(side: Side, unchanged: Container[str]) -> dict[str, Call]:
    return {call.reference_id: call for call in side.calls if call.reference_id not in unchanged}
