"""Lay out what a field means, and what was found in an environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.model.diagnosis import Check, Diagnosis, Status
from flowops.model.plan import ABSENT
from flowops.report.blocks import (
    Column,
    Mark,
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.field import Field


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
            tuple(Total(status.value, diagnosis.count(status), tone) for status, tone in tones.items()),
            len(tones),
        ),
        environment=diagnosis.environment,
        headed=False,
    )


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
