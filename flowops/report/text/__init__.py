"""Everything that flowops prints for people, as lines: one module a kind of thing."""

from flowops.report.text.ledger import entries_text, entry_text, status_text
from flowops.report.text.plan import plan_text
from flowops.report.text.problems import error_text, problems_text
from flowops.report.text.render import render_text
from flowops.report.text.result import result_text

__all__ = [
    "entries_text",
    "entry_text",
    "error_text",
    "plan_text",
    "problems_text",
    "render_text",
    "result_text",
    "status_text",
]
