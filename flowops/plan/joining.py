"""The calls in which two revisions differ: both are gone through side by side, and few calls are kept.

What is known of a call is told when its other side comes. Both revisions have mostly one order, so most batches meet
the batch of the same calls; what stands elsewhere waits, as text.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING

from flowops.common.duplicates import DuplicateDetector
from flowops.common.tuples import NamedTuple
from flowops.model.call import NO_TERMS, ONE_ATTEMPT
from flowops.model.plan import ChangedAttempts, DifferentCall, Shift
from flowops.plan.diff import changes_of, identity, later_attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from flowops.model.call import Attempts, Call, CallBatch
    from flowops.model.document import Place, Value
    from flowops.model.plan import Change
    from flowops.plan.diff import Identity


class Part(NamedTuple):
    """Calls of one revision, as they come: `asked` are the names of those that are asked for, None for all."""

    batch: CallBatch
    asked: Container[str] | None = None


class Joining:
    """Joins the calls of two revisions by reference-id.

    What differs is given to `take` when it is known: a changed call when its other side comes, what was added and
    what was removed in the end. Of a call that changed, every value that is sensitive on either side has a pseudonym
    on both before the fields are compared; the calls themselves are left as they are.
    """

    def __init__(self, take: Callable[[DifferentCall], None], pseudonymize: Callable[[Call], dict[str, Value]]) -> None:
        self._take = take
        self._pseudonymize = pseudonymize
        self._base: dict[str, _Waiting] = {}
        self._head: dict[str, _Waiting] = {}
        #: The names of the head: a base that is not valid may have a name twice, which is not removed for that.
        self._met = DuplicateDetector()
        self._counts: Counter[Shift] = Counter()
        self._attempts: dict[tuple[Place, Attempts | None, Attempts], list[str]] = {}
        #: Of the calls that are being joined: what changed in the first attempt, and those that changed in others only.
        self._first: dict[str, tuple[Change, ...]] = {}
        self._only_later: set[str] = set()
        self.unchanged = 0

    @property
    def counts(self) -> dict[Shift, int]:
        """Return how many calls are different in which way, however many of their attempts are; every way is there."""
        return {shift: self._counts[shift] for shift in Shift}

    @property
    def attempts(self) -> tuple[ChangedAttempts, ...]:
        """Return what became of how often calls may be tried, once a document of the head and way."""
        return tuple(ChangedAttempts(*which, len(names), names[0]) for which, names in self._attempts.items())

    def join_all(self, base: Iterable[Part], head: Iterable[Part]) -> None:
        """Go through both sides to their end."""
        for before, after in zip_longest(base, head):
            self._first.clear()
            self._only_later.clear()
            # A later attempt is held against what changed in the first one, which comes before it.
            for then, now in zip_longest(_sides(before), _sides(after)):
                self._join(then, now)
        self._finish()

    def _join(self, before: _Side | None, after: _Side | None) -> None:
        """Take the next calls of both sides, or of the one that still has some."""
        if before is not None and after is not None and _are_same(before, after):
            self._met.add(after.batch.references)
            self.unchanged += len(after.roots) if after.is_first else 0
            return
        here = {} if before is None else {name: _One(before, at) for at, name in enumerate(before.batch.references)}
        if after is not None:
            self._met.add(after.batch.references)
            for at, name in enumerate(after.batch.references):
                one, other = _One(after, at), here.pop(name, None) or self._base.pop(name, None)
                if other is None:
                    self._head[name] = _Waiting.of(one)
                else:
                    self._compare(other, one)
        for name, one in here.items():
            if name in self._head:
                self._compare(one, self._head.pop(name))
            else:
                self._base[name] = _Waiting.of(one)

    def _compare(self, before: _One | _Waiting, after: _One | _Waiting) -> None:
        """Tell what changed in a call that both sides have."""
        if not (before.is_asked or after.is_asked):
            return
        if after.is_first:
            self._compare_attempts(before.attempts, after)
        if before.identity == after.identity:
            self.unchanged += after.is_first
            return
        call, root = after.call(), after.root
        changes = changes_of(before.call(), call, self._pseudonymize)
        found = DifferentCall(Shift.CHANGED, call, changes)
        if after.is_first:
            self._first[root] = changes
            self._counts[Shift.CHANGED] += 1
            self._take(found)
        elif changes != self._first.get(root):
            if root not in self._first and root not in self._only_later:
                self._only_later.add(root)
                self._counts[Shift.CHANGED] += 1
                self.unchanged -= 1
            self._take(found)

    def _compare_attempts(self, before: Attempts | None, after: _One | _Waiting) -> None:
        """Remember a call that may be tried more or less often than before, or that is new and may be tried again."""
        if (before or ONE_ATTEMPT) != after.attempts:
            self._attempts.setdefault((after.place, before, after.attempts), []).append(after.root)

    def _finish(self) -> None:
        """Tell what has no other side; of a call with attempts the first of them is all that is told."""
        for added in self._head.values():
            if added.is_asked and added.is_first:
                self._compare_attempts(None, added)
                self._counts[Shift.ADDED] += 1
                self._take(DifferentCall(Shift.ADDED, added.call()))
        left = DuplicateDetector()
        left.add(self._base)
        met = left.common(self._met)
        for name, removed in self._base.items():
            if removed.is_asked and removed.is_first and hash(name) not in met:
                self._counts[Shift.REMOVED] += 1
                self._take(DifferentCall(Shift.REMOVED, removed.call()))


class _Side(NamedTuple):
    """Calls at one of their attempts; `roots` are their names at the first one."""

    batch: CallBatch
    roots: Sequence[str]
    asked: Container[str] | None
    is_first: bool


def _sides(part: Part | None) -> Iterator[_Side]:
    """Yield the calls of a part at their first attempt, then at each that is rendered."""
    if part is not None:
        roots = part.batch.references
        yield _Side(part.batch, roots, part.asked, is_first=True)
        for later in later_attempts(part.batch):
            yield _Side(later, roots, part.asked, is_first=False)


def _are_same(before: _Side, after: _Side) -> bool:
    """Return whether two batches have the same calls, as most have, and nobody has to look at each of them."""
    then, now = before.batch, after.batch
    return (
        before.asked is None
        and after.asked is None
        and not (then.has_terms or now.has_terms)
        and then.attempts == now.attempts
        and then.references == now.references
        and then.hashes == now.hashes
        and all(now.hashes)
    )


class _One(NamedTuple):
    """A call whose batch is at hand."""

    side: _Side
    at: int

    @property
    def identity(self) -> Identity:
        batch, at = self.side.batch, self.at
        return identity(batch.bodies[at], batch.call(at).terms if batch.has_terms else NO_TERMS, batch.hashes[at])

    @property
    def root(self) -> str:
        return self.side.roots[self.at]

    @property
    def is_first(self) -> bool:
        return self.side.is_first

    @property
    def is_asked(self) -> bool:
        return self.side.asked is None or self.root in self.side.asked

    @property
    def attempts(self) -> Attempts:
        return self.side.batch.attempts

    @property
    def place(self) -> Place:
        return self.side.batch.place

    def call(self) -> Call:
        return self.side.batch.call(self.at)


class _Waiting(NamedTuple):
    """A call whose other side has not come: what it says is a text, which takes less than its parts."""

    identity: Identity
    root: str
    is_first: bool
    is_asked: bool
    bodiless: Call
    body: str

    @classmethod
    def of(cls, one: _One) -> _Waiting:
        """Return a call that no longer needs its batch."""
        call = one.call()
        body = json.dumps(call.body, separators=(",", ":"))
        bodiless = call._replace(body={}, values={})
        return cls(one.identity, one.root, one.is_first, one.is_asked, bodiless, body)

    @property
    def attempts(self) -> Attempts:
        return self.bodiless.attempts

    @property
    def place(self) -> Place:
        return self.bodiless.origin.place()

    def call(self) -> Call:
        return self.bodiless._replace(body=json.loads(self.body))
