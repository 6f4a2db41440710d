"""GitHub's workflow commands: annotations beside the lines of a pull request (docs.github.com, workflow commands)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.report.escape import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.report.notes import Note

#: GitHub shows ten errors of a step; what is behind them is in the log and in the summary.
MOST = 50


def annotation_lines(notes: Iterable[Note]) -> Iterator[str]:
    """A line for each note that GitHub shows beside the place."""
    for number, note in enumerate(notes):
        if number == MOST:
            return
        place = note.place
        where = f"file={_property(safe(place.file))},line={place.line},col={place.column},title={_property(note.code)}"
        yield f"::error {where}::{_data(note.message)}\n"


def outputs(totals: Mapping[str, int | str]) -> str:
    """The lines for ``$GITHUB_OUTPUT``; names and values are flowops' own, and none has a line break."""
    return "".join(f"{name}={value}\n" for name, value in totals.items())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
