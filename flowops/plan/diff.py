"""The fields in which two bodies differ, and the calls in which two revisions do.

Pseudonyms (``{"$pseudonym": <keyed hash>, "shown": <masked>}``, see `flowops.model.claims.Ledger.pseudonymize`) are
leaves: two are the same when their hashes are, whatever they show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from flowops.model.call import NO_TERMS, ONE_ATTEMPT, TERMS, split_reference
from flowops.model.document import ABSENT
from flowops.model.ledger import PSEUDONYM
from flowops.model.plan import Change, ChangedAttempts, DifferentCall, Shift
from flowops.plan.canonical import Uncanonical, hash_of, hash_of_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from flowops.model.call import Attempts, Call, CallBatch, Terms
    from flowops.model.document import Place, Value

    #: The hash of a body, and of its terms, where it has any; of a body that has none, what it says itself.
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


class Side(Protocol):
    """One of two revisions: what each reference-id stands for, and the calls, rendered again for those that differ."""

    @property
    def identities(self) -> Mapping[str, Identity]:
        """Return the identities of the calls by reference-id."""
        ...

    @property
    def of_later(self) -> Mapping[str, Identity]:
        """Return the identities of further attempts by reference-id."""
        ...

    def chains(self, names: Container[str], *, later: bool) -> Iterator[Sequence[Call]]:
        """Render the calls of these names in the order of the files, each with its `later` attempts if asked for."""
        ...


def identity(body: dict[str, Value], terms: Terms = NO_TERMS, hashed: bytes = b"") -> Identity:
    """Return what is the same for two calls when their bodies and terms are, whatever file they are written in.

    `hashed` is the hash of the body, where it is known.
    """
    try:
        own = hashed or hash_of(body)
    except Uncanonical:
        return {**body, **shown_terms(terms)}
    return own + (hash_of_terms(terms) or b"")


def identities(batch: CallBatch) -> Iterator[tuple[str, Identity]]:
    """Yield the reference-ids of a batch and the identities of its calls."""
    for index, (reference, body, hashed) in enumerate(zip(batch.references, batch.bodies, batch.hashes, strict=True)):
        yield reference, identity(body, batch.call(index).terms if batch.has_terms else NO_TERMS, hashed)


def shown_terms(terms: Terms) -> dict[str, Value]:
    """Return the terms that a call has, by their names in a document."""
    return {name: value for name, value in zip(TERMS, terms, strict=True) if value not in (None, {})}


class Differences:
    """The calls in which the head differs from the base: both are rendered again, in step, each time one goes through.

    They come in the order of the head, then what was removed. Of a call whose bodies differ, every value that is
    sensitive on either side has a pseudonym on both before the fields are compared; the calls themselves are left as
    they are. Of a further attempt there is what the first one does not say as well.
    """

    def __init__(self, base: Side, head: Side, pseudonymize: Callable[[Call], dict[str, Value]]) -> None:
        self._base, self._head, self._pseudonymize = base, head, pseudonymize
        before, after = base.identities, head.identities
        self._added = after.keys() - before.keys()
        self._removed = before.keys() - after.keys()
        self._changed = set(_differing(before, after))
        self._later = set(_differing(base.of_later, head.of_later))
        #: What is on both sides, and differs in any attempt.
        self._on_both = self._changed.union(split_reference(name)[0] for name in self._later)
        self.counts = {
            Shift.ADDED: len(self._added),
            Shift.CHANGED: len(self._on_both),
            Shift.REMOVED: len(self._removed),
        }
        self.unchanged = len(after) - len(self._added) - len(self._on_both)

    def __iter__(self) -> Iterator[DifferentCall]:
        later = bool(self._later)
        before = _InStep(self._base.chains(self._on_both, later=later))
        for chain in self._head.chains(self._added | self._on_both, later=later):
            if chain[0].reference_id in self._added:
                yield DifferentCall(Shift.ADDED, chain[0])
            else:
                yield from self._attempts(before.chain(chain[0].reference_id), chain)
        for first, *_ in self._base.chains(self._removed, later=False) if self._removed else ():
            yield DifferentCall(Shift.REMOVED, first)

    def _attempts(self, before: Sequence[Call], after: Sequence[Call]) -> Iterator[DifferentCall]:
        """Yield the attempts of a call that differ."""
        of_first = None
        known = {call.reference_id: call for call in before}
        for call in after:
            name = call.reference_id
            if name not in self._changed and name not in self._later:
                continue
            changes = _changes_of(known[name], call, self._pseudonymize)
            if name in self._changed:
                of_first = changes
            elif changes == of_first:
                continue
            yield DifferentCall(Shift.CHANGED, call, changes)


class _InStep:
    """The calls of the base, as those of the head ask for them: what stands elsewhere there is kept until it is."""

    def __init__(self, chains: Iterator[Sequence[Call]]) -> None:
        self._chains = chains
        self._passed: dict[str, Sequence[Call]] = {}

    def chain(self, name: str) -> Sequence[Call]:
        """Return the attempts of a call, which the base has."""
        while name not in self._passed:
            chain = next(self._chains)
            self._passed[chain[0].reference_id] = chain
        return self._passed.pop(name)


def _differing(before: Mapping[str, Identity], after: Mapping[str, Identity]) -> Iterator[str]:
    """Yield the names that are on both sides, and stand for something else."""
    return (name for name, own in after.items() if name in before and before[name] != own)


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
    """Return two objects without the values that are the same in both: most are, and to give each of them a pseudonym
    takes longer than all else."""
    same = {name for name, value in before.items() if name in after and _alike(value, after[name])}
    first, second = ({name: value for name, value in side.items() if name not in same} for side in (before, after))
    return first, second


def _alike(before: Value, after: Value) -> bool:
    """Return whether nothing differs in two values."""
    if type(before) in _SCALARS:
        return type(before) is type(after) and before == after
    return before == after and not any(_changes(before, after, ""))
