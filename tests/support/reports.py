"""Results as flowops prints them, as one text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.report.layouts import report_of
from flowops.report.terminal import plain
from flowops.report.views.plan import PlanOutput, PlanView
from flowops.report.writers.html import page
from flowops.report.writers.markdown import markdown
from flowops.report.writers.text import report_lines

if TYPE_CHECKING:
    from flowops.report.layouts import Output


def text_of(output: Output | PlanView) -> str:
    """What a terminal shows, without colours."""
    return plain(report_lines(report_of(_output(output))))


def markdown_of(output: Output | PlanView) -> str:
    """What a comment says."""
    return "".join(markdown(report_of(_output(output)), lambda: "clinic"))


def page_of(output: Output | PlanView) -> str:
    """What a browser is given."""
    return "".join(page(report_of(_output(output), whole=True)))


def _output(output: Output | PlanView) -> Output:
    return PlanOutput(lambda _full: output, dict) if isinstance(output, PlanView) else output
