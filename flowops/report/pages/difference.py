"""A difference between two revisions as a page: totals, who is reached, the words that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Shift
from flowops.report import words
from flowops.report.pages.countries import by_country
from flowops.report.pages.page import bars, code, counts, largest, marked, page, search, section, table, text
from flowops.report.pages.spoken import spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.report.difference import DifferenceView, Field, Listed, Way

_TONES = {Shift.ADDED: "good", Shift.CHANGED: "warn", Shift.REMOVED: "bad"}


def difference_page(view: DifferenceView) -> str:
    """The page of a difference."""
    return page(f"Difference for {view.environment}", _parts(view))


def _parts(view: DifferenceView) -> Iterator[str]:
    yield f'<p class="where">{text(words.compared(view))}</p>\n'
    told = [(shift.value, number, _TONES[shift]) for shift, number in view.counts.items()]
    yield counts([*told, ("unchanged", view.unchanged, "")])
    yield f'<p class="lead">What was added or changed reaches <strong>{words.people(view.people)}</strong>.</p>\n'
    if view.base_problems:
        yield f'<p class="notice">{text(words.base_problems(view.base_problems))}</p>\n'
    yield search("changes and texts")
    changed = "".join(_way(each, way) for each in view.fields for way in each.ways)
    hidden = sum(each.hidden for each in view.fields)
    note = f'<p class="note">… and {words.count(hidden, "other way")} (--full shows them).</p>\n' if hidden else ""
    yield section("What changed", f'<ul class="texts">\n{changed}</ul>\n{note}' if changed else "")
    yield bars("Phones that are reached, by country", largest(by_country(view.countries)))
    samples = [sample for listed in view.added for sample in listed.samples]
    yield section("What people will newly hear", spoken((sample.texts, sample.flow) for sample in samples))
    for title, documents in (("added", view.added), ("removed", view.removed)):
        for listed in documents:
            yield _listed(listed, title)


def _way(each: Field, way: Way) -> str:
    where = f"{code(each.path)} at {code(f'{each.place.file}:{each.place.line}')}"
    return (
        f'<li data-found><p class="said">{marked(way.pieces)}</p>'
        f'<p class="where">{where}, {text(words.samples(way.samples, way.count))}</p></li>\n'
    )


def _listed(listed: Listed, title: str) -> str:
    rows = [
        (code(sample.reference_id), text(words.phones(sample.callees)), text(str(sample.row)) if sample.row else "")
        for sample in listed.samples
    ]
    heading = f"{listed.place.file}:{listed.place.line}  {words.listed(listed)} {title}"
    hidden = listed.count - len(rows)
    note = f'<p class="note">… and {hidden:,} more (--full shows them).</p>\n' if hidden else ""
    return section(heading, table(("reference-id", "callee", "row"), rows) + note)
