"""A difference between two revisions as it may be shown: masked, and what changed in many calls is said once.

Every format but JSON is made from these values, JSON from `changes_of`: what is not masked here is not printed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.masking import calling_code
from flowops.model.call import INSTRUCTION_ID, ONE_ATTEMPT
from flowops.model.document import ABSENT
from flowops.model.plan import A_FEW, Change, Shift
from flowops.report.masking import PeopleCounter, masked
from flowops.report.views.plan import Group, distinguish_callees, view_of
from flowops.report.worddiff import Piece, edit, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.model.call import Call, Origin
    from flowops.model.document import Place
    from flowops.model.plan import ChangedAttempts, Difference, DifferentCall


@dataclass(slots=True)
class Variant:
    """One way in which a field changed: `pieces` are those of the first call that has it."""

    pieces: tuple[Piece, ...]
    count: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ChangedField:
    """How one field changed in all calls that have it from one place of the files; the most common change first.

    `variants` are those for a reader, `hidden` counts the others and `hidden_calls` their calls.
    """

    path: str
    place: Place
    count: int
    variants: list[Variant]
    hidden: int = 0
    hidden_calls: int = 0


class DifferenceView(NamedTuple):
    """A difference for readers. `people` counts the numbers that added and changed calls ring, each once.

    `around` are the changes of what is around the calls: where they go, with whose token, and the policy.
    """

    environment: str
    base: str
    head: str | None
    counts: Mapping[Shift, int]
    unchanged: int
    people: int
    base_problems: int
    countries: Mapping[str, int]
    fields: tuple[ChangedField, ...]
    added: tuple[Group, ...]
    removed: tuple[Group, ...]
    around: tuple[tuple[str, tuple[Piece, ...]], ...] = ()


@dataclass(frozen=True)
class DifferenceOutput:
    """A difference as formats ask for it; with `full` nothing is left out."""

    found: Difference
    environment: str
    full: bool = False

    @cached_property
    def view(self) -> DifferenceView:
        """Return it for readers: its calls are rendered once, however often one looks at it."""
        return of_difference(self.found, self.environment, full=self.full)


def of_difference(found: Difference, environment: str, *, full: bool = False) -> DifferenceView:
    """Return a difference for readers, going once through its calls; with `full` nothing is left out."""
    groups = {shift: _Groups(shift, full=full) for shift in (Shift.ADDED, Shift.REMOVED)}
    changed = _Fields(full=full)
    pseudonym = PeopleCounter()
    reached: set[str] = set()
    for each in found.calls:
        if each.shift is not Shift.REMOVED:
            reached.update(each.call.callees)
        if each.shift is Shift.CHANGED:
            changed.add(each)
        else:
            groups[each.shift].add(each.call, pseudonym)
    added, removed = (tuple(some.groups.values()) for some in groups.values())
    distinguish_callees((*added, *removed))  # both sides have the same names
    return DifferenceView(
        environment=environment,
        base=found.base,
        head=found.head,
        counts=found.counts,
        unchanged=found.unchanged,
        people=len(reached),
        base_problems=found.base_problems,
        countries=Counter(calling_code(number) for number in reached),
        fields=(*map(_of_attempts, found.attempts), *changed.fields()),
        added=added,
        removed=removed,
        around=tuple(
            (change.path.removeprefix("/"), pieces(change.before, change.after))
            for change in masked_changes(found.environment)
        ),
    )


def _of_attempts(each: ChangedAttempts) -> ChangedField:
    """Return how the number of attempts of a document's calls changed."""
    before = ABSENT if each.before in (None, ONE_ATTEMPT) else str(each.before)
    after = ABSENT if each.after == ONE_ATTEMPT else str(each.after)
    return ChangedField("attempts", each.place, each.calls, [Variant(pieces(before, after), each.calls, [each.first])])


def changes_of(each: DifferentCall) -> Iterator[Change]:
    """Yield the changes of a call, masked."""
    return masked_changes(each.changes)


def masked_changes(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield changes as they may be shown."""
    for change in changes:
        before, after = (side if side is ABSENT else masked(side) for side in (change.before, change.after))
        yield Change(change.path, before, after)


class _Fields:
    """The changes by field and place, as the calls that have them are gone through."""

    def __init__(self, *, full: bool) -> None:
        self._full = full
        self._found: dict[tuple[str, Place], dict[tuple[Piece, ...], Variant]] = {}
        #: Where a field of the calls of a document stands.
        self._places: dict[tuple[int, str], tuple[Origin, Place]] = {}

    def add(self, each: DifferentCall) -> None:
        """Take the changes of a call."""
        for change in changes_of(each):
            steps = pieces(change.before, change.after)
            where = change.path.removeprefix("/"), self._place(each.call.origin, change.path)
            variants = self._found.setdefault(where, {})
            variant = variants.setdefault(edit(steps), Variant(steps))
            variant.count += 1
            if self._full or len(variant.samples) < A_FEW:
                variant.samples.append(each.call.reference_id)

    def fields(self) -> Iterator[ChangedField]:
        """Yield what was taken, the fields of the most calls first."""
        fields = [_field(*where, list(variants.values()), full=self._full) for where, variants in self._found.items()]
        yield from sorted(fields, key=lambda each: -each.count)

    def _place(self, origin: Origin, path: str) -> Place:
        known = self._places.get((id(origin), path))
        if known is None:
            steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:])
            place = origin.place(("reference-id",) if steps == (INSTRUCTION_ID,) else steps)
            # The origin is kept, so that no other one has its id.
            known = self._places[id(origin), path] = origin, place
        return known[1]


def _field(path: str, place: Place, variants: list[Variant], *, full: bool) -> ChangedField:
    """Return one field with its commonest variants."""
    variants.sort(key=lambda variant: -variant.count)
    shown, rest = (variants, []) if full else (variants[:A_FEW], variants[A_FEW:])
    count, hidden_calls = sum(variant.count for variant in variants), sum(variant.count for variant in rest)
    return ChangedField(path, place, count, shown, len(rest), hidden_calls)


class _Groups:
    """The calls that came or went by document, a few of each."""

    def __init__(self, shift: Shift, *, full: bool) -> None:
        self.groups: dict[Place, Group] = {}
        self._shift = shift
        self._full = full

    def add(self, call: Call, pseudonym: PeopleCounter) -> None:
        """Take a call."""
        place = call.origin.place()
        group = self.groups.setdefault(place, Group(place, self._shift))
        group.flows[f"flow {call.flow}" if call.flow else f"callflow-id {call.body['callflow-id']}"] = None
        if group.shows(self._shift, full=self._full):
            group.shown.append(view_of(call, self._shift, pseudonym))
