"""Results as flowops prints them, as one text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.report.html import page
from flowops.report.layout import report_of
from flowops.report.markdown import markdown
from flowops.report.terminal import plain
from flowops.report.text import report_lines
from flowops.report.views import PlanOutput, PlanView

if TYPE_CHECKING:
    from flowops.report.layout import Output


def text_of(output: Output | PlanView) -> str:
    """What a terminal shows, without colours."""
    return plain(report_lines(report_of(_output(output))))


def markdown_of(output: Output | PlanView) -> str:
    """What a comment says."""
    return "".join(markdown(report_of(_output(output))))


def page_of(output: Output | PlanView) -> str:
    """What a browser is given."""
    return "".join(page(report_of(_output(output), whole=True)))


def _output(output: Output | PlanView) -> Output:
    return PlanOutput(lambda _full: output, dict) if isinstance(output, PlanView) else output
