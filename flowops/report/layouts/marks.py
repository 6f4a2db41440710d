"""Signs, tones, phrases and charts that mean the same in every result."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING

from flowops.common.number_plan import tables
from flowops.common.text import count
from flowops.report.blocks import (
    Bar,
    Block,
    Chart,
    Entry,
    Lazy,
    Listing,
    Mark,
    Phrase,
    Section,
    Tone,
    Word,
    named,
    strong,
)
from flowops.report.masking import without_numbers
from flowops.report.phrases import excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.model.document import Place, Problem
    from flowops.model.plan import Guard
    from flowops.report.views.plan import Group, Hour, Hours, SpokenText

#: Signs and tones of actions, outcomes, states and shifts: the same word means the same in each.
_MARKS = {
    "place": ("+", Tone.GOOD),
    "placed": ("+", Tone.GOOD),
    "added": ("+", Tone.GOOD),
    "finished": ("+", Tone.GOOD),
    "retry": ("↻", Tone.WARN),
    "changed": ("~", Tone.WARN),
    "not-attempted": ("-", Tone.WARN),
    "deferred": ("~", Tone.WAIT),
    "in-flight": ("…", Tone.WAIT),
    "unchanged": ("=", Tone.MUTED),
    "conflict": ("!", Tone.ALARM),
    "in-doubt": ("?", Tone.DOUBT),
    "rejected": ("x", Tone.BAD),
    "blocked": ("x", Tone.WARN),
    "given-up": ("#", Tone.BAD),
    "moved": (">", Tone.GOOD),
    "renamed": (">", Tone.MUTED),
    "cancelled": ("-", Tone.MUTED),
    "removed": ("-", Tone.MUTED),
    "invalid": ("/", Tone.WARN),
}
#: Rows are people: their lines are not repeated in a log.
DATA_FILES = (".csv", ".jsonl")
#: The code of a problem with something that may be a secret: its line is not repeated either.
NEVER_QUOTED = "secret"


def warnings_of(warnings: Iterable[str]) -> tuple[Phrase, ...]:
    """Return what a reviewer has to look at, a line each."""
    return tuple((strong("warning", Tone.WARN), ": ", warning) for warning in without_numbers(warnings))


def guard_alert(guard: Guard) -> Phrase:
    """Say that nothing is placed, and why."""
    return (strong("No call is placed", Tone.BAD), ": ", guard.reason)


def tone_of(word: str) -> Tone:
    """Return the tone of an action, an outcome, a state or a shift."""
    return _MARKS[word][1]


def mark_of(word: str) -> Mark:
    """Return the sign of an action, an outcome, a state or a shift."""
    sign, tone = _MARKS[word]
    return Mark(sign, word.replace("-", " "), tone)


def place_of(place: Place | None) -> Phrase:
    """Return where a document begins, for a heading."""
    return (named(f"{place.file}:{place.line}", strong=True), "  ") if place else ()


def labels_of(labels: Mapping[str, str]) -> Phrase:
    """Return labels for a heading."""
    return (named(", ".join(f"{name}={value}" for name, value in labels.items())), "  ") if labels else ()


def quoted_lines(problem: Problem, source: Callable[[Place], str | None]) -> Iterator[Phrase]:
    """Yield the line that a problem is about, and a caret below it."""
    hidden = problem.code == NEVER_QUOTED or problem.place.file.endswith(DATA_FILES)
    text = None if hidden else source(problem.place)
    if text is not None and text.strip():
        shown = excerpt(text, problem.place.column, problem.message)
        number = str(problem.place.line)
        yield Word(f"{number} | ", Tone.MUTED), shown.text
        yield Word(f"{' ' * len(number)} | ", Tone.MUTED), " " * shown.caret, strong("^", Tone.BAD)


#: Different texts that are read aloud, countries and hours that have a bar of their own: two days of them.
MOST_TEXTS, MOST_COUNTRIES, MOST_HOURS = 500, 12, 48
#: Country codes that independent countries share (ITU-T E.164); of all others the first country is the main one.
_SHARED = {"+1": "US, CA, …", "+7": "RU, KZ"}


def chart_section(make: Callable[[], Chart]) -> Section:
    """Return a chart for where there is room, if there is anything in it; it is not made elsewhere."""
    return Section((), Lazy(lambda: (chart for chart in (make(),) if chart.bars)), detail=True)


def countries_chart(title: str, codes: Mapping[str, int]) -> Chart:
    """Return how many phones each country has."""
    largest = sorted(country_names(codes).items(), key=lambda each: (-each[1], each[0]))
    return Chart(title, _cut([Bar(*each) for each in largest], MOST_COUNTRIES, "others"), unit="phones")


def country_names(codes: Mapping[str, int]) -> dict[str, int]:
    """Return ``{"+44": 3}`` as ``{"GB +44": 3}``: the country, or those that share the code (ISO 3166-1)."""
    named: Counter[str] = Counter()
    for code, number in codes.items():
        digits = code.removeprefix("+")
        main = tables().regions.get(int(digits), ("",))[0] if digits.isascii() and digits.isdigit() else ""
        region = _SHARED.get(code, "" if main == "001" else main)
        named[f"{region} {code}".strip()] += number
    return dict(named)


def hours_chart(view: Hours) -> Chart:
    """Return the hours in which something would be sent."""
    return Chart(
        "Phones, by hour", _cut([_hour(each) for each in view.rows], MOST_HOURS, "later"), _legend(view), "phones"
    )


def _hour(hour: Hour) -> Bar:
    untimed = "at once" if hour.placed else "later"
    name = untimed if hour.start is None else f"{hour.start:%a %Y-%m-%d %H:%M} UTC"
    some = f"{hour.deferred:,} deferred" if hour.deferred else ""
    return Bar(name, hour.placed + hour.deferred, some if hour.placed else "deferred")


def _legend(view: Hours) -> str:
    """Say what the bars are: whose clock, and what they take for granted."""
    if view.clock is None:
        start = "what would be placed goes out at once, whenever that is: this form of a plan has no time of its own"
    else:
        at, rate = view.clock
        since = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        start = f"the calls to place go out from {since} on, the time of this plan, {_pace(rate)}"
    deferred = any(row.deferred for row in view.rows)
    waits = "; a deferred call waits for its opening, and for an apply then" if deferred else ""
    return f"{start[0].upper()}{start[1:]}{waits}."


def _pace(rate: float | None) -> str:
    if rate is None:
        return "all in one go: the environment sets no rate"
    every = {1: "a second", 60: "a minute", 3_600: "an hour"}
    seconds = next((seconds for seconds in every if rate * seconds >= 1), 3_600)
    return f"at the environment's rate of {f'{rate * seconds:,.3f}'.rstrip('0').rstrip('.')} {every[seconds]}"


def _cut(bars: Sequence[Bar], most: int, rest: str) -> list[Bar]:
    """Return the first bars, and the sum of all others under one name."""
    others = sum(bar.number for bar in bars[most:])
    return [*bars[:most], *([Bar(rest, others)] if others else [])]


def heard_section(title: str, groups: Iterable[Group]) -> Section:
    """Return what people will hear, to be read aloud: the same texts once, with how many calls have them."""

    def listing() -> Iterator[Block]:
        calls = (call for group in groups for call in group.shown if call.heard)
        heard = ((tuple(call.texts), call.flow) for call in calls)
        found = Counter(each for each in heard if each[0])
        more = len(found) - MOST_TEXTS
        if found:
            entries = [_texts(*each, number) for each, number in found.most_common(MOST_TEXTS)]
            yield Listing(entries, count(more, "more text") if more > 0 else "")

    return Section((title,), Lazy(listing), detail=True)


def _texts(texts: tuple[SpokenText, ...], flow: str | None, number: int) -> Entry:
    note = f"{f'flow {flow}' if flow else 'no flow is described'}, {count(number, 'call')}"
    return Entry(tuple((named(each.name), " ", each.text) for each in texts), (note,))
