"""Lay out a difference: each change once, then what came and went, and how many people it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.difference import Shift
from flowops.report import phrases
from flowops.report.blocks import Edit, Entry, Listing, Phrase, Report, Section, Tone, Total, Totals, named, strong
from flowops.report.layouts.charts import chart_section, countries_chart, heard_section
from flowops.report.layouts.marks import mark_of, place_of, tone_of
from flowops.report.layouts.plan import group_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.report.difference import ChangedField, DifferenceOutput
    from flowops.report.worddiff import Piece


def difference_report(output: DifferenceOutput) -> Report:
    """Lay out a difference: each change once, then what came and went, and how many people it reaches."""
    view = output.view()
    counts = [Total(shift.value, number, tone_of(shift)) for shift, number in view.counts.items()]
    counts.append(Total("unchanged", view.unchanged, Tone.MUTED))
    remarks: list[Phrase] = []
    if view.people:
        remarks.append((strong(phrases.people(view.people)), " affected by what was added or changed."))
    if view.base_problems:
        number = phrases.count(view.base_problems, "problem")
        remarks.append((f"The base has {number}: calls that it could not render look like added ones.",))
    return Report(
        title=("Difference for ", named(view.environment)),
        subtitle=(named(view.head) if view.head else "the files as they are", " against ", named(view.base)),
        totals=Totals((strong("Diff: "),), tuple(counts), len(counts)),
        remarks=tuple(remarks),
        sections=[
            *_around_section(view.around),
            *map(_changed_section, view.fields),
            chart_section(lambda: countries_chart("Phones that are reached, by country", view.countries)),
            heard_section("New texts", view.added),
            *map(group_section, (*view.added, *view.removed)),
        ],
        kind="diff",
        environment=view.environment,
        things="changes",
        spaced=True,
    )


def _around_section(around: Sequence[tuple[str, tuple[Piece, ...]]]) -> Iterator[Section]:
    """Yield what changed of where calls go, with whose token, and of the policy: nobody else would say so."""
    if around:
        mark = mark_of(Shift.CHANGED)
        entries = [Entry(((Edit(edited),),), (path,), mark) for path, edited in around]
        yield Section((named("environment"),), [Listing(entries)])


def _changed_section(each: ChangedField) -> Section:
    mark = mark_of(Shift.CHANGED)
    entries = [
        Entry(((Edit(variant.pieces),),), (phrases.samples(variant.samples, variant.count),), mark)
        for variant in each.variants
    ]
    others = phrases.count(each.hidden, "other way")
    hidden = f"in {others} in {phrases.count(each.hidden_calls, 'call')}" if each.hidden else ""
    title = (*place_of(each.place), named(each.path), f"  {phrases.count(each.count, 'call')}")
    return Section(title, [Listing(entries, hidden)])
