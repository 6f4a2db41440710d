"""What apply would do: one action a call, in little memory for each; and what two revisions render differently."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING, TypeAlias

from flowops.common.tuples import NamedTuple
from flowops.model.call import FINGERPRINT, HASH_BYTES, ONE_ATTEMPT, root_of, split_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from flowops.model.call import Attempts, Call, LeftOut, Script
    from flowops.model.document import Place, Value
    from flowops.model.ledger import Checkpoint


class Action(StrEnum):
    """The action of a plan on a call."""

    PLACE = "place"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    RETRY = "retry"
    GIVEN_UP = "given-up"
    MOVED = "moved"
    IN_FLIGHT = "in-flight"
    IN_DOUBT = "in-doubt"
    DEFERRED = "deferred"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    #: A row that is wrong, and left out by ``on-invalid: skip``: it has no body, and is in no batch.
    INVALID = "invalid"

    @property
    def sends(self) -> bool:
        """Return whether apply posts such a call."""
        return self in SENDING

    @property
    def code(self) -> int:
        """Return the byte that stands for the action in a plan."""
        return CODES[self]


SENDING = frozenset({Action.PLACE, Action.RETRY})
#: What the approval of a plan covers: calls whose time has not come are placed when it has.
MAY_BE_PLACED = SENDING | {Action.DEFERRED, Action.MOVED}


def to_apply(counts: Mapping[Action, int]) -> int:
    """Return with how many of some calls apply would do something: post them, or record them under a new reference."""
    return sum(counts[action] for action in (*SENDING, Action.MOVED))


#: The actions in the order of the bytes that stand for them.
ACTIONS = tuple(Action)
CODES = {action: code for code, action in enumerate(ACTIONS)}

#: How many calls of one action a reader is shown of a document, where not all are asked for.
A_FEW = 3
#: Of these all are shown: nothing can be done about one without seeing it.
ALL_SHOWN = frozenset({Action.CONFLICT, Action.IN_DOUBT})
#: Of these none is.
NONE_SHOWN = frozenset({Action.UNCHANGED})


class Change(NamedTuple):
    """A field that differs: `path` is a JSON Pointer into the body; pseudonyms stay what they are.

    `before` or `after` is `ABSENT` where the field is not there at all.
    """

    path: str
    before: Value
    after: Value


class Decision(NamedTuple):
    """The decision about a call; `reasons` say why, for people: rules are named with where they are written.

    `until` is when a deferred call may be placed, with an offset, as far as that is known. `refused` counts the callees
    of an unchanged call that the API refused among others, and that nobody has acknowledged.
    """

    action: Action
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    until: datetime | None = None
    refused: int = 0


#: How reasons begin that say from when on a call may be placed, and that the API has refused it.
OPENING, REFUSED_EARLIER = "may be placed from", "refused earlier"
#: How the reason begins that a call is at a later attempt, and the one that says how an edit is accepted.
ATTEMPT, ACCEPTED = "attempt", "or accept the edit"


class Waiting(NamedTuple):
    """The calls that wait for the outcome of an attempt before the next one: how many, and the longest since when."""

    calls: int = 0
    since: str | None = None


NOBODY_WAITS = Waiting()


class Guard(NamedTuple):
    """A guard of the whole run that has tripped, so that nothing is placed; `reason` says for people which and why.

    `place` is where the guard is written, None for one that is in no file.
    """

    name: str
    reason: str
    place: Place | None = None


NO_LABELS: Mapping[str, str] = {}


class PlannedReference(NamedTuple):
    """The part of a call that a plan itself keeps, see `Decision`."""

    reference_id: str
    fingerprint: str
    action: Action
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    until: datetime | None = None
    refused: int = 0
    terms: str = ""
    phones: int = 1
    labels: Mapping[str, str] = NO_LABELS
    attempt: int = 1
    max_attempts: int = 1

    @property
    def root(self) -> str:
        """Return the reference-id of the first attempt, which is the call's own."""
        return root_of(self.reference_id, self.attempt)


class PlannedCall(NamedTuple):
    """A call and what is to be done with it, see `Decision`; `campaign` is the one that it is placed for, if any."""

    call: Call
    fingerprint: str
    action: Action
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    until: datetime | None = None
    refused: int = 0
    campaign: str | None = None

    @property
    def reference_id(self) -> str:
        """Return the call's own."""
        return self.call.reference_id

    @property
    def phones(self) -> int:
        """Return how many phones the call rings."""
        return len(self.call.callees)

    @property
    def labels(self) -> Mapping[str, str]:
        """Return what the call can be selected by."""
        return self.call.labels

    @property
    def root(self) -> str:
        """Return the reference-id of the first attempt, which is the call's own."""
        return self.call.root

    @property
    def attempt(self) -> int:
        """Return which attempt of the call it is."""
        return self.call.attempt

    @property
    def max_attempts(self) -> int:
        """Return how often the call may be tried."""
        return self.call.attempts.most


#: A call of a plan, for whoever does not ask for its body.
Planned: TypeAlias = PlannedCall | PlannedReference
#: What decides what happens besides calls and ledger, by name: no secret, and of a policy only a hash.
Settings: TypeAlias = "Mapping[str, str]"
NO_SETTINGS: Settings = {}


class PlannedBatch(NamedTuple):
    """The decisions about some calls of one document, in about 140 bytes a call.

    Of call i the reference-id is ``references[i]``, the hash of the body ``hashes[32 * i : 32 * (i + 1)]``, and the
    action ``ACTIONS[actions[i]]``. `details` are the decisions that say more than an action, `terms` the
    hashes of the terms of those that have some, `several` how many phones a call rings that rings more than one.
    `labels` are those of all of them.
    `attempts` says how often each may be tried, `later` which attempt those are that are not at the first.
    """

    place: Place
    scripts: frozenset[Script]
    references: Sequence[str]
    hashes: bytes
    actions: bytes
    details: Mapping[int, Decision]
    terms: Mapping[int, bytes] = {}
    several: Mapping[int, int] = {}
    labels: Mapping[str, str] = NO_LABELS
    attempts: Attempts = ONE_ATTEMPT
    later: Mapping[int, int] = {}

    @property
    def size(self) -> int:
        """Return how many calls there are."""
        return len(self.actions)

    def roots(self) -> Sequence[str]:
        """Return the reference-ids of the calls, whichever attempt they are at."""
        if not self.later:
            return self.references
        return [split_reference(name)[0] if at in self.later else name for at, name in enumerate(self.references)]

    def counts(self) -> dict[Action, int]:
        """Return how many calls have each action that there is."""
        return {ACTIONS[code]: self.actions.count(code) for code in sorted(set(self.actions))}

    def phones(self) -> dict[Action, int]:
        """Return how many phones the calls of each action ring."""
        found = self.counts()
        for index, phones in self.several.items():
            found[ACTIONS[self.actions[index]]] += phones - 1
        return found

    def having(self, actions: Iterable[Action]) -> list[int]:
        """Return the indices of the calls that have one of these actions, in order."""
        return list(compress(range(len(self.actions)), self.actions.translate(_table_of(frozenset(actions)))))

    def hash(self, index: int) -> bytes:
        """Return the hash of the body of one of the calls."""
        return self.hashes[index * HASH_BYTES : (index + 1) * HASH_BYTES]

    def reference(self, index: int) -> PlannedReference:
        """Return what is known of one of the calls."""
        fingerprint = f"{FINGERPRINT}{self.hash(index).hex()}"
        return PlannedReference(
            self.references[index],
            fingerprint,
            *self._decision(index),
            terms=self.terms_of(index),
            phones=self.several.get(index, 1),
            labels=self.labels,
            attempt=self.later.get(index, 1),
            max_attempts=self.attempts.most,
        )

    def terms_of(self, index: int) -> str:
        """Return a text that differs where when and why, or how often, one of the calls may be placed does."""
        said = self.terms.get(index, b"").hex()
        return said if self.attempts == ONE_ATTEMPT else _with_attempts(said, self.attempts)

    def planned(self, index: int, call: Call) -> PlannedCall:
        """Return one of the calls, which the caller has at hand, with what is to be done with it."""
        return PlannedCall(call, f"{FINGERPRINT}{self.hash(index).hex()}", *self._decision(index))

    def _decision(self, index: int) -> Decision:
        return self.details.get(index) or Decision(ACTIONS[self.actions[index]])


@lru_cache(maxsize=64)
def _table_of(actions: frozenset[Action]) -> bytes:
    """Return what `bytes.translate` makes 1 of the codes of some actions with, and 0 of all others."""
    return bytes(action in actions for action in ACTIONS).ljust(256, b"\0")


@lru_cache(maxsize=1024)
def _with_attempts(terms: str, attempts: Attempts) -> str:
    return hashlib.sha256(f"{terms} {attempts}".encode()).hexdigest()


class HookCalls(NamedTuple):
    """The calls that requests to a hook may place, at most so many phones in some time: `limit` as it is written.

    `variables` are the names of what a request gives: where it goes, `calls` have a template. Of a call whose attempts
    say different things, or ring others, each attempt is there.
    """

    name: str
    limit: str
    variables: tuple[str, ...]
    calls: tuple[Call, ...]


class Plan(NamedTuple):
    """The calls of the desired state in the order of the files, each with its action.

    `batches` is what is kept of all calls, `shown` are a few whole ones of each document and action. `calls` are all
    of them, whole: whoever goes through them has them rendered again, as often as they do.

    `unnamed` counts calls in the ledger that the files no longer name, `invalid` are rows that are left out.
    `digest` is ``sha256:<hex>`` over everything that decides what apply does; `settings` are what of that is neither a
    call nor the ledger, by name: where calls are posted, with whose token, and so on. `warnings` and `notes` are about
    the plan as a whole, for people: what a reviewer should think about, and what the rules make of it. `guards`
    have tripped, so that apply places nothing; the actions are as they would be without. `pseudonym` gives a number
    its short name, where there is a ledger with a key to make it with. `waiting` are the chains that wait for an
    outcome. `hooks` have calls that requests to them place, and apply does not.
    """

    environment: str
    revision: str | None
    ledger: Checkpoint | None
    batches: tuple[PlannedBatch, ...]
    shown: tuple[PlannedCall, ...]
    calls: Iterable[PlannedCall]
    unnamed: int
    digest: str
    settings: Settings = NO_SETTINGS
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    invalid: tuple[LeftOut, ...] = ()
    guards: tuple[Guard, ...] = ()
    pseudonym: Callable[[str], str] | None = None
    waiting: Waiting = NOBODY_WAITS
    hooks: tuple[HookCalls, ...] = ()

    def counts(self) -> dict[Action, int]:
        """Return how many calls have each action; every action is there."""
        actions = b"".join([batch.actions for batch in self.batches])
        found = {action: actions.count(code) for code, action in enumerate(ACTIONS)}
        found[Action.INVALID] += len(self.invalid)
        return found

    def phones(self) -> dict[Action, int]:
        """Return how many phones the calls of each action ring; every action is there."""
        found = self.counts()
        for batch in self.batches:
            for index, phones in batch.several.items():
                found[ACTIONS[batch.actions[index]]] += phones - 1
        return found

    @property
    def next_run(self) -> datetime | None:
        """Return when the next run is needed: the first time at which a call that is deferred may be placed."""
        deferred = (
            detail.until
            for batch in self.batches
            for index, detail in batch.details.items()
            if batch.actions[index] == Action.DEFERRED.code
        )
        return min((time for time in deferred if time is not None), default=None)

    @property
    def moves(self) -> int:
        """Return how many calls apply would record under a new reference, and not post."""
        return self.counts()[Action.MOVED]

    @property
    def to_apply(self) -> int:
        """Return how many calls apply would do something with: post them, or record them under a new reference."""
        return to_apply(self.counts())

    @property
    def size(self) -> int:
        """Return how many calls apply would post."""
        counts = self.counts()
        return sum(counts[action] for action in SENDING)

    def references(self, *actions: Action) -> Iterator[PlannedReference]:
        """Go through what is kept of all calls, or of those that have one of some actions, in order."""
        for batch in self.batches:
            yield from map(batch.reference, batch.having(actions) if actions else range(batch.size))


class Shift(StrEnum):
    """The kind of change of a call between two revisions."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class DifferentCall(NamedTuple):
    """A call that is not the same on both sides: `call` is the head's, of a removed one the base's.

    `changes` are those of a changed call; they have pseudonyms for sensitive values.
    """

    shift: Shift
    call: Call
    changes: tuple[Change, ...] = ()


class ChangedAttempts(NamedTuple):
    """How often the calls of a document may be tried, where that is another number than before: once a document.

    `before` is None for calls that only the head has. `calls` counts those of the document, `first` is one of them.
    """

    place: Place
    before: Attempts | None
    after: Attempts
    calls: int
    first: str


class Difference(NamedTuple):
    """Two revisions, joined by reference-id.

    `base` and `head` are as people named them; `head` is None for the files as they are. `counts` says how many calls
    are different in which way, however many of their attempts are; every way is there. `calls` are those that changed,
    of the head, then what was added, then what was removed; none where somebody took them as they were found. Of a call
    of which only a further attempt differs, that attempt is among them. `base_problems` counts
    what is wrong in the base: calls that it could not render look like added ones. `environment` is what became of
    where calls go, with whose token, and of the policy, in any environment: paths lead into the project's document.
    `attempts` is what became of how often calls may be tried.
    """

    base: str
    head: str | None
    counts: Mapping[Shift, int]
    unchanged: int
    calls: tuple[DifferentCall, ...] = ()
    base_problems: int = 0
    environment: tuple[Change, ...] = ()
    attempts: tuple[ChangedAttempts, ...] = ()


class Pacing(NamedTuple):
    """The pacing of a run: how many go first, and how many at all.

    `canary` counts phones. `failures` is the share of them that may fail, `patience` how long their outcomes
    are waited for. `limit` is how many phones the run rings at most.
    """

    canary: int | None = None
    failures: float = 0.0
    patience: timedelta = timedelta(minutes=10)
    limit: int | None = None


class Override(NamedTuple):
    """Rules that an operator lifts for one run, and why; kept with every event of the run."""

    rules: frozenset[str]
    reason: str

    def __str__(self) -> str:
        return f"{', '.join(sorted(self.rules))}: {self.reason}"
