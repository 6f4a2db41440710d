"""Write rows of the ledger for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.json import json_line
from flowops.report.formats import EXPORT, Format
from flowops.report.views.ledger import AuditTrail, Exported

if TYPE_CHECKING:
    from flowops.report.formats import Target
    from flowops.report.layouts import Output

FORMAT = Format("for other programs: one object a line", (EXPORT,), order=90)


def write(output: Output, target: Target) -> None:
    """Write one JSON object a line."""
    if not isinstance(output, Exported | AuditTrail):
        raise TypeError(type(output))
    rows = (row._asdict() for row in output.rows()) if isinstance(output, AuditTrail) else output.rows
    target.stream.writelines(f"{json_line(row)}\n" for row in rows)
