"""Signs, tones and phrases that mean the same in every result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.report.blocks import Mark, Phrase, Tone, Word, named, strong
from flowops.report.excerpt import excerpt
from flowops.report.masking import without_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from flowops.model.document import Place, Problem
    from flowops.model.plan import Guard

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
    "blocked": ("x", Tone.BAD),
    "given-up": ("#", Tone.BAD),
    "moved": (">", Tone.GOOD),
    "renamed": (">", Tone.MUTED),
    "cancelled": ("-", Tone.MUTED),
    "removed": ("-", Tone.BAD),
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
    """Yield the line that a problem speaks of, and a caret below it."""
    hidden = problem.code == NEVER_QUOTED or problem.place.file.endswith(DATA_FILES)
    text = None if hidden else source(problem.place)
    if text is not None and text.strip():
        shown = excerpt(text, problem.place.column, problem.message)
        number = str(problem.place.line)
        yield Word(f"{number} | ", Tone.MUTED), shown.text
        yield Word(f"{' ' * len(number)} | ", Tone.MUTED), " " * shown.caret, strong("^", Tone.BAD)
