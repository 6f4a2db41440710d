"""Lay out what is wrong in the files, and what tests of calls found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.problems import with_rows
from flowops.report import phrases
from flowops.report.blocks import (
    Column,
    Lazy,
    Mark,
    Phrase,
    Report,
    Row,
    Section,
    Table,
    Tone,
    Total,
    Totals,
    Where,
    cell,
    named,
    strong,
)
from flowops.report.layouts.marks import quoted_lines, warnings_of
from flowops.report.views.problems import CasesView, ProblemsView, in_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.document import Place, Problem
    from flowops.model.result import CaseResult


def problems_report(view: ProblemsView) -> Report:
    """Lay out what is wrong in the files."""
    found = in_order(view.problems)
    files = len({problem.place.file for problem in found})
    numbers = f"{phrases.count(len(found), 'problem')} in {phrases.count(files, 'file')}"
    rows = Lazy(lambda: (_problem_row(problem, view.excerpt) for problem in found))
    columns = (Column("place"), Column("problem", Where.AFTER))
    return Report(
        title=(numbers if found else "Valid", " for ", named(view.environment)),
        totals=Totals((strong(numbers, Tone.BAD if found else Tone.PLAIN),), (), 0),
        remarks=() if found else (("Everything that was checked is valid.",),),
        notices=warnings_of(view.warnings),
        sections=[Section((), [Table(columns, rows, len(found), indent=0)])] if found else [],
        kind="problems",
        environment=view.environment,
        things="problems",
        headed=False,
    )


def cases_report(view: CasesView) -> Report:
    """Lay out the tests of a project's calls: which passed, and what differs in the others."""
    columns = (Column("place"), Column("test"), Column("why", Where.BELOW))
    rows = Lazy(lambda: (_case_row(result, view.excerpt) for result in view.results))
    passed = len(view.results) - view.failed
    return Report(
        title=("Tests",),
        totals=Totals(
            (strong(f"{phrases.count(len(view.results), 'test')}: ", Tone.BAD if view.failed else Tone.PLAIN),),
            (Total("passed", passed, Tone.GOOD), Total("failed", view.failed, Tone.BAD)),
            2,
        ),
        sections=[Section((), [Table(columns, rows, len(view.results), indent=0)])] if view.results else [],
        kind="tests",
        environment=view.environment,
        things="tests",
        headed=False,
    )


def _problem_row(problem: Problem, source: Callable[[Place], str | None] | None) -> Row:
    lines: list[Phrase] = [(with_rows(problem),), *(quoted_lines(problem, source) if source else ())]
    if problem.hint:
        lines.append((f"hint: {problem.hint}",))
    return Row((cell(named(str(problem.place), strong=True)), tuple(lines)))


def _case_row(result: CaseResult, source: Callable[[Place], str | None] | None) -> Row:
    """Return a test, and below it each difference with the line of the test that it is about."""
    lines: list[Phrase] = []
    for problem in result.failures:
        lines.append((named(str(problem.place), strong=True), ": ", with_rows(problem)))
        lines += quoted_lines(problem, source) if source else ()
        if problem.hint:
            lines.append((f"hint: {problem.hint}",))
    cells = (cell(named(str(result.place))), cell(named(result.name)), tuple(lines))
    return Row(
        cells, not result.passed, Mark("+", "passed", Tone.GOOD) if result.passed else Mark("x", "failed", Tone.BAD)
    )
