"""The request bodies for people: one YAML document a call, exactly what would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.report.escape import safe
from flowops.report.lines import Line, Span, line
from flowops.report.yaml import yaml_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowops.model import Call


def render_text(calls: Iterable[Call]) -> Iterator[Line]:
    """The lines of all bodies, each behind a comment that says where it comes from. Nothing is masked."""
    for call in calls:
        row = f" ({call.row})" if call.row else ""
        yield line("---")
        yield line(Span(f"# {safe(f'{call.origin.place()}{row}')}", "dim"))
        for text in yaml_lines(call.body):
            yield line(text)
