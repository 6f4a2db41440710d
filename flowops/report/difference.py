"""A difference between two revisions as it may be shown: masked, and what changed in many calls is said once.

Every format but JSON is made from these values, JSON from `changes_of`: what is not masked here is not printed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.masking import mask_number
from flowops.model import ABSENT, Change, Shift
from flowops.report.masking import PeopleCounter, distinguish, masked
from flowops.report.views import SpokenText, country_code, spoken_texts
from flowops.report.worddiff import Piece, edit, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.model import Difference, DifferentCall, Place, RowPlace

#: How many ways in which one field changed, and calls of each, a reader is shown where not all are asked for.
VARIANTS = 3
SAMPLES = 3


class Sample(NamedTuple):
    """A call by which a reader knows what is meant."""

    reference_id: str
    callees: tuple[str, ...]
    flow: str | None
    row: RowPlace | None
    texts: tuple[SpokenText, ...] = ()
    pseudonyms: tuple[str, ...] = ()


@dataclass(slots=True)
class Variant:
    """One way in which a field changed: `pieces` are those of the first call that has it."""

    pieces: tuple[Piece, ...]
    count: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ChangedField:
    """What became of one field in all calls that have it from one place of the files; the commonest way first.

    `variants` are those for a reader, `hidden` counts the others and `hidden_calls` their calls.
    """

    path: str
    place: Place
    count: int
    variants: list[Variant]
    hidden: int = 0
    hidden_calls: int = 0


@dataclass(slots=True)
class DocumentGroup:
    """The calls of one document that came or went."""

    place: Place
    flows: dict[str, None] = field(default_factory=dict)
    count: int = 0
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """A difference for readers. `people` counts the numbers that added and changed calls ring, each once."""

    environment: str
    base: str
    head: str | None
    counts: Mapping[Shift, int]
    unchanged: int
    people: int
    base_problems: int
    countries: Mapping[str, int]
    fields: tuple[ChangedField, ...]
    added: tuple[DocumentGroup, ...]
    removed: tuple[DocumentGroup, ...]


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
        list(_grouped((each for each in found.calls if each.shift is shift), pseudonym, full=full))
        for shift in (Shift.ADDED, Shift.REMOVED)
    )
    _distinguish_callees([*added, *removed])
    reached = {number for each in found.calls if each.shift is not Shift.REMOVED for number in each.call.callees}
    return DifferenceView(
        environment=environment,
        base=found.base,
        head=found.head,
        counts=found.counts(),
        unchanged=found.unchanged,
        people=len(reached),
        base_problems=found.base_problems,
        countries=Counter(country_code(mask_number(number)) for number in reached),
        fields=tuple(_fields((each for each in found.calls if each.shift is Shift.CHANGED), full=full)),
        added=tuple(added),
        removed=tuple(removed),
    )


def changes_of(each: DifferentCall) -> Iterator[Change]:
    """Yield the changes of a call, masked."""
    for change in each.changes:
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
            if full or len(variant.samples) < SAMPLES:
                variant.samples.append(each.call.reference_id)
    fields = [_field(*where, list(variants.values()), full=full) for where, variants in found.items()]
    yield from sorted(fields, key=lambda each: -each.count)


def _field(path: str, place: Place, variants: list[Variant], *, full: bool) -> ChangedField:
    """Return one field with its commonest variants."""
    variants.sort(key=lambda variant: -variant.count)
    shown, rest = (variants, []) if full else (variants[:VARIANTS], variants[VARIANTS:])
    count, hidden_calls = sum(variant.count for variant in variants), sum(variant.count for variant in rest)
    return ChangedField(path, place, count, shown, len(rest), hidden_calls)


def _distinguish_callees(documents: Iterable[DocumentGroup]) -> None:
    """Put pseudonyms behind the callees that look alike; both sides of a difference have the same."""
    shown = [(group.samples, at) for group in documents for at in range(len(group.samples))]
    callees = distinguish((samples[at].callees, samples[at].pseudonyms) for samples, at in shown)
    for (samples, at), named in zip(shown, callees, strict=True):
        samples[at] = samples[at]._replace(callees=named)


def _grouped(calls: Iterable[DifferentCall], pseudonym: PeopleCounter, *, full: bool) -> Iterator[DocumentGroup]:
    """Yield the calls by document, a few of each."""
    found: dict[Place, DocumentGroup] = {}
    for each in calls:
        call = each.call
        place = call.origin.place()
        group = found.setdefault(place, DocumentGroup(place))
        group.flows[f"flow {call.flow}" if call.flow else f"callflow-id {call.body['callflow-id']}"] = None
        group.count += 1
        if full or len(group.samples) < SAMPLES:
            callees = tuple(mask_number(number) for number in call.callees)
            names = tuple(map(pseudonym, call.callees))
            group.samples.append(Sample(call.reference_id, callees, call.flow, call.row, spoken_texts(call), names))
    yield from found.values()
