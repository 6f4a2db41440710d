"""Lay out what is wrong in files, what tests of calls found, what a field means, and what an environment lacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.common.text import count
from flowops.model.document import ABSENT, with_rows
from flowops.model.status import Check, Diagnosis, Status
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
    from collections.abc import Callable, Iterator

    from flowops.model.document import Field, Place, Problem
    from flowops.model.result import CaseResult


def problems_report(view: ProblemsView) -> Report:
    """Lay out what is wrong in the files."""
    found = in_order(view.problems)
    files = len({problem.place.file for problem in found})
    numbers = f"{count(len(found), 'problem')} in {count(files, 'file')}"
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
            (strong(f"{count(len(view.results), 'test')}: ", Tone.BAD if view.failed else Tone.PLAIN),),
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


def field_report(field: Field) -> Report:
    """Lay out what a field means, and the fields inside it."""
    facts = [Row((cell(name), cell(named(value)))) for name, value in _facts(field)]
    fields = [
        Row(
            (
                cell(named(each.path[-1])),
                cell(f"{each.type}{', required' if each.required else ''}"),
                cell(each.description),
            )
        )
        for each in field.fields
    ]
    about, inside = (Column("field"), Column("value")), (Column("field"), Column("takes"), Column("means", Where.BELOW))
    return Report(
        [
            Section((field.description,), [Table(about, facts)] if facts else []),
            *([Section((strong("Fields"),), [Table(inside, fields)])] if fields else []),
        ],
        title=(named(field.name, strong=True), f"  {field.type}{', required' if field.required else ''}"),
        spaced=True,
    )


def diagnosis_report(diagnosis: Diagnosis) -> Report:
    """Lay out what was looked at: what is well, what is not, and what helps."""
    columns = (Column("check"), Column("found"), Column("remedy", Where.BELOW))
    rows = [_check_row(check) for check in diagnosis.checks]
    tones = {Status.OK: Tone.GOOD, Status.WARNING: Tone.WARN, Status.FAILED: Tone.BAD}
    return Report(
        [Section((), [Table(columns, rows, len(rows), indent=0)])],
        title=("Doctor for ", named(diagnosis.environment)),
        totals=Totals(
            (strong(f"{diagnosis.environment}: "),),
            tuple(
                Total(_counted(status, diagnosis.count(status)), diagnosis.count(status), tone)
                for status, tone in tones.items()
            ),
            len(tones),
        ),
        environment=diagnosis.environment,
        headed=False,
    )


def _counted(status: Status, number: int) -> str:
    """Return what is counted: ``2 warnings``."""
    return f"{status.value}s" if status is Status.WARNING and number != 1 else status.value


def _check_row(check: Check) -> Row:
    signs = {Status.OK: ("+", Tone.GOOD), Status.WARNING: ("!", Tone.WARN), Status.FAILED: ("x", Tone.BAD)}
    sign, tone = signs[check.status]
    remedy = cell(f"remedy: {check.remedy}") if check.remedy else ()
    failed = check.status is Status.FAILED
    return Row(
        (cell(named(check.name)), cell(mask_text(check.message)), remedy), failed, Mark(sign, check.status, tone)
    )


def _facts(field: Field) -> Iterator[tuple[str, str]]:
    """Yield what else is known of a field: its values as JSON, which is YAML, too."""
    if field.default is not ABSENT:
        yield "default", json.dumps(field.default, ensure_ascii=False)
    if field.options:
        yield "one of", ", ".join(json.dumps(each, ensure_ascii=False) for each in field.options)
    for example in field.examples:
        yield "example", json.dumps(example, ensure_ascii=False)
    yield "since", field.since
