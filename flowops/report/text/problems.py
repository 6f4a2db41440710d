"""What the user has to mend, and what ended a command early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.report import words
from flowops.report.escape import clip, safe
from flowops.report.excerpt import excerpt
from flowops.report.findings import findings
from flowops.report.lines import Line, Span, line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flowops.errors import FlowopsError
    from flowops.model import Place, Problem
    from flowops.report.findings import Finding

#: A message longer than this has swallowed somebody's data.
LONGEST_MESSAGE = 1_000
#: Rows are people: their lines are not repeated in a log.
DATA_FILES = (".csv", ".jsonl")
#: The code of a problem with something that may be a secret: its line is not repeated either.
NEVER_QUOTED = "secret"


def problems_text(problems: Iterable[Problem], source: Callable[[Place], str | None]) -> Iterator[Line]:
    """The lines of all problems, sorted, each once, with a total; `source` gives the line of a file at a place."""
    found = findings(problems)
    for finding in found:
        yield from _finding(finding, source)
    files = len({finding.problem.place.file for finding in found})
    yield line(
        Span(f"{words.count(len(found), 'problem')} in {words.count(files, 'file')}", "bold red" if found else "bold")
    )


def error_text(error: FlowopsError) -> Iterator[Line]:
    """The lines of a failure that has no place in a file."""
    yield line(Span("error: ", "bold red"), safe(clip(error.message, LONGEST_MESSAGE)))
    if error.hint:
        yield line(Span("hint: ", "bold"), safe(clip(error.hint, LONGEST_MESSAGE)))


def _finding(finding: Finding, source: Callable[[Place], str | None]) -> Iterator[Line]:
    problem = finding.problem
    row = f" ({finding.rows})" if finding.rows else ""
    yield line(Span(f"{safe(str(problem.place))}: ", "bold"), safe(clip(problem.message, LONGEST_MESSAGE)), safe(row))
    hidden = problem.code == NEVER_QUOTED or problem.place.file.endswith(DATA_FILES)
    text = None if hidden else source(problem.place)
    if text is not None and text.strip():
        shown = excerpt(text, problem.place.column, problem.message)
        number = str(problem.place.line)
        yield line(Span(f"  {number} | ", "dim"), shown.text)
        yield line(Span(f"  {' ' * len(number)} | ", "dim"), " " * shown.caret, Span("^", "bold red"))
    if problem.hint:
        yield line(f"  hint: {safe(clip(problem.hint, LONGEST_MESSAGE))}")
