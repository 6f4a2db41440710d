"""A difference between two revisions as it may be shown: masked, and what changed in many calls told once.

Every form of it but JSON is made from these values, JSON from `changes_of`: what is not masked here is not printed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.masking import mask_number
from flowops.model import ABSENT, Change, Shift
from flowops.report.masking import masked
from flowops.report.pseudonyms import Counted, told_apart
from flowops.report.texts import Text, texts_of
from flowops.report.view import country_code
from flowops.report.wording import Piece, edit, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.model import Difference, DifferentCall, Place, RowPlace

#: How many ways in which one field changed, and calls of each, a reader is shown where not all are asked for.
WAYS = 3
SAMPLES = 3


class Sample(NamedTuple):
    """A call by which a reader knows what is meant."""

    reference_id: str
    callees: tuple[str, ...]
    flow: str | None
    row: RowPlace | None
    texts: tuple[Text, ...] = ()
    pseudonyms: tuple[str, ...] = ()


@dataclass(slots=True)
class Way:
    """One way in which a field changed: `pieces` are those of the first call that has it."""

    pieces: tuple[Piece, ...]
    count: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Field:
    """What became of one field in all calls that have it from one place of the files; the commonest way first.

    `ways` are those for a reader, `hidden` counts the others and `hidden_calls` their calls.
    """

    path: str
    place: Place
    count: int
    ways: list[Way]
    hidden: int = 0
    hidden_calls: int = 0


@dataclass(slots=True)
class Listed:
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
    fields: tuple[Field, ...]
    added: tuple[Listed, ...]
    removed: tuple[Listed, ...]


def of_difference(found: Difference, environment: str, *, full: bool = False) -> DifferenceView:
    """A difference for readers; with `full` nothing is left out."""
    pseudonym = Counted()
    added, removed = (
        list(_listed((each for each in found.calls if each.shift is shift), pseudonym, full=full))
        for shift in (Shift.ADDED, Shift.REMOVED)
    )
    _tell_apart([*added, *removed])
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
    """The changes of a call, masked."""
    for change in each.changes:
        before, after = (side if side is ABSENT else masked(side) for side in (change.before, change.after))
        yield Change(change.path, before, after)


def _fields(calls: Iterable[DifferentCall], *, full: bool) -> Iterator[Field]:
    """The changes by field and place, those of the most calls first."""
    found: dict[tuple[str, Place], dict[tuple[Piece, ...], Way]] = {}
    for each in calls:
        for change in changes_of(each):
            path = tuple(step.replace("~1", "/").replace("~0", "~") for step in change.path.split("/")[1:])
            place = each.call.origin.place(("reference-id",) if path == ("instruction-id",) else path)
            steps = pieces(change.before, change.after)
            ways = found.setdefault((change.path.removeprefix("/"), place), {})
            way = ways.setdefault(edit(steps), Way(steps))
            way.count += 1
            if full or len(way.samples) < SAMPLES:
                way.samples.append(each.call.reference_id)
    fields = [_field(*where, list(ways.values()), full=full) for where, ways in found.items()]
    yield from sorted(fields, key=lambda each: -each.count)


def _field(path: str, place: Place, ways: list[Way], *, full: bool) -> Field:
    """One field with its commonest ways."""
    ways.sort(key=lambda way: -way.count)
    told, rest = (ways, []) if full else (ways[:WAYS], ways[WAYS:])
    count, hidden_calls = sum(way.count for way in ways), sum(way.count for way in rest)
    return Field(path, place, count, told, len(rest), hidden_calls)


def _tell_apart(documents: Iterable[Listed]) -> None:
    """Put pseudonyms behind the callees that look alike; both sides of a difference have the same."""
    shown = [(listed.samples, at) for listed in documents for at in range(len(listed.samples))]
    callees = told_apart((samples[at].callees, samples[at].pseudonyms) for samples, at in shown)
    for (samples, at), told in zip(shown, callees, strict=True):
        samples[at] = samples[at]._replace(callees=told)


def _listed(calls: Iterable[DifferentCall], pseudonym: Counted, *, full: bool) -> Iterator[Listed]:
    found: dict[Place, Listed] = {}
    for each in calls:
        call = each.call
        place = call.origin.place()
        listed = found.setdefault(place, Listed(place))
        listed.flows[f"flow {call.flow}" if call.flow else f"callflow-id {call.body['callflow-id']}"] = None
        listed.count += 1
        if full or len(listed.samples) < SAMPLES:
            callees = tuple(mask_number(number) for number in call.callees)
            names = tuple(map(pseudonym, call.callees))
            listed.samples.append(Sample(call.reference_id, callees, call.flow, call.row, texts_of(call), names))
    yield from found.values()
