"""A difference between two revisions as it may be shown: masked, and what changed in many calls is said once.

Every format but JSON is made from these values, JSON from `changes_of`: what is not masked here is not printed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowops.common.masking import calling_code
from flowops.common.tuples import NamedTuple
from flowops.model.call import ONE_ATTEMPT
from flowops.model.document import ABSENT
from flowops.model.plan import A_FEW, Change, Shift
from flowops.report.masking import PeopleCounter, masked
from flowops.report.views.plan import Group, distinguish_callees, view_of
from flowops.report.worddiff import Piece, edit, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

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


class DifferenceOutput(NamedTuple):
    """A difference as formats ask for it; with `full` nothing is left out."""

    found: Difference
    environment: str
    full: bool = False

    def view(self) -> DifferenceView:
        """Return it for readers."""
        return of_difference(self.found, self.environment, full=self.full)


def of_difference(found: Difference, environment: str, *, full: bool = False) -> DifferenceView:
    """Return a difference for readers; with `full` nothing is left out."""
    pseudonym = PeopleCounter()
    added, removed = (
        _grouped((each for each in found.calls if each.shift is shift), shift, pseudonym, full=full)
        for shift in (Shift.ADDED, Shift.REMOVED)
    )
    distinguish_callees((*added, *removed))  # both sides have the same names
    reached = {number for each in found.calls if each.shift is not Shift.REMOVED for number in each.call.callees}
    return DifferenceView(
        environment=environment,
        base=found.base,
        head=found.head,
        counts=found.counts(),
        unchanged=found.unchanged,
        people=len(reached),
        base_problems=found.base_problems,
        countries=Counter(calling_code(number) for number in reached),
        fields=(
            *map(_of_attempts, found.attempts),
            *_fields((each for each in found.calls if each.shift is Shift.CHANGED), full=full),
        ),
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


def _fields(calls: Iterable[DifferentCall], *, full: bool) -> Iterator[ChangedField]:
    """Yield the changes by field and place, those of the most calls first."""
    found: dict[tuple[str, Place], dict[tuple[Piece, ...], Variant]] = {}
    for each in calls:
        for change in changes_of(each):
            path = tuple(step.replace("~1", "/").replace("~0", "~") for step in change.path.split("/")[1:])
            place = each.call.origin.place(("reference-id",) if path == ("instruction-id",) else path)
            steps = pieces(change.before, change.after)
            variants = found.setdefault((change.path.removeprefix("/"), place), {})
            variant = variants.setdefault(edit(steps), Variant(steps))
            variant.count += 1
            if full or len(variant.samples) < A_FEW:
                variant.samples.append(each.call.reference_id)
    fields = [_field(*where, list(variants.values()), full=full) for where, variants in found.items()]
    yield from sorted(fields, key=lambda each: -each.count)


def _field(path: str, place: Place, variants: list[Variant], *, full: bool) -> ChangedField:
    """Return one field with its commonest variants."""
    variants.sort(key=lambda variant: -variant.count)
    shown, rest = (variants, []) if full else (variants[:A_FEW], variants[A_FEW:])
    count, hidden_calls = sum(variant.count for variant in variants), sum(variant.count for variant in rest)
    return ChangedField(path, place, count, shown, len(rest), hidden_calls)


def _grouped(
    calls: Iterable[DifferentCall], shift: Shift, pseudonym: PeopleCounter, *, full: bool
) -> tuple[Group, ...]:
    """Return the calls by document, a few of each."""
    groups: dict[Place, Group] = {}
    for each in calls:
        call = each.call
        place = call.origin.place()
        group = groups.setdefault(place, Group(place, shift))
        group.flows[f"flow {call.flow}" if call.flow else f"callflow-id {call.body['callflow-id']}"] = None
        if group.shows(shift, full=full):
            group.shown.append(view_of(call, shift, pseudonym))
    return tuple(groups.values())
